"""The effect of a challenger, the same record for shadow and split tests, with its sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: ``loss`` is the mean absolute or squared error, whichever is recorded.
Metric = Literal["accuracy", "brier", "loss"]

#: What a metric is called in a sentence.
NAMES: dict[Metric, str] = {"accuracy": "accuracy", "brier": "Brier score", "loss": "loss"}


@dataclass(frozen=True)
class Effect:
    """The difference between challenger and champion in one metric. A positive value favours the challenger.

    With ``enough`` False there is no result yet: every number below is None, and ``why_not`` says what is missing.

    Attributes:
        metric: the compared metric.
        kind: ``split`` for different units, ``shadow`` for the same rows.
        champion_labels: labelled predictions of the champion that count; in shadow, the labelled rows of both.
        challenger_labels: labelled predictions of the challenger that count.
        enough: whether there are enough labels.
        why_not: what is missing, as a sentence; empty if ``enough``.
        value: the difference: a fraction for accuracy (0.018 is 1.8 pp), else in the metric's unit.
        low: lower end of the two-sided confidence interval at level 1 - alpha, valid at every look.
        high: upper end of that interval.
        at_least: one-sided lower bound at level 1 - bound_alpha, valid at every look.
        log_e: natural log of the e-value against "no difference".
        log_e_worse: natural log of the e-value against "not worse".
        alpha: error rate of the interval and of the e-values.
        bound_alpha: error rate of the bound.
        more_labels: estimated number of further labels that prove a true difference of ``worth``: of both models
            together in a split, of rows that both models score in shadow. 0 if no more are needed, None if it is not
            known.
        worth: the difference that ``more_labels`` refers to, in the metric's unit.
        inflation: variance as a multiple of that of independent rows; rows of one unit are correlated.
    """

    metric: Metric
    kind: Literal["split", "shadow"]
    champion_labels: int
    challenger_labels: int
    enough: bool
    why_not: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    log_e: float | None = None
    log_e_worse: float | None = None
    alpha: float = 0.05
    bound_alpha: float = 0.01
    more_labels: int | None = None
    worth: float | None = None
    inflation: float = 1.0

    @property
    def p(self) -> float | None:
        """The p-value of "no difference", valid at every look; None with too few labels."""
        return None if self.log_e is None else min(1.0, math.exp(-max(self.log_e, 0.0)))

    @property
    def e_worse(self) -> float | None:
        """The e-value against "not worse"; None with too few labels."""
        return None if self.log_e_worse is None else math.exp(min(self.log_e_worse, 700.0))

    @property
    def verdict(self) -> Literal["better", "worse", "no clear difference", "not enough"]:
        """``better`` or ``worse`` if the interval excludes zero; ``not enough`` without an interval."""
        if self.low is None or self.high is None:
            return "not enough"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no clear difference"

    @property
    def sentence(self) -> str:
        """The verdict with its numbers, or what is missing.

        >>> Effect("accuracy", "split", 3090, 3120, True, value=0.018, low=0.004, high=0.032).sentence
        'Challenger is better by 1.8 pp of accuracy (0.4 to 3.2), 3,120 against 3,090 labels'
        """
        if self.value is None or self.low is None or self.high is None:
            return self.why_not
        if self.verdict in ("better", "worse"):
            sign = 1 if self.value > 0 else -1
            value, low, high = (sign * each for each in (self.value, self.low, self.high))
            low, high = min(low, high), max(low, high)
            numbers = _shown(self.metric, (value, low, high), "")
            return f"Challenger is {self.verdict} by {numbers}, {self._labels}"
        further = ""
        if self.more_labels and self.worth is not None:
            further = f"; about {_rounded(self.more_labels):,} more labels would show {amount(self.metric, self.worth)}"
        return f"No clear difference yet: challenger {self.numbers}{further}"

    @property
    def progress(self) -> float | None:
        """The labels so far as a fraction of those that prove a difference of ``worth``.

        None if no more labels are needed, or if their number is not known.

        >>> Effect("accuracy", "split", 600, 400, True, value=0, low=-1, high=1, more_labels=3000, worth=0.02).progress
        0.25
        """
        if not self.enough or not self.more_labels or self.verdict in ("better", "worse"):
            return None
        labels = self.challenger_labels + (self.champion_labels if self.kind == "split" else 0)
        return labels / (labels + self.more_labels)

    @property
    def labels_needed(self) -> str:
        """The labels that are still needed, as a sentence."""
        if not self.enough:
            return self.why_not
        if self.verdict in ("better", "worse"):
            return "None: the interval excludes zero"
        if self.worth is None or self.more_labels is None:
            return "Not known"
        difference = amount(self.metric, self.worth)
        if not self.more_labels:
            return f"None for a difference of {difference}"
        whose = "of both models together" if self.kind == "split" else "of rows that both models score"
        return f"About {_rounded(self.more_labels):,} {whose} would show {difference}"

    @property
    def numbers(self) -> str:
        """The difference with its interval and labels, without a verdict; empty with too few labels."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"{_shown(self.metric, (self.value, self.low, self.high), '+')}, {self._labels}"

    @property
    def _labels(self) -> str:
        if self.kind == "shadow":
            return f"{self.challenger_labels:,} labels of the same rows"
        return f"{self.challenger_labels:,} against {self.champion_labels:,} labels"


def amount(metric: Metric, value: float) -> str:
    """``2 pp of accuracy``, ``0.01 of Brier score``."""
    if metric == "accuracy":
        return f"{value * 100:g} pp of accuracy"
    return f"{value:.3g} of {NAMES[metric]}"


def signed_amount(metric: Metric, value: float) -> str:
    """``-2.0 pp``, ``+0.01``: a bound or a limit in the metric's unit."""
    return f"{value * 100 + 0.0:+.1f} pp" if metric == "accuracy" else f"{value + 0.0:+.3g}"


def gain(metric: Metric, value: float) -> str:
    """``2.0 pp more accurate``, ``0.01 worse in Brier score``; ``value`` is what was gained, in the metric's unit."""
    if metric == "accuracy":
        return f"{abs(value) * 100:.1f} pp {'less' if value < 0 else 'more'} accurate"
    return f"{abs(value):.3g} {'worse' if value < 0 else 'better'} in {NAMES[metric]}"


def points(shares: Sequence[float], sign: str = "+") -> list[str]:
    """Differences of shares in percentage points, all with as many digits as the largest needs.

    >>> points((0.018, 0.004, 0.032)), points((0.0004, -0.0001, 0.0009))
    (['+1.8', '+0.4', '+3.2'], ['+0.04', '-0.01', '+0.09'])
    """
    percent = [share * 100 for share in shares]
    largest = max(map(abs, percent))
    digits = 1 if largest >= 0.5 or not largest else 2 if largest >= 0.05 else 4
    return [f"{each + 0.0:{sign}.{digits}f}" for each in percent]


def _shown(metric: Metric, numbers: tuple[float, float, float], sign: str) -> str:
    if metric == "accuracy":
        value, low, high = points(numbers, sign)
        return f"{value} pp of accuracy ({low} to {high})"
    value, low, high = (f"{each + 0.0:{sign}.3g}" for each in numbers)
    return f"{value} of {NAMES[metric]} ({low} to {high})"


def _rounded(number: int) -> int:
    """Two digits are what an estimate is worth."""
    place: int = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // place) * place
