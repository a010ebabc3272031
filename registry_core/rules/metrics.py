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

#: Ranges of the well-known metrics (scikit-learn's definitions); any other finite number is taken as it is.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score", "balanced_accuracy", "brier"),
        _UNIT,
    ),
    "brier_score": (0.0, 2.0),  # scikit-learn halves it for two classes only
    **dict.fromkeys(
        ("log_loss", "rmse", "mae", "mse", "mape", "median_absolute_error", "max_error", "latency_ms"), _POSITIVE
    ),
    "r2": (-math.inf, 1.0),
    "explained_variance": (-math.inf, 1.0),
    "mcc": (-1.0, 1.0),
}

LOWER_IS_BETTER = frozenset(
    {
        "log_loss",
        "brier",
        "brier_score",
        "rmse",
        "mae",
        "mse",
        "mape",
        "median_absolute_error",
        "max_error",
        "latency_ms",
    }
)

#: What models can be ordered by besides metrics.
RESERVED = frozenset({"composite_score", "registered_at", "training_timestamp", "model_id", "version"})

_ALIASES = {"data_quality": "data_quality_score"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]{0,63}", re.ASCII)
MOST_METRICS = 200


def canonical(name: str) -> str:
    """The one spelling of a metric; the seed weighs ``data_quality`` and stores ``data_quality_score``."""
    return _ALIASES.get(name, name)


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
    """The canonical name and the value as a float.

    Raises:
        InvalidMetric: no acceptable name; not a number; NaN, infinite, or out of the metric's range.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidMetric(
            f"metric name {name!r:.80} cannot be used: begin with a letter, go on with letters, digits and _ . @ - "
            "(64 at most)"
        )
    name = canonical(name)
    if name in RESERVED:
        raise InvalidMetric(f"metric name {name!r} is what the leaderboard orders by already; choose another")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidMetric(
            f"metric {name} is {value!r:.80}, not a number; leave it out if it is unknown, "
            "and put anything that is no single number into training_info"
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidMetric(f"metric {name} is {number}; leave it out if it could not be computed")
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
            f"metric {name} is {number:g}, outside its range ({span}); shares are written as 0.93, not 93"
        )
    return name, number
