"""Two models on the same rows: how much they differ in each metric, and where they disagree.

Differences are the second model's minus the first's. Pairing the rows takes out what is hard or easy for both, so far
smaller differences show than two separate intervals would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Difference, Disagreements, Task
from .answers import Answers, Codes, Numbers, check_classes, check_numbers
from .evaluation_metrics import (
    confusion_metrics,
    probability_losses,
    regression_metrics,
    regression_terms,
    slice_rows,
)
from .intervals import Z, of_mean_either_way, t_quantile
from .metrics import CLASSIFICATION, lower_is_better
from .roc_auc import degrees_of_freedom, mean_area

RESAMPLES = 2_000
#: More rows than these are first assigned at random to as many groups, and the groups are drawn: sums of independent
#: rows are as independent, so the interval keeps its width and the time stops growing.
MOST_GROUPS = 5_000
#: Draws made at once, a few megabytes of them.
BLOCK = 1_000_000


def paired_differences(
    task: Task,
    truth: NDArray[Any],
    first: Answers,
    second: Answers,
    classes: Sequence[Any] = (),
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Difference]:
    """The difference in every metric that both models have, each with its 95% interval.

    auc by DeLong's covariance of two areas on the same rows (1988). The means of losses (log_loss, brier_score, mae) by
    Hall's and Student's intervals of the mean of the differences row by row, which needs no chance. Everything else by
    the paired percentile bootstrap (Efron and Tibshirani 1993, chapter 13): rows are drawn with the answers of both.

    For metrics made of counts, the rows to draw from include two made-up ones, one that only the first model got right
    and one that only the second did, after Bonett and Price (2012): otherwise four rows that speak for one model and
    none for the other would pass for proof. Answers that do not differ give [0, 0]; a single row gives nothing.

    Args:
        task: ``classification`` takes class codes and ``classes``, ``regression`` numbers.
        truth: (rows,).
        first: answers of the model to compare with, usually the champion.
        second: answers of the model in question.
        classes: as for ``measure_classification``.
        seed: of the draws; the same seed gives the same intervals.
        resamples: how many times the rows are drawn.

    Raises:
        InvalidInput: what a model answered cannot be measured; the message says what stands in which row.
    """
    chance = np.random.default_rng(seed)
    if len(truth) == 1:
        return {}
    if task == "regression":
        true, one = check_numbers(truth, first.predicted)
        _, two = check_numbers(truth, second.predicted)
        both = np.stack([regression_terms(true, one), regression_terms(true, two)])
        return _of_numbers(both, chance, resamples)
    codes, answered, shares = check_classes(truth, first.predicted, first.probabilities, classes)
    _, other_answered, other_shares = check_classes(truth, second.predicted, second.probabilities, classes)
    found = _of_counts(codes, answered, other_answered, len(classes), chance, resamples)
    if shares is not None and other_shares is not None:
        found |= _of_area(codes, shares, other_shares)
        found |= _of_losses(codes, shares, other_shares)
    return {name: found[name] for name in CLASSIFICATION if name in found}


def slice_differences(
    task: Task,
    truth: NDArray[Any],
    first: Answers,
    second: Answers,
    columns: Mapping[str, NDArray[Any]],
    classes: Sequence[Any] = (),
    *,
    least: int = 30,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Difference]]:
    """``column=value`` -> the differences on its rows, for values with ``least`` rows; grouped as in ``slice_metrics``.

    Each interval is one of 95% by itself: of forty slices one looks worse, and one better, by chance.
    """
    return {
        f"{name}={value}": paired_differences(
            task, truth[rows], first.of_rows(rows), second.of_rows(rows), classes, seed=seed, resamples=resamples
        )
        for name, column in columns.items()
        for value, rows in slice_rows(column).items()
        if len(rows) >= least
    }


def disagreements(
    task: Task, truth: NDArray[Any], first: Answers, second: Answers, classes: Sequence[Any] = (), *, most: int = 20
) -> Disagreements:
    """The rows on which two models answer differently; ``most`` of those that moved furthest.

    Arguments and errors are those of ``paired_differences``.
    """
    move: Numbers | None
    if task == "regression":
        true, one = check_numbers(truth, first.predicted)
        _, two = check_numbers(truth, second.predicted)
        changed, move = one != two, np.abs(two - one)
        nearer = np.abs(true - one) - np.abs(true - two)
        first_right, second_right = nearer < 0, nearer > 0
    else:
        codes, answered, shares = check_classes(truth, first.predicted, first.probabilities, classes)
        _, other_answered, other_shares = check_classes(truth, second.predicted, second.probabilities, classes)
        changed = answered != other_answered
        first_right, second_right = changed & (answered == codes), changed & (other_answered == codes)
        move = None if shares is None or other_shares is None else np.abs(other_shares - shares).max(axis=1)
    furthest = np.argsort(-move, kind="stable")[:most] if move is not None else np.array([], np.intp)
    return Disagreements(
        tuple(np.flatnonzero(changed).tolist()),
        int(first_right.sum()),
        int(second_right.sum()),
        tuple((int(row), float(move[row])) for row in furthest if move[row] > 0) if move is not None else (),
    )


def _of_counts(
    truth: Codes, first: Codes, second: Codes, classes: int, chance: np.random.Generator, resamples: int
) -> dict[str, Difference]:
    # Rows with the same truth and the same two answers are alike, so to draw rows is to draw how many of each kind.
    kinds, counts = np.unique((truth * classes + first) * classes + second, return_counts=True)
    true, one, two = kinds // classes**2, kinds // classes % classes, kinds % classes
    each = np.eye(classes)
    even = np.full((1, classes), 1 / classes)
    nothing = np.zeros((1, classes))
    only_first, only_second = (even, even, even, nothing, even), (even, nothing, even, even, even)
    real = (each[true], each[one] * (one == true)[:, None], each[one], each[two] * (two == true)[:, None], each[two])
    # (kinds + 2, 5, classes): true; hits and calls of the first model; hits and calls of the second.
    terms = np.stack([np.concatenate(parts) for parts in zip(real, only_first, only_second, strict=True)], axis=1)
    weights = np.append(counts, [1, 1])
    drawn = chance.multinomial(weights.sum(), weights / weights.sum(), size=resamples)
    sums = np.tensordot(drawn.astype(np.float64), terms, 1)
    found = {}
    exact = np.tensordot(counts.astype(np.float64), terms[:-2], 1)
    values, others = (confusion_metrics(exact[1 + at], exact[0], exact[2 + at]) for at in (0, 2))
    many, many_others = (confusion_metrics(sums[:, 1 + at], sums[:, 0], sums[:, 2 + at]) for at in (0, 2))
    alike = bool((first == second).all())
    for name, value in values.items():
        if not np.isnan(value) and not np.isnan(others[name]):
            change = np.zeros(1) if alike else many_others[name] - many[name]
            found[name] = _of_resamples(name, float(value), float(others[name]), change, len(truth))
    return found


def _of_area(truth: Codes, first: Numbers, second: Numbers) -> dict[str, Difference]:
    one, two = mean_area(truth, first), mean_area(truth, second)
    if one is None or two is None or one.contributions is None or two.contributions is None:
        return {}
    value, moved = two.value - one.value, two.contributions - one.contributions
    down = up = t_quantile(degrees_of_freedom(moved, one.sides)) * float(np.linalg.norm(moved))
    if down == 0 and value and one.interval and two.interval:
        # A perfect or a constant ranking has no variance. What is left is that of two areas on different rows: the
        # distances to their limits, squared and added (Newcombe 1998, method 10).
        (one_low, one_high), (two_low, two_high) = one.interval, two.interval
        down = float(np.hypot(two.value - two_low, one_high - one.value))
        up = float(np.hypot(two_high - two.value, one.value - one_low))
    return {"auc": _difference("auc", one.value, two.value, value - down, value + up, len(truth))}


def _of_losses(truth: Codes, first: Numbers, second: Numbers) -> dict[str, Difference]:
    losses, others = probability_losses(truth, first), probability_losses(truth, second)
    return {name: _of_means(name, losses[name], others[name]) for name in losses}


def _of_numbers(terms: Numbers, chance: np.random.Generator, resamples: int) -> dict[str, Difference]:
    """From the terms of both models, (2, 5, rows)."""
    models, names, rows = terms.shape
    values, others = (regression_metrics(each.sum(axis=1)) for each in terms)
    sums = _drawn_sums(terms.reshape(models * names, rows), chance, resamples).T.reshape(models, names, resamples)
    many, many_others = (regression_metrics(each) for each in sums)
    found = {
        name: _of_resamples(name, float(value), float(others[name]), many_others[name] - many[name], rows)
        for name, value in values.items()
        if not np.isnan(value) and name != "mae"
    }
    return {**found, "mae": _of_means("mae", terms[0, -1], terms[1, -1])}


def _of_means(name: str, first: Numbers, second: Numbers) -> Difference:
    low, high = of_mean_either_way(second - first)
    return _difference(name, float(first.mean()), float(second.mean()), low, high, len(first))


def _drawn_sums(terms: Numbers, chance: np.random.Generator, resamples: int) -> Numbers:
    """The sums of every term, (terms, rows), over rows drawn with replacement: (resamples, terms)."""
    rows = terms.shape[1]
    if rows > MOST_GROUPS:
        edges = np.linspace(0, rows, MOST_GROUPS, endpoint=False).astype(np.intp)
        terms, rows = np.add.reduceat(terms[:, chance.permutation(rows)], edges, axis=1), MOST_GROUPS
    sums = np.empty((resamples, len(terms)))
    block = max(BLOCK // rows, 1)
    for start in range(0, resamples, block):
        several = min(block, resamples - start)
        drawn = chance.integers(0, rows, size=(several, rows)) + np.arange(several)[:, None] * rows
        times = np.bincount(drawn.reshape(-1), minlength=several * rows).reshape(several, rows)
        sums[start : start + several] = times.astype(np.float64) @ terms.T
    return sums


def _of_resamples(name: str, first: float, second: float, changes: Numbers, rows: int) -> Difference:
    """The percentile interval, expanded as Hesterberg (2015, section 3.3) does: resamples vary too little by n - 1."""
    low, high = np.nanquantile(changes, (0.025, 0.975))
    wider, value = t_quantile(rows - 1) / Z * math.sqrt(rows / (rows - 1)), second - first
    return _difference(name, first, second, value + (low - value) * wider, value + (high - value) * wider, rows)


def _difference(name: str, first: float, second: float, low: float, high: float, rows: int) -> Difference:
    value = second - first
    # The made-up rows and rounding may move an interval aside by a hair; the difference itself belongs into it.
    low, high = min(float(low), value), max(float(high), value)
    # A last bit that differs is no difference.
    if max(abs(low), abs(high)) <= 1e-12 * max(abs(first), abs(second)):
        value = low = high = 0.0
    return Difference(name, value, low, high, rows, lower_is_better(name))
