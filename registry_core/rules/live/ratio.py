"""Validity checks of a split: sample ratio, label coverage, failed and slow requests.

A split that is not the planned one, or labels that one model gets more of than the other, say that something else than
the models differs: then the comparison is worth nothing, however clear it looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ...live.checks import Coverage, Guardrail, SampleRatio
from . import mixture, split
from .detail import CLUSTERS
from .routing import check_shares
from .sums import Sums

Numbers = NDArray[np.float64]

#: How strongly the planned shares are believed in, in predictions.
BELIEF = 1000.0
#: Predictions before anything is said; the level of a false alarm at all looks together.
LEAST, ALPHA = 1000, 0.001
#: The variance of a call that goes wrong in 1 of 100 cases, which tunes the test of guardrails.
FAILING = 0.01
#: Coverage of two models this far apart, clearly, is no chance; and predictions of each before anything is said of it.
APART, LEAST_COVERED = 0.02, 100


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
            raise InvalidInput(
                f"{len(arms)} arms for {len(shares)} shares; give the sums of the champion and of each challenger"
            )
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
    sentence = f"No sample-ratio mismatch: {shown}"
    if mismatch:
        sentence = f"Sample-ratio mismatch: {shown}; find the cause before you use the comparison"
    return SampleRatio(
        "mismatch" if mismatch else "as planned", found, tuple(expected.tolist()), evidence, inflation, sentence
    )


def coverage(buckets: Sequence[Sequence[Sums]], names: Sequence[str] = ()) -> Coverage:
    """Whether labels come back alike from every arm, over buckets old enough for their labels to be in.

    Arms are compared within each bucket: where shares are raised while labels still arrive, the arm that has most of
    the young predictions lacks most labels, and nothing is wrong.

    Args:
        buckets: of each window of time the sums of every arm, the champion's first.
        names: of the arms, for the sentence.
    """
    if not buckets:
        return Coverage("not enough", (), "Not enough predictions yet to compare label coverage")
    arms = len(buckets[0])
    table = np.array([[(each.predictions, each.labelled) for each in sums] for sums in buckets], np.float64)
    n, k = table.transpose(2, 0, 1)
    whole, known = n.sum(axis=0), k.sum(axis=0)
    shares: list[float | None] = [float(known[0] / whole[0]) if whole[0] else None]
    enough, apart = arms > 1 and float(whole.min()) >= LEAST_COVERED, False
    for arm in range(1, arms):
        sums = split.increments(n[:, 0], k[:, 0], k[:, 0], n[:, arm], k[:, arm], k[:, arm])
        s, h = float(sums[0].sum()), float(sums[1].sum())
        shares.append(None if not h or shares[0] is None else min(max(shares[0] + s / h, 0.0), 1.0))
        enough = enough and h >= LEAST_COVERED / 2
        both = n[:, 0] + n[:, arm]
        share = (k[:, 0] + k[:, arm]) / np.maximum(both, 1.0)
        deviation = math.sqrt(float((sums[1] * share * (1 - share)).sum()))
        # Four deviations: looked at often, and units that come more than once.
        apart = apart or abs(s) > max(APART * h, 4 * deviation)
    shown = ", ".join(
        f"{name} {share:.1%}" if share is not None else f"{name} no predictions"
        for name, share in zip(_names(names, arms), shares, strict=True)
    )
    if not enough:
        sentence = f"Not enough predictions yet to compare label coverage: {shown}"
        return Coverage("not enough", tuple(shares), sentence)
    if apart:
        sentence = f"Label coverage differs: {shown}; compare the models once both are complete"
        return Coverage("apart", tuple(shares), sentence)
    return Coverage("alike", tuple(shares), f"Label coverage balanced: {shown}")


def failures(buckets: Sequence[Sequence[Sums]], names: Sequence[str] = (), *, alpha: float = 0.05) -> Guardrail:
    """Whether a challenger fails more often than the champion; arguments as ``guardrail``'s."""
    return guardrail("failures", buckets, [[each.failures for each in arms] for arms in buckets], names, alpha=alpha)


def slow_calls(
    buckets: Sequence[Sequence[Sums]], names: Sequence[str] = (), *, allowed: float, alpha: float = 0.05
) -> Guardrail:
    """Whether a challenger takes more than the ``allowed`` milliseconds more often than the champion."""
    return guardrail(
        "slow calls", buckets, [[each.slow for each in arms] for arms in buckets], names, alpha=alpha,
        what=f"takes more than {allowed:g} ms",
    )  # fmt: skip


def guardrail(
    name: Literal["failures", "slow calls"],
    buckets: Sequence[Sequence[Sums]],
    bad: Sequence[Sequence[int]],
    names: Sequence[str] = (),
    *,
    alpha: float = 0.05,
    what: str = "fails",
) -> Guardrail:
    """Whether more calls go wrong with a challenger than with the champion, bucket by bucket, as in a split test.

    What is compared are calls, since a call is answered or not as a whole. Calls of one window hang together.

    Args:
        name: of the guardrail.
        buckets: of each window of time the sums of every arm, the champion's first.
        bad: how many of their calls went wrong, like ``buckets``.
        names: of the arms, for the sentence.
        alpha: chance of a false alarm at all looks and of all challengers together: each has an equal part.
        what: what goes wrong, for the sentence.
    """
    if not buckets:
        return Guardrail(name, "not enough", (), (), "No requests yet")
    n = np.array([[each.requests for each in arms] for arms in buckets], np.float64)
    wrong = np.array(bad, np.float64)
    alpha /= max(n.shape[1] - 1, 1)
    rho2 = mixture.rho_squared(2 * alpha, FAILING * split.INFORMATION)
    evidence: list[float | None] = []
    for arm in range(1, n.shape[1]):
        sums = split.increments(n[:, 0], wrong[:, 0], wrong[:, 0], n[:, arm], wrong[:, arm], wrong[:, arm])
        both = sums.sum(axis=1)
        found = split.contrast(both, binary=True, prior=FAILING)
        ready = split.enough_rows(both[4], both[5], both[7], both[8], binary=True)
        if not ready:
            evidence.append(None)
            continue
        each = split.of_days(range(len(buckets)), sums[0], sums[1], float(found.v / found.h))
        evidence.append(float(mixture.log_e_below(-found.s, found.v * each.of_all, rho2)))
    counts = tuple((int(calls), int(failed)) for calls, failed in zip(n.sum(axis=0), wrong.sum(axis=0), strict=True))
    shown = ", ".join(
        f"{name} {failed / calls if calls else 0:.2%} ({failed:,} of {calls:,} requests)"
        for name, (calls, failed) in zip(_names(names, len(counts)), counts, strict=True)
    )
    more = tuple(each is not None and each >= math.log(1 / alpha) for each in evidence)
    if any(more):
        sentence = f"A challenger {what} significantly more often than the champion: {shown}"
        return Guardrail(name, "more", counts, tuple(evidence), sentence, more)
    if float(n.sum(axis=0).min()) < split.LEAST_ROWS:
        sentence = f"Too few requests to compare: {shown}"
        return Guardrail(name, "not enough", counts, tuple(evidence), sentence, more)
    sentence = f"No challenger {what} significantly more often: {shown}"
    return Guardrail(name, "not more", counts, tuple(evidence), sentence, more)


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
