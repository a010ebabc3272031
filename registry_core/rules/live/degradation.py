"""The degradation detector: whether the champion is worse than its baseline, monitored without end.

The detector of Shiryaev and Roberts, as an e-detector (Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework
for sequential change detection, arXiv 2203.03532): as long as the model is not worse than the bound, an alarm comes
after ``threshold`` labels on average or later, however often it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.effect import Metric

Numbers = NDArray[np.float64]

#: Rises of the error rate it is prepared for, all at once; of losses, the tilts of the exponential.
DROPS: Numbers = np.array([0.02, 0.03, 0.05, 0.10])
TILTS: Numbers = np.array([0.02, 0.05, 0.1, 0.2, 0.4])
#: Labels between two false alarms on average, at least.
THRESHOLD = 1e6
#: Larger batches are taken in parts, so that what came before weighs against what came last.
LARGEST_BATCH = 500
#: An alarm is over when the labels since speak against it by so much: ln of a likelihood ratio of 100.
RELIEF = math.log(100)
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
    """What a detector has seen since it was started or began anew. ``Detector(metric)`` is one before its first label.

    An alarm lasts until the labels since then speak against it, see ``RELIEF``: then the detector begins anew. So the
    state follows from the labels in their order, and what was done about an alarm is not part of it.

    Attributes:
        metric: which it watches.
        threshold: of R; an alarm above it.
        bound: the error rate, or mean loss, up to which nothing is wrong: that of the last batch.
        log_r: ln R of each drop; empty before the first label.
        labels: seen since it began.
        bad: wrong ones among them, or the sum of their losses.
        climb: the cumulated evidence for the smallest drop, from where it was least (Page's CUSUM, 1954): where it
            began to climb is the best guess at when the model became worse. Only sentences quote it.
        recent: labels since then.
        recent_bad: wrong ones among these, or the sum of their losses.
        recent_since: when the window began that held the first of these.
        alarm: whether the model has become worse than the bound.
        alarms: how many there were.
        relief: the cumulated evidence against the alarm, from where it was least.
    """

    metric: Metric
    threshold: float = THRESHOLD
    bound: float = 0.0
    log_r: tuple[float, ...] = ()
    labels: int = 0
    bad: float = 0.0
    climb: float = 0.0
    recent: int = 0
    recent_bad: float = 0.0
    recent_since: int = 0
    alarm: bool = False
    alarms: int = 0
    relief: float = 0.0

    def update(self, n: int, k: int, bound: float, *, inflation: float = 1.0, start: int = 0) -> Detector:
        """The detector after n labels, k of them wrong.

        Args:
            n: labels of one window.
            k: wrong ones.
            bound: the error rate up to which nothing is wrong.
            inflation: how many times the variance of these labels is that of independent ones, see ``days``; the
                evidence is divided by it.
            start: when the window began.

        Raises:
            InvalidInput: it watches losses, or k is not between 0 and n, or the inflation is below 1.
        """
        if self.metric != "accuracy":
            raise InvalidInput(f"this detector monitors {self.metric}; call update_losses with sums of losses")
        if not 0 <= k <= n:
            raise InvalidInput(f"{k} wrong of {n} labels; give a count from 0 to the number of labels")
        return self._after(n, float(k), log_likelihood_of_wrong(n, k, bound), bound, inflation, start)

    def update_losses(
        self, n: int, total: float, squares: float, bound: float, *, inflation: float = 1.0, start: int = 0
    ) -> Detector:
        """The detector after n losses, from their sum and the sum of their squares; other arguments as ``update``.

        Raises:
            InvalidInput: it watches right and wrong, or the sums cannot be those of n losses of 0 or more, or the
                inflation is below 1.
        """
        if self.metric == "accuracy":
            raise InvalidInput("this detector monitors accuracy; call update with counts")
        if n < 0 or total < 0 or not math.isfinite(squares) or squares < total**2 / max(n, 1) * (1 - 1e-9):
            raise InvalidInput(
                f"sum {total:g} and sum of squares {squares:g} do not belong to {n} losses; give the sums of losses of "
                "0 or more"
            )
        return self._after(n, total, log_evidence_of_losses(n, total, squares, bound), bound, inflation, start)

    def watch(
        self, n: int, total: float, squares: float, bound: float, *, inflation: float = 1.0, start: int = 0
    ) -> Detector:
        """The detector after n labels, from the sum of what was bad in them and the sum of its squares."""
        if self.metric == "accuracy":
            return self.update(n, int(total), bound, inflation=inflation, start=start)
        return self.update_losses(n, total, squares, bound, inflation=inflation, start=start)

    @property
    def log_value(self) -> float:
        """ln of the mean of R over the drops; -inf before the first label."""
        return float(log_mean(np.array(self.log_r))) if self.log_r else -math.inf

    @property
    def value(self) -> float:
        """The mean of R over the drops, which an alarm compares with the threshold."""
        return math.exp(min(self.log_value, 700.0))

    @property
    def progress(self) -> float:
        """How near an alarm is, 0 to 1 on a logarithmic scale: something to draw."""
        return 1.0 if self.alarm else min(max(self.log_value / math.log(self.threshold), 0.0), 1.0)

    @property
    def sentence(self) -> str:
        """What it says now.

        >>> Detector("accuracy").update(400, 60, bound=0.11).sentence
        'No alarm: 15.0% wrong over 400 labels, up to 11.0% is allowed'
        """
        if not self.labels:
            return "No labels yet"
        allowed = f"{self.bound:.1%}" if self.metric == "accuracy" else f"{self.bound:.4g}"
        if self.alarm:
            seen = self._seen(self.recent, self.recent_bad, "the last ")
            return f"Worse than its baseline: {seen}, up to {allowed} is allowed"
        return f"No alarm: {self._seen(self.labels, self.bad, '')}, up to {allowed} is allowed"

    def _seen(self, labels: int, bad: float, which: str) -> str:
        if self.metric == "accuracy":
            return f"{bad / labels:.1%} wrong over {which}{labels:,} labels"
        return f"mean {self.metric} {bad / labels:.4g} over {which}{labels:,} labels"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``from_dict`` reads it."""
        return {**vars(self), "log_r": list(self.log_r)}

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Detector:
        """What ``to_dict`` wrote."""
        fields: dict[str, Any] = {**stored, "log_r": tuple(stored["log_r"])}
        return Detector(**fields)

    def _after(self, n: int, bad: float, log_evidence: Numbers, bound: float, inflation: float, start: int) -> Detector:
        if inflation < 1:
            raise InvalidInput(f"the inflation is {inflation:g}; give 1 or more")
        if not n:
            return self
        parts = -(-n // LARGEST_BATCH)
        # The order within a window is not known, so each part has its share of the evidence. By Jensen's inequality a
        # power below 1 of what wins nothing on average wins nothing either.
        share = log_evidence / inflation / parts
        log_r: Numbers = np.array(self.log_r) if self.log_r else np.full(log_evidence.shape, -math.inf)
        alarm, relief, against = self.alarm, self.relief, -float(share[len(share) // 2])
        for _ in range(parts):
            log_r = advance(log_r, n / parts, share)
            if alarm:
                relief = max(relief, 0.0) + against
                if relief > RELIEF:
                    return Detector(self.metric, self.threshold, bound, alarms=self.alarms)
            elif log_mean(log_r) > math.log(self.threshold):
                alarm = True
        climb = max(self.climb, 0.0) + float(share[0]) * parts
        rising = self.climb > 0
        return Detector(
            self.metric,
            self.threshold,
            bound,
            tuple(log_r.tolist()),
            self.labels + n,
            self.bad + bad,
            climb,
            n + (self.recent if rising else 0),
            bad + (self.recent_bad if rising else 0.0),
            self.recent_since if rising else start,
            alarm,
            self.alarms + (alarm and not self.alarm),
            relief if alarm else 0.0,
        )
