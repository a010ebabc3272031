"""What is left of a registry that moved: it can be read, and takes no further rows.

Catalog and telemetry know where it moved to: each event that would be appended is refused (``events.append``), and each
transaction of telemetry.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import StorageError
from .database import Database, Queries, Transaction

#: A setting of the catalog, and how the name of a counter of telemetry begins that ends with the place.
MOVED_TO, MOVED = "moved_to", "moved to "
_MARKS = f"name LIKE '{MOVED}%'"


def moved_to(queries: Queries) -> str | None:
    """Where a registry moved to; None while it lives here."""
    rows = queries.query("SELECT value FROM settings WHERE name = :name", {"name": MOVED_TO})
    return rows[0]["value"] if rows else None


def refusal(place: str) -> StorageError:
    """The error of whoever writes nevertheless."""
    return StorageError(errno.EROFS, f"this registry was moved to {place} and can only be read here: open it there")


class Telemetry:
    """The database of telemetry as a registry writes into it, unless the registry moved."""

    def __init__(self, whole: Database, place: Callable[[], str | None]) -> None:
        """Pass on everything else.

        Args:
            place: where the registry moved to.
        """
        self._whole, self._place = whole, place
        # A registry that had no live traffic until it moved has no mark here.
        self._opened_late = place() is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._whole.transaction() as transaction:
            marks = transaction.tuples(f"SELECT name FROM counters WHERE {_MARKS}")
            place = marks[0][0].removeprefix(MOVED) if marks else self._place() if self._opened_late else None
            if place is not None:
                raise refusal(place)
            yield transaction

    def forget(self) -> None:
        """The registry comes back."""
        self._opened_late = False
        with self._whole.transaction() as transaction:
            transaction.query(f"DELETE FROM counters WHERE {_MARKS}")


def mark(catalog: Transaction, telemetry: Transaction | None, place: str) -> None:
    """Note that a registry moved; it takes no further rows once this is committed."""
    catalog.query("INSERT INTO settings (name, value) VALUES (:name, :value)", {"name": MOVED_TO, "value": place})
    if telemetry is not None:
        telemetry.query("INSERT INTO counters (name, value) VALUES (:name, 1)", {"name": f"{MOVED}{place}"})
