"""What a test of live traffic found, the same for every kind of test, and the sentence that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

#: ``loss`` is the mean absolute or squared error, whichever the sums were made with.
Metric = Literal["accuracy", "brier", "loss"]

#: What a metric is called in a sentence.
NAMES: dict[Metric, str] = {"accuracy": "accuracy", "brier": "Brier score", "loss": "loss"}


@dataclass(frozen=True)
class Effect:
    """The challenger against the champion in one metric. A positive difference is good, also for losses.

    Where ``enough`` is False there is no verdict yet: every number below is None, and ``why_not`` says what is missing.

    Attributes:
        metric: which.
        kind: ``split`` for different units, ``shadow`` for the very same rows.
        champion_labels: labelled predictions of the champion that count; of a shadow test the rows, as the next.
        challenger_labels: those of the challenger.
        enough: whether there is enough for any claim.
        why_not: what is missing, a sentence; empty when there is enough.
        value: the difference: a share for accuracy (0.018 is 1.8 pp), else in the metric's unit.
        low: of the two-sided interval at level 1 - alpha; it holds at all looks together.
        high: likewise.
        at_least: the one-sided lower bound at level 1 - bound_alpha, at all looks together.
        log_e: ln of the e-value against "no difference".
        log_e_worse: ln of the e-value against "not worse".
        alpha: the level all this was asked at, but for the bound.
        bound_alpha: the level of the bound.
        more_labels: about how many more labels, of both models together, would show a true difference of ``worth``;
            0 when they are there.
        worth: see ``more_labels``.
        inflation: how many times the variance is that of independent rows, since rows of one unit hang together.
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
        """The always valid p of "no difference"; None when there is not enough."""
        return None if self.log_e is None else min(1.0, math.exp(-max(self.log_e, 0.0)))

    @property
    def e_worse(self) -> float | None:
        """The e-value against "not worse"; None when there is not enough."""
        return None if self.log_e_worse is None else math.exp(min(self.log_e_worse, 700.0))

    @property
    def verdict(self) -> Literal["better", "worse", "no clear difference", "not enough"]:
        """Whether the interval leaves out zero, and on which side."""
        if self.low is None or self.high is None:
            return "not enough"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no clear difference"

    @property
    def sentence(self) -> str:
        """The verdict with its numbers.

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
    def numbers(self) -> str:
        """The difference with its interval and labels, without a verdict; empty when there is not enough."""
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


def _shown(metric: Metric, numbers: tuple[float, float, float], sign: str) -> str:
    if metric == "accuracy":
        percent = [number * 100 for number in numbers]
        largest = max(map(abs, percent))
        digits = 1 if largest >= 0.5 or not largest else 2 if largest >= 0.05 else 4
        value, low, high = (f"{each + 0.0:{sign}.{digits}f}" for each in percent)
        return f"{value} pp of accuracy ({low} to {high})"
    value, low, high = (f"{each + 0.0:{sign}.3g}" for each in numbers)
    return f"{value} of {NAMES[metric]} ({low} to {high})"


def _rounded(number: int) -> int:
    """Two digits are what an estimate is worth."""
    place: int = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // place) * place
