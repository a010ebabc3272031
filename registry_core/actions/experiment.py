"""Experiments: champion and challengers on live traffic, from their start to their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from ..catalog import deployments, events, experiments
from ..catalog.database import Queries, Transaction
from ..errors import InvalidInput, StateConflict
from ..events import EventKind
from ..gates import Gate
from ..live import Arm, Experiment
from ..records import Deployment
from ..rules import experiments as planning
from . import answer_checks, experiment_checks, experiment_lifecycle, promotion
from .context import NOT_CHECKED, Context, check_reason

#: How sure a verdict is, all challengers of an experiment together.
ALPHA = 0.05


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
    rows, _ = experiment_checks.check_start(
        context, context.database, model_name, challengers, plan, metric, expected_champion
    )
    for row in rows:
        # A challenger that does not load would fail with every prediction it is asked for.
        answer_checks.require_answers(context, row)
    with context.database.transaction() as transaction:
        _, (champion, judged) = experiment_checks.check_start(
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
        found = experiment_checks.check_seen(transaction, experiment_id, expected)
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
        experiment_checks.check_share(transaction, found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_SHARE_SET, who, why, mode="split", arms=_shared(found, share)
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


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
        experiment_checks.check_pause(found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_PAUSED, who, why, status="paused"
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def resume(
    context: Context, experiment_id: int, *, actor: str | None, reason: str, expected: Experiment | None
) -> Experiment:
    """See ``Registry.resume_experiment``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        experiment_checks.check_resume(found)
        return experiment_lifecycle.change(
            transaction, now, found, EventKind.EXPERIMENT_RESUMED, who, why, status="running"
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


def stop(
    context: Context, experiment_id: int, *, actor: str | None, reason: str, expected: Experiment | None
) -> Experiment:
    """See ``Registry.stop_experiment``."""

    def step(transaction: Transaction, now: datetime, found: Experiment, who: str, why: str) -> Experiment:
        return experiment_lifecycle.stop(
            transaction, now, found, who, why, f"stopped by {who}" + (f": {why}" if why else "")
        )

    return _apply(context, experiment_id, expected, actor, reason, step)


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
    found = experiment_checks.check_seen(context.database, experiment_id, expected)
    _check_advance(found, gates, override, why)
    if experiment_checks.next_stage(found) == 1.0:
        promote(context, experiment_id, None, actor=who, reason=why, expected=expected, override=override)
        return experiment_checks.find(context.database, experiment_id)

    def step(transaction: Transaction, now: datetime, seen: Experiment, who: str, why: str) -> Experiment:
        _check_advance(seen, gates, override, why)
        return to_stage(transaction, now, seen, seen.stage + 1, who, why, [] if not override else gates)

    return _apply(context, experiment_id, found, who, why, step)


def _check_advance(found: Experiment, gates: Sequence[Gate], override: bool, why: str) -> None:
    experiment_checks.check_next_stage(found)
    if override and not why:
        raise InvalidInput("an override requires a reason, which is recorded permanently in the events")
    if not override:
        experiment_checks.check_gates(found, gates)


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
    experiment_checks.check_split(transaction, found)
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
    found = experiment_checks.check_seen(context.database, experiment_id, expected)
    winner = challenger_id or experiment_checks.only_challenger(found)

    def check(queries: Queries) -> None:
        seen = experiment_checks.check_seen(queries, experiment_id, expected)
        if all(arm.challenger_id != winner for arm in seen.running):
            there = ", ".join(arm.challenger_id for arm in seen.running)
            raise StateConflict(
                f"{winner!r:.160} is not a challenger of experiment {experiment_id}; name one of {there}"
            )

    seen = found.champion_id if expected_champion == NOT_CHECKED else expected_champion
    return promotion.promote(context, winner, actor, reason, seen, override, check=check)
