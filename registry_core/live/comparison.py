"""Records of an experiment's report: what each arm did, what that shows, and what has to hold before it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..evidence import Gate
from ..notices import ReportWarning
from .checks import NO_CALLS, Coverage, Guardrail, SampleRatio
from .effect import Effect
from .records import Experiment


@dataclass(frozen=True)
class ArmTraffic:
    """What one arm did in the whole experiment, whatever the age of its predictions.

    ``value`` is its mean in the experiment's metric over its labels (accuracy, Brier score or loss); None without.
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
    """The effect as it stood after the window of predictions that begins at ``start``: a point of a chart.

    A positive ``value`` is good for the challenger; ``low`` to ``high`` holds at all points together. All three are
    None while there is not enough.
    """

    start: str
    labels: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ChallengerReport:
    """One challenger against the champion.

    Attributes:
        challenger_id: its id; ``status``, ``share`` and ``because`` are those of its arm.
        champion: what the champion did beside it.
        challenger: what it did itself.
        effect: in the mode the experiment is in now; in shadow of the very same rows, in a split of different units.
        shadow_effect: what the shadow had shown, once the experiment has gone on to a split; else None.
        points: the effect over time, in the present mode.
        step: what the present stage's gates say: ``wait``, ``advance``, ``promote`` or ``stop`` (it does harm); without
            stages ``promote`` stands for "better, clearly", and ``wait`` for anything else that is no harm.
        gates: what has to hold before the next stage, each with its numbers.
        verdict: all that in a sentence.
        to_stage: where ``step`` is ``advance`` of an experiment with stages, the index of the stage it leads to: the
            next one, or the last one before the promotion where the challenger is clearly better.
        margin: the lower bound of the difference has to be above it before the next stage, in the metric's unit; None
            of an experiment without stages and of one that has ended.
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
    """A challenger against the champion on the rows of one slice: in shadow on the same rows, else in the split.

    Attributes:
        name: of the slice, as people read it: ``region = north``.
        challenger_id: which challenger.
        effect: the difference there. Its alpha is this slice's part of the error rate of all guardrails.
        worse: whether the challenger is significantly worse there.
        sentence: what that means.
    """

    name: str
    challenger_id: str
    effect: Effect
    worse: bool
    sentence: str

    @property
    def state(self) -> Literal["worse", "not worse", "not enough"]:
        """What the comparison found there."""
        if self.worse:
            return "worse"
        return "not worse" if self.effect.enough else "not enough"


@dataclass(frozen=True)
class ExperimentReport:
    """What an experiment has shown so far.

    Attributes:
        experiment: its state.
        at: when this was computed.
        challengers: one report for each arm, in the experiment's order.
        sample_ratio: whether traffic is dealt out as planned; None in shadow.
        coverage: whether labels come back alike from all arms; None in shadow.
        next_stage: the stage that follows: a share, 1.0 for the promotion; None without a further one.
        verdict: the whole in a sentence.
        warnings: what to keep in mind when reading it.
        failures: a guardrail: whether a challenger fails more often than the champion, in the present mode.
        slow_calls: likewise whether it is slow more often, in a split where ``monitoring.slow_call_ms`` is set.
        slices: likewise whether it is worse in a declared slice (``monitoring.slices``), the worst first.
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
        """Whatever the comparison rests on, as far as it is looked at; of slices those where a challenger is worse."""
        known = (self.sample_ratio, self.coverage, self.failures, self.slow_calls)
        return (*(each for each in known if each is not None), *(each for each in self.slices if each.worse))

    @property
    def guardrails(self) -> tuple[Guardrail, ...]:
        """What a challenger may not have more of than the champion."""
        return (self.failures,) if self.slow_calls is None else (self.failures, self.slow_calls)
