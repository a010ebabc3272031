"""Deciding: promote, roll back, and the other verbs that change a model's state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..catalog import deployments, events, models, proofs, retention_queries, training_rows, trash
from ..catalog.database import Queries, Transaction
from ..errors import (
    ChampionChanged,
    GatesFailed,
    InvalidInput,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    StateConflict,
)
from ..events import EventKind
from ..gates import Gate
from ..records import Deployment, Row, Status
from ..rules import selection
from . import experiment_lifecycle, foreign, gates, seals, separation_of_duties, verdict
from .answer_checks import require_answers
from .context import NOT_CHECKED, Context, check_reason
from .deploy import DEPLOYED, deploy
from .files import purged
from .model_records import eligible, require


def promote(
    context: Context,
    model_id: str,
    actor: str | None,
    reason: str,
    expected_champion: str | None,
    override: bool,
    *,
    check: Callable[[Queries], None] = lambda _: None,
) -> Deployment:
    """See ``Registry.promote``. ``check`` is asked under the lock as well, and raises what else stands in the way."""
    check(context.database)
    who, why = context.who(actor), check_reason(reason)
    if override and not why:
        raise InvalidInput("an override requires a reason, which is recorded permanently with the model")
    # Asked before the bytes are read as well: a plain "no" should not wait for a large file.
    present = _present(context.database, model_id, expected_champion)
    if present is not None:
        return present
    row = require(context.database, model_id)
    check_eligible(row)
    if override:
        separation_of_duties.check_override(context, context.database, row)
    gates.ask(context, row)
    revision = events.newest(context.database)
    row, failures = check_promotion(context, context.database, model_id, expected_champion, override)
    require_answers(context, row)
    seen = verdict.judge(context, context.database, row)
    with context.database.transaction() as transaction:
        if events.newest(transaction) != revision:
            check(transaction)
            present = _present(transaction, model_id, expected_champion)
            if present is not None:
                return present
            row, failures = check_promotion(context, transaction, model_id, expected_champion, override)
            seen = verdict.judge(context, transaction, row)
        now = context.now()
        own_gates = separation_of_duties.gates_changed(transaction, row, who)
        deployment = deploy(
            context, transaction, now, EventKind.PROMOTED, row["model_name"], model_id, who, why, failures, own_gates,
            verdict=seen,
        )  # fmt: skip
        if not row["vouched"]:
            # Whoever promotes a model answers for it.
            models.update(transaction, model_id, vouched=1, eligible=eligible(row, vouched=1))
        if failures or own_gates:
            note = override_note(who, deployment.started_at, why, failures, own_gates)
            models.update(transaction, model_id, override_note=note)
            line = seals.override_of(row["model_name"], model_id, seals.digest_of(row), note)
            context.seals.seal(transaction, [line])
        return deployment


def check_promotion(
    context: Context, queries: Queries, model_id: str, expected: str | None, override: bool
) -> tuple[Row, tuple[Gate, ...]]:
    """The model's row and the gates that an override passes over; raises what stands in the way."""
    row = require(queries, model_id)
    check_expected(queries, row["model_name"], expected)
    check_eligible(row)
    foreign.require_decided(context, queries, row["model_name"])
    report = gates.report(context, queries, row)
    if report.failures and not override:
        raise GatesFailed(report, f"{models.name_of_row(row)} may not go into production")
    return row, report.failures


def override_note(actor: str, at: str, reason: str, failures: Sequence[Gate], own_gates: str = "") -> str:
    """What stays with a model that went into production although gates had failed, or were changed for it."""
    if not failures:
        return f"{own_gates}, and promoted it on {at[:10]} ({reason})"
    failed = "; ".join(f"{gate.label}: {gate.because}" for gate in failures)
    count = "1 failed gate" if len(failures) == 1 else f"{len(failures)} failed gates"
    return f"{actor} overrode {count} on {at[:10]} ({reason}): {failed}" + (f"; {own_gates}" if own_gates else "")


def _present(queries: Queries, model_id: str, expected: str | None) -> Deployment | None:
    """The present deployment, where it is that of the very model: then there is nothing to decide."""
    current = check_expected(queries, require(queries, model_id)["model_name"], expected)
    return current if current is not None and current.model_id == model_id else None


def check_new_champion(row: Row, current: Deployment | None) -> None:
    """Whether a version would be a new champion; raises where it is the champion already."""
    if current is not None and current.model_id == row["model_id"]:
        raise StateConflict(f"{models.name_of_row(row)} is the champion already")


def check_expected(queries: Queries, model_name: str, expected: str | None) -> Deployment | None:
    """The present deployment.

    Raises:
        ChampionChanged: it is not the one the caller saw.
    """
    current = deployments.current(queries, model_name)
    actual = current.model_id if current else None
    if expected not in (NOT_CHECKED, actual):
        raise (
            ChampionChanged(model_name, expected, actual, current.actor, current.started_at)
            if current
            else ChampionChanged(model_name, expected, None)
        )
    return current


def check_eligible(row: Row, to_what: str = "go into production") -> None:
    """Whether a person may choose a model.

    Raises:
        NotEligible: it is rejected, archived, disqualified, trashed, purged or quarantined.
    """
    unfit = selection.why_not_eligible(row["status"], row["artifact"])
    if unfit is not None:
        ways = {"rejected": "restore", "archived": "restore", "trashed": "restore", "disqualified": "reinstate"}
        way = ways.get(row["status"])
        raise NotEligible(f"{models.name_of_row(row)} cannot {to_what}: {unfit}" + (f"; {way} it first" if way else ""))


def predecessor(queries: Queries, model_name: str) -> str | None:
    """The latest earlier champion that is still eligible, or None."""
    return next(iter(predecessors(queries, model_name)), None)


def predecessors(queries: Queries, model_name: str) -> list[str]:
    """The earlier champions that are still eligible, latest first."""
    return predecessors_by_name(queries, model_name).get(model_name, [])


def predecessors_by_name(queries: Queries, model_name: str | None) -> dict[str, list[str]]:
    """Model name -> its earlier champions that are still eligible, latest first; for one model name or for all."""
    history: dict[str, list[Deployment]] = {}
    for deployment in deployments.listed(queries, model_name):
        history.setdefault(deployment.model_name, []).append(deployment)
    eligible_ids = retention_queries.eligible_champions(queries, model_name)
    return {name: selection.predecessors(of_name, eligible_ids) for name, of_name in history.items()}


@contextmanager
def returning(
    context: Context, model_name: str, check: Callable[[Queries], tuple[Deployment, Row]]
) -> Iterator[tuple[Transaction, Deployment, Row]]:
    """A transaction that returns to an earlier champion: with the present deployment and the row of that version.

    ``check`` finds both, or raises what stands in the way. It is asked before the lock is taken, so that the version's
    files are verified outside of it, and again under the lock.
    """
    foreign.require_decided(context, context.database, model_name)
    _, verified = check(context.database)
    require_answers(context, verified)
    with context.database.transaction() as transaction:
        current, target = check(transaction)
        if target["model_id"] != verified["model_id"]:
            # Somebody changed the history while the file was read; the new target has to be verified as well.
            require_answers(context, target)
        yield transaction, current, target


def rollback(
    context: Context, model_name: str, to: str | None, actor: str | None, reason: str, expected_champion: str | None
) -> Deployment:
    """See ``Registry.rollback``."""
    who, why = context.who(actor), check_reason(reason)
    check = partial(check_rollback, model_name=model_name, to=to, expected=expected_champion)
    with returning(context, model_name, check) as (transaction, current, target):
        now = context.now()
        deployment = deploy(context, transaction, now, EventKind.ROLLED_BACK, model_name, target["model_id"], who, why)
        set_status(context, transaction, current.model_id, "disqualify", who, why or "rolled back")
        return deployment


def check_rollback(queries: Queries, model_name: str, to: str | None, expected: str | None) -> tuple[Deployment, Row]:
    """The present deployment and the row of the model that a rollback returns to; raises what stands in the way."""
    current = check_expected(queries, model_name, expected)
    if current is None:
        if model_name not in models.names(queries):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        raise NoModelAvailable(f"{model_name} has no champion to roll back from; promote a model instead")
    target = to or predecessor(queries, model_name)
    if target is None:
        raise NoModelAvailable(
            f"{model_name} has no earlier champion that is still eligible; "
            f"{models.display_name(queries, current.model_id)} stays champion. Promote another model, "
            "or reinstate a disqualified one first"
        )
    row = require(queries, target)
    if target == current.model_id:
        raise StateConflict(f"{models.name_of_row(row)} is the champion already")
    if all(each.model_id != target for each in deployments.listed(queries, model_name)):
        raise InvalidInput(
            f"{models.name_of_row(row)} was never champion of {model_name}; promote it instead of rolling back to it"
        )
    check_eligible(row)
    return current, row


def undo_promotion(
    context: Context, model_name: str, actor: str | None, reason: str, expected_champion: str | None
) -> Deployment:
    """See ``Registry.undo_promotion``."""
    who, why = context.who(actor), check_reason(reason)
    check = partial(check_undo, model_name=model_name, expected=expected_champion)
    with returning(context, model_name, check) as (transaction, current, target):
        deployments.mark_undone(transaction, current.deployment_id)
        return deploy(
            context, transaction, context.now(), EventKind.PROMOTION_UNDONE, model_name, target["model_id"], who, why
        )


def check_undo(queries: Queries, model_name: str, expected: str | None) -> tuple[Deployment, Row]:
    """The present deployment and the row of the champion before it; raises what stands in the way."""
    current = check_expected(queries, model_name, expected)
    earlier = deployments.listed(queries, model_name)[1:]
    if current is None or not earlier:
        raise NoModelAvailable(f"{model_name} had no champion before this one; promote another model instead")
    (began,) = events.listed(queries, model_name, kinds=DEPLOYED, limit=1)
    if began.kind == EventKind.ROLLED_BACK:
        raise StateConflict(
            f"{models.display_name(queries, current.model_id)} is champion by a rollback, not by a promotion; "
            "undo the rollback, or promote another model"
        )
    if earlier[0].undone:
        raise StateConflict(
            f"the last promotion of {model_name} was taken back already; to put "
            f"{models.display_name(queries, earlier[0].model_id)} into production again, promote it, which asks the "
            "gates"
        )
    row = require(queries, earlier[0].model_id)
    check_eligible(row)
    return current, row


def change_status(context: Context, verb: str, model_id: str, actor: str | None, reason: str) -> None:
    """Reject, archive, restore, disqualify or reinstate; see the verbs of ``Registry``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        set_status(context, transaction, model_id, verb, who, why)


def check_status(queries: Queries, row: Row, verb: str) -> tuple[Status, EventKind]:
    """The state that a verb leads a version to, and the kind of its event.

    Raises:
        StateConflict: the verb does not fit the state.
    """
    if row["status"] == "purged":
        gone = purged(row["model_id"], row["status_reason"])
        raise StateConflict(f"{gone}, and no verb brings them back; register the model again")
    was = trash.was(queries, row["seq"]) if row["status"] == "trashed" else None
    return selection.move(verb, row["model_id"], row["status"], bool(row["is_active"]), was)


def set_status(
    context: Context,
    transaction: Transaction,
    model_id: str,
    verb: str,
    actor: str,
    reason: str,
    further: Mapping[str, Any] | None = None,
) -> str:
    """Change a model's state in a transaction, with its event, whose time it gives; who may no longer be chosen leaves
    its experiments. ``further`` is what else the event says.

    Raises:
        StateConflict: the verb does not fit the state.
    """
    row = require(transaction, model_id)
    status, kind = check_status(transaction, row, verb)
    in_trash = row["status"] == "trashed"
    _, at = events.append(
        transaction,
        now=context.now(),
        kind=kind,
        actor=actor,
        reason=reason,
        model_name=row["model_name"],
        model_id=model_id,
        before={"status": row["status"], **({"status_reason": row["status_reason"]} if verb == "delete" else {})},
        after={"status": status, **(further or {})},
    )
    kept_reason = reason
    if status == "purged":
        kept_reason = f"by {actor} on {at[:10]}" + (f" ({reason})" if reason else "")
    elif in_trash and status != "registered":
        kept_reason = _reason_before(transaction, model_id) or reason
    models.update(
        transaction, model_id, status=status, status_reason=kept_reason, eligible=eligible(row, status=status)
    )
    if in_trash:
        trash.delete(transaction, row["seq"])
    if status == "purged":
        training_rows.delete(transaction, row["seq"])
        proofs.forget_rows(transaction, row["seq"], f"deleted when the version was purged {kept_reason}")
    if status != "registered":
        because = f"{models.display_name(transaction, model_id)} was {kind}" + (f": {reason}" if reason else "")
        experiment_lifecycle.challenger_unfit(transaction, context.now(), row["model_name"], model_id, actor, because)
    return at


def _reason_before(queries: Queries, model_id: str) -> str:
    """Why a model was what it was before it went into the trash: it is that again."""
    found = events.listed(queries, model_id=model_id, kinds=[EventKind.TRASHED], limit=1)
    return str(found[0].before.get("status_reason", "")) if found else ""
