"""The split test: which of two models that served different units is better?

The difference is taken within each bucket of prediction time and then averaged: only rows of the same time are ever
compared, so neither a share that is raised step by step nor labels that come late can fake or hide a difference.
Every number may be looked at as often as one likes, see ``mixture``.

Rows of one unit hang together, and on some days one model does better than on others. Both are learnt from what each
cluster of units and each day adds, and the larger one widens everything. A request that was not answered is a wrong
answer of whoever was asked.

What no sum can mend: labels that depend on the answer that was served (a loan that was refused never defaults). Then
keep a slice of units that are served at random, and compare on these.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.effect import NAMES, Effect, Metric
from . import mixture
from .days import Days
from .days import of_days as sums_of_days
from .detail import CLUSTERS
from .exact import to_float, to_floats
from .sums import Sums, total

Numbers = NDArray[np.float64]

#: Information, H of ``Contrast``, at which the intervals are narrowest: that of 5,000 rows dealt half and half.
INFORMATION = 1250.0
#: The variance of right or wrong at an accuracy of .85, where nothing is known of the champion beforehand.
USUAL_VARIANCE = 0.1275
#: Before these many labels of each, and wrong and right ones together, nothing is claimed: by the central limit theorem
#: alone a split of 99 to 1 would reject a true "no difference" most of the time.
LEAST_ROWS, LEAST_ROWS_OF_MEANS, LEAST_OF_BOTH_KINDS = 100, 200, 20
#: Nor before the rows of each come from units in so many clusters: from fewer, their variance is not known. A hundred
#: rows of a hundred units lie in about 39. With none asked, 200 rows of each of 300 units, dealt 1 to 50 % in steps,
#: rejected a true "no difference" in 14 of 100 tests at a level of 5.
LEAST_CLUSTERS = 30


@dataclass(frozen=True, eq=False)
class Contrast:
    """Sums over buckets, as arrays of any one shape.

    ``s`` the sum of h * (challenger's mean - champion's), ``h`` = n1 n0 / (n1 + n0) summed, ``v`` the variance of s.
    The difference is s / h.
    """

    s: Numbers
    h: Numbers
    v: Numbers


def pooled(windows: Iterable[tuple[Hashable, int, Sums, Sums]], metric: Metric) -> list[tuple[int, Sums, Sums]]:
    """Neighbouring windows as one until both arms have labels, so that little traffic is compared as well.

    Only how many labels there are decides where one ends, never what they say. What one arm alone has at the end waits
    for the other arm.

    Args:
        windows: (shares, start, champion's sums, challenger's sums), in order of time. Those under other shares are
            never pooled with each other.
        metric: in which rows are counted.

    Returns:
        (start of the first, champion's sums, challenger's sums).
    """
    waiting: dict[Hashable, tuple[int, list[Sums], list[Sums]]] = {}
    found = []
    for shares, start, champion, challenger in windows:
        first, ones, others = waiting.pop(shares, (start, [], []))
        ones, others = [*ones, champion], [*others, challenger]
        if all(any(of_metric(each, metric)[0] for each in arm) for arm in (ones, others)):
            found.append((first, total(ones), total(others)))
        else:
            waiting[shares] = first, ones, others
    return found


def increments(n0: Numbers, x0: Numbers, q0: Numbers, n1: Numbers, x1: Numbers, q1: Numbers) -> Numbers:
    """What buckets add to the sums a contrast is made of, (10, ...); arguments of any one shape.

    Args:
        n0: the champion's rows; a bucket that only one arm has counts for nothing.
        x0: sums of what was wrong, or of losses.
        q0: sums of their squares.
        n1: of the challenger, and so on.
        x1: as ``x0``.
        q1: as ``q0``.
    """
    both = (n0 > 0) & (n1 > 0)
    n0, x0, q0, n1, x1, q1 = (np.where(both, each, 0.0) for each in (n0, x0, q0, n1, x1, q1))
    safe0, safe1 = np.where(both, n0, 1.0), np.where(both, n1, 1.0)
    h = n0 * n1 / np.where(both, n0 + n1, 1.0)
    return np.stack([h * (x1 / safe1 - x0 / safe0), h, h * h / safe0, h * h / safe1, n0, x0, q0, n1, x1, q1])


def contrast(sums: Numbers, *, binary: bool, prior: float) -> Contrast:
    """The contrast from sums of ``increments``, (10, ...).

    The variance of a row is pooled over all buckets so far. One more row of each kind is added to it where rows are
    right or wrong, one with variance ``prior`` where they are numbers: few rows know too little of their own spread.
    Where the arms' own variances come to more, that counts: most in a small arm that varies more.

    Args:
        sums: of one bucket or of many.
        binary: whether rows are 0 or 1.
        prior: variance of one row known beforehand.
    """
    s, h, weight0, weight1, n0, x0, q0, n1, x1, q1 = sums
    rows, total = n0 + n1, x0 + x1
    if binary:
        share = (total + 1) / (rows + 2)
        pooled = share * (1 - share)
    else:
        pooled = (_squares(rows, total, q0 + q1) + prior) / np.maximum(rows, 1.0)
    own0, own1 = (_squares(n, x, q) / np.maximum(n - 1, 1.0) for n, x, q in ((n0, x0, q0), (n1, x1, q1)))
    return Contrast(s, h, np.maximum(pooled * h, own0 * weight0 + own1 * weight1))


def enough_rows(n0: Any, x0: Any, n1: Any, x1: Any, *, binary: bool) -> Any:
    """Whether the burn-in is over; arguments are counts and sums over all buckets, of any one shape."""
    least = LEAST_ROWS if binary else LEAST_ROWS_OF_MEANS
    found = (n0 >= least) & (n1 >= least)
    if binary:
        wrong = x0 + x1
        found = found & (wrong >= LEAST_OF_BOTH_KINDS) & (n0 + n1 - wrong >= LEAST_OF_BOTH_KINDS)
    return found


def cluster_contributions(n0: Numbers, x0: Numbers, n1: Numbers, x1: Numbers) -> Numbers:
    """What each cluster of units adds to ``Contrast.s`` in each bucket, beyond its expectation: as the arguments.

    Args:
        n0: (..., buckets, clusters) the champion's rows.
        x0: (..., buckets, clusters) sums of what was wrong, or of losses.
        n1: likewise of the challenger.
        x1: likewise.
    """
    all0, all1 = n0.sum(axis=-1, keepdims=True), n1.sum(axis=-1, keepdims=True)
    both = (all0 > 0) & (all1 > 0)
    safe0, safe1 = np.where(both, all0, 1.0), np.where(both, all1, 1.0)
    h = np.where(both, all0 * all1 / (safe0 + safe1), 0.0)
    moved1 = (x1 - n1 * (x1.sum(axis=-1, keepdims=True) / safe1)) / safe1
    moved0 = (x0 - n0 * (x0.sum(axis=-1, keepdims=True) / safe0)) / safe0
    found: Numbers = h * (moved1 - moved0)
    return found


def cluster_variance(contributions: Numbers) -> Any:
    """J / (J - 1) sum (R_j - mean R)^2, from (..., clusters) contributions that are summed over buckets.

    Rows of one unit hang together; the units of a cluster stand in for it, since sums know no single unit.
    """
    clusters = contributions.shape[-1]
    return contributions.var(axis=-1) * clusters * clusters / (clusters - 1)


def effective_clusters(rows: Numbers) -> Any:
    """How many clusters of equal size would be as even as these, from (..., clusters) rows: (sum n)^2 / sum n^2."""
    return np.square(rows.sum(axis=-1)) / np.maximum(np.square(rows).sum(axis=-1), 1.0)


def few_units(who: str, rows: Numbers) -> str:
    """What is wrong when the rows of a model, (clusters,), come from too few units; empty when they do not."""
    found = float(effective_clusters(rows))
    if found >= LEAST_CLUSTERS:
        return ""
    return (
        f"Not enough different units yet: the {int(rows.sum()):,} labels of the {who} are spread over an "
        f"effective {math.floor(found)} of {CLUSTERS} groups of units, {LEAST_CLUSTERS} are required"
    )


def compare(
    buckets: Sequence[tuple[Hashable, Sums, Sums]],
    metric: Metric = "accuracy",
    *,
    alpha: float = 0.05,
    bound_alpha: float | None = None,
    baseline_variance: float | None = None,
    clustered: bool = True,
    worth: float | None = None,
) -> Effect:
    """The difference between challenger and champion, over buckets of prediction time.

    Args:
        buckets: (day of prediction, champion's sums, challenger's sums), each one window of time. Those of one day
            hang together; which day it is does not matter, nor their order. Buckets whose labels are not yet in belong
            left out of both, see ``ratio.coverage``.
        metric: one primary metric decides; for m of them or m challengers give alpha / m.
        alpha: of the two-sided interval and of the e-values' tuning.
        bound_alpha: of the one-sided bound; None takes alpha / 5. A bound decides who is promoted, which is harder to
            undo than to wait: at alpha itself 2 of 100 models that are 2 points worse were promoted in a rollout.
        baseline_variance: of a row of the champion, known before the test began: accuracy * (1 - accuracy), or the
            variance of its losses. It tunes the widths and is never to be taken from the test itself. None takes that
            of an accuracy of .85; losses of any unit have no usual variance, so for them it is asked for.
        clustered: whether units occur more than once, so that their rows may hang together.
        worth: the difference to plan for, in the metric's unit; None: 2 pp of accuracy, else a tenth of the
            standard deviation.

    Raises:
        InvalidInput: alpha, the variance or ``worth`` is out of its range, or the detail of the sums was not read.
    """
    if worth is not None and not 0 < worth < math.inf:
        raise InvalidInput(f"worth is {worth:g}; give a difference above 0")
    prior, binary = prior_variance(metric, alpha, baseline_variance), metric == "accuracy"
    bound_alpha = check_level(alpha / 5 if bound_alpha is None else bound_alpha)
    kept = [each for each in buckets if of_metric(each[1], metric)[0] and of_metric(each[2], metric)[0]]
    pairs = [(one, two) for _, one, two in kept]
    many0, many1 = (sum(of_metric(pair[arm], metric)[0] for pair in pairs) for arm in (0, 1))
    known = share_known(pairs)
    table = np.array(
        [[*as_intended(one, metric, known), *as_intended(two, metric, known)] for one, two in pairs], np.float64
    )
    n0, x0, q0, n1, x1, q1 = table.reshape(-1, 6).T
    why_not = _missing(metric, many0, float(x0.sum()), many1, float(x1.sum()))
    if why_not:
        return Effect(metric, "split", many0, many1, False, why_not, alpha=alpha)
    parts = increments(n0, x0, q0, n1, x1, q1)
    found = contrast(parts.sum(axis=1), binary=binary, prior=prior)
    s, h, independent = float(found.s), float(found.h), float(found.v)
    by_day = of_days([day for day, _, _ in kept], parts[0], parts[1], independent / h)
    v, planned = independent * by_day.of_all, independent * by_day.in_the_end
    tables = _tables(pairs, metric) if clustered else None
    if tables is not None:
        for who, table in (("challenger", tables[2]), ("champion", tables[0])):
            why_not = few_units(who, table.sum(axis=0))
            if why_not:
                return Effect(metric, "split", many0, many1, False, why_not, alpha=alpha)
        of_units = float(cluster_variance(cluster_contributions(*tables).sum(axis=-2)))
        v, planned = max(v, of_units), max(planned, of_units)
    # What is counted is bad: fewer mistakes are a gain.
    value, s = -s / h, -s
    two_sided = mixture.rho_squared(alpha, prior * INFORMATION)
    one_sided = mixture.rho_squared(2 * alpha, prior * INFORMATION)
    half = float(mixture.half_width(v, two_sided, alpha)) / h
    wanted = worth if worth is not None else 0.02 if binary else math.sqrt(prior) / 10
    whole = mixture.information_needed(wanted, planned / h, two_sided, alpha)
    return Effect(
        metric,
        "split",
        many0,
        many1,
        True,
        value=value,
        low=value - half,
        high=value + half,
        at_least=value - bound_width(v, h, prior, bound_alpha),
        log_e=float(mixture.log_e(s, v, two_sided)),
        log_e_worse=float(mixture.log_e_below(s, v, one_sided)),
        alpha=alpha,
        bound_alpha=bound_alpha,
        more_labels=math.ceil(max(whole / h - 1, 0.0) * (many0 + many1)),
        worth=wanted,
        inflation=v / independent if independent else 1.0,
    )


def of_days(days: Sequence[Hashable], s: Numbers, h: Numbers, variance: float) -> Days:
    """What each day adds to the sums of a contrast, as ``Days`` of h rows with a known variance.

    Args:
        days: (buckets,) of each bucket.
        s: (buckets,) ``Contrast.s`` of each.
        h: (buckets,) ``Contrast.h`` of each.
        variance: of s for an h of 1, were rows independent.
    """
    by_day: dict[Hashable, tuple[float, float]] = {}
    for day, one, two in zip(days, s.tolist(), h.tolist(), strict=True):
        before = by_day.get(day, (0.0, 0.0))
        by_day[day] = before[0] + one, before[1] + two
    # Squares such that the variance within days is the known one.
    return sums_of_days(
        (rows, whole, whole * whole / rows + variance * (rows - 1)) for whole, rows in by_day.values() if rows
    )


def bound_width(v: float, h: float, prior: float, alpha: float) -> float:
    """How far below the difference s / h its one-sided bound lies."""
    rho2 = mixture.rho_squared(2 * alpha, prior * INFORMATION)
    return float(mixture.width_below(v, rho2, alpha)) / h


def check_level(alpha: float) -> float:
    """The level, when it is one.

    Raises:
        InvalidInput: it is not above 0 and below 0.5, where one-sided tuning ends.
    """
    if not 0 < alpha < 0.5:
        raise InvalidInput(f"alpha is {alpha:g}; give the chance of a false alarm, above 0 and below 0.5")
    return alpha


def prior_variance(metric: Metric, alpha: float, baseline_variance: float | None) -> float:
    """The variance of a row that tunes the test.

    Raises:
        InvalidInput: alpha or the variance is out of its range, or a loss has none.
    """
    check_level(alpha)
    if baseline_variance is None and metric == "accuracy":
        return USUAL_VARIANCE
    if baseline_variance is None:
        raise InvalidInput(
            f"the {NAMES[metric]} has no default variance; give baseline_variance, that of the champion's rows before "
            "the test"
        )
    if not 0 < baseline_variance < math.inf:
        raise InvalidInput(f"the baseline's variance is {baseline_variance:g}; give a number above 0")
    return baseline_variance


def of_metric(sums: Sums, metric: Metric) -> tuple[int, float, float]:
    """Rows, sum and sum of squares of what is bad in a metric: mistakes or losses."""
    if metric == "accuracy":
        return sums.labelled, float(sums.wrong), float(sums.wrong)
    if metric == "brier":
        return sums.scored, to_float(sums.brier), to_float(sums.brier_squares)
    return sums.labelled, to_float(sums.loss), to_float(sums.loss_squares)


def as_intended(sums: Sums, metric: Metric, known: float) -> tuple[float, float, float]:
    """``of_metric``, where a request that was not answered is a wrong answer: the worst there is, of accuracy and Brier
    score. A loss has no worst one, so that of losses only answers count.

    Args:
        sums: of one arm.
        metric: which.
        known: the share of predictions whose truth is known, with which failures are weighed.
    """
    rows, bad, squares = of_metric(sums, metric)
    lost = 0.0 if metric == "loss" else sums.lost * known
    return rows + lost, bad + lost, squares + lost


def share_known(pairs: Iterable[tuple[Sums, Sums]]) -> float:
    """The share of predictions of both arms whose truth is known; 0 without any."""
    whole = [each for pair in pairs for each in pair]
    predictions = sum(each.predictions for each in whole)
    return min(sum(each.labelled for each in whole) / predictions, 1.0) if predictions else 0.0


def _tables(pairs: Sequence[tuple[Sums, Sums]], metric: Metric) -> tuple[Numbers, Numbers, Numbers, Numbers] | None:
    """The arguments of ``cluster_contributions``; None where some rows have no cluster, and none can be told."""
    tables: list[Numbers] = []
    nothing = (0,) * CLUSTERS
    for arm in (0, 1):
        rows, lost = [], []
        for pair in pairs:
            detail = pair[arm].detail
            if detail is None:
                raise InvalidInput("the sums were read without their detail; read both parts, or give clustered=False")
            if sum(detail.cluster_labelled) != of_metric(pair[arm], metric)[0]:
                return None
            rows.append(detail.cluster_labelled)
            if metric == "accuracy":
                lost.append([float(each) for each in detail.cluster_wrong or nothing])
            else:
                lost.append(to_floats((detail.cluster_brier if metric == "brier" else detail.cluster_loss) or nothing))
        tables += [np.array(rows, np.float64), np.array(lost, np.float64)]
    return tables[0], tables[1], tables[2], tables[3]


def _missing(metric: Metric, n0: int, x0: float, n1: int, x1: float) -> str:
    binary = metric == "accuracy"
    if enough_rows(n0, x0, n1, x1, binary=binary):
        return ""
    least = LEAST_ROWS if binary else LEAST_ROWS_OF_MEANS
    few = [(n1, "challenger"), (n0, "champion")]
    short = [f"{count:,} of {least} for the {who}" for count, who in few if count < least]
    if short:
        return f"Not enough labels yet: {' and '.join(short)}"
    wrong = int(x0 + x1)
    kind, count = ("wrong", wrong) if wrong < LEAST_OF_BOTH_KINDS else ("correct", n0 + n1 - wrong)
    return f"Not enough {kind} predictions yet: {count} of {LEAST_OF_BOTH_KINDS} for both models together"


def _squares(rows: Any, total: Any, squares: Any) -> Any:
    """The sum of squared distances from the mean; rounding must not leave less than nothing."""
    return np.maximum(squares - total * total / np.maximum(rows, 1.0), 0.0)
