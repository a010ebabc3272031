"""Drift: whether live features, or scores, still have the distribution of the training data.

The population stability index over bins of the reference, with a limit that knows how much of it is chance. Drift is a
reason to look, never one to roll back: inputs may move and the model still be right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidInput
from ...live.checks import LEAST, Drift, State
from .histogram import Histogram

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Kind = Literal["number", "category", "score"]

#: Bins of numbers and scores; categories that have a bin of their own.
QUANTILES, CATEGORIES = 10, 19
#: Limits of the index by custom, and the quantile of what chance alone makes of it.
WARNING, CRITICAL, CHANCE = 0.1, 0.25, 0.9999
#: What has drifted counts as over below this part of the limit.
CALM = 0.8
#: Types of pandas that stand for a missing value and compare with nothing.
_MISSING = frozenset({"NAType", "NaTType"})


@dataclass(frozen=True)
class FeatureReference:
    """How one feature, or the score, was distributed; at most 41 numbers and names.

    Attributes:
        feature: its name.
        kind: ``number``, ``category`` or ``score``.
        edges: of numbers the upper edges of all bins but the last, ascending; of scores numbers of histogram bins.
        categories: those with a bin of their own, most frequent first.
        counts: of each bin. Behind those of the edges or categories there is one of missing values, and of categories
            before it one of all others.
    """

    feature: str
    kind: Kind
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many rows it was made from."""
        return sum(self.counts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``from_dict`` reads it."""
        return {
            "feature": self.feature,
            "kind": self.kind,
            "edges": list(self.edges),
            "categories": list(self.categories),
            "counts": list(self.counts),
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> FeatureReference:
        """What ``to_dict`` wrote."""
        parts = {name: tuple(stored[name]) for name in ("edges", "categories", "counts")}
        return FeatureReference(stored["feature"], stored["kind"], **parts)


def reference(feature: str, values: Any, kind: Literal["number", "category"] | None = None) -> FeatureReference:
    """The reference of one feature.

    Args:
        feature: its name.
        values: (rows,), an array, a list or a column of pandas; None, NaN and empty text are missing.
        kind: None takes numbers for what they are, and true or false, text and mixtures for categories.

    Raises:
        InvalidInput: ``kind`` is ``number`` for values that are none, or there are no values.
    """
    column = _column(values)
    if not len(column):
        raise InvalidInput(f"{feature} has no rows; give the training rows as the reference")
    numbers = None if kind == "category" else _numbers(column)
    if numbers is None:
        if kind == "number":
            raise InvalidInput(f"{feature} has values that are not numbers; give kind='category'")
        names = Counter(_names(column))
        del names[""]
        frequent = sorted(names.items(), key=lambda each: (-each[1], each[0]))[:CATEGORIES]
        empty = FeatureReference(feature, "category", (), tuple(name for name, _ in frequent), ())
    else:
        known = numbers[~np.isnan(numbers)]
        edges: list[float] = []
        if len(known):
            inner = np.arange(1, QUANTILES) / QUANTILES
            found = np.unique(np.quantile(known, inner, method="inverted_cdf"))
            edges = found[np.isfinite(found)].tolist()
        empty = FeatureReference(feature, "number", tuple(edges), (), ())
    return _with_counts(empty, counts(empty, column))


def reference_of_scores(scores: Histogram, feature: str = "score") -> FeatureReference:
    """The reference of the score, from the histogram of ``sums.Detail``.

    Raises:
        InvalidInput: there are no scores.
    """
    if not scores:
        raise InvalidInput("the reference has no scores; give those of the model's benchmark or first days")
    below = np.cumsum(scores.counts) / scores.total
    places = np.searchsorted(below, np.arange(1, QUANTILES) / QUANTILES - 1e-12)
    edges = np.unique(scores.bins[places]).astype(np.float64)
    empty = FeatureReference(feature, "score", tuple(edges.tolist()), (), ())
    return _with_counts(empty, counts_of_scores(empty, scores))


def counts(reference: FeatureReference, values: Any) -> Counts:
    """How many live values lie in each bin, (bins,); those of several batches add up.

    Args:
        reference: of a number or category.
        values: (rows,); None and NaN are missing. What is no number has no place among numbers: it is missing.
    """
    column = _column(values)
    if reference.kind == "category":
        places = {name: place for place, name in enumerate(reference.categories)}
        others, missing = len(places), len(places) + 1
        found = np.zeros(missing + 1, np.int64)
        for name, count in Counter(_names(column)).items():
            found[missing if name == "" else places.get(name, others)] += count
        return found
    numbers = _numbers(column)
    if numbers is None:
        numbers = np.array([_number(each) for each in column.tolist()], np.float64)
    unknown, last = np.isnan(numbers), len(reference.edges)
    bins = np.searchsorted(np.array(reference.edges), numbers, side="left")
    bins[unknown] = last + 1
    return np.bincount(bins, minlength=last + 2).astype(np.int64)


def counts_of_scores(reference: FeatureReference, scores: Histogram) -> Counts:
    """How many scores of a histogram lie in each bin of the reference, (bins,)."""
    last = len(reference.edges)
    found = np.zeros(last + 2, np.int64)
    np.add.at(found, np.searchsorted(np.array(reference.edges), scores.bins, side="left"), scores.counts)
    return found


def psi(before: ArrayLike, now: ArrayLike) -> float:
    """The population stability index of two rows of counts, (bins,): sum (q - p) ln(q / p).

    Half a row is added to every bin that occurs at all, so that an empty one does not make it infinite.
    """
    p, q = _shares(before, now)
    return float(((q - p) * np.log(q / p)).sum())


def judge(reference: FeatureReference, now: ArrayLike, *, chance: float = CHANCE, whole: bool = True) -> Drift:
    """Whether live traffic has drifted.

    The limit is 0.1, for ``critical`` 0.25, or the quantile of what the index is without any drift: chi-square with
    one degree of freedom less than bins, divided by n m / (n + m) (Yurdakul 2018). Without it small batches would
    always seem to drift.

    Args:
        reference: of the feature.
        now: (bins,) counts, from ``counts``.
        chance: the quantile; for many features watched daily let it be high.
        whole: whether the live rows are of whole weeks. Before, nothing is said to have drifted: days of the week
            differ.

    Raises:
        InvalidInput: another number of bins than the reference has.
    """
    from scipy.special import chdtri

    live, old = np.asarray(now, np.float64), np.array(reference.counts, np.float64)
    if live.shape != old.shape:
        raise InvalidInput(
            f"{reference.feature}: counts of shape {live.shape}, but its reference has {len(old)} bins; count with "
            "this reference"
        )
    n, m = int(live.sum()), int(old.sum())
    if min(n, m) < LEAST:
        return Drift(reference.feature, "not enough", None, WARNING, CRITICAL, n, m, whole=whole)
    effective = n * m / (n + m)
    occurring = int(((live > 0) | (old > 0)).sum())
    by_chance = float(chdtri(max(occurring - 1, 1), 1 - chance)) / effective
    warn, critical = max(WARNING, by_chance), max(CRITICAL, by_chance)
    value = psi(old, live)
    state: State = "critical" if value > critical else "warning" if value > warn else "none"
    if state != "none" and not whole:
        state = "not enough"
    ks = ks_p = None
    if reference.kind != "category":
        ks, ks_p = _kolmogorov_smirnov(old[:-1], live[:-1])
    p, q = old / m, live / n
    smoothed_p, smoothed_q = (np.zeros(len(old)) for _ in range(2))
    both = (live > 0) | (old > 0)
    smoothed_p[both], smoothed_q[both] = _shares(old, live)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(both, (smoothed_q - smoothed_p) * np.log(smoothed_q / smoothed_p), 0.0)
    most = int(np.argmax(parts))
    moved = _name_of(reference, most)
    shares = float(p[most]), float(q[most])
    return Drift(reference.feature, state, value, warn, critical, n, m, ks, ks_p, moved, *shares, whole)


def over(drifts: Sequence[Drift]) -> bool:
    """Whether what had drifted has not any more: clearly below the limit, so that an alert about it does not flap."""
    judged = [each for each in drifts if each.psi is not None]
    return any(each.state == "none" for each in judged) and all(
        (each.psi or 0.0) <= CALM * each.warn for each in judged
    )


def worst(drifts: Sequence[Drift]) -> State:
    """The state of all features together: the worst one of those with enough rows."""
    order: tuple[State, ...] = ("critical", "warning", "none", "not enough")
    states = {each.state for each in drifts}
    return next((state for state in order if state in states), "not enough")


def _shares(before: ArrayLike, now: ArrayLike) -> tuple[Numbers, Numbers]:
    old, live = np.asarray(before, np.float64), np.asarray(now, np.float64)
    both = (old > 0) | (live > 0)
    old, live = old[both] + 0.5, live[both] + 0.5
    return old / old.sum(), live / live.sum()


def _kolmogorov_smirnov(old: Numbers, live: Numbers) -> tuple[float, float] | tuple[None, None]:
    from scipy.special import kolmogorov

    m, n = old.sum(), live.sum()
    if not (m and n):
        return None, None
    distance = float(np.abs(np.cumsum(old) / m - np.cumsum(live) / n).max())
    return distance, float(kolmogorov(distance * math.sqrt(n * m / (n + m))))


def _name_of(reference: FeatureReference, place: int) -> str:
    if place == len(reference.counts) - 1:
        return "missing"
    if reference.kind == "category":
        return reference.categories[place] if place < len(reference.categories) else "other values"
    from .histogram import midpoints

    edges = list(reference.edges)
    if reference.kind == "score":
        edges = midpoints(np.array(edges)).tolist()
    shown = [f"{edge:.4g}" for edge in edges]
    if not shown:
        return "any value"
    if place == 0:
        return f"up to {shown[0]}"
    if place == len(shown):
        return f"above {shown[-1]}"
    return f"above {shown[place - 1]} up to {shown[place]}"


def _with_counts(empty: FeatureReference, found: Counts) -> FeatureReference:
    return FeatureReference(empty.feature, empty.kind, empty.edges, empty.categories, tuple(found.tolist()))


def _column(values: Any) -> NDArray[Any]:
    found = (np.asarray(values) if not isinstance(values, (list, tuple)) else np.array(values, dtype=object)).reshape(
        -1
    )
    if found.dtype.kind == "O" and not _MISSING.isdisjoint({kind.__name__ for kind in map(type, found.tolist())}):
        found = np.array([None if type(each).__name__ in _MISSING else each for each in found.tolist()], dtype=object)
    return found


def _numbers(column: NDArray[Any]) -> Numbers | None:
    """The column as numbers, NaN for what is missing; None when it holds anything else."""
    if column.dtype.kind in "iuf":
        return column.astype(np.float64)
    if column.dtype.kind != "O":
        return None
    values = column.tolist()
    if {kind for kind in map(type, values) if not issubclass(kind, int | float | np.number)} - {type(None)}:
        return None
    if bool in map(type, values):
        return None
    return np.array([math.nan if each is None else each for each in values], np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _names(column: NDArray[Any]) -> list[str]:
    """Values as names of categories: 1 and 1.0 are one, None and NaN are the empty name of what is missing."""
    if column.dtype.kind == "U":
        found: list[str] = column.tolist()
        return found
    return [_name(each) for each in column.tolist()]


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
