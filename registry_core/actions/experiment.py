"""Experiments: champion and challengers on live traffic, from their start to their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from ..catalog import deployments, events, experiments, models
from ..catalog.database import Queries, Transaction
from ..errors import GatesFailed, InvalidInput, ModelNotFound, NoModelAvailable, NotFound, StateConflict
from ..events import EventKind
from ..evidence import Gate, GateReport
from ..live import Arm, Experiment
from ..records import Deployment, ModelMetadata, Row
from ..rules import experiments as planning
from . import answer_checks, experiment_lifecycle, foreign, promotion, signatures
from .context import NOT_CHECKED, Context, check_reason
from .model_records import record, require

#: How sure a verdict is, all challengers of an experiment together.
ALPHA = 0.05
_METRICS = {"classification": ("accuracy", "brier_score"), "regression": ("absolute_error", "squared_error")}


def start(
    context: Context,
    model_name: str,
    challenger_id: str | Sequence[str],
    *,
    mode: str | None,
    share: planning.Shares | None,
    stages: str | Sequence[str | float] | None,
    metric: str | None,
    expected_champion: str | None,
    actor: str | None,
    reason: str,
) -> Experiment:
    """See ``Registry.start_experiment``."""
    who, why = context.who(actor), check_reason(reason)
    challengers = planning.challengers_of(challenger_id)
    plan = planning.plan(challengers, mode, share, stages)
    champion_now = deployments.current(context.database, model_name)
    for model_id in (*challengers, *([champion_now.model_id] if champion_now else [])):
        answer_checks.complete(context, model_id)
    rows, _ = check_start(context, context.database, model_name, challengers, plan, metric, expected_champion)
    for row in rows:
        # A challenger that does not load would fail with every prediction it is asked for.
        answer_checks.require_answers(context, row)
    with context.database.transaction() as transaction:
        _, (champion, judged) = check_start(
            context, transaction, model_name, challengers, plan, metric, expected_champion
        )
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=EventKind.EXPERIMENT_STARTED,
            actor=who,
            reason=why,
            model_name=model_name,
            after={
                "champion": champion,
                "mode": plan.mode,
                "shares": dict(zip(challengers, plan.shares, strict=True)),
                "stages": list(plan.stages),
                "metric": judged,
            },
        )
        started = Experiment(
            experiment_id=seq,
            model_name=model_name,
            champion_id=champion,
            arms=tuple(map(Arm, challengers, plan.shares)),
            mode=plan.mode,
            status="running",
            salt=_salt(model_name, seq),
            metric=judged,
            alpha=ALPHA,
            stages=plan.stages,
            stage=0,
            stage_since=at,
            started_at=at,
            started_by=who,
            reason=why,
        )
        experiments.insert(transaction, started)
        return started


def _salt(model_name: str, seq: int) -> str:
    # Not by chance: a replay of the same events deals the same units to the same models.
    return blake2b(f"experiment {seq} of {model_name}".encode(), digest_size=16).hexdigest()


def check_champion(context: Context, queries: Queries, model_name: str, expected: str | None) -> Deployment:
    """The champion that an experiment would challenge; raises where there is none, or it is not ``expected``."""
    foreign.require_decided(context, queries, model_name)
    current = promotion.check_expected(queries, model_name, expected)
    if current is None:
        if model_name not in models.names(queries):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        raise NoModelAvailable(f"{model_name} has no champion to challenge; promote a model first")
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
        raise InvalidInput(f"{name} is no version of {champion.model_name}; name one of its own")
    if challenger == champion.model_id:
        raise StateConflict(f"{name} is the champion; a challenger is another version")
    promotion.check_eligible(row, "take part")
    for other in running:
        if any(arm.challenger_id == challenger for arm in other.running):
            since = f"experiment {other.experiment_id} already, since {other.started_at}"
            raise StateConflict(f"{name} takes part in {since}; stop that one first")
    same, because, _ = signatures.same_inputs(queries, record(context, row), champion)
    if not same:
        what = f"what is sent to {champion.display_name}: {because}"
        raise InvalidInput(f"{name} cannot answer {what}; train it on the same features")


def _check_nobody_answers(running: Sequence[Experiment], model_name: str) -> None:
    for each in running:
        if each.mode == "split":
            raise StateConflict(
                f"experiment {each.experiment_id} deals the traffic of {model_name} already, since {each.started_at}; "
                "stop it first, or let this one run in shadow"
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
            f"metric is {asked!r:.80}; {model_name} can be judged by {' or '.join(allowed)}"
            + ("; the setting monitoring.loss says which loss is kept" if asked in _METRICS["regression"] else "")
        )
    return asked


def find(queries: Queries, experiment_id: int) -> Experiment:
    """One experiment.

    Raises:
        NotFound: none has that number.
    """
    whole = isinstance(experiment_id, int) and not isinstance(experiment_id, bool) and 0 < experiment_id < 1 << 31
    found = experiments.find(queries, experiment_id) if whole else None
    if found is None:
        raise NotFound(f"no experiment has the number {experiment_id!r:.80}; experiments() lists all")
    return found


def check_seen(queries: Queries, experiment_id: int, expected: Experiment | None = None) -> Experiment:
    """An experiment that has not ended, and is still as the caller saw it.

    Raises:
        StateConflict: it has ended, or changed in between.
    """
    found = find(queries, experiment_id)
    if found.ended_at is not None:
        raise StateConflict(
            f"experiment {experiment_id} of {found.model_name} ended at {found.ended_at}: {found.verdict}; "
            "start another one"
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
            f"experiment {experiment_id} of {found.model_name}: you acted on {where(queries, expected)}, but it is now "
            f"{where(queries, found)}{who}. Nothing was changed; look at it and decide again."
        )
    return found


def where(queries: Queries, experiment: Experiment) -> str:
    """The state of an experiment in a few words: ``running, 5% of the traffic to Churn 1.2.0``."""
    shares = ", ".join(
        f"{arm.share * 100:.3g}% of the traffic to {models.display_name(queries, arm.challenger_id)}"
        for arm in experiment.running
    )
    return f"{experiment.status}, " + (shares if experiment.mode == "split" else "in shadow")


def _apply(
    context: Context,
    experiment_id: int,
    expected: Experiment | None,
    actor: str | None,
    reason: str,
    step: Callable[[Transaction, datetime, Experiment, str, str], Experiment],
) -> Experiment:
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        found = check_seen(transaction, experiment_id, expected)
        return step(transaction, context.now(), found, who, why)


def set_share(
    context: Context,
    experiment_id: int,
    share: planning.Shares,
    *,
    actor: str | None,
    reason: str,
    expected: Experiment | None,
) -> Experiment:
    """See ``Registry.set_share``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        check_share(transaction, found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_SHARE_SET, who, why, mode="split", arms=_shared(found, share)
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def check_share(queries: Queries, found: Experiment) -> None:
    """Whether the share of an experiment may be set; raises what stands in the way."""
    if found.stages:
        raise StateConflict(
            f"experiment {found.experiment_id} follows stages; advance it, or stop it and start one without stages"
        )
    _check_split(queries, found)


def _check_split(queries: Queries, found: Experiment) -> None:
    if found.mode == "shadow":
        others = [each for each in experiments.current(queries, found.model_name) if each != found]
        _check_nobody_answers(others, found.model_name)


def _shared(experiment: Experiment, share: planning.Shares) -> tuple[Arm, ...]:
    shares = planning.assigned_shares(
        share,
        [arm.challenger_id for arm in experiment.arms],
        [arm.challenger_id for arm in experiment.running],
    )
    return tuple(replace(arm, share=part) for arm, part in zip(experiment.arms, shares, strict=True))


def pause(
    context: Context, experiment_id: int, *, actor: str | None, reason: str, expected: Experiment | None
) -> Experiment:
    """See ``Registry.pause_experiment``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        check_pause(found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_PAUSED, who, why, status="paused"
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def check_pause(found: Experiment) -> None:
    """Whether an experiment may be paused; raises what stands in the way."""
    if found.status == "paused":
        raise StateConflict(f"experiment {found.experiment_id} is paused already; resume or stop it")


def resume(
    context: Context, experiment_id: int, *, actor: str | None, reason: str, expected: Experiment | None
) -> Experiment:
    """See ``Registry.resume_experiment``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        check_resume(found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_RESUMED, who, why, status="running"
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def check_resume(found: Experiment) -> None:
    """Whether an experiment may go on; raises what stands in the way."""
    if found.status != "paused":
        raise StateConflict(f"experiment {found.experiment_id} runs already; pause it first")


def stop(
    context: Context, experiment_id: int, *, actor: str | None, reason: str, expected: Experiment | None
) -> Experiment:
    """See ``Registry.stop_experiment``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        return experiment_lifecycle.stop(
            transaction, now, found, who, why, f"stopped by {who}" + (f": {why}" if why else "")
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def next_stage(experiment: Experiment) -> str | float | None:
    """The stage that follows, or None at the end of the way."""
    following = experiment.stages[experiment.stage + 1 :]
    return following[0] if following else None


def advance(
    context: Context,
    experiment_id: int,
    gates: Sequence[Gate],
    *,
    actor: str | None,
    reason: str,
    expected: Experiment | None,
    override: bool,
) -> Experiment:
    """Take the next stage. ``gates`` are what the present one asks, judged just before; see ``report.stage_gates``."""
    who, why = context.who(actor), check_reason(reason)
    found = check_seen(context.database, experiment_id, expected)
    _check_advance(found, gates, override, why)
    if next_stage(found) == 1.0:
        promote(context, experiment_id, None, actor=who, reason=why, expected=expected, override=override)
        return find(context.database, experiment_id)

    def step(transaction: Transaction, now: datetime, seen: Experiment, who: str, why: str) -> Experiment:
        _check_advance(seen, gates, override, why)
        return to_stage(transaction, now, seen, seen.stage + 1, who, why, [] if not override else gates)

    return _apply(context, experiment_id, found, who, why, step)


def _check_advance(found: Experiment, gates: Sequence[Gate], override: bool, why: str) -> None:
    check_next_stage(found)
    if override and not why:
        raise InvalidInput("an override needs a reason: it stays in the experiment's events")
    if not override:
        check_gates(found, gates)


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
        what = f"experiment {found.experiment_id} may not advance yet"
        raise GatesFailed(GateReport(first, found.champion_id, tuple(gates)), what, "advance")


def to_stage(
    transaction: Transaction,
    now: datetime,
    found: Experiment,
    place: int,
    actor: str,
    reason: str,
    overridden: Sequence[Gate] = (),
) -> Experiment:
    """Go on to a later stage, which is not the promotion, in a transaction."""
    stage = found.stages[place]
    assert isinstance(stage, float)
    _check_split(transaction, found)
    failed = {gate.name: gate.because for gate in overridden if not gate.passed}
    return experiment_lifecycle.change(
        transaction, now, found, EventKind.EXPERIMENT_ADVANCED, actor, reason,
        further={"overridden": failed} if failed else None,
        mode="split", stage=place, arms=_shared(found, stage),
    )  # fmt: skip


def promote(
    context: Context,
    experiment_id: int,
    challenger_id: str | None,
    *,
    actor: str | None,
    reason: str,
    expected: Experiment | None = None,
    expected_champion: str | None = NOT_CHECKED,
    override: bool = False,
) -> Deployment:
    """See ``Registry.promote_challenger``."""
    found = check_seen(context.database, experiment_id, expected)
    winner = challenger_id or only_challenger(found)

    def check(queries: Queries) -> None:
        seen = check_seen(queries, experiment_id, expected)
        if all(arm.challenger_id != winner for arm in seen.running):
            there = ", ".join(arm.challenger_id for arm in seen.running)
            raise StateConflict(f"{winner!r:.160} takes no part in experiment {experiment_id}; it has {there}")

    seen = found.champion_id if expected_champion == NOT_CHECKED else expected_champion
    return promotion.promote(context, winner, actor, reason, seen, override, check=check)


def only_challenger(found: Experiment) -> str:
    """The challenger of an experiment that has one; raises where somebody has to name the winner."""
    running = [arm.challenger_id for arm in found.running]
    if len(running) != 1:
        raise InvalidInput(
            f"experiment {found.experiment_id} has several challengers; name the winner: {', '.join(running)}"
        )
    return running[0]
