"""The larger part of the sums: by cluster of units and by score."""

from __future__ import annotations

import functools
import operator
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InvalidInput
from .histogram import EMPTY, Histogram, histogram_from_bytes, merged

#: Units are assigned to this many groups, whose spread shows how much rows of one unit hang together.
CLUSTERS = 64
#: Of the form in which sums are stored; the first byte of each part.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Detail:
    """The larger part of the sums: by cluster of units, (64,) each or empty where no clusters were given; by score.

    ``cluster_loss`` is kept for regression, ``cluster_brier`` where there are probabilities, both in units of 2^-1074.
    ``scores`` counts all predictions' scores, ``scores_of_0`` and ``scores_of_1`` those whose truth is known.
    """

    cluster_predictions: tuple[int, ...] = ()
    cluster_labelled: tuple[int, ...] = ()
    cluster_wrong: tuple[int, ...] = ()
    cluster_loss: tuple[int, ...] = ()
    cluster_brier: tuple[int, ...] = ()
    scores: Histogram = EMPTY
    scores_of_0: Histogram = EMPTY
    scores_of_1: Histogram = EMPTY

    def __add__(self, other: Detail) -> Detail:
        return total_detail([self, other])

    def canonical(self) -> Detail:
        """Without clusters where all of them are zero, so that one content has one form."""
        predictions, labelled, wrong, loss, brier = (each if any(each) else () for each in self._clusters())
        return Detail(predictions, labelled, wrong, loss, brier, self.scores, self.scores_of_0, self.scores_of_1)

    def to_bytes(self) -> bytes:
        """Compressed, with a version byte in front."""
        parts = [pack_all(each) for each in self._clusters()]
        parts += [each.to_bytes() for each in (self.scores, self.scores_of_0, self.scores_of_1)]
        return bytes([VERSION]) + zlib.compress(b"".join(parts), 3)

    @staticmethod
    def from_bytes(stored: bytes) -> Detail:
        """What ``to_bytes`` wrote.

        Raises:
            InvalidInput: written by a newer version.
        """
        check_version(stored)
        packed, at = zlib.decompress(stored[1:]), 0
        predictions, at = unpack_all(packed, at)
        labelled, at = unpack_all(packed, at)
        wrong, at = unpack_all(packed, at)
        loss, at = unpack_all(packed, at)
        brier, at = unpack_all(packed, at)
        scores, at = histogram_from_bytes(packed, at)
        scores_of_0, at = histogram_from_bytes(packed, at)
        scores_of_1, at = histogram_from_bytes(packed, at)
        return Detail(predictions, labelled, wrong, loss, brier, scores, scores_of_0, scores_of_1)

    def _clusters(self) -> tuple[tuple[int, ...], ...]:
        return (
            self.cluster_predictions,
            self.cluster_labelled,
            self.cluster_wrong,
            self.cluster_loss,
            self.cluster_brier,
        )


NO_DETAIL = Detail()


def added(*parts: tuple[int, ...]) -> tuple[int, ...]:
    """The sums of tuples, each of them (clusters,) or empty."""
    known = [part for part in parts if part]
    if len(known) < 2:
        return known[0] if known else ()
    found = tuple(sum(each) for each in zip(*known, strict=True))
    # Differences may cancel out, and one content has one form.
    return found if any(found) else ()


def total_detail(details: Sequence[Detail]) -> Detail:
    """All of them added up, much faster than one by one."""
    clusters = [added(*parts) for parts in zip(*(each._clusters() for each in details), strict=True)]
    predictions, labelled, wrong, loss, brier = clusters or [(), (), (), (), ()]
    return Detail(
        predictions,
        labelled,
        wrong,
        loss,
        brier,
        merged([each.scores for each in details]),
        merged([each.scores_of_0 for each in details]),
        merged([each.scores_of_1 for each in details]),
    )


def check_version(stored: bytes, newest: int = VERSION) -> None:
    """Whether this program can read what is stored.

    Raises:
        InvalidInput: empty, or written by another version.
    """
    if not stored or not VERSION <= stored[0] <= newest:
        found = f"version {stored[0]}" if stored else "empty"
        raise InvalidInput(
            f"the stored statistics are {found}, but this installation reads version {newest}; update Model Registry"
        )


def pack_all(values: tuple[int, ...]) -> bytes:
    """Up to 255 sums, without the zeros all of them end in, each in as many bytes as the longest needs."""
    anything = functools.reduce(operator.or_, values, 0)
    zeros = (anything & -anything).bit_length() - 1 if anything else 0
    short = [value >> zeros for value in values]
    width = max((value.bit_length() // 8 + 1 for value in short), default=1)
    head = bytes([len(values), width]) + zeros.to_bytes(2, "little")
    return head + b"".join([value.to_bytes(width, "little", signed=True) for value in short])


def unpack_all(packed: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """The sums that ``pack_all`` wrote at a place, and the place after them."""
    count, width, zeros = packed[at], packed[at + 1], packed[at + 2] | packed[at + 3] << 8
    start, end = at + 4, at + 4 + count * width
    whole = int.from_bytes
    values = [whole(packed[each : each + width], "little", signed=True) << zeros for each in range(start, end, width)]
    return tuple(values), end
