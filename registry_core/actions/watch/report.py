"""The report of an experiment: results so far, and the gates of its present stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from ...catalog import baselines, deployments, models
from ...gates import Gate
from ...live import (
    Arm,
    ArmTraffic,
    ChallengerReport,
    Coverage,
    Effect,
    EffectPoint,
    Experiment,
    ExperimentReport,
    Guardrail,
    SampleRatio,
)
from ...notices import ReportWarning, WarningKind
from ...policies import MonitoringPolicy
from ...records import utc_text
from ...rules.live import ratio, rollout, shadow, split
from ...rules.live.paired import PairedSums
from ...rules.live.sums import Sums, total
from .. import baseline, experiment_checks
from ..context import Context
from ..timestamps import DAY, MINUTE, microseconds, text
from . import compared, guardrails, maturity, traffic

#: Labels of the champion from before the experiment that make its spread known, or else from its first windows.
TUNING_LABELS = 200
#: The most points of a chart.
MOST_POINTS = 60
_USUAL_BRIER_VARIANCE = 0.05
Step = Literal["wait", "advance", "promote", "stop"]


def report(context: Context, found: Experiment, *, charts: bool = True) -> ExperimentReport:
    """See ``Registry.experiment_report``; without ``charts`` the points are left out, which take longest."""
    policy = context.configuration().policy(found.model_name).monitoring_policy
    seen = _evidence(context, found, policy)
    challengers = tuple(_challenger(context, seen, place, arm, charts) for place, arm in enumerate(found.arms))
    shares_known = [each for each in seen.buckets if any(each.shares)]
    sample_ratio: SampleRatio | None = None
    coverage: Coverage | None = None
    names = compared.names_of(context, found)
    if shares_known:
        sample_ratio = ratio.check([(each.shares, each.arms) for each in shares_known], names)
        coverage = ratio.coverage([each.arms for each in seen.compared], names)
    warnings = [*seen.warnings]
    if sample_ratio is not None and sample_ratio.state == "mismatch":
        warnings.append(_warning(found, "sample_ratio", sample_ratio.sentence, "warning"))
    if coverage is not None and coverage.state == "apart":
        apart = (
            f"{coverage.sentence}. Where an outcome is only observed after a certain prediction, the comparison is "
            "biased: reserve traffic that both models treat alike"
        )
        warnings.append(_warning(found, "label_coverage", apart, "warning"))
    return ExperimentReport(
        found, utc_text(context.now()), challengers, sample_ratio, coverage, experiment_checks.next_stage(found),
        _verdict(context, found, challengers), tuple(warnings), *_both(seen.guardrails),
        tuple(sorted(seen.slices, key=lambda each: -(each.effect.log_e_worse or -math.inf))),
    )  # fmt: skip


def stage_gates(context: Context, found: Experiment) -> tuple[Gate, ...]:
    """What the present stage asks of every challenger that takes part, each by name where there are several."""
    challengers = [each for each in report(context, found, charts=False).challengers if each.status == "running"]
    if len(challengers) == 1:
        return challengers[0].gates
    return tuple(
        replace(gate, name=f"{gate.name} of {models.display_name(context.database, each.challenger_id)}")
        for each in challengers
        for gate in each.gates
    )


def _evidence(context: Context, found: Experiment, policy: MonitoringPolicy) -> compared.Evidence:
    buckets = tuple(traffic.split(context, found))
    warnings = []
    mature = maturity.before(context, found.model_name, policy)
    if len(found.arms) > 1:
        shared = (
            f"{len(found.arms)} challengers share one error rate: each interval has "
            f"{1 - found.alpha / len(found.arms):.1%} confidence"
        )
        warnings.append(_warning(found, "shared_certainty", shared))
    asked = tuple([each.arms for each in buckets] if found.mode == "split" else traffic.asked_in_shadow(context, found))
    calls = guardrails.of_calls(compared.names_of(context, found), found, asked, policy)
    if found.mode == "split" and any(failed for _, failed in calls[0].counts):
        warnings.append(_warning(found, "failed_requests", _of_failures(found)))
    variance, begins = _variance(context, found)
    if begins:
        before = f"windows before {text(begins)[:16]} estimate the variance of {found.metric} and are not compared"
        warnings.append(_warning(found, "variance_windows", before))
    seen = compared.Evidence(
        found, found.alpha / len(found.arms), variance, buckets, asked, mature, begins, calls, (), ()
    )  # fmt: skip
    seen = replace(seen, slices=tuple(guardrails.of_slices(context, seen, policy)))
    young = sum(not seen.counts(each.start, *each.arms) for each in buckets)
    if young:
        known = maturity.learnt(context, found.model_name, policy).sentence
        which = (
            "1 window is not compared yet, since its"
            if young == 1
            else f"{young} windows are not compared yet, since their"
        )
        warnings.append(_warning(found, "labels_arriving", f"{which} outcomes are still arriving: {known}"))
    return replace(seen, warnings=tuple(warnings))


def _warning(
    found: Experiment, kind: WarningKind, text: str, severity: Literal["warning", "note"] = "note"
) -> ReportWarning:
    return ReportWarning(text, kind, severity, f"{found.model_name}, experiment {found.experiment_id}")


def _both(guardrails: tuple[Guardrail, ...]) -> tuple[Guardrail, Guardrail | None]:
    return guardrails[0], guardrails[1] if len(guardrails) > 1 else None


def _of_failures(found: Experiment) -> str:
    if baseline.kind(found.metric) == "loss":
        return f"failed requests have no {found.metric}: they count only in the check of failed requests"
    return "a failed request counts as wrong predictions of the model that failed, weighted by label coverage"


def _variance(context: Context, found: Experiment) -> tuple[float | None, int]:
    """How much a row varies, known from outside of the comparison; and from when on windows are compared.

    Of accuracy the usual one does. Of losses it is taken from what the champion did before the experiment, else from
    its first windows in it, which are left out of the comparison then, in shadow and in the split alike.
    """
    metric = baseline.kind(found.metric)
    if metric == "accuracy":
        return None, 0
    usual = _USUAL_BRIER_VARIANCE if metric == "brier" else None
    deployment = deployments.at(context.database, found.model_name, found.started_at)
    if deployment is None or deployment.model_id != found.champion_id:
        return usual, 0
    began = microseconds(datetime.fromisoformat(found.started_at))
    windows = traffic.of_deployment(context, deployment, found.metric)
    before = [sums for start, stream, sums in windows if start + stream.minutes * MINUTE <= began]
    known = _spread(total(before), found.metric)
    if known is not None:
        return known, 0
    frozen = baselines.find(context.database, deployment.deployment_id)
    if frozen is not None and frozen.metric == found.metric and frozen.variance > 0:
        return frozen.variance, 0
    first = Sums(detail=None)
    for start, stream, sums in windows[len(before) :]:
        first = first + sums
        known = _spread(first, found.metric)
        if known is not None:
            return known, start + stream.minutes * MINUTE
    return usual, 0


def _spread(sums: Sums, metric: str) -> float | None:
    rows, whole, squares = split.of_metric(sums, baseline.kind(metric))
    if rows < TUNING_LABELS:
        return None
    return max(squares / rows - (whole / rows) ** 2, 0.0) or None


def _challenger(context: Context, seen: compared.Evidence, place: int, arm: Arm, charts: bool) -> ChallengerReport:
    found = seen.experiment
    pairs = traffic.pairs(context, found, arm.challenger_id)
    shadowed = traffic.in_shadow(context, found, arm.challenger_id)
    scored = dict(shadowed)
    paired = [
        (start, sums) for start, sums in pairs if start >= seen.begins and seen.counts(start, scored.get(start, Sums()))
    ]
    begun_split = found.mode == "split"
    of_shadow = _of_shadow(seen, paired) if paired or not begun_split else None
    here = None
    if begun_split:
        compared = [each for each in seen.compared if each.shares[place]]
        windows = split.pooled(
            [(each.shares, each.start, each.champion, each.challengers[place]) for each in compared],
            baseline.kind(found.metric),
        )
        effect = _of_split(seen, windows)
        points = _points(charts, [each[0] for each in windows], lambda count: _of_split(seen, windows[:count]))
        # Windows know shares as they are written down.
        share = float(f"{arm.share:g}")
        here = sum(each.challengers[place].labelled for each in compared if each.shares[place] == share)
    else:
        assert of_shadow is not None
        effect = of_shadow
        points = _points(charts, [each[0] for each in paired], lambda count: _of_shadow(seen, paired[:count]))
    of_champion, of_challenger = (total([arms[at] for arms in seen.asked]) for at in (0, place + 1))
    champion = _traffic(found, found.champion_id, "champion", of_champion)
    challenger = _traffic(found, arm.challenger_id, "split" if begun_split else "shadow", of_challenger)
    step, gates, verdict, to = _step(seen, effect, here, of_shadow if begun_split else None, _failing(seen, place))
    asked = stages_of(found, seen.variance)[found.stage].least_bound if found.stages and not found.ended_at else None
    return ChallengerReport(
        arm.challenger_id, arm.status, arm.share, arm.because, champion, challenger, effect,
        of_shadow if begun_split else None, points, step, gates, verdict, to, asked,
    )  # fmt: skip


def _of_split(seen: compared.Evidence, buckets: Sequence[tuple[int, Sums, Sums]]) -> Effect:
    metric = baseline.kind(seen.experiment.metric)
    if metric != "accuracy" and seen.variance is None:
        return _unknown_spread(seen, "split")
    days = [(start // DAY, champion, challenger) for start, champion, challenger in buckets]
    return split.compare(days, metric, alpha=seen.alpha, baseline_variance=seen.variance)


def _of_shadow(seen: compared.Evidence, pairs: Sequence[tuple[int, PairedSums]]) -> Effect:
    metric = baseline.kind(seen.experiment.metric)
    if metric != "accuracy" and seen.variance is None:
        return _unknown_spread(seen, "shadow")
    worth = 0.01 if seen.variance is None else math.sqrt(seen.variance) / 10
    days = [(start // DAY, sums) for start, sums in pairs]
    return shadow.compare(days, metric, alpha=seen.alpha, baseline_variance=seen.variance, worth=worth)


def _unknown_spread(seen: compared.Evidence, kind: Literal["split", "shadow"]) -> Effect:
    why = f"Not enough labels yet: {TUNING_LABELS} of the champion are required to estimate the variance of its loss"
    return Effect(baseline.kind(seen.experiment.metric), kind, 0, 0, False, why, alpha=seen.alpha)


def _points(wanted: bool, starts: Sequence[int], effect_after: Callable[[int], Effect]) -> tuple[EffectPoint, ...]:
    """The effect after some of the windows, evenly chosen, the last one among them."""
    if not wanted:
        return ()
    step = -(-len(starts) // MOST_POINTS) or 1
    counts = [*range(step, len(starts), step), len(starts)] if starts else []
    found = []
    for count in counts:
        effect = effect_after(count)
        found.append(
            EffectPoint(text(starts[count - 1]), effect.challenger_labels, effect.value, effect.low, effect.high)
        )
    return tuple(found)


def _traffic(found: Experiment, model_id: str, role: Literal["champion", "split", "shadow"], sums: Sums) -> ArmTraffic:
    metric = baseline.kind(found.metric)
    value = {"accuracy": sums.accuracy, "brier": sums.mean_brier, "loss": sums.mean_loss}[metric]
    return ArmTraffic(model_id, role, sums.predictions, sums.failures, sums.labelled, sums.coverage, value)


def stages_of(found: Experiment, variance: float | None) -> tuple[rollout.Stage, ...]:
    """The stages as the rules judge them, each with what the next usual one asks; the promotion is no stage."""
    point = 0.01 if variance is None else math.sqrt(variance) / 20
    usual = rollout.default_stages(point)
    stages = []
    for each in found.stages:
        if each == 1.0 and len(found.stages) > 1:
            continue
        share = 0.0 if isinstance(each, str) else each
        like = usual[0] if not share else next((stage for stage in usual[1:] if share <= stage.share), usual[-1])
        name = "shadow" if not share else f"{share * 100:g}%"
        stages.append(rollout.Stage(name, share, like.least_labels, like.least_bound))
    return tuple(stages)


def _failing(seen: compared.Evidence, place: int) -> str:
    """What the guardrails say against a challenger; empty where they say nothing."""
    said = [each.sentence for each in seen.guardrails if place < len(each.more) and each.more[place]]
    challenger = seen.experiment.arms[place].challenger_id
    said += [
        f"Worse in a slice: {each.sentence}" for each in seen.slices if each.worse and each.challenger_id == challenger
    ]
    return "; ".join(said)


def _step(
    seen: compared.Evidence, effect: Effect, here: int | None, of_shadow: Effect | None, failing: str
) -> tuple[Step, tuple[Gate, ...], str, int | None]:
    found = seen.experiment
    if not found.stages:
        harmless = rollout.harm(effect)
        if effect.kind == "split" and not harmless.passed:
            return "stop", (), f"Challenger {effect.numbers}: {harmless.because}", None
        if failing:
            return "wait", (), failing, None
        return ("promote" if effect.verdict == "better" else "wait"), (), effect.sentence, None
    judged = rollout.judge(
        stages_of(found, seen.variance), found.stage, effect, here=here, shadow=of_shadow, failing=failing
    )
    gates = tuple(Gate(check.name, check.passed, check.because) for check in judged.checks)
    step: Step = "stop" if judged.step == "roll back" else judged.step
    return step, gates, judged.because, judged.to


def _verdict(context: Context, found: Experiment, challengers: Sequence[ChallengerReport]) -> str:
    if found.ended_at is not None:
        return f"Ended: {found.verdict}"
    running = [each for each in challengers if each.status == "running"]
    state = "Paused. " if found.status == "paused" else ""
    if len(running) == 1:
        return state + running[0].verdict
    named = models.display_name
    return state + "; ".join(f"{named(context.database, each.challenger_id)}: {each.verdict}" for each in running)
