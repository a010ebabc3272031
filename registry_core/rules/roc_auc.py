"""The area under the ROC curve and what each row contributes to its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import intervals
from .answers import Codes, Numbers


@dataclass(frozen=True, eq=False)
class Area:
    """An area under the ROC curve.

    ``contributions``, (rows,): the sum of their squares is DeLong's variance of the area, the sum of the products of
    two models' contributions on the same rows is DeLong's covariance. None when a side has one row only.
    ``sides``, (rows,), says which rows are of one class.
    """

    value: float
    contributions: Numbers | None
    sides: Codes

    @property
    def smaller_side(self) -> int:
        """The rows of the rarest class that occurs."""
        counts = np.bincount(self.sides)
        return int(counts[counts > 0].min())

    @property
    def interval(self) -> tuple[float, float] | None:
        """DeLong's interval on the logit; for a perfect ranking Wilson's, of as many trials as the smaller side has."""
        if self.contributions is None:
            return None
        if self.value in (0.0, 1.0):
            low, high = intervals.wilson(self.value * self.smaller_side, self.smaller_side)
            return float(low), float(high)
        deviation = float(np.linalg.norm(self.contributions))
        return intervals.on_logit_scale(self.value, deviation, degrees_of_freedom(self.contributions, self.sides))


def degrees_of_freedom(contributions: Numbers, sides: Codes) -> float:
    """Satterthwaite's, as Brunner and Munzel (2000) use them for this area; infinite where nothing contributes.

    A class with few rows knows little of its own spread.
    """
    variances, counts = np.bincount(sides, weights=np.square(contributions)), np.bincount(sides)
    parts = np.square(variances[counts > 1]) / (counts[counts > 1] - 1)
    return float(variances.sum() ** 2 / parts.sum()) if parts.any() else np.inf


def area_under_roc(positive: NDArray[np.bool_], score: NDArray[Any]) -> Area | None:
    """The chance that a positive row has a higher score than a negative one, ties counting half; None without both.

    One sort. Placements after DeLong, DeLong and Clarke-Pearson (1988); counts of smaller and equal scores instead of
    all pairs, as Sun and Xu (2014) do with midranks.

    Args:
        positive: which rows are positive, (rows,).
        score: higher means more positive, (rows,).
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    order = np.argsort(score)
    ordered, is_positive = score[order], positive[order]
    group = np.concatenate(([0], np.cumsum(ordered[1:] != ordered[:-1])))
    tied_positives = np.bincount(group, weights=is_positive)
    tied_negatives = np.bincount(group) - tied_positives
    negatives_below = np.cumsum(tied_negatives) - tied_negatives / 2
    positives_above = positives - np.cumsum(tied_positives) + tied_positives / 2
    value = float(tied_positives @ negatives_below) / (positives * negatives)
    if positives == 1 or negatives == 1:
        return Area(value, None, positive.astype(np.intp))
    contributions = np.empty(len(score))
    contributions[order] = np.where(
        is_positive,
        (negatives_below[group] / negatives - value) / np.sqrt(positives * (positives - 1)),
        (positives_above[group] / positives - value) / np.sqrt(negatives * (negatives - 1)),
    )
    return Area(value, contributions, positive.astype(np.intp))


def mean_area(truth: Codes, probabilities: Numbers) -> Area | None:
    """Binary: the area of class 1. More classes: the mean area of each class against the rest, where both occur."""
    codes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    found = [area_under_roc(truth == code, probabilities[:, code]) for code in codes]
    areas = [area for area in found if area is not None]
    if not areas:
        return None
    value = float(np.mean([area.value for area in areas]))
    parts = [area.contributions for area in areas if area.contributions is not None]
    contributions = np.mean(parts, axis=0) if len(parts) == len(areas) else None
    return Area(value, contributions, truth)
