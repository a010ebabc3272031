"""Curves that show what one number hides: ROC, precision-recall, calibration, residuals; and the confusion matrix.

Two classes: the curves of ``classes[1]``. More: one against the rest for every class, since an average of curves shows
no model that exists; beyond 20 classes only the 20 with most rows have curves. A class without both positive and
negative rows has none.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Confusion, Curve
from .answers import Numbers, check_classes
from .evaluation_metrics import confusion, slice_rows
from .intervals import of_mean_either_way, wilson

MOST_POINTS = 200
MOST_CLASSES = 20
BINS = 10


def confusion_matrix(truth: NDArray[Any], predicted: NDArray[Any], classes: Sequence[Any]) -> Confusion:
    """The confusion matrix from class codes, each (rows,).

    Raises:
        InvalidInput: as ``measure_classification``.
    """
    true, answered, _ = check_classes(truth, predicted, None, classes)
    table = confusion(true, answered, len(classes))
    return Confusion(tuple(map(str, classes)), tuple(map(tuple, table.tolist())))


def classification_curves(
    truth: NDArray[Any], probabilities: NDArray[Any], classes: Sequence[Any]
) -> tuple[Curve, ...]:
    """``roc``, ``precision_recall`` and ``calibration`` of each class that has curves; ``details["class"]`` says whose.

    Arguments and errors are those of ``measure_classification``.
    """
    # Curves need no predicted classes; the truth stands in for them in the check.
    true, _, shares = check_classes(truth, truth, probabilities, classes)
    assert shares is not None
    if len(classes) == 2:
        codes = [1]
    else:
        frequent = np.argsort(-np.bincount(true, minlength=len(classes)), kind="stable")[:MOST_CLASSES]
        codes = sorted(frequent.tolist())
    curves: list[Curve] = []
    for code in codes:
        positive, score, label = true == code, shares[:, code], str(classes[code])
        if positive.any() and not positive.all():
            curves += [
                Curve(each.name, each.x, each.y, {"class": label, **each.details})
                for each in (roc(positive, score), precision_recall(positive, score), calibration(positive, score))
            ]
    return tuple(curves)


def roc(positive: NDArray[np.bool_], score: NDArray[Any]) -> Curve:
    """x: false positive rate, y: true positive rate, from (0, 0) to (1, 1), a point for each threshold at most.

    ``details["thresholds"]``: rows that score at least this are called positive; None at (0, 0), where none is.
    There must be a positive and a negative row; both arguments are (rows,).
    """
    thresholds, positives, negatives = _counts_above(positive, score)
    x = np.concatenate(([0.0], negatives / negatives[-1]))
    y = np.concatenate(([0.0], positives / positives[-1]))
    kept = most_telling(x, y)
    return _curve("roc", x, y, np.concatenate(([np.nan], thresholds)), kept)


def precision_recall(positive: NDArray[np.bool_], score: NDArray[Any]) -> Curve:
    """x: recall, y: precision, by falling threshold; it begins at (0, 1), where nothing is called positive.

    ``details``: ``thresholds`` as in ``roc``; ``average_precision``, the sum over the full curve of precision times
    the step in recall (scikit-learn's ``average_precision_score``); ``positive_share``, the precision of calling
    everything positive.
    """
    thresholds, positives, negatives = _counts_above(positive, score)
    recall, precision = positives / positives[-1], positives / (positives + negatives)
    x, y = np.concatenate(([0.0], recall)), np.concatenate(([1.0], precision))
    details = {
        "average_precision": float(np.diff(x) @ precision),
        "positive_share": float(precision[-1]),
    }
    return _curve("precision_recall", x, y, np.concatenate(([np.nan], thresholds)), most_telling(x, y), **details)


def calibration(positive: NDArray[np.bool_], score: NDArray[Any], bins: int = BINS) -> Curve:
    """x: mean probability, y: share of positive rows, in bins of equally many rows; equal scores share a bin.

    ``details``, a value for each bin: ``counts``, ``low`` and ``high`` (Wilson's 95% interval of the share). And
    ``expected_error``: the mean distance of x and y over the rows.
    """
    edges = np.quantile(score, np.arange(1, bins) / bins)
    _, place = np.unique(np.searchsorted(edges, score), return_inverse=True)
    counts = np.bincount(place)
    x, hits = np.bincount(place, weights=score) / counts, np.bincount(place, weights=positive)
    low, high = wilson(hits, counts)
    y = hits / counts
    details = {
        "counts": tuple(counts.tolist()),
        "low": tuple(low.tolist()),
        "high": tuple(high.tolist()),
        "expected_error": float(np.abs(x - y) @ counts / len(score)),
    }
    return Curve("calibration", tuple(x.tolist()), tuple(y.tolist()), details)


def residuals(truth: Numbers, predicted: Numbers, bins: int = BINS) -> Curve:
    """x: mean prediction, y: mean residual (label minus prediction), in bins of equally many rows by prediction.

    ``details``, a value for each bin: ``counts``, ``low`` and ``high`` (the 95% interval of the mean, None for one
    row).
    """
    edges = np.quantile(predicted, np.arange(1, bins) / bins)
    _, place = np.unique(np.searchsorted(edges, predicted), return_inverse=True)
    groups = [np.flatnonzero(place == each) for each in range(int(place.max()) + 1)]
    x = tuple(float(predicted[rows].mean()) for rows in groups)
    return Curve("residuals", x, *_mean_residuals(truth - predicted, groups))


def slice_residuals(truth: Numbers, predicted: Numbers, column: str, values: NDArray[Any]) -> Curve:
    """y: mean residual in each slice of a column, most rows first; x counts the slices.

    ``details``: ``column``, ``labels`` of the slices, and the rest as in ``residuals``.
    """
    found = slice_rows(values)
    y, details = _mean_residuals(truth - predicted, list(found.values()))
    return Curve(
        "slice_residuals", tuple(map(float, range(len(y)))), y, {"column": column, "labels": (*found,), **details}
    )


def _mean_residuals(residual: Numbers, groups: Sequence[NDArray[np.intp]]) -> tuple[tuple[float, ...], dict[str, Any]]:
    ends = [of_mean_either_way(residual[rows]) if len(rows) > 1 else (None, None) for rows in groups]
    details = {
        "counts": tuple(len(rows) for rows in groups),
        "low": tuple(low for low, _ in ends),
        "high": tuple(high for _, high in ends),
    }
    return tuple(float(residual[rows].mean()) for rows in groups), details


def most_telling(x: Numbers, y: Numbers, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Which points to draw, by index, so that the line through them keeps its shape: at most ``most``.

    Douglas and Peucker (1973), by priority: starting from both ends, always the point is added that lies furthest from
    the line drawn so far. Corners and extremes come first; points on a straight line never.
    """
    kept = [0, len(x) - 1]
    ahead = [_furthest(x, y, 0, len(x) - 1)]
    while ahead and len(kept) < most:
        distance, point, start, end = heapq.heappop(ahead)
        # Distances are negative, furthest first; rates are multiples of 1 / rows, far coarser than this.
        if distance > -1e-12:
            break
        kept.append(point)
        for part in ((start, point), (point, end)):
            heapq.heappush(ahead, _furthest(x, y, *part))
    return np.array(sorted(set(kept)), np.intp)


def _furthest(x: Numbers, y: Numbers, start: int, end: int) -> tuple[float, int, int, int]:
    if end - start < 2:
        return 0.0, start, start, end
    across, up = x[end] - x[start], y[end] - y[start]
    length = float(np.hypot(across, up))
    dx, dy = x[start + 1 : end] - x[start], y[start + 1 : end] - y[start]
    distance = np.abs(across * dy - up * dx) / length if length else np.hypot(dx, dy)
    point = int(distance.argmax())
    return -float(distance[point]), start + 1 + point, start, end


def _counts_above(positive: NDArray[np.bool_], score: NDArray[Any]) -> tuple[Numbers, Numbers, Numbers]:
    """Each different score, highest first, and how many positive and negative rows score at least that."""
    order = np.argsort(-score)
    ordered = score[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    positives = np.cumsum(positive[order])[last].astype(np.float64)
    return ordered[last].astype(np.float64), positives, last + 1 - positives


def _curve(name: str, x: Numbers, y: Numbers, thresholds: Numbers, kept: NDArray[np.intp], **details: Any) -> Curve:
    shown = tuple(None if np.isnan(each) else float(each) for each in thresholds[kept])
    return Curve(name, tuple(x[kept].tolist()), tuple(y[kept].tolist()), {"thresholds": shown, **details})
