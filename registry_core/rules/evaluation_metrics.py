"""What a model is worth on a holdout set: metrics as scikit-learn defines them, each with its 95% interval.

The values are computed here and not by scikit-learn: the intervals and the paired comparison need the same counts and
per-row losses anyway, and a slice of forty rows should not pay for forty rows of argument checks. Tests hold every one
to scikit-learn's own within 1e-12.

A metric that the rows do not define (recall without a positive row, auc with one class) is left out: no 0, no NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..evidence import Measured
from . import intervals
from .answers import Codes, Numbers, check_classes, check_numbers
from .metrics import CLASSIFICATION
from .roc_auc import mean_area

#: How many values of a slice column are shown by themselves; the rarer ones are one group, ``other``.
MOST_SLICE_VALUES = 50

#: A truth that varies less than this, beside the errors, does not vary: dividing by it would overflow.
_LEAST_RATIO = 1e-290


def measure_classification(
    truth: NDArray[Any], predicted: NDArray[Any], probabilities: NDArray[Any] | None, classes: Sequence[Any]
) -> dict[str, Measured]:
    """accuracy, auc, f1_score, precision, recall, log_loss and brier_score; the last two and auc need probabilities.

    Two classes: precision, recall, F1 and auc are those of ``classes[1]``. More: the mean over the classes that define
    them (scikit-learn's ``average="macro"`` with ``zero_division=nan``), auc one class against the rest. log_loss is in
    nats, probabilities clipped to the machine precision of a double. brier_score is the mean squared distance of the
    probabilities from the truth, halved for two classes as scikit-learn does: 0 to 1, and 0 to 2 for more classes.

    Intervals: Wilson's for accuracy and binary precision and recall; for binary F1 Wilson's of the overlap; for macro
    averages Wilson's of the effective sample size; for auc DeLong's on the logit; for the losses Hall's of a mean.
    ``intervals`` names the sources. They are too narrow where fewer than some twenty wrong rows, or rows of the rarer
    class, have to tell everything: ``python -m benchmarks.coverage`` shows how often they hold.

    Args:
        truth: codes, positions in ``classes``, (rows,).
        predicted: codes, (rows,).
        probabilities: (rows, classes), or None when the model gives none.
        classes: every label the model can answer, in the order of its probabilities.

    Raises:
        InvalidInput: what the model answered cannot be measured; the message says what stands in which row.
    """
    true, answered, shares = check_classes(truth, predicted, probabilities, classes)
    table = confusion(true, answered, len(classes))
    values = confusion_metrics(np.diagonal(table), table.sum(axis=1), table.sum(axis=0))
    limits = _confusion_intervals(table)
    measured = {name: Measured(float(value), *limits[name]) for name, value in values.items() if not np.isnan(value)}
    if shares is not None:
        area = mean_area(true, shares)
        if area is not None:
            measured["auc"] = _measured(area.value, area.interval)
        for name, losses in probability_losses(true, shares).items():
            measured[name] = _measured(float(losses.mean()), intervals.of_losses(losses))
    return {name: measured[name] for name in CLASSIFICATION if name in measured}


def measure_regression(truth: NDArray[Any], predicted: NDArray[Any]) -> dict[str, Measured]:
    """r2, rmse and mae; rmse and mae in the unit of the target. r2 needs two different true values.

    Intervals: mae as a mean of losses; rmse as the root of one; r2 by the delta method on log(1 - r2), the logarithm
    of the ratio of two means.

    Args:
        truth: numbers, (rows,).
        predicted: numbers, (rows,).

    Raises:
        InvalidInput: what the model answered cannot be measured; the message says what stands in which row.
    """
    true, answered = check_numbers(truth, predicted)
    terms = regression_terms(true, answered)
    values = regression_metrics(terms.sum(axis=1))
    squares, absolute = terms[3], terms[4]
    limits = {"r2": _r2_interval(terms), "mae": intervals.of_losses(absolute)}
    mean_square = intervals.of_losses(squares)
    limits["rmse"] = mean_square and (math.sqrt(mean_square[0]), math.sqrt(mean_square[1]))
    return {name: _measured(float(value), limits[name]) for name, value in values.items() if not np.isnan(value)}


def slice_metrics(
    columns: Mapping[str, NDArray[Any]], measure: Callable[[Codes], dict[str, Measured]]
) -> dict[str, dict[str, dict[str, Measured]]]:
    """Column -> value -> the metrics of the rows that have it, and ``rows``: how many those are (no interval).

    Every value is shown, however few its rows: who judges by them looks at ``rows``. Values come by their number of
    rows, most first; beyond 50 in a column the rarest are one group, ``other``.

    Args:
        columns: name -> text, (rows,).
        measure: from row numbers to metrics, such as ``lambda rows: measure_regression(truth[rows], predicted[rows])``.

    Raises:
        InvalidInput: columns of different lengths.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInput(f"the slice columns have different lengths: {lengths}; give each a value for every row")
    return {
        name: {
            value: {"rows": Measured(float(len(rows))), **measure(rows)} for value, rows in slice_rows(column).items()
        }
        for name, column in columns.items()
    }


def slice_rows(column: NDArray[Any]) -> dict[str, Codes]:
    """Value -> the numbers of its rows, most rows first; beyond 50 values the rarest together as ``other``."""
    names, codes = np.unique(np.asarray(column).astype(str), return_inverse=True)
    common = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:MOST_SLICE_VALUES]
    if len(names) > len(common):
        names, codes = np.unique(
            np.where(np.isin(np.arange(len(names)), common), names, "other")[codes], return_inverse=True
        )
    by_value = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    groups = dict(zip(names.tolist(), by_value, strict=True)) if len(column) else {}
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def confusion(truth: Codes, predicted: Codes, classes: int) -> NDArray[np.intp]:
    """How many rows of a class (line) were called a class (column), (classes, classes)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def confusion_metrics(hits: NDArray[Any], true: NDArray[Any], called: NDArray[Any]) -> dict[str, Numbers]:
    """The metrics that counts decide, from counts per class, each (..., classes); NaN where they define none.

    Args:
        hits: rows of the class that were called it.
        true: rows of the class.
        called: rows that were called it.
    """
    with np.errstate(invalid="ignore"):
        single = {"f1_score": 2 * hits / (true + called), "precision": hits / called, "recall": hits / true}
        accuracy = hits.sum(axis=-1) / true.sum(axis=-1)
        return {"accuracy": accuracy} | {name: _binary_or_mean(values) for name, values in single.items()}


def _binary_or_mean(values: Numbers) -> Numbers:
    if values.shape[-1] == 2:
        binary: Numbers = values[..., 1]
        return binary
    defined = ~np.isnan(values)
    mean: Numbers = np.where(defined, values, 0.0).sum(axis=-1) / defined.sum(axis=-1)
    return mean


def probability_losses(truth: Codes, probabilities: Numbers) -> dict[str, Numbers]:
    """What each row loses, (rows,): log_loss in nats, brier_score with two classes halved."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    smallest = np.finfo(np.float64).eps
    # The squared distance from the truth, without building its indicators: (1 - p)^2 instead of p^2 at the truth.
    brier = np.square(probabilities).sum(axis=1) - np.square(of_truth) + np.square(1 - of_truth)
    return {
        "log_loss": -np.log(np.clip(of_truth, smallest, 1 - smallest)),
        "brier_score": brier / 2 if probabilities.shape[1] == 2 else brier,
    }


def regression_terms(truth: Numbers, predicted: Numbers) -> Numbers:
    """What ``regression_metrics`` needs summed, (5, rows): 1, centred truth, its square, squared and absolute error."""
    # A constant minus its own mean may leave dust, and dust would pass for variance.
    centred = truth - truth.mean() if np.ptp(truth) > 0 else np.zeros(len(truth))
    error = truth - predicted
    return np.stack([np.ones(len(truth)), centred, np.square(centred), np.square(error), np.abs(error)])


def regression_metrics(sums: Numbers) -> dict[str, Numbers]:
    """r2, rmse and mae from sums of ``regression_terms``, (5, ...); r2 is NaN where the truth does not vary."""
    rows, centred, squares, error_squares, absolute = sums
    spread = squares - np.square(centred) / rows
    varies = spread > _LEAST_RATIO * np.maximum(error_squares, 1)
    r2 = np.where(varies, 1 - error_squares / np.where(varies, spread, 1), np.nan)
    return {"r2": r2, "rmse": np.sqrt(error_squares / rows), "mae": absolute / rows}


def _confusion_intervals(table: NDArray[np.intp]) -> dict[str, tuple[float, float]]:
    hits, true, called = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
    limits = {"accuracy": _single(int(hits.sum()), int(true.sum()))}
    if len(table) == 2:
        for name, trials in (("precision", int(called[1])), ("recall", int(true[1]))):
            if trials:
                limits[name] = _single(int(hits[1]), trials)
        overlap = int(true[1] + called[1] - hits[1])
        if overlap:
            low, high = _single(int(hits[1]), overlap)
            limits["f1_score"] = intervals.f1_of_overlap(low), intervals.f1_of_overlap(high)
        return limits
    for name, size in (("precision", called), ("recall", true)):
        # Rows of one true class, or of one predicted class, are no rows of another: variances of shares just add up.
        trials, share = size[size > 0], hits[size > 0] / size[size > 0]
        variance = float((share * (1 - share) / trials).sum()) / len(trials) ** 2
        limits[name] = intervals.of_macro(float(share.mean()), variance, len(trials) ** 2 / float((1 / trials).sum()))
    either = true + called
    trials, f1 = either[either > 0] / 2, (2 * hits / np.maximum(either, 1))[either > 0]
    variance = float(macro_f1_covariances(table).sum()) / len(trials) ** 2
    limits["f1_score"] = intervals.of_macro(float(f1.mean()), variance, len(trials) ** 2 / float((1 / trials).sum()))
    return limits


def _single(hits: int, trials: int) -> tuple[float, float]:
    low, high = intervals.wilson(hits, trials)
    return float(low), float(high)


def macro_f1_covariances(table: NDArray[np.intp]) -> Numbers:
    """How uncertain the F1 of each class is and how they move together, (classes, classes), by the delta method.

    A row that was called right moves the F1 of its class by (2 - 2 F1) / (true + called), a wrong row that of both
    its classes by -F1 / (true + called).
    """
    hits, either = np.diagonal(table), table.sum(axis=1) + table.sum(axis=0)
    size = np.maximum(either, 1)
    f1 = 2 * hits / size
    together = (table + table.T) * np.outer(f1, f1)
    np.fill_diagonal(together, hits * np.square(2 - 2 * f1) + (either - 2 * hits) * np.square(f1))
    covariances: Numbers = together / np.outer(size, size)
    return covariances


def _r2_interval(terms: Numbers) -> tuple[float, float] | None:
    rows, squares, error_squares = terms.shape[1], terms[2], terms[3]
    spread, error = float(squares.mean()), float(error_squares.mean())
    if rows < 3 or error <= 0 or spread <= _LEAST_RATIO * max(error, 1):
        return None
    influence = error_squares / error - squares / spread
    low, high = intervals.on_log_scale(error / spread, error / spread * float(influence.std()) / math.sqrt(rows), rows)
    return 1 - high, 1 - low


def _measured(value: float, interval: tuple[float, float] | None) -> Measured:
    return Measured(value, *(interval or (None, None)))
