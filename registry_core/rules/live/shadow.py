"""The shadow test: which of two models that scored the same rows is better?

Rows that both got right or both got wrong tell nothing about who is better, and what is hard for both cancels out: it
takes about a sixth of the rows of a split test. Every number may be looked at as often as one likes.

Rows of one day, and rows of one unit, hang together. By how much is learnt from what each day and each cluster of units
adds, and rows are counted as so many fewer independent ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.effect import NAMES, Effect, Metric
from . import days, mixture
from .days import Days
from .exact import to_float, to_floats
from .paired import NO_PAIRS, PairedSums
from .split import (
    INFORMATION,
    LEAST_ROWS,
    LEAST_ROWS_OF_MEANS,
    bound_width,
    check_level,
    cluster_variance,
    few_units,
    prior_variance,
)

Numbers = NDArray[np.float64]

#: Parameter of the prior, Beta(PRIOR, PRIOR), of who is right where only one is.
PRIOR = 10.0
#: Stakes of the bets on the difference, as parts of the most that may be staked; each has an equal part of the money.
STAKES: Numbers = np.asarray(0.9 / 2.0 ** np.arange(9), np.float64)
#: Half the width of an interval of a share of rows is known to this.
PRECISION = 1e-6


def log_e(only_challenger: Any, only_champion: Any) -> Any:
    """ln e against "where only one is right, it is either one as often", from counts of any one shape.

    ln B(c + g, b + g) - ln B(g, g) + (b + c) ln 2: the Beta mixture of likelihood ratios of a coin, g = PRIOR.
    """
    from scipy.special import betaln

    c, b = only_challenger, only_champion
    return betaln(c + PRIOR, b + PRIOR) - betaln(PRIOR, PRIOR) + (b + c) * math.log(2)


def log_e_worse(only_challenger: Any, only_champion: Any) -> Any:
    """ln e against "the challenger is not worse", by the half of the mixture that says so; arguments as ``log_e``."""
    from scipy.special import betainc

    c, b = only_challenger, only_champion
    part = betainc(c + PRIOR, b + PRIOR, 0.5)
    # With many more wins of the challenger the half rounds to nothing, and the least double says so.
    return log_e(c, b) + math.log(2) + np.log(np.maximum(part, np.finfo(np.float64).tiny))


def log_e_above(only_challenger: Any, only_champion: Any, rows: Any, difference: Any) -> Any:
    """ln e against "the challenger's share of right answers is higher by ``difference`` at most".

    Whoever bets that it is higher, a part of the money on each of the STAKES, multiplies what a stake has by
    1 + stake * (d - difference) / (1 + difference) at a row, where d is 1, 0 or -1. A fair game if the difference is
    the true one, whatever the rows: no central limit theorem, no burn-in. Waudby-Smith and Ramdas, Estimating means of
    bounded random variables by betting, 2024, with stakes that stay the same.

    Args:
        only_challenger: rows only the challenger got right; arrays of any one shape.
        only_champion: rows only the champion got right.
        rows: all rows.
        difference: above -1 and below 1.
    """
    c, b, n, m = (
        np.asarray(each, np.float64)[..., None] for each in (only_challenger, only_champion, rows, difference)
    )
    stake = STAKES / (1 + m)
    money = c * np.log1p(stake * (1 - m)) + b * np.log1p(stake * (-1 - m)) + (n - b - c) * np.log1p(-stake * m)
    return np.logaddexp.reduce(money, axis=-1) - math.log(len(STAKES))


def lower_bound(only_challenger: Any, only_champion: Any, rows: Any, alpha: float, inflation: float = 1.0) -> Any:
    """The highest difference that is refuted with an e-value of 1 / alpha, by bisection; arguments as ``log_e_above``.

    With ``inflation`` there are so many times fewer rows.
    """
    c, b, n = (np.asarray(each, np.float64) / inflation for each in (only_challenger, only_champion, rows))
    low = np.full(np.shape(np.asarray(rows, np.float64)), -1.0)
    high = np.full_like(low, 1.0)
    goal = math.log(1 / alpha)
    for _ in range(math.ceil(math.log2(2 / PRECISION))):
        middle = (low + high) / 2
        refuted = log_e_above(c, b, n, middle) >= goal
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return low


def inflation_of(by: Numbers, sizes: Numbers, total: Any, squares: Any) -> Any:
    """How many times the variance of the sum of differences is that of independent rows; at least 1.

    Args:
        by: (..., clusters) sums of the differences of each cluster of units.
        sizes: (..., clusters) its rows.
        total: (...) the sum of all differences.
        squares: (...) the sum of their squares.
    """
    rows = sizes.sum(axis=-1)
    scatter = squares - np.square(total) / rows
    spread = cluster_variance(by - sizes * np.expand_dims(total / rows, -1))
    # Models that answer alike do not differ in any cluster.
    return np.maximum(np.where(scatter > 0, spread / np.where(scatter > 0, scatter, 1.0), 1.0), 1.0)


def of_days(pairs: Iterable[tuple[Any, PairedSums]], metric: Metric) -> Days:
    """What each day adds to the sum of the differences, from (day, sums) of any windows."""
    by_day: dict[Any, list[PairedSums]] = {}
    for day, sums in pairs:
        by_day.setdefault(day, []).append(sums)
    return days.of_days(_differences(sum(parts, NO_PAIRS), metric) for parts in by_day.values())


def compare(
    pairs: Iterable[tuple[Any, PairedSums]],
    metric: Metric = "accuracy",
    *,
    alpha: float = 0.05,
    bound_alpha: float | None = None,
    baseline_variance: float | None = None,
    clustered: bool = True,
    worth: float = 0.01,
) -> Effect:
    """The difference between challenger and champion on the same rows.

    Args:
        pairs: (day of prediction, sums) of any windows; only rows that both answered and whose truth is known are in
            them. A day's rows hang together, and which day it is does not matter.
        metric: one primary metric decides; for m of them or m challengers give alpha / m.
        alpha: of the two-sided interval and of the e-values' tuning.
        bound_alpha: of the one-sided bound; None takes alpha: behind the shadow there are stages to come.
        baseline_variance: for losses, of the difference of a row, known before the test began; it tunes the widths.
        clustered: whether units occur more than once, so that their rows may hang together.
        worth: the difference to plan for, in the metric's unit.

    Raises:
        InvalidInput: alpha, the variance or ``worth`` is out of its range, or the clusters were not read.
    """
    prior = prior_variance(metric, alpha, baseline_variance)
    if not 0 < worth < math.inf:
        raise InvalidInput(f"worth is {worth:g}; give a difference above 0")
    bound_alpha = check_level(alpha if bound_alpha is None else bound_alpha)
    pairs = list(pairs)
    found = sum((sums for _, sums in pairs), NO_PAIRS)
    rows, total, squares = _differences(found, metric)
    least = LEAST_ROWS if metric == "accuracy" else LEAST_ROWS_OF_MEANS
    if rows < least:
        why_not = f"Not enough labels yet: {rows:,} of {least} for rows with predictions of both models"
        return Effect(metric, "shadow", rows, rows, False, why_not, alpha=alpha)
    by_day = of_days(pairs, metric)
    inflation, planned = by_day.of_all, by_day.in_the_end
    if clustered:
        by, sizes = _clusters(found, metric, rows)
        if by is not None:
            why_not = few_units("challenger", sizes)
            if why_not:
                return Effect(metric, "shadow", rows, rows, False, why_not, alpha=alpha)
            of_units = float(inflation_of(by, sizes, total, squares))
            inflation, planned = max(inflation, of_units), max(planned, of_units)
    if metric == "accuracy":
        return _of_counts(found, alpha, bound_alpha, inflation, planned, worth)
    scatter = max(squares - total * total / rows, 0.0)
    return _of_losses(metric, rows, total, scatter, prior, alpha, bound_alpha, inflation, planned, worth)


def _of_counts(
    found: PairedSums, alpha: float, bound_alpha: float, inflation: float, planned: float, worth: float
) -> Effect:
    c, b, n = found.n01, found.n10, found.rows
    variance = max((b + c) / n, 1 / n)
    goal = math.log(len(STAKES) / (alpha / 2)) * planned
    weight_c, weight_b = c / inflation, b / inflation
    return Effect(
        "accuracy",
        "shadow",
        n,
        n,
        True,
        value=(c - b) / n,
        low=float(lower_bound(c, b, n, alpha / 2, inflation)),
        high=-float(lower_bound(b, c, n, alpha / 2, inflation)),
        at_least=float(lower_bound(c, b, n, bound_alpha, inflation)),
        log_e=float(log_e(weight_c, weight_b)),
        log_e_worse=float(log_e_worse(weight_c, weight_b)),
        alpha=alpha,
        bound_alpha=bound_alpha,
        # The best stake wins worth^2 / (2 variance) a row.
        more_labels=math.ceil(max(goal * 2 * variance / worth**2 - n, 0.0)),
        worth=worth,
        inflation=inflation,
    )


def _of_losses(
    metric: Metric,
    rows: int,
    gain: float,
    scatter: float,
    prior: float,
    alpha: float,
    bound_alpha: float,
    inflation: float,
    planned: float,
    worth: float,
) -> Effect:
    # One row with the variance known beforehand: few rows know too little of their own spread.
    v = (scatter + prior) * inflation
    two_sided = mixture.rho_squared(alpha, prior * INFORMATION)
    one_sided = mixture.rho_squared(2 * alpha, prior * INFORMATION)
    half, value = float(mixture.half_width(v, two_sided, alpha)) / rows, gain / rows
    whole = mixture.information_needed(worth, v * planned / inflation / rows, two_sided, alpha)
    return Effect(
        metric,
        "shadow",
        rows,
        rows,
        True,
        value=value,
        low=value - half,
        high=value + half,
        at_least=value - bound_width(v, rows, prior, bound_alpha),
        log_e=float(mixture.log_e(gain, v, two_sided)),
        log_e_worse=float(mixture.log_e_below(gain, v, one_sided)),
        alpha=alpha,
        bound_alpha=bound_alpha,
        more_labels=math.ceil(max(whole - rows, 0.0)),
        worth=worth,
        inflation=inflation,
    )


def _differences(sums: PairedSums, metric: Metric) -> tuple[int, float, float]:
    """Rows, and what the challenger gains on them: its sum and the sum of its squares."""
    if metric == "accuracy":
        return sums.rows, float(sums.n01 - sums.n10), float(sums.n10 + sums.n01)
    if metric == "brier":
        return sums.scored, -to_float(sums.brier), to_float(sums.brier_squares)
    return sums.rows, -to_float(sums.loss), to_float(sums.loss_squares)


def _clusters(found: PairedSums, metric: Metric, rows: int) -> tuple[Numbers | None, Numbers]:
    """What each cluster gained, and its rows; None where some rows have no cluster."""
    if found.clusters is None:
        raise InvalidInput(f"the sums of {NAMES[metric]} were read without their clusters; read both parts")
    by = found.clusters
    sizes = np.array(by.rows, np.float64)
    if sizes.sum() != rows:
        return None, sizes
    if metric == "accuracy":
        return np.array(by.wins or np.zeros(len(sizes)), np.float64), sizes
    gained = by.brier if metric == "brier" else by.loss
    return -np.array(to_floats(gained) if gained else np.zeros(len(sizes)), np.float64), sizes
