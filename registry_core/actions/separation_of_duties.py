"""What one hand did that two should: who promotes a version had changed its gates before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog import deployments, events
from ..catalog.database import Queries
from ..config import Configuration
from ..errors import InvalidConfiguration
from ..events import EventKind
from ..records import Row
from ..rules import people

#: Without a value these ask for something.
_ASKED = {"same_inputs": True, "unchecked_answers": False}
_MOST_EVENTS = 100


def gates_changed(queries: Queries, row: Row, actor: str) -> str:
    """Which gates of a version its promoter had changed, in words; nothing where somebody else did, or nobody.

    It looks back to when the version was registered, or the present champion began to serve, whichever came first.
    """
    name = row["model_name"]
    current = deployments.current(queries, name)
    since = min(row["seq"], current.deployment_id) if current else row["seq"]
    found = []
    for event in events.listed(queries, kinds=(EventKind.CONFIGURED,), limit=_MOST_EVENTS):
        if event.event_id > since and people.same(event.actor, actor):
            changes = _changes(_gates(event.before, name), _gates(event.after, name))
            if changes:
                found.append(f"{', '.join(changes)} in event {event.event_id}")
    return f"{actor} changed the gates: {'; '.join(found)}" if found else ""


def _gates(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    try:
        return {**_ASKED, **Configuration.from_dict(settings).policy(name).gates}
    except InvalidConfiguration:
        # Of another release: what it asked cannot be compared.
        return {}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What was asked and is no more, or is asked otherwise."""
    return [
        f"{gate} from {value!r:.80} to {after.get(gate, 'not required')!r:.80}"
        for gate, value in before.items()
        if after.get(gate) != value and (gate in _ASKED or value not in (None, False))
    ]
