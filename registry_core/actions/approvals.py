"""What an approval approved, and whether that still stands."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from ..catalog import alerts, events, evidence
from ..catalog.database import Queries
from ..events import EventKind
from ..evidence import Review
from ..gate_policy import GatePolicy
from ..records import Event, Row
from .context import Context


def approved(context: Context, queries: Queries, row: Row) -> dict[str, Any]:
    """What an approval is of, as its event keeps it: the newest evaluation and the gates, beside the version itself."""
    policy = context.configuration(queries).policy(row["model_name"]).gate_policy
    found = evidence.evaluations(queries, row["model_id"])
    return {"evaluation": max((each.evaluation_id for each in found), default=None), "gates": _fingerprint(policy)}


def _fingerprint(policy: GatePolicy) -> str:
    return sha256(json.dumps(vars(policy), sort_keys=True, default=list).encode()).hexdigest()[:16]


def reviews(queries: Queries, model_id: str, policy: GatePolicy) -> list[Review]:
    """The reviews of a version, oldest first; approvals of what has changed since are ``lapsed``.

    An approval lapses when the version is evaluated again, when the gates of its model name change, when its inputs
    drift, or when somebody overrides its gates. Those of earlier releases do not say what they approved, and stand.
    """
    found = evidence.reviews(queries, model_id)
    if not any(each.verdict == "approved" for each in found):
        return found
    kinds = (EventKind.REVIEW_APPROVED, EventKind.EVALUATED, EventKind.PROMOTED)
    happened = events.listed(queries, model_id=model_id, kinds=kinds)
    drifted = [each for each in alerts.of_version(queries, model_id) if each.kind == "drift"]
    named = {each.event_id: each for each in happened if each.kind == EventKind.REVIEW_APPROVED}

    def because(review: Review) -> str:
        event = named.get(review.review_id)
        if review.verdict != "approved" or event is None or "gates" not in event.after:
            return ""
        later = [each for each in happened if each.event_id > review.review_id]
        return _changed(event, later, policy) or next(
            (f"the inputs drifted on {each.opened_at[:10]}" for each in drifted if each.opened_at > review.at), ""
        )

    return [replace(each, lapsed=because(each)) for each in found]


def _changed(approval: Event, later: list[Event], policy: GatePolicy) -> str:
    for event in reversed(later):
        if event.kind == EventKind.EVALUATED:
            return f"the version was evaluated again on {event.at[:10]}"
        if event.kind == EventKind.PROMOTED and event.after.get("overridden"):
            return f"its gates were overridden on {event.at[:10]}"
    return "the gates were changed since" if approval.after["gates"] != _fingerprint(policy) else ""
