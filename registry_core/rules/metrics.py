"""What is known of metrics by their names: range, and whether less is better."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from numbers import Real
from typing import Any

from ..errors import InvalidMetric

_UNIT = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

_ERRORS = (
    "log_loss", "rmse", "mae", "mse", "mape", "median_absolute_error", "max_error", "latency_ms",
    "mean_squared_log_error", "root_mean_squared_log_error", "mean_poisson_deviance", "mean_gamma_deviance",
    "negative_likelihood_ratio",
)  # fmt: skip

#: Ranges of the well-known metrics (scikit-learn's definitions); any other finite number is taken as it is.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score", "balanced_accuracy", "brier"),
        _UNIT,
    ),
    **dict.fromkeys(("average_precision", "top_k_accuracy", "rand_score", "fowlkes_mallows_score"), _UNIT),
    **dict.fromkeys(("completeness_score", "homogeneity_score", "v_measure_score"), _UNIT),
    **{
        f"{metric}_{mean}": _UNIT
        for metric in ("f1", "precision", "recall", "jaccard")
        for mean in ("micro", "macro", "samples", "weighted")
    },
    **{f"auc_{way}": _UNIT for way in ("ovo", "ovo_weighted", "ovr_weighted")},
    "jaccard": _UNIT,
    "brier_score": (0.0, 2.0),  # scikit-learn halves it for two classes only
    **dict.fromkeys((*_ERRORS, "positive_likelihood_ratio"), _POSITIVE),
    "r2": (-math.inf, 1.0),
    "explained_variance": (-math.inf, 1.0),
    "mcc": (-1.0, 1.0),
}

#: What can be evaluated of each task, in the order it is shown in.
CLASSIFICATION = ("accuracy", "auc", "f1_score", "precision", "recall", "log_loss", "brier_score")
REGRESSION = ("r2", "rmse", "mae")
EVALUATED = frozenset({*CLASSIFICATION, *REGRESSION})

LOWER_IS_BETTER = frozenset({*_ERRORS, "brier", "brier_score"})

#: What models can be ordered by besides metrics.
RESERVED = frozenset({"composite_score", "registered_at", "training_timestamp", "model_id", "version"})

#: What scikit-learn calls them, as a scorer and as a function, and the one spelling of it here.
_ALIASES = {
    "data_quality": "data_quality_score",
    "accuracy_score": "accuracy",
    "average_precision_score": "average_precision",
    "balanced_accuracy_score": "balanced_accuracy",
    "explained_variance_score": "explained_variance",
    "f1": "f1_score",
    "precision_score": "precision",
    "recall_score": "recall",
    "roc_auc": "auc",
    "roc_auc_score": "auc",
    # With more than two classes the registry measures just this: one against the rest, and the plain mean.
    "roc_auc_ovr": "auc",
    "roc_auc_ovo": "auc_ovo",
    "roc_auc_ovo_weighted": "auc_ovo_weighted",
    "roc_auc_ovr_weighted": "auc_ovr_weighted",
    "jaccard_score": "jaccard",
    "matthews_corrcoef": "mcc",
    "r2_score": "r2",
    "brier_score_loss": "brier_score",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "top_k_accuracy_score": "top_k_accuracy",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]{0,63}", re.ASCII)
MOST_METRICS = 200


def canonical(name: str) -> str:
    """The one spelling of a metric: scikit-learn's names are understood, and the seed's ``data_quality``.

    >>> canonical("roc_auc"), canonical("neg_log_loss"), canonical("f1_weighted")
    ('auc', 'log_loss', 'f1_weighted')
    """
    return _positive(name) or _ALIASES.get(name, name)


def _positive(name: str) -> str | None:
    """The error behind a scorer that gives it negated; None of any other name."""
    error = name.removeprefix("neg_")
    error = _ALIASES.get(error, error)
    return error if name.startswith("neg_") and error in LOWER_IS_BETTER else None


def lower_is_better(name: str, declared: Iterable[str] = ()) -> bool:
    """Whether less is better: of the well-known metrics, and of those the configuration declares."""
    return name in LOWER_IS_BETTER or name in declared


def acceptable(name: str, value: float | None) -> bool:
    """Whether a value can be of that metric: present, finite and in range."""
    if value is None or not math.isfinite(value):
        return False
    low, high = RANGES.get(name, (-math.inf, math.inf))
    return low <= value <= high


def checked(name: Any, value: Any) -> tuple[str, float]:
    """The canonical name and the value as a float; what scikit-learn negates has its own sign again.

    Raises:
        InvalidMetric: no acceptable name; not a number; NaN, infinite, or out of the metric's range.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidMetric(
            f"metric name {name!r:.80} cannot be used: give a letter, followed by letters, digits and _ . @ - (64 "
            "characters at most)"
        )
    said, negated = name, _positive(name) is not None
    name = canonical(name)
    if name in RESERVED:
        raise InvalidMetric(f"metric name {name!r} is reserved for a leaderboard column; choose another name")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidMetric(
            f"metric {name} is {value!r:.80}, not a number; omit it if it is unknown, and put values that are not "
            "single numbers into training_info"
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidMetric(f"metric {name} is {number}; omit it if it could not be computed")
    if negated:
        if number > 0:
            raise InvalidMetric(
                f"metric {said} is {number:g}; scikit-learn negates this metric, so it is at most 0: give {name} = "
                f"{number:g} if that is meant"
            )
        number = abs(number)
    if not acceptable(name, number):
        low, high = RANGES[name]
        span = (
            f"at least {low:g}"
            if math.isinf(high)
            else f"at most {high:g}"
            if math.isinf(low)
            else f"{low:g} to {high:g}"
        )
        raise InvalidMetric(
            f"metric {name} is {number:g}, outside its range ({span}); give fractions such as 0.93, not percentages "
            "such as 93"
        )
    return name, number
