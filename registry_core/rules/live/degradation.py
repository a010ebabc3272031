"""Has the champion become worse than it was when it was promoted? An alarm that may be watched for ever.

The detector of Shiryaev and Roberts, as an e-detector (Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework
for sequential change detection, arXiv 2203.03532): as long as the model is not worse than the bound, an alarm comes
after ``threshold`` labels on average or later, however often it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.effect import Metric
from .baseline import Bound
from .split import of_metric
from .sums import Sums

Numbers = NDArray[np.float64]

#: Rises of the error rate it is prepared for, all at once; of losses, the tilts of the exponential.
DROPS: Numbers = np.array([0.02, 0.05, 0.10])
TILTS: Numbers = np.array([0.02, 0.05, 0.1, 0.2, 0.4])
#: Labels between two false alarms on average, at least.
THRESHOLD = 1e6
#: Larger batches are taken in parts, so that what came before weighs against what came last.
LARGEST_BATCH = 500
_HIGHEST_RATE = 0.999


def log_likelihood_of_wrong(n: Any, k: Any, bound: Any) -> Numbers:
    """ln of the likelihood of k wrong among n labels at bound + drop over that at the bound, (..., drops)."""
    n, k, bound = (np.asarray(each, np.float64)[..., None] for each in (n, k, bound))
    risen = np.minimum(bound + DROPS, _HIGHEST_RATE)
    found: Numbers = k * np.log(risen / bound) + (n - k) * np.log((1 - risen) / (1 - bound))
    return found


def log_evidence_of_losses(n: Any, total: Any, squares: Any, bound: Any) -> Numbers:
    """ln of what bets on higher losses win, (..., tilts): tilt * sum y - psi * sum y^2, y = (loss - bound) / bound.

    psi = -ln(1 - tilt) - tilt. For y >= -1, that is losses of 0 or more, exp(tilt y - psi y^2) <= 1 + tilt y, so that
    it wins nothing on average while the mean is at most the bound (Fan, Grama and Liu 2015).
    """
    n, total, squares, bound = (np.asarray(each, np.float64)[..., None] for each in (n, total, squares, bound))
    y, y2 = (total - n * bound) / bound, (squares - 2 * bound * total + n * bound**2) / bound**2
    found: Numbers = TILTS * y + (np.log1p(-TILTS) + TILTS) * y2
    return found


def advance(log_r: Numbers, n: Any, log_evidence: Numbers) -> Numbers:
    """R <- (R + n) * L for one batch, in logarithms; (..., drops). ``n`` has the shape of the rest."""
    with np.errstate(divide="ignore"):
        found: Numbers = np.logaddexp(log_r, np.log(np.asarray(n, np.float64))[..., None]) + log_evidence
    return found


def log_mean(log_r: Numbers) -> Any:
    """ln of the mean of R over the drops, from (..., drops)."""
    return np.logaddexp.reduce(log_r, axis=-1) - math.log(log_r.shape[-1])


@dataclass(frozen=True)
class Detector:
    """What a detector has seen since it was started or reset. ``start`` makes one, ``update`` gives the next.

    Attributes:
        metric: which it watches.
        bound: the error rate, or mean loss, up to which nothing is wrong.
        threshold: of R; an alarm above it.
        icc: the intraclass correlation of labels of one batch: how much they hang together, 0 to 1.
        log_r: ln R of each drop; empty before the first label.
        labels: seen so far.
        bad: wrong ones among them, or the sum of their losses.
        climb: the cumulated evidence for the smallest drop, from where it was least (Page's CUSUM, 1954): where it
            began to climb is the best guess at when the model became worse. Only sentences quote it.
        recent: labels since then.
        recent_bad: wrong ones among these, or the sum of their losses.
    """

    metric: Metric
    bound: float
    threshold: float = THRESHOLD
    icc: float = 0.0
    log_r: tuple[float, ...] = ()
    labels: int = 0
    bad: float = 0.0
    climb: float = 0.0
    recent: int = 0
    recent_bad: float = 0.0

    def update(self, n: int, k: int) -> Detector:
        """The detector after a batch of n labels, k of them wrong.

        Raises:
            InvalidInput: it watches losses, or k is not between 0 and n.
        """
        if self.metric != "accuracy":
            raise InvalidInput(f"this detector watches the {self.metric}; give it sums of losses, by update_losses")
        if not 0 <= k <= n:
            raise InvalidInput(f"{k} wrong of {n} labels; give counts, wrong ones among all")
        return self._after(n, float(k), log_likelihood_of_wrong(n, k, self.bound))

    def update_losses(self, n: int, total: float, squares: float) -> Detector:
        """The detector after a batch of n losses, from their sum and the sum of their squares.

        Raises:
            InvalidInput: it watches right and wrong, or the sums cannot be those of n losses of 0 or more.
        """
        if self.metric == "accuracy":
            raise InvalidInput("this detector watches right and wrong; give it counts, by update")
        if n < 0 or total < 0 or not math.isfinite(squares) or squares < total**2 / max(n, 1) * (1 - 1e-9):
            raise InvalidInput(f"sum {total:g} and sum of squares {squares:g} are not those of {n} losses of 0 or more")
        return self._after(n, total, log_evidence_of_losses(n, total, squares, self.bound))

    def watch(self, sums: Sums) -> Detector:
        """The detector after the labels of a bucket. Give every bucket once, when its labels are in."""
        n, total, squares = of_metric(sums, self.metric)
        return self.update(n, int(total)) if self.metric == "accuracy" else self.update_losses(n, total, squares)

    @property
    def log_value(self) -> float:
        """ln of the mean of R over the drops; -inf before the first label."""
        return float(log_mean(np.array(self.log_r))) if self.log_r else -math.inf

    @property
    def value(self) -> float:
        """The mean of R over the drops, which an alarm compares with the threshold."""
        return math.exp(min(self.log_value, 700.0))

    @property
    def alarm(self) -> bool:
        """Whether the model has become worse than the bound."""
        return self.log_value > math.log(self.threshold)

    @property
    def progress(self) -> float:
        """How near an alarm is, 0 to 1 on a logarithmic scale: something to draw."""
        return min(max(self.log_value / math.log(self.threshold), 0.0), 1.0)

    @property
    def sentence(self) -> str:
        """What it says now.

        >>> Detector("accuracy", 0.11).update(400, 60).sentence
        'No alarm: 15.0% of 400 labels wrong, up to 11.0% was allowed for'
        """
        if not self.labels:
            return "No labels yet: nothing to watch"
        allowed = f"{self.bound:.1%}" if self.metric == "accuracy" else f"{self.bound:.4g}"
        if self.alarm and self.recent:
            seen = self._seen(self.recent, self.recent_bad, "the last ")
            return f"Worse than at its promotion: {seen}, up to {allowed} was allowed for"
        return f"No alarm: {self._seen(self.labels, self.bad, '')}, up to {allowed} was allowed for"

    def _seen(self, labels: int, bad: float, which: str) -> str:
        if self.metric == "accuracy":
            return f"{bad / labels:.1%} of {which}{labels:,} labels wrong"
        return f"mean {self.metric} {bad / labels:.4g} over {which}{labels:,} labels"

    def reset(self) -> Detector:
        """As at the start: after an alarm was acted on."""
        return Detector(self.metric, self.bound, self.threshold, self.icc)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``from_dict`` reads it."""
        return {
            "metric": self.metric,
            "bound": self.bound,
            "threshold": self.threshold,
            "icc": self.icc,
            "log_r": list(self.log_r),
            "labels": self.labels,
            "bad": self.bad,
            "climb": self.climb,
            "recent": self.recent,
            "recent_bad": self.recent_bad,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Detector:
        """What ``to_dict`` wrote."""
        return Detector(**{**stored, "log_r": tuple(stored["log_r"])})

    def _after(self, n: int, bad: float, log_evidence: Numbers) -> Detector:
        if not n:
            return self
        parts = -(-n // LARGEST_BATCH)
        # The order within a batch is not known, so each part has its share of the evidence. By Jensen's inequality a
        # power below 1 of what wins nothing on average wins nothing either.
        share = log_evidence / (1 + (n - 1) * self.icc) / parts
        log_r: Numbers = np.array(self.log_r) if self.log_r else np.full(log_evidence.shape, -math.inf)
        for _ in range(parts):
            log_r = advance(log_r, n / parts, share)
        climb = max(self.climb, 0.0) + float(share[0]) * parts
        rising = self.climb > 0
        return replace(
            self,
            log_r=tuple(log_r.tolist()),
            labels=self.labels + n,
            bad=self.bad + bad,
            climb=climb,
            recent=n + (self.recent if rising else 0),
            recent_bad=bad + (self.recent_bad if rising else 0.0),
        )


def start(bound: Bound, *, icc: float = 0.0, detectors: int = 1) -> Detector:
    """A detector for one model.

    Args:
        bound: see ``baseline``.
        icc: see ``intraclass_correlation``; 0 for labels that are independent.
        detectors: how many are watched at the same time; all together then raise false alarms as one would.

    Raises:
        InvalidInput: an icc outside of 0 to 1, or no detector.
    """
    if not 0 <= icc <= 1 or detectors < 1:
        raise InvalidInput(f"icc {icc:g} for {detectors} detectors; give an icc from 0 to 1 and at least one detector")
    return Detector(bound.metric, bound.value, THRESHOLD * detectors, icc)


def intraclass_correlation(batches: Sequence[tuple[int, int]]) -> float:
    """How much labels of one batch hang together, from (labels, wrong) of several; 0 where too little is known.

    The estimator by analysis of variance (Fleiss 1981), cut off at 0 and 1.
    """
    n, k = (
        np.array(each, np.float64) for each in zip(*[batch for batch in batches if batch[0]] or [(0, 0)], strict=True)
    )
    groups, rows = len(n), n.sum()
    if groups < 2 or rows <= groups:
        return 0.0
    share = k.sum() / rows
    between = float((n * np.square(k / n - share)).sum() / (groups - 1))
    within = float((k * (n - k) / n).sum() / (rows - groups))
    size = float((rows - np.square(n).sum() / rows) / (groups - 1))
    whole = between + (size - 1) * within
    return min(max((between - within) / whole, 0.0), 1.0) if whole > 0 else 0.0
