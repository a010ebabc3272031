"""A sparse histogram of scores on the logit scale, fine enough to compute a ranking from.

Bins of equal width on the score itself fail where scores crowd near 0 or 1, as those of rare classes do; on the logit
they stay apart.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidInput

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Bins of equal width on the logit of the score from -INNER to INNER, about one in a million at the ends. Beyond, to
#: OUTER, where probabilities next to 1 end in double precision, they are STRETCH times as wide: a model too sure of
#: itself has many scores there, and a bin for all of them would hide how they rank.
BINS, INNER, OUTER, STRETCH = 16_384, 14.0, 40.0, 26.0
_LIMIT = INNER + (OUTER - INNER) / STRETCH

_WIDTHS = ("<u1", "<u2", "<u4", "<u8")


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of scores: ``bins``, (k,), the numbers of the bins that are not empty, ascending; ``counts``, (k,)."""

    bins: NDArray[np.int32]
    counts: Counts

    @property
    def total(self) -> int:
        """How many scores were counted."""
        return int(self.counts.sum())

    def __bool__(self) -> bool:
        return len(self.bins) > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self.bins, other.bins) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.bins.tobytes(), self.counts.tobytes()))

    def __add__(self, other: Histogram) -> Histogram:
        return merged([self, other])

    def dense(self) -> Counts:
        """The counts of all bins, (16,384,)."""
        counts = np.zeros(BINS, np.int64)
        counts[self.bins] = self.counts
        return counts

    def to_bytes(self) -> bytes:
        """The gaps between the bins and the counts, each in as few bytes as the largest needs."""
        parts = [struct.pack("<H", len(self.bins))]
        for values in (np.diff(self.bins, prepend=0), self.counts):
            width = _narrowest(values)
            parts += [bytes([width]), values.astype(_WIDTHS[width]).tobytes()]
        return b"".join(parts)


EMPTY = Histogram(np.array([], np.int32), np.array([], np.int64))


def merged(histograms: Sequence[Histogram]) -> Histogram:
    """All of them added up."""
    known = [each for each in histograms if each]
    if len(known) < 2:
        return known[0] if known else EMPTY
    bins = np.concatenate([each.bins for each in known])
    if len(bins) > BINS:
        dense = np.zeros(BINS, np.int64)
        np.add.at(dense, bins, np.concatenate([each.counts for each in known]))
        return _sparse(dense)
    found, places = np.unique(bins, return_inverse=True)
    counts = np.zeros(len(found), np.int64)
    np.add.at(counts, places, np.concatenate([each.counts for each in known]))
    return Histogram(found, counts)


def histogram_from_bytes(packed: bytes, at: int = 0) -> tuple[Histogram, int]:
    """The histogram that ``to_bytes`` wrote at a place, and the place after it."""
    (count,) = struct.unpack_from("<H", packed, at)
    at += 2
    found = []
    for _ in range(2):
        kind = np.dtype(_WIDTHS[packed[at]])
        found.append(np.frombuffer(packed, kind, count, at + 1).astype(np.int64))
        at += 1 + count * kind.itemsize
    if not count:
        return EMPTY, at
    return Histogram(np.cumsum(found[0]).astype(np.int32), found[1]), at


def histogram_of(scores: ArrayLike) -> Histogram:
    """Of scores that are probabilities, (rows,); NaN stands for a row without a score.

    Raises:
        InvalidInput: a score below 0 or above 1.
    """
    return counted(bins_of(scores))


def counted(bins: NDArray[Any]) -> Histogram:
    """Of the numbers of bins, (rows,)."""
    return _sparse(np.bincount(bins, minlength=BINS))


def bins_of(scores: ArrayLike) -> NDArray[np.intp]:
    """The number of the bin of each score that is not NaN, (rows with a score,). Errors are those of histogram_of."""
    values = np.asarray(scores, np.float64).reshape(-1)
    missing = np.isnan(values)
    if missing.any():
        values = values[~missing]
    if len(values) and not (values.min() >= 0 and values.max() <= 1):
        wrong = values[(values < 0) | (values > 1)]
        raise InvalidInput(
            f"{len(wrong):,} of {len(values):,} scores are not probabilities, such as {wrong[0]:g}; "
            "give the probability of the positive class, between 0 and 1, or no scores"
        )
    with np.errstate(divide="ignore"):
        logit = np.log(values) - np.log1p(-values)
    beyond = np.maximum(np.abs(logit) - INNER, 0.0)
    squeezed = np.clip(logit, -INNER, INNER) + np.copysign(np.minimum(beyond, OUTER - INNER) / STRETCH, logit)
    places = (squeezed + _LIMIT) * (BINS / (2 * _LIMIT))
    bins: NDArray[np.intp] = np.minimum(places.astype(np.intp), BINS - 1)
    return bins


def midpoints(bins: NDArray[Any]) -> Numbers:
    """The score in the middle of each bin, on the logit."""
    squeezed = (np.asarray(bins, np.float64) + 0.5) * (2 * _LIMIT / BINS) - _LIMIT
    beyond = np.maximum(np.abs(squeezed) - INNER, 0.0)
    logit = np.clip(squeezed, -INNER, INNER) + np.copysign(beyond * STRETCH, squeezed)
    middle: Numbers = 1 / (1 + np.exp(-logit))
    return middle


def _sparse(dense: NDArray[Any]) -> Histogram:
    found = np.flatnonzero(dense)
    return Histogram(found.astype(np.int32), dense[found].astype(np.int64)) if len(found) else EMPTY


def _narrowest(values: NDArray[Any]) -> int:
    largest = int(values.max()) if len(values) else 0
    return next(width for width in range(4) if largest < 1 << (8 << width))
