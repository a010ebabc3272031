"""The area under the ROC curve of live scores, from their histograms, with what binning may hide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..intervals import Z
from .histogram import Histogram, Numbers

#: Labels of each kind before an interval is given.
LEAST = 20


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve: the chance that a row of class 1 has a higher score than one of class 0.

    Attributes:
        value: ties within a bin count half.
        lowest: if within every bin all of class 0 ranked higher, and ``highest`` if all of class 1 did: the exact area
            of the scores lies between the two.
        highest: see there.
        low: of DeLong's 95% interval; None with fewer than 20 labels of a kind. It holds for one look only, which
            ``holds_for`` says: show it, never decide on it.
        high: likewise.
        positives: labels of class 1.
        negatives: labels of class 0.
        holds_for: ``one look``.
    """

    value: float
    lowest: float
    highest: float
    low: float | None
    high: float | None
    positives: int
    negatives: int
    holds_for: str = "one look"


def area(of_0: Histogram, of_1: Histogram) -> Area | None:
    """The area from the scores of both classes; None while one of them has no labels.

    With p_i and q_i scores of class 1 and 0 in bin i, P and N in all: v10_i = (N_<i + q_i / 2) / N and
    v01_i = (P_>i + p_i / 2) / P are DeLong's placements, the variance is s2(v10) / P + s2(v01) / N (DeLong, DeLong and
    Clarke-Pearson 1988). Where a perfect ranking has no variance, the interval is None.
    """
    if not of_0 or not of_1:
        return None
    # union1d would hash them, which takes eight times as long.
    merged = np.sort(np.concatenate((of_0.bins, of_1.bins)))
    both = merged[np.append(True, merged[1:] != merged[:-1])]
    q, p = (np.zeros(len(both)) for _ in range(2))
    q[np.searchsorted(both, of_0.bins)] = of_0.counts
    p[np.searchsorted(both, of_1.bins)] = of_1.counts
    negatives, positives = float(q.sum()), float(p.sum())
    below, above = np.cumsum(q) - q, positives - np.cumsum(p)
    v10, v01 = (below + q / 2) / negatives, (above + p / 2) / positives
    value = float(p @ v10 / positives)
    tied = float(p @ q) / (2 * positives * negatives)
    low = high = None
    if min(positives, negatives) >= LEAST:
        variance = _variance(v10, p) / positives + _variance(v01, q) / negatives
        if variance > 0:
            low, high = _on_logit(value, math.sqrt(variance))
    return Area(value, value - tied, value + tied, low, high, int(positives), int(negatives))


def _variance(values: Numbers, counts: Numbers) -> float:
    total = counts.sum()
    mean = counts @ values / total
    return float(counts @ np.square(values - mean) / (total - 1))


def _on_logit(value: float, deviation: float) -> tuple[float, float]:
    """On a scale without ends, so that the interval stays between 0 and 1."""
    if not 0 < value < 1:
        return max(value - Z * deviation, 0.0), min(value + Z * deviation, 1.0)
    middle, half = math.log(value / (1 - value)), Z * deviation / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-max(min(each, 700.0), -700.0))) for each in (middle - half, middle + half))
    return low, high
