"""The seam under the catalog: two small protocols, one set of portable SQL.

SQL is written with named parameters (``:name``), ``ON CONFLICT``, ``RETURNING`` and partial indexes, which SQLite and
PostgreSQL both have. Rows come back as dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from ..records import Row


class Damage(NamedTuple):
    """Damage that a database found in itself.

    Attributes:
        kind: ``damaged``, ``rows`` or ``lost``.
        subject: what is damaged: the database, or a table.
        text: a sentence.
        database: the file of the database, ``registry.db`` or ``telemetry.db``.
    """

    kind: str
    subject: str
    text: str
    database: str


class Queries(Protocol):
    """Something that answers SQL."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement and give its rows (none, for a statement without RETURNING)."""

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The same with each row as its values in order: for thousands of rows, which a dict each would slow down."""


class Transaction(Queries, Protocol):
    """Something that answers SQL and holds the write lock.

    ``principal`` is what events keep of whoever signed in and acts; empty where a local user does. ``has_news`` says
    that an event was appended, and that there is a webhook.
    """

    principal: str
    has_news: bool

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement for each of the rows."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, each the values of the columns in their order, by the quickest way the database has."""

    def having(self, table: str, columns: Sequence[str], key: str, values: Iterable[int]) -> list[tuple[Any, ...]]:
        """The rows whose ``key`` is one of some thousand different numbers of 64 bits; ``key`` begins an index.

        Each is looked up by that index: what it takes does not grow with the table.
        """

    def partition(self, tables: Sequence[str], key: str, name: str, first: int, end: int) -> None:
        """Keep rows whose ``key`` is from ``first`` to before ``end`` in a partition, where a database has partitions.

        One that cannot be made now, for want of rights or because somebody reads, is not made; rows go elsewhere then.
        """

    def drop_partitions(self, tables: Sequence[str], before: str) -> None:
        """Drop the partitions that no table has rows in, of those with a name before another."""


class Database(Queries, Protocol):
    """A catalog's database.

    ``qualifier`` is the schema of its tables, as SQL writes it before a table's name.
    """

    @property
    def qualifier(self) -> str: ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All or nothing. The write lock is taken first, so that what is read inside still holds at the commit.

        Raises:
            CatalogBusy: another process held the lock for longer than the time-out.
            StorageError: the disk is full or may not be written, or the server is out of reach.
        """

    def snapshot(self) -> AbstractContextManager[Queries]:
        """One state of everything, for as many reads as it takes; nobody waits for it. Nothing may be written in it."""

    def changes(self) -> int:
        """A number that differs from the last one whenever anybody committed in between; microseconds."""

    def followed(self) -> int:
        """The same for whoever asks all the time, without a way to a server: what other processes commit is known a
        moment later, and while the server is away the last number stays.

        Raises:
            Unreachable: no number is known yet, and the server does not answer.
        """

    @property
    def away(self) -> str | None:
        """Why the server does not answer, as far as whoever follows it knows; None while it does."""

    def optimize(self) -> None:
        """Collect statistics for the query planner and give back unused space."""

    def require_release(self) -> None:
        """Require that no newer release has changed the tables since they were opened: what copies, compares or writes
        whole tables would lose what is new.

        Raises:
            StorageError: one has.
        """

    def check(self) -> list[Damage]:
        """What is damaged: pages, references, rows that nobody wrote so, commits that were confirmed and are gone."""

    def lost(self) -> int:
        """How many commits were confirmed and are gone; 0 where the database itself sees to that. Quick."""

    def mending(self, *, forget_lost: bool = False) -> AbstractContextManager[None]:
        """While it lasts, rows are mended. Those that are then again what was once written are no longer damaged.

        Args:
            forget_lost: no longer miss the commits that are gone, either.
        """

    def close(self) -> None:
        """Give back all connections."""


def is_id(value: object) -> bool:
    """Whether a value may be the id of a row: a whole number that every database takes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def insertion(table: str, row: Iterable[str]) -> str:
    """The statement that adds a row with these columns, each bound by its own name."""
    columns = list(row)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
