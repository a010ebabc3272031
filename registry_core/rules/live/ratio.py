"""Is traffic dealt out as planned, do labels come back alike from every model, and do its answers come at all?

A split that is not the planned one, or labels that one model gets more of than the other, say that something else than
the models differs: then the comparison is worth nothing, however clear it looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.checks import Coverage, SampleRatio
from . import mixture, split
from .detail import CLUSTERS
from .routing import check_shares
from .sums import Sums, total

Numbers = NDArray[np.float64]

#: How strongly the planned shares are believed in, in predictions.
BELIEF = 1000.0
#: Predictions before anything is said; the level of a false alarm at all looks together.
LEAST, ALPHA = 1000, 0.001
#: The variance of a request that fails in 1 of 100 cases, which tunes the test of failures.
FAILING = 0.01
#: Coverage of two models this far apart, clearly, is no chance.
APART = 0.02


@dataclass(frozen=True)
class Failures:
    """How many requests each arm failed to answer in time: errors and timeouts.

    Attributes:
        state: ``more`` when a challenger fails more often than the champion, else ``not more`` or ``not enough``.
        counts: of each arm, the champion's first: requests, errors, timeouts.
        log_e: of each challenger, ln of the e-value against "not more often", at all looks together; None while there
            is not enough.
        sentence: what that means.
    """

    state: Literal["not more", "more", "not enough"]
    counts: tuple[tuple[int, int, int], ...]
    log_e: tuple[float | None, ...]
    sentence: str


def log_e(counts: Numbers, shares: Numbers) -> float:
    """ln e against "dealt out with these shares", from (stages, arms) counts and shares.

    Of each stage the Dirichlet mixture of likelihood ratios around the planned shares (Lindon and Malek 2022), of all
    stages their product. An arm with no share in a stage is left out of it: a process may hear of a new stage late.
    """
    from scipy.special import gammaln

    planned = shares > 0
    counts, prior = np.where(planned, counts, 0.0), np.where(planned, shares, 1.0) * BELIEF
    gained = np.where(planned, gammaln(prior + counts) - gammaln(prior), 0.0).sum(axis=1)
    # Shares of the arms that are left in a stage make up 1 again.
    whole = np.where(planned, prior, 0.0).sum(axis=1)
    n = counts.sum(axis=1)
    expected = np.where(planned, counts * np.log(prior / whole[:, None]), 0.0).sum(axis=1)
    found = gained - (gammaln(whole + n) - gammaln(whole)) - expected
    return float(found.sum())


def check(
    buckets: Sequence[tuple[Sequence[float], Sequence[Sums]]], names: Sequence[str] = (), *, alpha: float = ALPHA
) -> SampleRatio:
    """Whether traffic was dealt out as planned, over buckets in which the shares may differ.

    Units come more than once, so predictions of one arm hang together. The clusters in the sums' detail tell by how
    much, and ln e is divided by it.

    Args:
        buckets: (challengers' shares, sums of each arm, the champion's first). Leave out buckets in which the shares
            changed.
        names: of the arms, for the sentence.
        alpha: chance of a false alarm at all looks together.

    Raises:
        InvalidInput: shares that cannot be, another number of arms than shares, or another in another bucket.
    """
    counts: list[list[int]] = []
    planned: list[list[float]] = []
    clusters: list[list[tuple[int, ...]]] = []
    for shares, arms in buckets:
        check_shares(shares)
        if len(arms) != len(shares) + 1 or (planned and len(planned[0]) != len(arms)):
            raise InvalidInput(f"{len(arms)} arms for {len(shares)} shares; give sums for champion and each challenger")
        counts.append([each.predictions for each in arms])
        planned.append([max(1 - sum(shares), 0.0), *shares])
        clusters.append([each.detail.cluster_predictions if each.detail else () for each in arms])
    if not counts:
        return SampleRatio("not enough", (), (), None, 1.0, "No predictions yet")
    table, shares_table = np.array(counts, np.float64), np.array(planned, np.float64)
    expected = (table.sum(axis=1, keepdims=True) * shares_table).sum(axis=0)
    found = tuple(int(each) for each in table.sum(axis=0))
    rows = sum(found)
    if rows < LEAST:
        sentence = f"Not enough predictions yet to check the split: {rows:,} of {LEAST:,}"
        return SampleRatio("not enough", found, tuple(expected.tolist()), None, 1.0, sentence)
    stages, where = np.unique(shares_table, axis=0, return_inverse=True)
    by_stage = np.zeros_like(stages)
    np.add.at(by_stage, where.reshape(-1), table)
    inflation = _inflation(shares_table, table, clusters)
    evidence = log_e(by_stage, stages) / inflation
    mismatch = evidence >= math.log(1 / alpha)
    labels = _names(names, len(found))
    shown = ", ".join(
        f"{name} {count:,} of {plan:,.0f} planned" for name, count, plan in zip(labels, found, expected, strict=True)
    )
    sentence = f"Traffic is dealt out as planned: {shown}"
    if mismatch:
        sentence = f"Traffic is not dealt out as planned: {shown}; do not trust the comparison before that is explained"
    return SampleRatio(
        "mismatch" if mismatch else "as planned", found, tuple(expected.tolist()), evidence, inflation, sentence
    )


def coverage(arms: Sequence[Sums], names: Sequence[str] = ()) -> Coverage:
    """Whether labels come back alike from every arm, over buckets old enough for their labels to be in.

    Args:
        arms: sums of each arm, the champion's first.
        names: of the arms, for the sentence.
    """
    labels = _names(names, len(arms))
    shares = tuple(each.coverage for each in arms)
    shown = ", ".join(
        f"{name} {share:.1%}" if share is not None else f"{name} no predictions"
        for name, share in zip(labels, shares, strict=True)
    )
    first = arms[0] if arms else Sums()
    if len(arms) < 2 or min(each.predictions for each in arms) < 100:
        return Coverage("not enough", shares, f"Not enough predictions yet to compare the coverage of labels: {shown}")
    for each in arms[1:]:
        both = total([first, each])
        share = both.labelled / both.predictions
        deviation = math.sqrt(share * (1 - share) * (1 / first.predictions + 1 / each.predictions))
        difference = abs(each.labelled / each.predictions - first.labelled / first.predictions)
        # Four deviations: looked at often, and units that come more than once.
        if difference > max(APART, 4 * deviation):
            sentence = f"Labels do not come back alike: {shown}; compare the models only when both are complete"
            return Coverage("apart", shares, sentence)
    return Coverage("alike", shares, f"Labels come back alike: {shown}")


def failures(buckets: Sequence[Sequence[Sums]], names: Sequence[str] = (), *, alpha: float = ALPHA) -> Failures:
    """Whether a challenger fails more often than the champion, bucket by bucket, as in a split test.

    Args:
        buckets: of each the sums of every arm, the champion's first.
        names: of the arms, for the sentence.
        alpha: chance of a false alarm at all looks together.
    """
    if not buckets:
        return Failures("not enough", (), (), "No predictions yet")
    table = np.array([[_requests(each) for each in arms] for arms in buckets], np.float64)
    bad = table[:, :, 1] + table[:, :, 2]
    rho2 = mixture.rho_squared(2 * alpha, FAILING * split.INFORMATION)
    evidence: list[float | None] = []
    for arm in range(1, table.shape[1]):
        sums = split.increments(table[:, 0, 0], bad[:, 0], bad[:, 0], table[:, arm, 0], bad[:, arm], bad[:, arm])
        both = sums.sum(axis=1)
        found = split.contrast(both, binary=True, prior=FAILING)
        ready = split.enough_rows(both[4], both[5], both[7], both[8], binary=True)
        evidence.append(float(mixture.log_e_below(-found.s, found.v, rho2)) if ready else None)
    counts = tuple((int(n), int(errors), int(late)) for n, errors, late in table.sum(axis=0).tolist())
    shown = ", ".join(
        f"{name} {(errors + late) / n if n else 0:.2%} ({errors:,} errors and {late:,} timeouts of {n:,})"
        for name, (n, errors, late) in zip(_names(names, len(counts)), counts, strict=True)
    )
    if any(each is not None and each >= math.log(1 / alpha) for each in evidence):
        return Failures("more", counts, tuple(evidence), f"A challenger fails more often than the champion: {shown}")
    if any(each is None for each in evidence):
        return Failures("not enough", counts, tuple(evidence), f"Too few requests or failures to compare: {shown}")
    return Failures("not more", counts, tuple(evidence), f"No challenger fails more often, as far as is seen: {shown}")


def _requests(sums: Sums) -> tuple[int, int, int]:
    return sums.predictions + sums.failures + sums.timeouts, sums.failures, sums.timeouts


def _names(names: Sequence[str], arms: int) -> list[str]:
    if names:
        return [*names]
    return ["champion", "challenger"] if arms == 2 else ["champion", *(f"challenger {i}" for i in range(1, arms))]


def _inflation(shares: Numbers, counts: Numbers, clusters: Sequence[Sequence[tuple[int, ...]]]) -> float:
    """How many times the variance of an arm's count is that of predictions that are dealt out one by one; at least 1.

    From the spread over clusters of units of what each arm has beyond its share. 1 where some rows have no cluster.
    """
    empty = (0,) * CLUSTERS
    by = np.array([[each or empty for each in arms] for arms in clusters], np.float64)
    if not np.array_equal(by.sum(axis=2), counts):
        return 1.0
    beyond = (by - by.sum(axis=1, keepdims=True) * shares[:, :, None]).sum(axis=0)
    expected = (counts.sum(axis=1, keepdims=True) * shares * (1 - shares)).sum(axis=0)
    spread = beyond.var(axis=1) * CLUSTERS**2 / (CLUSTERS - 1)
    return max(1.0, float((spread[expected > 0] / expected[expected > 0]).max(initial=1.0)))
