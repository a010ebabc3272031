"""Accuracy without labels, estimated from calibrated scores (confidence-based performance estimation).

Always an estimate, never a reason to roll back: it takes for granted that a score still means what it meant when there
were labels. When the truth itself changes (concept drift), it notices nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import InvalidInput
from ...live.checks import Estimate
from ..intervals import Z
from .histogram import BINS, Histogram, Numbers, bins_of

#: Labels with a score before scores are calibrated; groups of scores with as many labels each, or more.
LEAST, GROUPS = 500, 20
#: Predictions before an estimate is made of them.
LEAST_PREDICTIONS = 100


@dataclass(frozen=True)
class Calibration:
    """How often class 1 was the truth, by group of scores.

    Attributes:
        edges: (groups - 1,) number of the histogram's bin with which each group but the first begins.
        rates: (groups,) how often class 1 was the truth, never falling.
        labels: (groups,) from how many labels that is known.
        threshold_bin: the first bin whose scores are answered with class 1; it is among the edges.
    """

    edges: tuple[int, ...]
    rates: tuple[float, ...]
    labels: tuple[int, ...]
    threshold_bin: int


def calibrate(of_0: Histogram, of_1: Histogram, threshold: float = 0.5) -> Calibration | None:
    """The calibration from labelled scores; None with fewer than 500 labels.

    Groups of equally many labels, cut at the threshold as well, one added row of each kind to a group, then made
    monotone by pooling neighbours that fall (Ayer and others 1955).

    Args:
        of_0: scores whose truth was class 0, from the reference or older labelled traffic.
        of_1: scores whose truth was class 1.
        threshold: scores of this and more are answered with class 1.

    Raises:
        InvalidInput: a threshold outside of 0 to 1.
    """
    if not 0 < threshold < 1:
        raise InvalidInput(
            f"the threshold is {threshold:g}; give the score from which class 1 is predicted, above 0 and below 1"
        )
    zeros, ones = of_0.dense().astype(np.float64), of_1.dense().astype(np.float64)
    total = zeros + ones
    if total.sum() < LEAST:
        return None
    cut = int(bins_of([threshold])[0])
    below = np.cumsum(total) / total.sum()
    inner = np.searchsorted(below, np.arange(1, GROUPS) / GROUPS) + 1
    edges = np.unique([*inner[inner < BINS].tolist(), *([cut] if cut else [])])
    starts = np.concatenate([[0], edges]).astype(np.intp)
    labels = np.add.reduceat(total, starts)
    hits = np.add.reduceat(ones, starts)
    rates = _monotone((hits + 1) / (labels + 2), labels + 2)
    return Calibration(tuple(edges.tolist()), tuple(rates.tolist()), tuple(labels.astype(np.int64).tolist()), cut)


def estimate(calibration: Calibration | None, scores: Histogram) -> Estimate:
    """The accuracy of the predictions with these scores.

    A prediction of class 1 is right as often as class 1 was the truth at such scores, one of class 0 as often as not.

    Args:
        calibration: from ``calibrate``.
        scores: of the predictions, labelled or not.
    """
    if calibration is None:
        return Estimate(False, f"No estimate of accuracy yet: fewer than {LEAST} labelled predictions have a score")
    n = scores.total
    if n < LEAST_PREDICTIONS:
        sentence = f"No estimate of accuracy yet: {n:,} of {LEAST_PREDICTIONS} predictions have a score"
        return Estimate(False, sentence, predictions=n, calibrated_on=sum(calibration.labels))
    edges, rates = np.array(calibration.edges), np.array(calibration.rates)
    group = np.searchsorted(edges, scores.bins, side="right")
    weights = np.bincount(group, scores.counts, len(rates)) / n
    starts = np.concatenate([[0], edges])
    right = np.where(starts >= calibration.threshold_bin, rates, 1 - rates)
    value = float(weights @ right)
    known = np.array(calibration.labels) + 2.0
    deviation = math.sqrt(float(np.square(weights) @ (right * (1 - right) / known)) + value * (1 - value) / n)
    low, high = max(value - Z * deviation, 0.0), min(value + Z * deviation, 1.0)
    sentence = (
        f"Estimated accuracy {value:.1%} ({low:.1%} to {high:.1%}) of {n:,} predictions, from their scores "
        "alone: valid only while the scores are as well calibrated as on earlier labels"
    )
    return Estimate(True, sentence, value, low, high, n, sum(calibration.labels))


def _monotone(rates: Numbers, weights: Numbers) -> Numbers:
    """The nearest rates that never fall, by pooling adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for rate, weight in zip(rates.tolist(), weights.tolist(), strict=True):
        blocks.append((rate, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, w1, n1), (two, w2, n2) = blocks[-2:]
            blocks[-2:] = [((one * w1 + two * w2) / (w1 + w2), w1 + w2, n1 + n2)]
    return np.repeat([rate for rate, _, _ in blocks], [count for _, _, count in blocks])
