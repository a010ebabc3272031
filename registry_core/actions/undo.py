"""Taking a rollback back: the model that was rolled back serves again, or nothing changes."""

from __future__ import annotations

from functools import partial

from ..catalog import deployments, events, models
from ..catalog.database import Queries
from ..errors import ModelNotFound, NoModelAvailable, StateConflict
from ..events import EventKind
from ..records import Deployment, Row
from .context import Context, check_reason
from .deploy import DEPLOYED, deploy
from .model_records import require
from .promotion import check_eligible, check_expected, returning, set_status


def undo_rollback(
    context: Context, model_name: str, actor: str | None, reason: str, expected_champion: str | None
) -> Deployment:
    """See ``Registry.undo_rollback``."""
    who, why = context.who(actor), check_reason(reason)
    check = partial(check_undo, model_name=model_name, expected=expected_champion)
    with returning(context, model_name, check) as (transaction, current, target):
        if target["status"] == "disqualified":
            set_status(context, transaction, target["model_id"], "reinstate", who, why)
        # Whom the rollback put into production neither failed there nor proved itself.
        deployments.mark_undone(transaction, current.deployment_id)
        return deploy(
            context, transaction, context.now(), EventKind.ROLLBACK_UNDONE, model_name, target["model_id"], who, why
        )


def check_undo(queries: Queries, model_name: str, expected: str | None) -> tuple[Deployment, Row]:
    """The deployment that the rollback began, and the row of the model it took out; raises what stands in the way."""
    current = check_expected(queries, model_name, expected)
    if current is None:
        if model_name not in models.names(queries):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        raise NoModelAvailable(f"{model_name} has no champion, so there is no rollback to undo; promote a model")
    (began,) = events.listed(queries, model_name, kinds=DEPLOYED, limit=1)
    if began.kind != EventKind.ROLLED_BACK:
        raise StateConflict(
            f"{models.display_name(queries, current.model_id)} did not become champion by a rollback, so there is no "
            "rollback to undo; promote another model instead"
        )
    row = require(queries, str(began.before["champion"]))
    changes = [each for each in events.listed(queries, model_id=row["model_id"]) if each.event_id > began.event_id]
    again = [each for each in changes if each.kind in (EventKind.DISQUALIFIED, EventKind.REINSTATED)]
    if row["status"] == "disqualified" and len(again) > 1:
        raise StateConflict(
            f"{models.name_of_row(row)} was disqualified again after the rollback, by {again[0].actor}; reinstate it, "
            "then promote it"
        )
    check_eligible({**row, "status": "registered"} if row["status"] == "disqualified" else row)
    return current, row
