"""Experiments -> words: who is winning, whether that can be believed, what may be done. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dashboard import formatting
from registry_core import (
    ChallengerReport,
    Effect,
    Event,
    Experiment,
    ExperimentReport,
    SliceComparison,
)

METRICS = {
    "accuracy": "accuracy",
    "brier_score": "Brier score",
    "absolute_error": "absolute error",
    "squared_error": "squared error",
}
ENDED = {"promoted": "★ promoted", "stopped": "■ stopped", "refused": "▲ refused"}
#: The state of a check with its shape.
CHECKS = {
    "as planned": "✓",
    "alike": "✓",
    "not more": "✓",
    "mismatch": "✕",
    "apart": "✕",
    "more": "✕",
    "worse": "✕",
    "not enough": "○",
}


def share(part: float) -> str:
    """A part of the traffic: ``5%``, ``0.5%``."""
    return f"{part * 100:.3g}%"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def points(metric: str, value: float, *, sign: bool = True) -> str:
    """A difference in the metric's unit: ``+1.8 pp``, ``0.0123``."""
    if metric != "accuracy":
        return formatting.signed(value) if sign else formatting.number(abs(value))
    shown = value * 100 if sign else abs(value) * 100
    text = f"{shown:{'+' if sign else ''}.1f}"
    return f"{'±0.0' if float(text) == 0 and sign else text.replace('-', formatting.MINUS)} pp"


def between(effect: Effect) -> str:
    """The interval of the difference, without its unit: ``+0.4 to +3.2``."""
    if effect.low is None or effect.high is None:
        return formatting.MISSING
    low, high = (points(effect.metric, each).removesuffix(" pp") for each in (effect.low, effect.high))
    return f"{low} to {high}"


def of_metric(experiment: Experiment) -> str:
    """What decides, as a sentence calls it."""
    return METRICS.get(experiment.metric, experiment.metric)


def state(experiment: Experiment) -> str:
    """The state in a word with its shape."""
    if experiment.ended_at is not None:
        return ENDED.get(experiment.status, experiment.status)
    how = "shadow" if experiment.mode == "shadow" else f"split {share(answered(experiment))}"
    if experiment.status == "paused":
        return f"Ⅱ paused, {how}"
    return f"{'◌' if experiment.mode == 'shadow' else '◐'} {how}"


def answered(experiment: Experiment) -> float:
    """What its challengers answer together."""
    return sum(arm.share for arm in experiment.running)


def title(experiment: Experiment, versions: formatting.Versions) -> str:
    """An experiment in a list of several."""
    who = listed([versions.get(arm.challenger_id, arm.challenger_id) for arm in experiment.arms])
    return f"No. {experiment.experiment_id}: {who} ({state(experiment)})"


def headline(report: ExperimentReport, versions: formatting.Versions) -> str:
    """Who is winning, in a sentence."""
    found, champion = report.experiment, versions[report.experiment.champion_id]
    if found.ended_at is not None:
        winner = next((arm.challenger_id for arm in found.arms if arm.status == "promoted"), None)
        if winner is not None:
            return f"{versions[winner]} won against {champion} and was promoted"
        if found.status == "refused":
            return f"{listed([versions[arm.challenger_id] for arm in found.arms])} refused as harmful"
        return f"It ended without a winner; {champion} was champion throughout"
    running = [each for each in report.challengers if each.status == "running"]
    if len(running) == 1:
        return finding(running[0], found, versions)
    better = [each for each in running if each.effect.verdict == "better"]
    if better:
        first = max(better, key=lambda each: each.effect.value or 0.0)
        largest = points(first.effect.metric, first.effect.value or 0.0)
        lead = f"{versions[first.challenger_id]} has the largest difference, {largest}"
        how_many = "Both" if len(better) == len(running) == 2 else f"{len(better)} of {len(running)}"
        return f"{how_many} challengers are better than {champion}; {lead}"
    if all(each.effect.verdict == "not enough" for each in running):
        return f"Too early to say whether any of {len(running)} challengers is better than {champion}"
    worse = sum(each.effect.verdict == "worse" for each in running)
    if worse == len(running):
        return f"{champion} is winning: all {worse} challengers are worse"
    return f"No challenger is clearly better than {champion} yet"


def finding(each: ChallengerReport, experiment: Experiment, versions: formatting.Versions) -> str:
    """What one challenger shows, in a sentence."""
    effect, name, champion = each.effect, versions[each.challenger_id], versions[experiment.champion_id]
    over = experiment.ended_at is not None
    if effect.value is None or effect.low is None or effect.high is None:
        early, is_better = ("few labels", "was") if over else ("early", "is")
        return f"Too {early} to say whether {name} {is_better} better than {champion}"
    ends = sorted(abs(end) for end in (effect.low, effect.high))
    low, high = (points(effect.metric, end, sign=False).removesuffix(" pp") for end in ends)
    size = f"{points(effect.metric, effect.value, sign=False)} of {of_metric(experiment)} ({low} to {high})"
    if over and effect.verdict in ("better", "worse"):
        return f"{name} was {effect.verdict} than {champion} by {size}"
    if effect.verdict == "better":
        return f"{name} is winning: better than {champion} by {size}"
    if effect.verdict == "worse":
        return f"{champion} is winning: {name} is worse by {size}"
    shown = f"{points(effect.metric, effect.value)} of {of_metric(experiment)} ({between(effect)})"
    return f"no clear difference: {name} showed {shown}" if over else f"No winner yet: {name} shows {shown}"


def course(each: ChallengerReport, frame: pd.DataFrame, experiment: Experiment, versions: formatting.Versions) -> str:
    """What the effect over time says, in a sentence: since when its band has left out zero."""
    pair = f"{versions[each.challenger_id]} against {versions[experiment.champion_id]}"
    if frame.empty:
        return f"{pair}: insufficient data"
    above, below = frame["low"] > 0, frame["high"] < 0
    for outside, side in ((above, "above"), (below, "below")):
        if outside.iloc[-1]:
            others = frame.index[~outside]
            begun = frame["at"].iloc[0 if others.empty else others[-1] + 1]
            return f"{pair}: the band has been {side} zero since {begun:%d %b, %H:%M}"
    return f"{pair}: the band {'spanned zero to the end' if experiment.ended_at else 'still spans zero'}"


def evidence(log_e: float | None, asked: float, against: str) -> str:
    """An e-value in words: in how many experiments chance alone would come this far, at any look of all."""
    if log_e is None:
        return "Not known yet"
    value = math.exp(min(log_e, 700.0))
    if value < 2:
        return f"None so far (e-value {value:.2g}; {asked:.0f} is required)"
    often = "more than a million" if value >= 1e6 else f"{value:,.0f}"
    said = f"if {against}, chance would come this far in at most 1 of {often} experiments"
    return f"Strong: {said}" if value >= asked else f"Not enough: {said}; 1 of {asked:.0f} is required"


def labels(effect: Effect) -> str:
    """The labels that are compared."""
    if effect.kind == "shadow":
        return f"{effect.challenger_labels:,} of the same rows"
    return f"{effect.challenger_labels:,} against {effect.champion_labels:,} of the champion"


def margin(each: ChallengerReport) -> float | None:
    """What the lower bound has to be above before the next stage, in a chart's unit; None without a stage."""
    return each.margin and each.margin * (100 if each.effect.metric == "accuracy" else 1)


def believed(report: ExperimentReport) -> list[tuple[str, str]]:
    """Whether the verdict can be believed: a shape and a few words for each thing it rests on."""
    running = [each for each in report.challengers if each.status == "running"] or list(report.challengers)
    enough = all(each.effect.enough for each in running)
    told = [("✓", "enough labels") if enough else ("○", "not enough labels yet")]
    if report.sample_ratio:
        words = {"as planned": "no sample-ratio mismatch", "mismatch": "sample-ratio mismatch"}
        told.append(
            (CHECKS[report.sample_ratio.state], words.get(report.sample_ratio.state, "too little traffic to check"))
        )
    if report.coverage:
        words = {"alike": "label coverage balanced", "apart": "label coverage unbalanced"}
        told.append((CHECKS[report.coverage.state], words.get(report.coverage.state, "too few labels to compare")))
    failed = sum(each.challenger.failures for each in running)
    more = report.failures.state == "more"
    calls = (
        f"fails more often: {formatting.count(failed, 'request')}"
        if more
        else f"{formatting.count(failed, 'failed request')}"
    )
    told.append(("✕" if more else "○", calls) if failed else ("✓", "no failed requests"))
    if report.slow_calls is not None and report.slow_calls.state == "more":
        told.append(("✕", "slow more often"))
    if report.slices:
        told.append(_of_slices(report.slices))
    if report.sample_ratio is None:
        told.append(("✓", "the same rows for both"))
    return told


def _of_slices(slices: Sequence[SliceComparison]) -> tuple[str, str]:
    worse = sum(each.worse for each in slices)
    unknown = sum(not each.effect.enough for each in slices)
    if worse:
        return "✕", f"worse in {formatting.count(worse, 'slice')}"
    if unknown:
        return "○", f"not enough labels in {unknown:,} of {formatting.count(len(slices), 'slice')}"
    return "✓", "no slice worse"


@dataclass(frozen=True)
class Step:
    """One stage of the ramp."""

    name: str
    state: Literal["done", "now", "to do", "skipped"]


def steps(experiment: Experiment) -> list[Step]:
    """The ramp: what is done, where it stands, what follows."""
    over = experiment.ended_at is not None
    won = experiment.status == "promoted"
    found: list[Step] = []
    for place, stage in enumerate(experiment.stages):
        name = "promotion" if stage == 1.0 and place else stage if isinstance(stage, str) else share(stage)
        last = place == len(experiment.stages) - 1
        reached = place < experiment.stage or (over and place == experiment.stage)
        if reached or (won and last and name == "promotion"):
            found.append(Step(name, "done"))
        elif over:
            found.append(Step(name, "skipped"))
        else:
            found.append(Step(name, "now" if place == experiment.stage else "to do"))
    return found


def next_stage(stage: str | float | None) -> str:
    """The stage that follows, on a button."""
    if stage is None:
        return "Advance"
    return "Advance to promotion" if stage == 1.0 else f"Advance to {stage if isinstance(stage, str) else share(stage)}"


def stages_from(text: str) -> list[str | float]:
    """``shadow, 1, 5, 100`` in per cent as the core takes stages.

    Raises:
        ValueError: something there is neither ``shadow`` nor a number; it says what.
    """
    found: list[str | float] = []
    for part in (each.strip().rstrip("%").strip() for each in text.split(",")):
        if part.lower() == "shadow":
            found.append("shadow")
            continue
        try:
            found.append(float(part) / 100)
        except ValueError:
            raise ValueError(f"“{part}” is not a stage: write “shadow” or a share in per cent, such as 5.") from None
    return found


def overridden(event: Event) -> str:
    """The gates that somebody passed over, with their numbers as they stood."""
    return "; ".join(f"{name}: {because}" for name, because in (event.after.get("overridden") or {}).items())
