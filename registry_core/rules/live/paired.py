"""Sufficient statistics of a shadow test: champion and challenger predict the same rows.

Like ``sums.Sums`` they add up in any order and grouping to the very same sums. Differences are the challenger's loss
minus the champion's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidInput
from ...evidence import Task
from . import sums
from .detail import CLUSTERS, VERSION, added, check_version, pack_all, unpack_all
from .exact import exact_sum, exact_sums

_COUNTS = struct.Struct("<B6q")


@dataclass(frozen=True, slots=True)
class PairedClusters:
    """By cluster of units, (64,) each or empty: rows; champion's mistakes more than the challenger's; differences."""

    rows: tuple[int, ...] = ()
    wins: tuple[int, ...] = ()
    loss: tuple[int, ...] = ()
    brier: tuple[int, ...] = ()

    def __add__(self, other: PairedClusters) -> PairedClusters:
        return PairedClusters(
            added(self.rows, other.rows),
            added(self.wins, other.wins),
            added(self.loss, other.loss),
            added(self.brier, other.brier),
        )


NO_CLUSTERS = PairedClusters()


@dataclass(frozen=True, slots=True)
class PairedSums:
    """What is known of two models on the same labelled rows.

    ``n11`` both right, ``n10`` only the champion, ``n01`` only the challenger, ``n00`` neither; all 0 for a regression.
    ``loss``, ``loss_squares``, ``brier`` and ``brier_squares`` are exact sums of differences and of their squares in
    units of 2^-1074; ``scored`` rows have probabilities of both. ``clusters`` is None when only the core was read.
    """

    rows: int = 0
    n11: int = 0
    n10: int = 0
    n01: int = 0
    n00: int = 0
    scored: int = 0
    loss: int = 0
    loss_squares: int = 0
    brier: int = 0
    brier_squares: int = 0
    clusters: PairedClusters | None = NO_CLUSTERS

    def __add__(self, other: PairedSums) -> PairedSums:
        return PairedSums(
            self.rows + other.rows,
            self.n11 + other.n11,
            self.n10 + other.n10,
            self.n01 + other.n01,
            self.n00 + other.n00,
            self.scored + other.scored,
            self.loss + other.loss,
            self.loss_squares + other.loss_squares,
            self.brier + other.brier,
            self.brier_squares + other.brier_squares,
            None if self.clusters is None or other.clusters is None else self.clusters + other.clusters,
        )

    def to_bytes(self) -> tuple[bytes, bytes]:
        """The core and the clusters.

        Raises:
            InvalidInput: only the core was read, so there are no clusters to write.
        """
        if self.clusters is None:
            raise InvalidInput("these sums were read without their clusters; read both parts before you write them")
        head = _COUNTS.pack(VERSION, self.rows, self.n11, self.n10, self.n01, self.n00, self.scored)
        core = head + pack_all((self.loss, self.loss_squares, self.brier, self.brier_squares))
        by = self.clusters
        return core, bytes([VERSION]) + b"".join(map(pack_all, (by.rows, by.wins, by.loss, by.brier)))

    @staticmethod
    def from_bytes(core: bytes, detail: bytes | None = None) -> PairedSums:
        """What ``to_bytes`` wrote; without ``detail`` the sums have no clusters.

        Raises:
            InvalidInput: empty, or written by another version.
        """
        check_version(core)
        counts: tuple[int, ...] = _COUNTS.unpack_from(core)
        (loss, loss_squares, brier, brier_squares), _ = unpack_all(core, _COUNTS.size)
        clusters = None
        if detail is not None:
            check_version(detail)
            rows, at = unpack_all(detail, 1)
            wins, at = unpack_all(detail, at)
            by_loss, at = unpack_all(detail, at)
            by_brier, at = unpack_all(detail, at)
            clusters = PairedClusters(rows, wins, by_loss, by_brier)
        _, n, n11, n10, n01, n00, scored = counts
        return PairedSums(n, n11, n10, n01, n00, scored, loss, loss_squares, brier, brier_squares, clusters)


NO_PAIRS = PairedSums()


def of_pairs(
    truth: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    task: Task = "classification",
    positive: Any = None,
    champion_scores: ArrayLike | None = None,
    challenger_scores: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    loss: sums.Loss = "absolute_error",
) -> PairedSums:
    """Of rows that both models answered and whose truth has come.

    Args:
        truth: (rows,) labels, or numbers for a regression.
        champion: (rows,) what it answered.
        challenger: (rows,) what it would have answered.
        task: ``classification`` counts who was right, ``regression`` takes ``loss``.
        positive: of two classes the positive one; without it scores are left out of account.
        champion_scores: (rows,) probabilities of ``positive``; NaN where there is none.
        challenger_scores: (rows,) likewise.
        clusters: (rows,) codes from 0 to 63, see ``routing.clusters``.
        loss: of a regression.

    Raises:
        InvalidInput: as ``sums.of_outcomes``.
    """
    groups = None if clusters is None else sums.cluster_codes(clusters, np.size(np.asarray(truth)))
    if task == "regression":
        moved = sums.losses(truth, challenger, loss) - sums.losses(truth, champion, loss)
        by = PairedClusters() if groups is None else PairedClusters(_counts(groups), loss=_grouped(moved, groups))
        return PairedSums(
            rows=len(moved), loss=exact_sum(moved), loss_squares=exact_sum(np.square(moved)), clusters=_canonical(by)
        )
    true, one = sums.labels(truth, champion)
    _, two = sums.labels(truth, challenger)
    right, other = true == one, true == two
    n11, n10, n01 = int((right & other).sum()), int((right & ~other).sum()), int((~right & other).sum())
    gained = exact_sum(right.astype(np.float64) - other)
    scored = brier = brier_squares = 0
    by_brier: tuple[int, ...] = ()
    if positive is not None and champion_scores is not None and challenger_scores is not None:
        is_1 = true == positive
        known, moved = _brier_differences(is_1, champion_scores, challenger_scores)
        scored, brier, brier_squares = len(moved), exact_sum(moved), exact_sum(np.square(moved))
        by_brier = () if groups is None else _grouped(moved, groups[known])
    by = PairedClusters()
    if groups is not None:
        wins = np.bincount(groups, other.astype(np.float64) - right, CLUSTERS).astype(np.int64)
        by = PairedClusters(_counts(groups), tuple(wins.tolist()), brier=by_brier)
    return PairedSums(
        len(true),
        n11,
        n10,
        n01,
        len(true) - n11 - n10 - n01,
        scored,
        gained,
        exact_sum((right != other).astype(np.float64)),
        brier,
        brier_squares,
        _canonical(by),
    )


def _brier_differences(
    is_1: NDArray[np.bool_], champion: ArrayLike, challenger: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    one, two = sums.probabilities(champion, len(is_1)), sums.probabilities(challenger, len(is_1))
    known = ~(np.isnan(one) | np.isnan(two))
    return known, np.square(two[known] - is_1[known]) - np.square(one[known] - is_1[known])


def _grouped(values: NDArray[np.float64], groups: NDArray[np.intp]) -> tuple[int, ...]:
    return exact_sums(values, groups, CLUSTERS)


def _counts(groups: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(np.bincount(groups, minlength=CLUSTERS).tolist())


def _canonical(by: PairedClusters) -> PairedClusters:
    rows, wins, loss, brier = (each if any(each) else () for each in (by.rows, by.wins, by.loss, by.brier))
    return PairedClusters(rows, wins, loss, brier)
