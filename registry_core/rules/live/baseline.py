"""The baseline of a champion, and the bound above which its error rate counts as degradation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from ...errors import InvalidInput
from ...live.effect import NAMES, Metric

#: Fewer rows than these know the model too little: the bound is then so wide that it has to be said.
MANY_ROWS = 20_000
#: Days that make a whole cycle.
WEEK = 7
#: One-sided chance that the model is within its bound. With the tolerance, at most 8 of 1,000 models that had not
#: changed raised a false alarm within 200,000 labels, even when their baselines had 500 rows; at 97.5% a drop of 5
#: points takes a quarter longer to show, at 99.9% twice as long.
CONFIDENCE = 0.95
#: How much worse than the bound is still no reason for an alarm: a point, or a twentieth of the mean loss.
TOLERANCE, TOLERANCE_OF_LOSSES = 0.01, 0.05
_DEVIATIONS = NormalDist().inv_cdf(CONFIDENCE)


@dataclass(frozen=True)
class Bound:
    """The error rate, or mean loss, up to which nothing is wrong, and the sentence on where it comes from."""

    metric: Metric
    value: float
    because: str


@dataclass(frozen=True)
class Baseline:
    """What a model did while all was well: in production, as a challenger, or on its benchmark.

    Attributes:
        metric: which.
        rows: labelled ones.
        mean: the share of wrong answers, or the mean loss.
        variance: of a row.
        inflation: how many times the variance of their sum is that of independent rows, see ``days``.
        days: over how many days they came; 0 where they did not come day by day, as on a benchmark.
    """

    metric: Metric
    rows: int
    mean: float
    variance: float
    inflation: float = 1.0
    days: int = 0

    def bound(self, tolerance: float | None = None) -> Bound:
        """The upper bound of what it has shown, plus a tolerance.

        Of wrong answers it is that of Clopper and Pearson (1934), of losses that of the normal distribution, at 95%.
        It is wider the fewer rows there are, and the more they hang together.

        Args:
            tolerance: in the unit of the mean; None takes one point, of losses a twentieth of the mean.

        Raises:
            InvalidInput: a negative tolerance, no rows, or a mean loss of 0, of which nothing can be a part.
        """
        if tolerance is None:
            tolerance = TOLERANCE if self.metric == "accuracy" else TOLERANCE_OF_LOSSES * self.mean
        if tolerance < 0 or self.rows < 1 or self.inflation < 1:
            raise InvalidInput(
                f"tolerance {tolerance:g}, {self.rows} baseline rows, inflation {self.inflation:g}: give a tolerance "
                "of 0 or more, at least 1 row and an inflation of 1 or more"
            )
        rows = self.rows / self.inflation
        if self.metric == "accuracy":
            upper = clopper_pearson_upper(rows, self.mean * rows, CONFIDENCE)
            value = min(upper + tolerance, 1 - 1e-6)
            shown = (
                f"{self.mean:.1%} wrong",
                f"{upper:.1%}",
                f"{tolerance * 100:g} pp",
                f"{value:.1%}",
            )
        else:
            if self.mean <= 0:
                raise InvalidInput(
                    f"the baseline's {NAMES[self.metric]} is {self.mean:g}; give one with losses above 0"
                )
            upper = self.mean + _DEVIATIONS * math.sqrt(self.variance / rows)
            value = upper + tolerance
            shown = f"mean {NAMES[self.metric]} {self.mean:.4g}", f"{upper:.4g}", f"{tolerance:.4g}", f"{value:.4g}"
        found, most, extra, allowed = shown
        over = f" of {self.days:,} day{'' if self.days == 1 else 's'}" if self.days else ""
        like = f" (equivalent to {rows:,.0f} independent ones)" if self.inflation > 1.05 else ""
        labels = f"{self.rows:,} labels{over}{like}"
        because = f"{found} on {labels}, upper bound {most}, plus a tolerance of {extra}: {allowed}"
        if self.days and self.days < WEEK:
            because += "; less than a whole week, so a weekday effect may look like a degradation"
        elif rows < MANY_ROWS:
            because += "; with so few labels, a smaller degradation is detected late or never"
        return Bound(self.metric, value, because)


def clopper_pearson_upper(rows: float, wrong: float, confidence: float) -> float:
    """The exact one-sided upper bound of a share (Clopper and Pearson 1934), continued to counts that are no whole."""
    from scipy.special import betaincinv

    return 1.0 if wrong >= rows else float(betaincinv(wrong + 1, rows - wrong, confidence))
