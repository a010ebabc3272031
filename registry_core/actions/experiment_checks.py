"""Preconditions of each step of an experiment, checked by the actions and by ``Registry.allowed``."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalog import events, experiments, models
from ..catalog.database import Queries, is_id
from ..errors import GatesFailed, InvalidInput, ModelNotFound, NoModelAvailable, NotFound, StateConflict
from ..gates import Gate, GateReport
from ..live import Experiment
from ..records import Deployment, ModelMetadata, Row
from ..rules import experiments as planning
from . import experiment_lifecycle, foreign, promotion, signatures
from .context import Context
from .model_records import record, require

_METRICS = {"classification": ("accuracy", "brier_score"), "regression": ("absolute_error", "squared_error")}


def check_champion(context: Context, queries: Queries, model_name: str, expected: str | None) -> Deployment:
    """The champion that an experiment would challenge; raises where there is none, or it is not ``expected``."""
    foreign.require_decided(context, queries, model_name)
    current = promotion.check_expected(queries, model_name, expected)
    if current is None:
        if model_name not in models.names(queries):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        raise NoModelAvailable(f"{model_name} has no champion; promote a model first")
    return current


def check_start(
    context: Context,
    queries: Queries,
    model_name: str,
    challengers: tuple[str, ...],
    plan: planning.Plan,
    metric: str | None,
    expected: str | None,
) -> tuple[list[Row], tuple[str, str]]:
    """The challengers' rows, the champion's id and the metric that decides; raises what stands in the way."""
    current = check_champion(context, queries, model_name, expected)
    champion = record(context, require(queries, current.model_id))
    running = experiments.current(queries, model_name)
    rows = [require(queries, challenger) for challenger in challengers]
    for row in rows:
        check_challenger(context, queries, row, champion, running)
    if plan.mode == "split":
        _check_nobody_answers(running, model_name)
    return rows, (champion.model_id, _metric(context, queries, model_name, champion.task, metric))


def check_challenger(
    context: Context, queries: Queries, row: Row, champion: ModelMetadata, running: Sequence[Experiment]
) -> None:
    """Whether a version may challenge the champion beside the ``running`` experiments; raises what prevents it."""
    challenger, name = row["model_id"], models.display_name(queries, row["model_id"])
    if row["model_name"] != champion.model_name:
        raise InvalidInput(f"{name} is not a version of {champion.model_name}; name one of its versions")
    if challenger == champion.model_id:
        raise StateConflict(f"{name} is the champion; name another version as challenger")
    promotion.check_eligible(row, "take part")
    for other in running:
        if any(arm.challenger_id == challenger for arm in other.running):
            since = f"experiment {other.experiment_id} already, since {other.started_at}"
            raise StateConflict(f"{name} takes part in {since}; stop that experiment first")
    same, because, _ = signatures.same_inputs(queries, record(context, row), champion)
    if not same:
        what = f"the rows sent to {champion.display_name}: {because}"
        raise InvalidInput(f"{name} cannot predict {what}; train it on the same features")


def _check_nobody_answers(running: Sequence[Experiment], model_name: str) -> None:
    for each in running:
        if each.mode == "split":
            raise StateConflict(
                f"experiment {each.experiment_id} already splits the traffic of {model_name}, since "
                f"{each.started_at}; stop that experiment first, or run this one in shadow"
            )


def _metric(context: Context, queries: Queries, model_name: str, task: str | None, asked: str | None) -> str:
    loss = context.configuration(queries).policy(model_name).monitoring_policy.loss
    allowed = (loss,) if task == "regression" else _METRICS["classification"]
    if task is None:
        allowed = (*allowed, loss)
    if asked is None:
        return allowed[0]
    if asked not in allowed:
        raise InvalidInput(
            f"metric is {asked!r:.80}; {model_name} supports {' or '.join(allowed)}"
            + ("; the setting monitoring.loss chooses the loss" if asked in _METRICS["regression"] else "")
        )
    return asked


def find(queries: Queries, experiment_id: int) -> Experiment:
    """One experiment.

    Raises:
        NotFound: none has that number.
    """
    found = experiments.find(queries, experiment_id) if is_id(experiment_id) else None
    if found is None:
        raise NotFound(f"no experiment has the id {experiment_id!r:.80}; experiments() lists them")
    return found


def check_seen(queries: Queries, experiment_id: int, expected: Experiment | None = None) -> Experiment:
    """An experiment that has not ended, and is still as the caller saw it.

    Raises:
        StateConflict: it has ended, or changed in between.
    """
    found = find(queries, experiment_id)
    if found.ended_at is not None:
        raise StateConflict(
            f"experiment {experiment_id} of {found.model_name} ended at {found.ended_at}: {found.verdict}; start "
            "another experiment"
        )
    if expected is not None and experiment_lifecycle.state(expected) != experiment_lifecycle.state(found):
        last = next(
            (
                each
                for each in events.listed(queries, found.model_name, limit=200)
                if each.after.get("experiment") == experiment_id
            ),
            None,
        )
        who = f" (changed by {last.actor} at {last.at})" if last else ""
        raise StateConflict(
            f"experiment {experiment_id} of {found.model_name}: you acted on {where(queries, expected)}, but it is "
            f"now {where(queries, found)}{who}. Nothing was changed; review the experiment and decide again."
        )
    return found


def where(queries: Queries, experiment: Experiment) -> str:
    """The state of an experiment in a few words: ``running, 5% of the traffic to Churn 1.2.0``."""
    shares = ", ".join(
        f"{arm.share * 100:.3g}% of the traffic to {models.display_name(queries, arm.challenger_id)}"
        for arm in experiment.running
    )
    return f"{experiment.status}, " + (shares if experiment.mode == "split" else "in shadow")


def check_share(queries: Queries, found: Experiment) -> None:
    """Whether the share of an experiment may be set; raises what stands in the way."""
    if found.stages:
        raise StateConflict(
            f"experiment {found.experiment_id} has rollout stages; advance it, or stop it and start an experiment "
            "without stages"
        )
    check_split(queries, found)


def check_split(queries: Queries, found: Experiment) -> None:
    """Whether an experiment may answer a part of the traffic; raises what stands in the way."""
    if found.mode == "shadow":
        others = [each for each in experiments.current(queries, found.model_name) if each != found]
        _check_nobody_answers(others, found.model_name)


def check_pause(found: Experiment) -> None:
    """Whether an experiment may be paused; raises what stands in the way."""
    if found.status == "paused":
        raise StateConflict(f"experiment {found.experiment_id} is already paused; resume or stop it")


def check_resume(found: Experiment) -> None:
    """Whether an experiment may go on; raises what stands in the way."""
    if found.status != "paused":
        raise StateConflict(f"experiment {found.experiment_id} is running; there is nothing to resume")


def next_stage(experiment: Experiment) -> str | float | None:
    """The stage that follows, or None at the end of the way."""
    following = experiment.stages[experiment.stage + 1 :]
    return following[0] if following else None


def check_next_stage(found: Experiment) -> None:
    """Whether an experiment has a next stage to take now; raises what stands in the way."""
    if found.status == "paused":
        raise StateConflict(f"experiment {found.experiment_id} is paused; resume it before you advance it")
    if next_stage(found) is None:
        raise StateConflict(
            f"experiment {found.experiment_id} has no further stage; "
            + (
                "promote a challenger, or stop it"
                if found.stages
                else "set its share, promote a challenger, or stop it"
            )
        )


def check_gates(found: Experiment, gates: Sequence[Gate]) -> None:
    """Whether the gates of an experiment's present stage hold; raises which do not."""
    if any(not gate.passed for gate in gates):
        first = next((arm.challenger_id for arm in found.running), found.champion_id)
        what = f"experiment {found.experiment_id} cannot advance yet"
        raise GatesFailed(GateReport(first, found.champion_id, tuple(gates)), what, "advance")


def only_challenger(found: Experiment) -> str:
    """The challenger of an experiment that has one; raises where somebody has to name the winner."""
    running = [arm.challenger_id for arm in found.running]
    if len(running) != 1:
        raise InvalidInput(
            f"experiment {found.experiment_id} has several challengers; name the winner with challenger_id: "
            f"{', '.join(running)}"
        )
    return running[0]
