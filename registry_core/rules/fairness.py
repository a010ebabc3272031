"""Rates by group of a protected column: how often each group is selected, and how often rightly.

The rates are Fairlearn's (``selection_rate``, ``true_positive_rate``, ``false_positive_rate`` and accuracy), and so are
a gap's difference (the highest minus the lowest) and ratio (the lowest by the highest). Two things differ: a rate of no
rows is left out, where Fairlearn takes it for 0, and a rate of few rows is shown and not counted, since three rows are
as far apart as can be by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Measured
from ..insights import FAIRNESS_RATES, Gap, Group, Rate
from .answers import Codes, Numbers
from .evaluation_metrics import slice_rows
from .intervals import wilson
from .sentences import listed


def groups(column: NDArray[Any], truth: Codes, predicted: Codes, classes: int) -> tuple[Group, ...]:
    """The rates of each value of a column, most rows first; with more than two classes only accuracy.

    Args:
        column: text, (rows,).
        truth: class codes, (rows,); with two classes 1 is the positive one.
        predicted: class codes, (rows,).
        classes: how many there are.
    """
    right = truth == predicted
    made = []
    for name, rows in slice_rows(column).items():
        rates = {"accuracy": _rate(right[rows])}
        if classes == 2:
            called, positive = predicted[rows] == 1, truth[rows] == 1
            rates |= {
                "selection_rate": _rate(called),
                "true_positive_rate": _rate(called[positive]),
                "false_positive_rate": _rate(called[~positive]),
            }
        made.append(Group(name, len(rows), {rate: rates[rate] for rate in FAIRNESS_RATES if rate in rates}))
    return tuple(made)


def _rate(hits: NDArray[np.bool_]) -> Rate:
    if not len(hits):
        return Rate(None, None, None, 0)
    low, high = wilson(int(hits.sum()), len(hits))
    return Rate(float(hits.mean()), float(low), float(high), len(hits))


def gaps(found: Sequence[Group], least: int) -> dict[str, Gap]:
    """How far groups are apart in each rate that two of them have ``least`` rows for.

    The interval of a difference is Newcombe's (1998, method 10), of a ratio that of Donner and Zou (2012), both from
    Wilson's, for every pair of groups at a level after Bonferroni. The gap is the largest difference of any pair, so
    its ends are the largest of all lower and of all upper ends: which groups are furthest apart is not assumed.
    """
    made = {}
    for rate in FAIRNESS_RATES:
        judged = [(each.name, each.rates[rate]) for each in found if rate in each.rates]
        judged = [(name, each) for name, each in judged if each.value is not None and each.rows >= least]
        if len(judged) >= 2:
            made[rate] = _gap(rate, judged)
    return made


def _gap(rate: str, judged: Sequence[tuple[str, Rate]]) -> Gap:
    names = [name for name, _ in judged]
    shares = np.array([each.value for _, each in judged], np.float64)
    rows = np.array([each.rows for _, each in judged], np.float64)
    pairs = len(names) * (len(names) - 1) / 2
    low, high = wilson(shares * rows, rows, NormalDist().inv_cdf(1 - 0.025 / pairs))
    most, least = int(shares.argmax()), int(shares.argmin())
    between = shares[:, None] - shares[None, :]
    down = between - np.hypot((shares - low)[:, None], (high - shares)[None, :])
    up = between + np.hypot((high - shares)[:, None], (shares - low)[None, :])
    difference = Measured(float(shares[most] - shares[least]), max(float(down.max()), 0.0), float(up.max()))
    ratio = None
    if shares[most] > 0:
        ratio = Measured(float(shares[least] / shares[most]), *_ratio_interval(shares, low, high))
    return Gap(rate, names[most], names[least], difference, ratio)


def _ratio_interval(shares: Numbers, low: Numbers, high: Numbers) -> tuple[float, float]:
    """The least ends over the ratios of all pairs, 1 at most."""
    ends = [
        _ratio_ends(shares[one], low[one], high[one], shares[two], low[two], high[two])
        for one in range(len(shares))
        for two in range(len(shares))
        if one != two and shares[two] > 0
    ]
    return min(end for end, _ in ends), min(1.0, min(end for _, end in ends))


def _ratio_ends(one: float, one_low: float, one_high: float, two: float, two_low: float, two_high: float) -> Any:
    product = one * two
    down = one_low * (2 * one - one_low)
    below = max(product**2 - down * two_high * (2 * two - two_high), 0.0) ** 0.5
    up, divisor = one_high * (2 * one - one_high), two_low * (2 * two - two_low)
    above = max(product**2 - up * divisor, 0.0) ** 0.5
    # The first is (product - below) / ..., written so that nothing cancels.
    lower = down / (product + below) if product + below > 0 else 0.0
    return lower, (product + above) / divisor if divisor > 0 else float("inf")


def small_groups(found: Sequence[Group], least: int) -> tuple[str, ...]:
    """The groups with a rate of fewer rows than ``least``."""
    return tuple(each.name for each in found if any(rate.rows < least for rate in each.rates.values()))


def sentence(column: str, found: Sequence[Group], apart_by: Mapping[str, Gap], least: int) -> str:
    """The largest gap with its groups and interval, and which groups have too few rows to be counted."""
    small = small_groups(found, least)
    few = f"; small, with fewer than {least:,} rows behind a rate: {listed(small)}" if small else ""
    if not apart_by:
        return f"no two groups of {column} have {least:,} rows behind the same rate, so no gap is given{few}"
    widest = max(apart_by.values(), key=lambda gap: gap.difference.value)
    assert widest.difference.low is not None
    assert widest.difference.high is not None
    ends = f"95% interval {100 * widest.difference.low:.1f} to {100 * widest.difference.high:.1f}"
    if widest.difference.value == 0:
        return f"the groups of {column} do not differ in any rate{few}"
    clear = "" if widest.difference.low > 0 else ", no clear difference"
    return (
        f"{widest.rate.replace('_', ' ')} differs most by {column}: "
        f"{widest.highest} is {100 * widest.difference.value:.1f} pp above {widest.lowest}, {ends}{clear}{few}"
    )
