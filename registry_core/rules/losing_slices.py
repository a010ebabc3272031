"""Where a version loses against the champion, found over all columns of a benchmark.

The rows are halved at random. A shallow tree on the paired loss searches one half for conditions under which the
version loses more than elsewhere; the other half, which no condition was chosen on, confirms them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..evidence import Difference, Task
from .answers import Answers, Numbers
from .discoveries import clear, p_positive, p_worse
from .evaluation_metrics import probability_losses
from .pairing import paired_differences

#: How deep the tree is, how many rows a condition needs in each half, and how many conditions are confirmed at most.
DEPTH, LEAST_ROWS, MOST_SLICES = 3, 30, 5
#: Cut points that are looked at in a numeric column, and values in a text column, the most frequent ones.
MOST_CUTS, MOST_VALUES = 32, 50
#: A further condition counts where the loss differs by so many standard errors: among hundreds of cuts chance reaches
#: three and a half.
CLEAR_SPLIT = 4.0
#: Two conditions that share more of the rows than this are the same finding.
MOST_SHARED = 0.5

Mask = NDArray[np.bool_]
Relation = Literal["=", "≠", "≤", ">", "is missing"]


@dataclass(frozen=True)
class Condition:
    """One comparison of a column with a value; numbers are compared by size, texts by equality."""

    column: str
    relation: Relation
    value: float | str = ""

    def holds(self, values: NDArray[Any]) -> Mask:
        """Which rows meet it, (rows,); a missing number meets no comparison."""
        match self.relation:
            case "=":
                found = values == self.value
            case "≠":
                found = values != self.value
            case "≤":
                found = values <= self.value
            case ">":
                found = values > self.value
            case "is missing":
                found = np.isnan(values)
        return np.asarray(found, np.bool_)

    def __str__(self) -> str:
        shown = f" {self.value:.15g}" if isinstance(self.value, float) else f" {self.value}"
        return f"{self.column} {self.relation}{'' if self.relation == 'is missing' else shown}"


Path = tuple[Condition, ...]


@dataclass(frozen=True)
class Confirmed:
    """A condition that the second half confirms, and how the version differs there."""

    condition: str
    difference: Difference


def compared_metric(task: Task, primary: str, probabilities: bool) -> str:
    """In which metric losses are compared row by row: the primary one where it is a mean over rows."""
    if task == "regression":
        return "mae"
    return primary if primary in ("log_loss", "brier_score") and probabilities else "accuracy"


def halves(rows: int, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of the rows to search and of those that confirm, each in their order."""
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[: rows // 2]), np.sort(order[rows // 2 :])


def losing_slices(
    task: Task,
    truth: NDArray[Any],
    champion: Answers,
    version: Answers,
    columns: Mapping[str, NDArray[Any]],
    classes: Sequence[Any] = (),
    *,
    metric: str,
    seed: int = 0,
) -> tuple[Confirmed, ...]:
    """At most five slices in which a version loses, and loses more than on the other rows; the clearest first.

    Every slice is tested twice on the confirming half, against no loss and against the loss on the other rows; the
    larger p-value counts, and the procedure of Benjamini and Hochberg bounds the share of false slices by 5%.

    Args:
        truth: (rows,).
        champion: what to compare with.
        columns: name -> numbers or texts, (rows,).
        classes: as for ``measure_classification``.
        metric: as ``compared_metric`` gives it.
        seed: of the halves.
    """
    loss = row_losses(metric, truth, version) - row_losses(metric, truth, champion)
    searched, confirming = halves(len(truth), seed)
    paths = search(loss[searched], {name: values[searched] for name, values in columns.items()})
    differences: dict[str, Difference] = {}
    p_values: dict[str, float] = {}
    for path in paths:
        inside = _met(path, columns)[confirming]
        rows = confirming[inside]
        if len(rows) < LEAST_ROWS or len(confirming) - len(rows) < 2:
            continue
        found = paired_differences(task, truth[rows], champion.of_rows(rows), version.of_rows(rows), classes)
        if metric not in found:
            continue
        name = " and ".join(map(str, _simplified(path)))
        differences[name] = found[metric]
        p_values[name] = max(p_worse(found[metric]), _p_more(loss[rows], loss[confirming[~inside]]))
    return tuple(Confirmed(name, differences[name]) for name in clear(p_values))


def row_losses(metric: str, truth: NDArray[Any], answers: Answers) -> Numbers:
    """What each row costs in a metric, lower is better, (rows,)."""
    if metric == "mae":
        errors: Numbers = np.abs(truth - answers.predicted).astype(np.float64)
        return errors
    if metric == "accuracy":
        wrong: Numbers = (truth != answers.predicted).astype(np.float64)
        return wrong
    assert answers.probabilities is not None
    return probability_losses(truth, answers.probabilities)[metric]


def search(loss: Numbers, columns: Mapping[str, NDArray[Any]]) -> list[Path]:
    """The conditions of the tree under which the loss is above 0 and above that of the other rows, clearest first.

    At most five, of which no two share half of their rows.
    """
    found = []
    for path, inside in _tree(loss, columns, (), np.ones(len(loss), np.bool_)):
        rest = loss[~inside]
        mean = float(loss[inside].mean())
        if mean > 0 and len(rest) > 1:
            found.append((_z_more(loss[inside], rest), path, inside))
    found.sort(key=lambda each: -each[0])
    kept: list[tuple[Path, Mask]] = []
    for z, path, inside in found:
        if len(kept) == MOST_SLICES or z <= 1:
            break
        if all(_shared(inside, other) <= MOST_SHARED for _, other in kept):
            kept.append((path, inside))
    return [path for path, _ in kept]


def _tree(loss: Numbers, columns: Mapping[str, NDArray[Any]], path: Path, inside: Mask) -> Iterator[tuple[Path, Mask]]:
    """Every node below the root: its conditions and rows."""
    if len(path) == DEPTH or int(inside.sum()) < 2 * LEAST_ROWS:
        return
    split = _best_split(loss[inside], {name: values[inside] for name, values in columns.items()})
    for condition in _both_sides(split, columns):
        below = inside & condition.holds(columns[condition.column])
        if below.sum() >= LEAST_ROWS:
            if not path or abs(_z_more(loss[below], loss[inside & ~below])) >= CLEAR_SPLIT:
                yield (*path, condition), below
            yield from _tree(loss, columns, (*path, condition), below)


def _both_sides(split: Condition | None, columns: Mapping[str, NDArray[Any]]) -> list[Condition]:
    if split is None:
        return []
    opposite: Relation = "≠" if split.relation == "=" else "≤"
    sides = [split, Condition(split.column, opposite, split.value)]
    numeric = split.relation == ">"
    if numeric and np.isnan(columns[split.column]).any():
        sides.append(Condition(split.column, "is missing"))
    return sides


def _best_split(loss: Numbers, columns: Mapping[str, NDArray[Any]]) -> Condition | None:
    """The split that explains most of the loss's variance, as a regression tree chooses it."""
    best, chosen = 0.0, None
    for name, values in columns.items():
        found = _numeric_split(name, values, loss) if values.dtype.kind == "f" else _text_split(name, values, loss)
        if found is not None and found[0] > best:
            best, chosen = found
    return chosen


def _numeric_split(name: str, values: Numbers, loss: Numbers) -> tuple[float, Condition] | None:
    known = ~np.isnan(values)
    order = np.argsort(values[known], kind="stable")
    ordered, sums = values[known][order], np.cumsum(loss[known][order])
    rows = len(ordered)
    # A cut stands after a row, where the next one has another value; quantiles choose which ones are looked at.
    ends = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    ends = ends[(ends >= LEAST_ROWS) & (rows - ends >= LEAST_ROWS)]
    if not len(ends):
        return None
    if len(ends) > MOST_CUTS:
        wanted = np.linspace(0, rows, MOST_CUTS + 2)[1:-1]
        ends = np.unique(ends[np.clip(np.searchsorted(ends, wanted), 0, len(ends) - 1)])
    gains = _gains(sums[ends - 1], ends, float(sums[-1]), rows)
    place = int(gains.argmax())
    end = int(ends[place])
    return float(gains[place]), Condition(name, ">", shortest(float(ordered[end - 1]), float(ordered[end])))


def _text_split(name: str, values: NDArray[Any], loss: Numbers) -> tuple[float, Condition] | None:
    labels, codes = np.unique(values, return_inverse=True)
    counts, sums = np.bincount(codes), np.bincount(codes, weights=loss).astype(np.float64)
    common = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    common = common[(counts[common] >= LEAST_ROWS) & (len(values) - counts[common] >= LEAST_ROWS)]
    if not len(common):
        return None
    gains = _gains(sums[common], counts[common], float(sums.sum()), len(values))
    place = int(gains.argmax())
    return float(gains[place]), Condition(name, "=", str(labels[common[place]]))


def _gains(sums: NDArray[Any], counts: NDArray[np.intp], total: float, rows: int) -> Numbers:
    """What each split explains: the squared distance of both means, weighted."""
    others = rows - counts
    gains: Numbers = np.square(sums / counts - (total - sums) / others) * counts * others / rows
    return gains


def shortest(low: float, high: float) -> float:
    """The number with the fewest digits in [low, high), so that a condition can be read.

    >>> shortest(39.87, 40.31), shortest(0.5, 0.75), shortest(-0.261, -0.24)
    (40.0, 0.5, -0.26)
    """
    size = math.floor(math.log10(max(abs(low), abs(high), 1e-300)))
    for digits in range(17):
        step = 10.0 ** (size - digits)
        for whole in (math.floor(low / step), math.ceil(low / step)):
            found = float(f"{whole * step:.15g}")
            if low <= found < high:
                return found
    return low


def _met(path: Path, columns: Mapping[str, NDArray[Any]]) -> Mask:
    met: Mask = np.logical_and.reduce([condition.holds(columns[condition.column]) for condition in path])
    return met


def _simplified(path: Path) -> Path:
    """The same rows by fewer conditions: of two bounds on one side of a column the tighter one."""
    kept: dict[tuple[str, ...], Condition] = {}
    equal = {condition.column for condition in path if condition.relation == "="}
    for condition in path:
        if condition.relation == "≠" and condition.column in equal:
            continue
        each = (str(condition.value),) if condition.relation == "≠" else ()
        # Deeper conditions are tighter: they were chosen among the rows that meet those above.
        kept[(condition.column, condition.relation, *each)] = condition
    return tuple(kept.values())


def _shared(one: Mask, other: Mask) -> float:
    return float((one & other).sum()) / float(min(one.sum(), other.sum()))


def _z_more(inside: Numbers, outside: Numbers) -> float:
    """How clearly the mean of some rows is above that of the others (Welch's statistic)."""
    error = math.sqrt(float(inside.var(ddof=1)) / len(inside) + float(outside.var(ddof=1)) / len(outside))
    return (float(inside.mean()) - float(outside.mean())) / error if error > 0 else 0.0


def _p_more(inside: Numbers, outside: Numbers) -> float:
    return p_positive(_z_more(inside, outside), 1.0)
