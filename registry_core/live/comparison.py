"""The records of an experiment's report: traffic and effect of each arm, gates, validity checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..gates import Gate
from ..notices import ReportWarning
from .checks import NO_CALLS, Coverage, Guardrail, SampleRatio
from .effect import Effect
from .records import Experiment


@dataclass(frozen=True)
class ArmTraffic:
    """The traffic of one arm over the whole experiment, including predictions whose labels do not count yet.

    ``value`` is the mean of the experiment's metric (accuracy, Brier score or loss) over the labels; None without any.
    ``coverage`` is the share of labelled predictions.
    """

    model_id: str
    role: Literal["champion", "split", "shadow"]
    predictions: int
    failures: int
    labelled: int
    coverage: float | None
    value: float | None


@dataclass(frozen=True)
class EffectPoint:
    """The effect after the window that begins at ``start``: one point of a chart.

    A positive ``value`` favours the challenger; the interval from ``low`` to ``high`` is valid at all points together.
    All three are None with too few labels.
    """

    start: str
    labels: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ChallengerReport:
    """One challenger compared with the champion.

    Attributes:
        challenger_id: id of the version; ``status``, ``share`` and ``because`` are those of its arm.
        champion: the champion's traffic beside it.
        challenger: the challenger's traffic.
        effect: the effect in the present mode: on the same rows in shadow, on different units in a split.
        shadow_effect: the effect in shadow, of an experiment that has moved on to a split; else None.
        points: the effect over time, in the present mode.
        step: the decision of the present stage: ``wait``, ``advance``, ``promote`` or ``stop`` (the challenger is
            harmful). Without stages, ``promote`` means significantly better.
        gates: the gates of the present stage, with their numbers.
        verdict: the decision in a sentence.
        to_stage: index of the stage that ``advance`` leads to: the next one, or the last one before the promotion if
            the challenger is significantly better. None for any other step.
        margin: the lower bound of the effect has to exceed it before the next stage, in the metric's unit; None without
            stages, and once the experiment has ended.
    """

    challenger_id: str
    status: Literal["running", "refused", "withdrawn", "promoted"]
    share: float
    because: str
    champion: ArmTraffic
    challenger: ArmTraffic
    effect: Effect
    shadow_effect: Effect | None
    points: tuple[EffectPoint, ...]
    step: Literal["wait", "advance", "promote", "stop"]
    gates: tuple[Gate, ...]
    verdict: str
    to_stage: int | None = None
    margin: float | None = None


@dataclass(frozen=True)
class SliceComparison:
    """A challenger compared with the champion in one slice: on the same rows in shadow, else between the arms.

    Attributes:
        name: label of the slice: ``region = north``.
        challenger_id: id of the challenger.
        effect: the effect in the slice. Its alpha is the slice's part of the error rate of all guardrails.
        worse: whether the challenger is significantly worse in the slice.
        sentence: the result with its numbers.
    """

    name: str
    challenger_id: str
    effect: Effect
    worse: bool
    sentence: str

    @property
    def state(self) -> Literal["worse", "not worse", "not enough"]:
        """``worse``, ``not worse`` or ``not enough`` (labels)."""
        if self.worse:
            return "worse"
        return "not worse" if self.effect.enough else "not enough"


@dataclass(frozen=True)
class ExperimentReport:
    """The results of an experiment so far.

    Attributes:
        experiment: the experiment with its state.
        at: time of the report.
        challengers: one report per challenger, in the experiment's order.
        sample_ratio: whether the traffic follows the planned shares; None in shadow.
        coverage: whether label coverage is the same in all arms; None in shadow.
        next_stage: the next stage: a share, 1.0 for the promotion; None after the last one.
        verdict: the results in a sentence.
        warnings: what limits the conclusions.
        failures: guardrail: whether a challenger fails more often than the champion, in the present mode.
        slow_calls: guardrail: whether a challenger is slow more often, in a split with ``monitoring.slow_call_ms``.
        slices: guardrail: the comparison in each slice of ``monitoring.slices``, the worst first.
    """

    experiment: Experiment
    at: str
    challengers: tuple[ChallengerReport, ...]
    sample_ratio: SampleRatio | None
    coverage: Coverage | None
    next_stage: str | float | None
    verdict: str
    warnings: tuple[ReportWarning, ...] = ()
    failures: Guardrail = NO_CALLS
    slow_calls: Guardrail | None = None
    slices: tuple[SliceComparison, ...] = ()

    @property
    def checks(self) -> tuple[SampleRatio | Coverage | Guardrail | SliceComparison, ...]:
        """The validity checks that were made, guardrails included; of the slices only those with a worse challenger."""
        known = (self.sample_ratio, self.coverage, self.failures, self.slow_calls)
        return (*(each for each in known if each is not None), *(each for each in self.slices if each.worse))

    @property
    def guardrails(self) -> tuple[Guardrail, ...]:
        """Failed requests, and slow requests if they are monitored."""
        return (self.failures,) if self.slow_calls is None else (self.failures, self.slow_calls)
