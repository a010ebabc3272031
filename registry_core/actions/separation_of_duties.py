"""What needs two hands: approvals, overrides, and changes of the gates by whoever promotes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..access import hand_of
from ..catalog import deployments, events, models
from ..catalog.database import Queries
from ..config import Configuration
from ..errors import InvalidConfiguration, InvalidInput, NotAllowed
from ..events import EventKind
from ..records import Row
from ..rules import people
from . import access, approvals
from .context import Context

#: Without a value these ask for something.
_ASKED = {"same_inputs": True, "unchecked_answers": False}
_MOST_EVENTS = 100


def check_approver(context: Context, queries: Queries, row: Row, who: str) -> None:
    """Refuse an approval by whoever registered the version: the person, or the owner of the token that did.

    Raises:
        InvalidInput: the approver is that person, or has a name that reads like theirs.
    """
    registrar, model_id = row["registered_by"], row["model_id"]
    hand = access.registrar(queries, model_id)
    if context.principal is not None and context.principal.hand == hand:
        through = "" if who == registrar else f" with the token {registrar}"
        raise InvalidInput(
            f"{who} registered {model_id}{through}, so another person has to approve it; leave a comment instead"
        )
    if people.same(who, registrar):
        twin = "" if who == registrar else f"{who!a} counts as {registrar!a}, and "
        raise InvalidInput(
            f"{twin}{registrar} registered {model_id}, so another person has to approve it; leave a comment instead"
        )


def check_override(context: Context, queries: Queries, row: Row) -> None:
    """Refuse an override by somebody who signed in, unless a second person approved the version.

    Raises:
        NotAllowed: nobody else did.
    """
    principal = context.principal
    if principal is None:
        return
    policy = context.configuration(queries).policy(row["model_name"]).gate_policy
    hands = {
        event.event_id: hand_of(event.principal)
        for event in events.listed(queries, model_id=row["model_id"], kinds=(EventKind.REVIEW_APPROVED,))
    }
    last = {
        each.actor: each for each in approvals.reviews(queries, row["model_id"], policy) if each.verdict != "comment"
    }
    for review in last.values():
        hand = hands.get(review.review_id)
        if review.verdict == "approved" and not review.lapsed and hand not in (None, principal.hand):
            return
    raise NotAllowed(
        f"an override requires the approval of a second person who signed in; ask a reviewer to approve "
        f"{models.name_of_row(row)}, then promote it again"
    )


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
