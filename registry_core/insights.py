"""Records that explain an evaluated version against the champion: where it loses, for whom, its worth, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .evidence import Difference, Measured

#: The rates of a group that fairness compares; the positive class is the second of two.
FAIRNESS_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
#: What a decision on one row may turn out to be.
OUTCOMES = ("hit", "miss", "false_alarm", "correct_rejection")


@dataclass(frozen=True)
class LosingSlice:
    """A slice in which a version is worse than the champion, found on one half of a benchmark, confirmed on the other.

    Attributes:
        condition: which rows, such as ``delay > 40 and region = N``.
        difference: the version minus the champion on the rows of the confirming half that meet the condition.
        sentence: both in words.
    """

    condition: str
    difference: Difference
    sentence: str


@dataclass(frozen=True)
class LosingSlices:
    """Where a version loses against the champion, over all columns of a benchmark.

    Attributes:
        metric: what was compared: ``accuracy``, ``log_loss``, ``brier_score`` or ``mae``.
        searched: rows of the half that was searched.
        confirmed: rows of the half that confirms.
        columns: number of columns that were searched.
        slices: at most five, the clearest first. The share of false ones is at most 5% on average.
        sentence: how many there are, and the clearest.
    """

    model_id: str
    champion_id: str
    benchmark: str
    metric: str
    searched: int
    confirmed: int
    columns: int
    slices: tuple[LosingSlice, ...]
    sentence: str


@dataclass(frozen=True)
class Rate:
    """A share within a group with its 95% interval (Wilson's), of ``rows`` rows; no value where there are none."""

    value: float | None
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True)
class Group:
    """The rows with one value of a protected column, and their rates by the names of ``FAIRNESS_RATES``."""

    name: str
    rows: int
    rates: Mapping[str, Rate]


@dataclass(frozen=True)
class Gap:
    """How far the groups are apart in one rate; rates of too few rows are not counted.

    Attributes:
        highest: the group with the highest rate.
        lowest: the group with the lowest rate.
        difference: the highest minus the lowest rate, with its 95% interval.
        ratio: the lowest divided by the highest rate, with its 95% interval; None where every rate is 0.
    """

    rate: str
    highest: str
    lowest: str
    difference: Measured
    ratio: Measured | None


@dataclass(frozen=True)
class Fairness:
    """The rates of a version by group of one protected column.

    Attributes:
        column: the protected column.
        positive: the positive class; None with more than two classes, where only accuracy is compared.
        least: a rate of fewer rows is small: shown, and not counted in the gaps.
        groups: most rows first.
        gaps: by rate; a rate that fewer than two groups have enough rows for is missing.
        small: groups with a small rate.
        sentence: the largest gap, and the small groups.
    """

    model_id: str
    benchmark: str
    column: str
    positive: str | None
    least: int
    groups: tuple[Group, ...]
    gaps: Mapping[str, Gap]
    small: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class ValueCurve:
    """What the decisions of one version are worth per 1,000 rows, by threshold.

    Attributes:
        thresholds: rows with at least this probability of the positive class are called positive, (n,).
        values: per 1,000 rows, (n,).
        low: lower ends of the pointwise 95% intervals, (n,).
        high: upper ends, (n,).
        best_threshold: where the value is highest.
        best: that value. It is slightly optimistic, since the same rows chose the threshold.
        predicted: the value of the classes that the version predicts by itself.
    """

    model_id: str
    thresholds: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best_threshold: float
    best: Measured
    predicted: Measured


@dataclass(frozen=True)
class OutcomeValue:
    """What a version is worth by the values of its outcomes, beside the champion.

    Attributes:
        values: of one row: ``hit``, ``miss``, ``false_alarm`` and ``correct_rejection``; what is not given is 0.
        positive: the positive class.
        rows: rows of the benchmark.
        curve: of the version.
        champion: of the champion; None where there is none to compare with.
        difference: the version minus the champion per 1,000 rows, each at its best threshold, with the 95% interval of
            a paired bootstrap that chooses both thresholds anew; None without a champion.
        sentence: the best threshold, the value and the difference.
    """

    model_id: str
    champion_id: str | None
    benchmark: str
    values: Mapping[str, float]
    positive: str
    rows: int
    curve: ValueCurve
    champion: ValueCurve | None
    difference: Difference | None
    sentence: str


@dataclass(frozen=True)
class FeatureImpact:
    """How much of a metric is lost when a feature's values are permuted among the rows of a benchmark.

    Attributes:
        metric: the metric; a loss is counted so that a positive impact means that the feature helps.
        baseline: the metric without permutation.
        rows: rows that were used.
        of_rows: rows of the benchmark.
        repeats: permutations of each feature.
        seed: of the permutations; features and versions share them.
        impacts: feature -> impact with its 95% interval over rows and permutations; the largest first.
    """

    model_id: str
    benchmark: str
    fingerprint: str
    at: str
    actor: str
    metric: str
    baseline: float
    rows: int
    of_rows: int
    repeats: int
    seed: int
    impacts: Mapping[str, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class ImpactComparison:
    """The feature impact of a version beside the champion's.

    Attributes:
        impact: of the version.
        champion: of the champion; None where it was not computed in the same metric.
        differences: feature -> the version minus the champion; the largest first. Features that only one has are
            missing.
        gained: features whose impact is clearly larger, the clearest first; at most 5% of them are false on average.
        lost: features whose impact is clearly smaller.
        sentence: what matters most, what gained and what lost most.
    """

    impact: FeatureImpact
    champion: FeatureImpact | None
    differences: Mapping[str, Difference]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    sentence: str
