"""Changes of a running experiment, and its end when its champion or a challenger leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from ..catalog import events, experiments, models
from ..catalog.database import Transaction
from ..events import EventKind
from ..live import Arm, Experiment
from . import alert

Left = Literal["withdrawn", "refused", "promoted"]


def state(experiment: Experiment) -> dict[str, Any]:
    """What of an experiment may change, as its events hold it."""
    return {
        "status": experiment.status,
        "mode": experiment.mode,
        "stage": experiment.stage,
        "shares": {arm.challenger_id: arm.share for arm in experiment.arms},
        "arms": {arm.challenger_id: arm.status for arm in experiment.arms},
    }


def change(
    transaction: Transaction,
    now: datetime,
    before: Experiment,
    kind: EventKind,
    actor: str,
    reason: str,
    *,
    model_id: str | None = None,
    further: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Experiment:
    """Store some changes of an experiment with their event; the times follow from what changed."""
    after = replace(before, **changes)
    _, at = events.append(
        transaction,
        now=now,
        kind=kind,
        actor=actor,
        reason=reason,
        model_name=before.model_name,
        model_id=model_id,
        before={"experiment": before.experiment_id, **state(before)},
        after={"experiment": before.experiment_id, **state(after), **(further or {})},
    )
    moved = (after.stage, after.mode) != (before.stage, before.mode)
    if moved:
        after = replace(after, stage_since=at)
    if after.status in ("stopped", "promoted", "refused"):
        after = replace(after, ended_at=at, ended_by=actor)
    experiments.update(transaction, after)
    if moved or after.ended_at is not None:
        over = after.ended_at is not None
        alert.experiment_moves(transaction, now, before.model_name, before.experiment_id, actor, over)
    return after


def arms(
    experiment: Experiment, status: Left, because: str, only: Callable[[Arm], bool] = lambda _: True
) -> tuple[Arm, ...]:
    """The arms of an experiment after some of those that take part have left it; who left answers nothing."""
    return tuple(
        replace(arm, status=status, because=because, share=0.0) if arm.status == "running" and only(arm) else arm
        for arm in experiment.arms
    )


def stop(
    transaction: Transaction, now: datetime, experiment: Experiment, actor: str, reason: str, verdict: str
) -> Experiment:
    """End an experiment without a winner."""
    left = arms(experiment, "withdrawn", reason or "the experiment was stopped")
    return change(
        transaction,
        now,
        experiment,
        EventKind.EXPERIMENT_STOPPED,
        actor,
        reason,
        status="stopped",
        arms=left,
        verdict=verdict,
    )


def champion_changes(
    transaction: Transaction, now: datetime, model_name: str, champion: str, actor: str, because: str
) -> list[Experiment]:
    """End the experiments of a model name, since another model becomes champion: their arms answered beside the old
    one. A challenger that takes the place has won its experiment."""
    ended, named = [], models.display_name(transaction, champion)
    for experiment in experiments.current(transaction, model_name):
        won = any(arm.challenger_id == champion for arm in experiment.running)
        if not won:
            verdict = f"ended because {named} became champion"
            ended.append(stop(transaction, now, experiment, actor, verdict, verdict))
            continue
        left = arms(experiment, "promoted", because, lambda arm: arm.challenger_id == champion)
        left = arms(replace(experiment, arms=left), "withdrawn", f"{named} won")
        verdict = f"{named} was promoted by {actor}" + (f": {because}" if because else "")
        ended.append(
            change(
                transaction, now, experiment, EventKind.EXPERIMENT_PROMOTED, actor, because,
                model_id=champion, status="promoted", arms=left, verdict=verdict,
            )
        )  # fmt: skip
    return ended


def leave(
    transaction: Transaction,
    now: datetime,
    experiment: Experiment,
    challenger_id: str,
    actor: str,
    because: str,
    status: Left = "withdrawn",
    further: Mapping[str, Any] | None = None,
) -> Experiment:
    """Take one challenger out; the experiment ends with its last one. ``status`` is ``withdrawn`` or ``refused``."""
    left = arms(experiment, status, because, lambda arm: arm.challenger_id == challenger_id)
    changes: dict[str, Any] = {"arms": left}
    if not any(arm.status == "running" for arm in left):
        changes |= {"status": "refused" if status == "refused" else "stopped", "verdict": because}
    kind = EventKind.CHALLENGER_REFUSED if status == "refused" else EventKind.CHALLENGER_WITHDRAWN
    return change(
        transaction, now, experiment, kind, actor, because,
        model_id=challenger_id, further=further, **changes,
    )  # fmt: skip


def challenger_unfit(
    transaction: Transaction, now: datetime, model_name: str, model_id: str, actor: str, because: str
) -> None:
    """Take a model that may no longer be chosen out of the experiments it takes part in."""
    for experiment in experiments.current(transaction, model_name):
        if any(arm.challenger_id == model_id for arm in experiment.running):
            leave(transaction, now, experiment, model_id, actor, because)
