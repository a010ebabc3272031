"""Raw rows by day: where the database has partitions, a day's rows lie together and leave together.

An id begins with the time it was reserved at, so a day is a range of ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ..database import Transaction
from .schema import BLOCK_BITS

#: Tables that a prediction's id is the key of.
TABLES = ("predictions", "shadow_answers", "outcomes")
_DAY_MILLISECONDS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cover(transaction: Transaction, ids: Iterable[int]) -> None:
    """Make the partitions of the days that these ids are of, unless they are there."""
    for day in sorted({(each >> BLOCK_BITS) // _DAY_MILLISECONDS for each in ids}):
        transaction.partition(TABLES, "prediction_id", _name(day), _first(day), _first(day + 1))


def drop_before(transaction: Transaction, milliseconds: int) -> None:
    """Drop the partitions of whole days before a moment that have no rows any more."""
    transaction.drop_partitions(TABLES, _name(milliseconds // _DAY_MILLISECONDS))


def _first(day: int) -> int:
    return day * _DAY_MILLISECONDS << BLOCK_BITS


def _name(day: int) -> str:
    """Names are in the order of days."""
    return f"{_EPOCH + timedelta(days=day):%Y%m%d}"
