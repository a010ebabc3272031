"""What each row contributes to a metric: its value, and how it would move if the row counted more.

Influences have mean 0; their variance by the number of rows is that of the metric (the delta method). Metrics of two
sets of answers to the same rows are compared by the differences of their influences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Task
from .answers import Answers, Codes, Numbers
from .evaluation_metrics import confusion_metrics, probability_losses, regression_metrics, regression_terms
from .roc_auc import mean_area

#: Metrics that need the probabilities and not the predicted classes.
OF_PROBABILITIES = ("auc", "log_loss", "brier_score")


def influence(
    metric: str, task: Task, truth: NDArray[Any], answers: Answers, classes: Sequence[Any] = ()
) -> tuple[float, Numbers]:
    """A metric, and the influence of each row on it, (rows,).

    Args:
        metric: one that an evaluation of the task measures.
        truth: class codes or numbers, (rows,).
        answers: as for ``measure_classification``, with probabilities where the metric needs them.

    Returns:
        NaN and zeros where the rows do not define the metric.
    """
    if task == "regression":
        return _of_numbers(metric, truth, answers.predicted)
    if metric == "auc":
        assert answers.probabilities is not None
        area = mean_area(truth, answers.probabilities)
        if area is None:
            return math.nan, np.zeros(len(truth))
        moves = area.contributions
        return area.value, np.zeros(len(truth)) if moves is None else moves * len(truth)
    if metric in OF_PROBABILITIES:
        assert answers.probabilities is not None
        losses = probability_losses(truth, answers.probabilities)[metric]
        return float(losses.mean()), losses - losses.mean()
    return _of_counts(metric, truth, answers.predicted, len(classes))


def _of_counts(metric: str, truth: Codes, predicted: Codes, classes: int) -> tuple[float, Numbers]:
    each = np.eye(classes)
    true, called = each[truth], each[predicted]
    hits = true * called
    value = float(confusion_metrics(hits.sum(axis=0), true.sum(axis=0), called.sum(axis=0))[metric])
    if metric == "accuracy":
        right = hits.sum(axis=1)
        return value, right - right.mean()
    # All three are a ratio of sums: what a row adds above, less what it adds below times the ratio.
    above, below = {"precision": (hits, called), "recall": (hits, true), "f1_score": (2 * hits, true + called)}[metric]
    sums = below.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = (above - above.sum(axis=0) / sums * below) * len(truth) / sums
    counted = np.arange(classes) == 1 if classes == 2 else sums > 0
    if math.isnan(value) or not (sums[counted] > 0).all():
        # No row was called positive, or none is: 0, as scikit-learn takes it.
        return 0.0, np.zeros(len(truth))
    return value, moves[:, counted].mean(axis=1)


def _of_numbers(metric: str, truth: Numbers, predicted: Numbers) -> tuple[float, Numbers]:
    terms = regression_terms(truth, predicted)
    value = float(regression_metrics(terms.sum(axis=1))[metric])
    _, _, spread, squares, absolute = terms
    if metric == "mae":
        return value, absolute - absolute.mean()
    if metric == "rmse":
        return value, (squares - squares.mean()) / (2 * value) if value > 0 else np.zeros(len(truth))
    if math.isnan(value):
        return value, np.zeros(len(truth))
    return value, -(squares - (1 - value) * spread) / spread.mean()
