"""The standby: the previous champion scores the same rows, so that the two can be compared.

It scores a sample of the rows while all is well, and every row from when the evidence against the champion rises until
it is gone: only the same rows say whether a model became worse, or the world harder for every model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...catalog import deployments, events
from ...catalog.database import Queries
from ...catalog.telemetry import detectors
from ...events import EventKind
from ...records import Deployment
from .. import signatures
from ..context import AUTO, Context
from ..model_records import record, require
from ..promotion import predecessors

if TYPE_CHECKING:
    from ...rules.live.watching import Watch

#: The kinds of events between which every row is compared.
BEGAN, ENDED = EventKind.COMPARISON_BEGAN, EventKind.COMPARISON_ENDED


def chosen(context: Context, current: Deployment) -> str | None:
    """Who is compared with the champion: the latest earlier one that is eligible and takes the same inputs, or None."""
    place, changes = ("standby", current.deployment_id), context.database.changes()
    held = context.looked.get(place)
    if held is None or held[0] != changes:
        held = context.looked[place] = (changes, _choose(context, current))
    found: str | None = held[1]
    return found


def _choose(context: Context, current: Deployment) -> str | None:
    database = context.database
    candidates = predecessors(database, current.model_name)
    if not candidates:
        return None
    bad = alarmed(context, current.model_name)
    # One that was worse than its baseline when it was champion last is no healthy one.
    last = {each.model_id: each.deployment_id for each in reversed(deployments.listed(database, current.model_name))}
    champion = record(context, require(database, current.model_id))
    for model_id in candidates:
        healthy = last[model_id] not in bad
        if healthy and signatures.same_inputs(database, record(context, require(database, model_id)), champion).same:
            return model_id
    return None


def alarmed(context: Context, model_name: str) -> set[int]:
    """The deployments of a model name whose detector has an alarm, or had one when they ended."""
    held = detectors.of_name(context.telemetry, model_name)
    return {each for each, state in held.items() if "last" in state and state["last"]["detector"]["alarm"]}


def every_row(queries: Queries, current: Deployment) -> bool:
    """Whether every row is compared at present, and not a sample of them."""
    last = events.listed(queries, current.model_name, kinds=[BEGAN, ENDED], limit=1)
    return bool(last) and last[0].kind == BEGAN and last[0].after.get("deployment") == current.deployment_id


def look(context: Context, current: Deployment, standby: str | None, watch: Watch) -> None:
    """Begin to compare every row when trouble begins, and end it when it is over."""
    wanted = standby is not None and watch.standing != "well"
    if wanted == every_row(context.database, current):
        return
    because = watch.detector.sentence
    with context.database.transaction() as transaction:
        now = deployments.current(transaction, current.model_name)
        if now is None or now.deployment_id != current.deployment_id or wanted == every_row(transaction, current):
            return
        events.append(
            transaction, now=context.now(), kind=BEGAN if wanted else ENDED, actor=AUTO, reason=because,
            model_name=current.model_name, model_id=current.model_id,
            after={"deployment": current.deployment_id, "standby": standby},
        )  # fmt: skip
