"""What may be done now, and why not: the checks of the verbs themselves, asked without doing anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..catalog import deployments, models
from ..errors import GatesFailed, InvalidInput, ModelNotFound, NoModelAvailable, NotEligible, StateConflict
from ..live import Experiment
from ..records import Permission, Row
from ..rules import experiments as planning
from . import experiment, foreign, promotion, undo
from .context import NOT_CHECKED, Context
from .maintenance import trash

_STATUS_VERBS = ("reject", "archive", "restore", "disqualify", "reinstate", "purge")


def allowed(context: Context, subject: str | int) -> dict[str, Permission]:
    """See ``Registry.allowed``."""
    if isinstance(subject, int):
        return _of_experiment(context, experiment.find(context.database, subject))
    row = models.find(context.database, subject)
    if row is not None:
        return _of_version(context, row)
    if subject in models.names(context.database):
        return _of_model_name(context, subject)
    raise ModelNotFound(
        f"{subject!r:.160} is neither a model id nor a model name; model_names() and list_models() list both"
    )


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
        current = deployments.current(queries, name)
        if current is not None and current.model_id == model_id:
            raise StateConflict(f"{model_id} is the champion of {name} already")
        promotion.check_promotion(context, queries, model_id, NOT_CHECKED, False)

    def start_experiment() -> None:
        plan = planning.plan((model_id,), None, None, None)
        experiment.check_start(context, queries, name, (model_id,), plan, None, NOT_CHECKED)

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
        "start_experiment": _permission(lambda: experiment.check_champion(context, queries, model_name, NOT_CHECKED)),
    }


def _of_experiment(context: Context, found: Experiment) -> dict[str, Permission]:
    queries = context.database

    def running(check: Callable[[], object] = lambda: None) -> Permission:
        def ask() -> None:
            experiment.check_seen(queries, found.experiment_id)
            check()

        return _permission(ask)

    def advance() -> None:
        from .watch import report

        experiment.check_next_stage(found)
        experiment.check_gates(found, report.stage_gates(context, found))
        if experiment.next_stage(found) == 1.0:
            promote()

    def promote() -> None:
        winner = experiment.only_challenger(found)
        promotion.check_promotion(context, queries, winner, found.champion_id, False)

    return {
        "set_share": running(lambda: experiment.check_share(queries, found)),
        "pause_experiment": running(lambda: experiment.check_pause(found)),
        "resume_experiment": running(lambda: experiment.check_resume(found)),
        "stop_experiment": running(),
        "advance_experiment": running(advance),
        "promote_challenger": running(promote),
    }
