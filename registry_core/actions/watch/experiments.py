"""Running experiments: harmful challengers are stopped, stages are taken, failed validity checks open alerts."""

from __future__ import annotations

from typing import Literal

from ...catalog import alerts, experiments, models
from ...errors import Conflict, RegistryError, StorageError
from ...live import ChallengerReport, Experiment, ExperimentReport
from ...policies import MonitoringPolicy
from .. import experiment, experiment_checks, experiment_lifecycle
from ..alert import open_alert
from ..context import AUTO, Context
from . import report, traffic
from .champion import close_if_over

#: Labels and failures more than at the last look before there is another, and the same as a part of all.
NEWS, PART_OF_ALL = 20, 50
#: Of each guardrail the kind of its alert, and what it says of a challenger.
_GUARDRAILS = {
    "failures": ("challenger_failing", "fails too often"),
    "slow calls": ("challenger_slow", "is slow too often"),
}


def look(context: Context, model_name: str, policy: MonitoringPolicy, *, thorough: bool) -> list[str]:
    """Take what steps the evidence allows; what was done, in sentences."""
    said: list[str] = []
    for found in experiments.current(context.database, model_name):
        if found.status != "running":
            continue
        place, told = ("experiment", found.experiment_id), traffic.told(context, found)
        last = context.looked.get(place, 0)
        if not thorough and told < last + max(NEWS, last // PART_OF_ALL):
            continue
        context.looked[place] = told
        try:
            said += _look(context, found, policy)
        except Conflict:
            # Somebody changed it in between; the next look sees what became of it.
            continue
    return said


def _look(context: Context, found: Experiment, policy: MonitoringPolicy) -> list[str]:
    seen = report.report(context, found, charts=False)
    said = _ratio(context, seen) + _failing(context, seen) + _slices(context, seen)
    running = [each for each in seen.challengers if each.status == "running"]
    harmful = [each for each in running if each.step == "stop"]
    for each in harmful:
        said += _harm(context, found, each, policy)
    if harmful or not found.stages or (seen.sample_ratio is not None and seen.sample_ratio.state == "mismatch"):
        return said
    if all(each.step in ("advance", "promote") for each in running):
        said += _forward(context, seen, policy)
    return said


def _ratio(context: Context, seen: ExperimentReport) -> list[str]:
    found, judged = seen.experiment, seen.sample_ratio
    if judged is None:
        return []
    key = f"sample_ratio:{found.experiment_id}"
    held = alerts.unresolved(context.database, found.model_name, key)
    if judged.state == "mismatch" and held is None:
        text = f"experiment {found.experiment_id}: {judged.sentence}"
        return _alert(context, found, "sample_ratio", "warning", key, text)
    if judged.state == "as planned" and held is not None:
        with context.database.transaction() as transaction:
            close_if_over(context, transaction, held, judged.sentence)
        return [f"experiment {found.experiment_id}: {judged.sentence}"]
    return []


def _failing(context: Context, seen: ExperimentReport) -> list[str]:
    """Alert once of each challenger that fails or is slow more often; somebody who resolves it has seen it."""
    found = seen.experiment
    said: list[str] = []
    for judged in seen.guardrails:
        kind, trouble = _GUARDRAILS[judged.name]
        for arm, more in zip(found.arms, judged.more, strict=False):
            if not more or arm.status != "running":
                continue
            key = f"{kind}:{found.experiment_id}:{arm.challenger_id}"
            if alerts.newest(context.database, found.model_name, key) is None:
                named = models.display_name(context.database, arm.challenger_id)
                text = (
                    f"experiment {found.experiment_id}: {named} {trouble}. {judged.sentence}. Find "
                    "the cause, or stop the experiment"
                )
                said += _alert(context, found, kind, "warning", key, text, arm.challenger_id)
    return said


def _slices(context: Context, seen: ExperimentReport) -> list[str]:
    """Alert once of each slice in which a challenger is worse; somebody who resolves it has seen it."""
    found = seen.experiment
    running = {arm.challenger_id for arm in found.running}
    said: list[str] = []
    for each in seen.slices:
        key = f"challenger_slice:{found.experiment_id}:{each.challenger_id}:{each.name}"
        new = alerts.newest(context.database, found.model_name, key) is None
        if each.worse and each.challenger_id in running and new:
            named = models.display_name(context.database, each.challenger_id)
            text = (
                f"experiment {found.experiment_id}: {named} is worse than the champion in a slice. {each.sentence}. "
                "Review these rows, or stop the experiment"
            )
            said += _alert(context, found, "challenger_slice", "warning", key, text, each.challenger_id)
    return said


def _harm(context: Context, found: Experiment, each: ChallengerReport, policy: MonitoringPolicy) -> list[str]:
    number, challenger = found.experiment_id, each.challenger_id
    text = f"experiment {number}: {models.display_name(context.database, challenger)} is harmful: {each.verdict}"
    if policy.on_rollout == "suggest":
        key = f"challenger_harm:{number}:{challenger}"
        return _alert(context, found, "challenger_harm", "critical", key, f"{text}. Stop the experiment", challenger)
    with context.database.transaction() as transaction:
        again = experiment_checks.check_seen(transaction, number, found if found.mode == "shadow" else None)
        if all(arm.challenger_id != challenger for arm in again.running):
            return []
        now = context.now()
        experiment_lifecycle.leave(transaction, now, again, challenger, AUTO, each.verdict, "refused")
        text = f"{text}; it was stopped, and the champion serves its share"
        open_alert(
            context, transaction, now, model_name=found.model_name, model_id=challenger, kind="challenger_stopped",
            severity="warning", key=f"challenger_stopped:{number}:{challenger}", text=text,
            evidence={"experiment": number, "e_worse": each.effect.e_worse},
        )  # fmt: skip
    return [text]


def _forward(context: Context, seen: ExperimentReport, policy: MonitoringPolicy) -> list[str]:
    found, following = seen.experiment, seen.next_stage
    number = found.experiment_id
    several = following == 1.0 and len(found.running) > 1
    if policy.on_rollout == "suggest" or following is None or several:
        what = "promote the winner" if following is None or following == 1.0 else "advance the experiment"
        text = f"experiment {number} passed its gates: {seen.verdict}. Next step: {what}"
        return _reached(context, found, text)
    if following == 1.0:
        try:
            experiment.promote(context, number, None, actor=AUTO, reason=seen.verdict, expected=found)
        except (Conflict, StorageError):
            raise
        except RegistryError as error:
            failed = f"experiment {number} passed its last stage, but the promotion failed: {error}"
            return _reached(context, found, failed)
        return [f"{models.display_name(context.database, found.running[0].challenger_id)} was promoted: {seen.verdict}"]
    with context.database.transaction() as transaction:
        again = experiment_checks.check_seen(transaction, number, found)
        if again.status != "running":
            return []
        to = min(each.to_stage for each in seen.challengers if each.status == "running" and each.to_stage is not None)
        experiment.to_stage(transaction, context.now(), again, to, AUTO, seen.verdict)
    return [f"experiment {number}: {seen.verdict}"]


def _reached(context: Context, found: Experiment, text: str) -> list[str]:
    key = f"stage_reached:{found.experiment_id}:{found.stage}"
    last = alerts.newest(context.database, found.model_name, key)
    # Once somebody closed it, it is not said again.
    return [] if last is not None else _alert(context, found, "stage_reached", "warning", key, text)


def _alert(
    context: Context,
    found: Experiment,
    kind: str,
    severity: Literal["warning", "critical"],
    key: str,
    text: str,
    model_id: str | None = None,
) -> list[str]:
    if alerts.unresolved(context.database, found.model_name, key) is not None:
        return []
    with context.database.transaction() as transaction:
        again = experiments.find(transaction, found.experiment_id)
        if again is None or again.ended_at is not None:
            return []
        opened = open_alert(
            context, transaction, context.now(), model_name=found.model_name, model_id=model_id, kind=kind,
            severity=severity, key=key, text=text, evidence={"experiment": found.experiment_id},
        )  # fmt: skip
    return [text] if opened else []
