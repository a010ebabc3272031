"""What may be done now, and why not: the checks of the verbs themselves, asked without doing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ..catalog import deployments, experiments, models
from ..catalog.database import Queries
from ..errors import GatesFailed, InvalidInput, ModelNotFound, NoModelAvailable, NotEligible, StateConflict
from ..live import Experiment
from ..records import Deployment, ModelMetadata, Permission, Row
from ..rules import experiments as planning
from . import experiment_checks, foreign, promotion, undo
from .context import NOT_CHECKED, Context
from .maintenance import trash
from .model_records import record, require, require_many

_STATUS_VERBS = ("reject", "archive", "restore", "disqualify", "reinstate", "purge")


def allowed(context: Context, subject: str | int) -> dict[str, Permission]:
    """See ``Registry.allowed``."""
    if isinstance(subject, int):
        return _of_experiment(context, experiment_checks.find(context.database, subject))
    row = models.find(context.database, subject)
    if row is not None:
        return _of_version(context, row)
    if subject in models.names(context.database):
        return _of_model_name(context, subject)
    raise ModelNotFound(
        f"{subject!r:.160} is neither a model id nor a model name; model_names() and list_models() list both"
    )


def allowed_many(context: Context, model_ids: Sequence[str]) -> dict[str, dict[str, Permission]]:
    """See ``Registry.allowed_many``."""
    with context.database.snapshot() as queries:
        rows = require_many(queries, model_ids)
        names = {row["model_name"] for row in rows.values()}
        states = {name: _state(context, queries, name) for name in names}
        return {
            model_id: _of_candidate(context, queries, rows[model_id], states[rows[model_id]["model_name"]])
            for model_id in model_ids
        }


class _State(NamedTuple):
    """What the versions of one model name are judged against."""

    current: Deployment | None
    champion: ModelMetadata | None
    running: list[Experiment]
    decided: Permission
    challengeable: Permission


def _state(context: Context, queries: Queries, model_name: str) -> _State:
    current = deployments.current(queries, model_name)
    return _State(
        current,
        None if current is None else record(context, require(queries, current.model_id)),
        experiments.current(queries, model_name),
        _permission(lambda: foreign.require_decided(context, queries, model_name)),
        _permission(lambda: experiment_checks.check_champion(context, queries, model_name, NOT_CHECKED)),
    )


def _of_candidate(context: Context, queries: Queries, row: Row, state: _State) -> dict[str, Permission]:
    def promote() -> None:
        promotion.check_new_champion(row, state.current)
        promotion.check_eligible(row)

    def start_experiment() -> None:
        if state.champion is not None:
            experiment_checks.check_challenger(context, queries, row, state.champion, state.running)

    def first(*steps: Permission) -> Permission:
        return next((step for step in steps if not step.allowed), steps[-1])

    return {
        "promote": first(_permission(promote), state.decided),
        "start_experiment": first(state.challengeable, _permission(start_experiment)),
    }


def _permission(check: Callable[[], object]) -> Permission:
    try:
        check()
    except GatesFailed as failed:
        return Permission(False, str(failed), all(gate.overridable for gate in failed.report.failures))
    except (InvalidInput, NoModelAvailable, NotEligible, StateConflict) as refusal:
        return Permission(False, str(refusal))
    return Permission(True)


def _of_version(context: Context, row: Row) -> dict[str, Permission]:
    queries, model_id, name = context.database, row["model_id"], row["model_name"]

    def promote() -> None:
        promotion.check_new_champion(row, deployments.current(queries, name))
        promotion.check_promotion(context, queries, model_id, NOT_CHECKED, False)

    def start_experiment() -> None:
        plan = planning.plan((model_id,), None, None, None)
        experiment_checks.check_start(context, queries, name, (model_id,), plan, None, NOT_CHECKED)

    checks: dict[str, Callable[[], object]] = {
        "promote": promote,
        **{verb: partial(promotion.check_status, queries, row, verb) for verb in _STATUS_VERBS},
        "delete": partial(trash.check_delete, queries, row),
        "pin": partial(trash.check_pin, row),
        "unpin": partial(trash.check_unpin, row),
        "start_experiment": start_experiment,
    }
    return {verb: _permission(check) for verb, check in checks.items()}


def _of_model_name(context: Context, model_name: str) -> dict[str, Permission]:
    queries = context.database

    def decided(check: Callable[[], object]) -> Callable[[], None]:
        def ask() -> None:
            foreign.require_decided(context, queries, model_name)
            check()

        return ask

    return {
        "rollback": _permission(decided(lambda: promotion.check_rollback(queries, model_name, None, NOT_CHECKED))),
        "undo_promotion": _permission(decided(lambda: promotion.check_undo(queries, model_name, NOT_CHECKED))),
        "undo_rollback": _permission(decided(lambda: undo.check_undo(queries, model_name, NOT_CHECKED))),
        "start_experiment": _permission(
            lambda: experiment_checks.check_champion(context, queries, model_name, NOT_CHECKED)
        ),
    }


def _of_experiment(context: Context, found: Experiment) -> dict[str, Permission]:
    queries = context.database

    def running(check: Callable[[], object] = lambda: None) -> Permission:
        def ask() -> None:
            experiment_checks.check_seen(queries, found.experiment_id)
            check()

        return _permission(ask)

    def advance() -> None:
        from .watch import report

        experiment_checks.check_next_stage(found)
        experiment_checks.check_gates(found, report.stage_gates(context, found))
        if experiment_checks.next_stage(found) == 1.0:
            promotion_of(experiment_checks.only_challenger(found))

    def promote() -> None:
        # Whoever calls it names the winner where there are several: one that may be promoted is enough.
        refusals = [
            refusal
            for arm in found.running
            if not (refusal := _permission(lambda: promotion_of(arm.challenger_id))).allowed  # noqa: B023
        ]
        if refusals and len(refusals) == len(found.running):
            promotion_of(found.running[0].challenger_id)

    def promotion_of(challenger: str) -> None:
        promotion.check_promotion(context, queries, challenger, found.champion_id, False)

    return {
        "set_share": running(lambda: experiment_checks.check_share(queries, found)),
        "pause_experiment": running(lambda: experiment_checks.check_pause(found)),
        "resume_experiment": running(lambda: experiment_checks.check_resume(found)),
        "stop_experiment": running(),
        "advance_experiment": running(advance),
        "promote_challenger": running(promote),
    }
