"""The metrics of live predictions, computed once from exact sums: add the sums up first, then ask for the figures.

A mean of the metrics of several windows is another number than the metric of all their rows: precision and recall have
other denominators than labels, roots of means do not average, and AUC compares rows across windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..intervals import Z, f1_of_overlap, wilson
from . import scores
from .exact import to_float
from .sums import Sums

Interval = tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """What labelled predictions say.

    Attributes:
        metrics: accuracy, precision, recall, f1_score, auc, brier_score; of a regression mae and rmse. A metric that
            the labels do not allow to say is left out.
        intervals: 95% intervals of those metrics whose sums tell one, each for one look: Wilson's (1927) for shares,
            DeLong's (1988) for AUC, the normal one for means.
        auc_bracket: the AUC of the scores themselves lies between these two, whatever their order within a bin.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    auc_bracket: Interval | None = None


def figures(sums: Sums, task: str, loss: str = "") -> Figures:
    """The figures of some predictions; empty without labels.

    Args:
        sums: of one model; without their detail there is no AUC.
        task: ``classification`` or ``regression``.
        loss: of a regression, which the sums were made with: ``absolute_error`` or ``squared_error``. Squares of
            absolute errors are squared errors; the other way round the absolute ones are lost.
    """
    if not sums.labelled:
        return Figures()
    return _of_regression(sums, loss) if task == "regression" else _of_classes(sums)


def of_mean(count: int, total: float, squares: float) -> Interval:
    """The normal interval of the mean of values of 0 or more, from their sum and the sum of their squares."""
    mean = total / count
    half = Z * (max(squares / count - mean**2, 0.0) / count) ** 0.5
    return max(mean - half, 0.0), mean + half


def _of_regression(sums: Sums, loss: str) -> Figures:
    rows, total, squares = sums.labelled, to_float(sums.loss), to_float(sums.loss_squares)
    interval = of_mean(rows, total, squares)
    if loss == "absolute_error":
        return Figures({"mae": total / rows, "rmse": (squares / rows) ** 0.5}, {"mae": interval})
    return Figures({"rmse": (total / rows) ** 0.5}, {"rmse": (interval[0] ** 0.5, interval[1] ** 0.5)})


def _of_classes(sums: Sums) -> Figures:
    shares = {
        "accuracy": (sums.labelled - sums.wrong, sums.labelled),
        "precision": (sums.tp, sums.tp + sums.fp),
        "recall": (sums.tp, sums.tp + sums.fn),
        # F1 is made of the share of rows called positive by anybody that both call so.
        "f1_score": (sums.tp, sums.tp + sums.fp + sums.fn),
    }
    metrics: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    for name, (hits, trials) in shares.items():
        if trials:
            low, high = (float(each) for each in wilson(hits, trials))
            metrics[name], intervals[name] = hits / trials, (low, high)
    if "f1_score" in metrics:
        metrics["f1_score"] = 2 * sums.tp / (2 * sums.tp + sums.fp + sums.fn)
        low, high = intervals["f1_score"]
        intervals["f1_score"] = f1_of_overlap(low), f1_of_overlap(high)
    area = None if sums.detail is None else scores.area(sums.detail.scores_of_0, sums.detail.scores_of_1)
    if area is not None:
        metrics["auc"] = area.value
        if area.low is not None and area.high is not None:
            intervals["auc"] = area.low, area.high
    if sums.scored:
        total = to_float(sums.brier)
        metrics["brier_score"] = total / sums.scored
        intervals["brier_score"] = of_mean(sums.scored, total, to_float(sums.brier_squares))
    return Figures(metrics, intervals, None if area is None else (area.lowest, area.highest))
