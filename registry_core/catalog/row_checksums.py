"""Sums over rows, so that a bit that flips inside SQLite's file does not go unseen.

Every table has its sums in ``row_sums``, by its rows' first number: how many rows there are, and their hashes combined
by exclusive or, which a new row joins and an old one leaves in any order. Triggers keep them; only the raw rows of live
traffic, which come by tens of thousands, are summed by the batch. Events have a chain of their own, and metrics follow
from documents.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from hashlib import blake2b
from struct import pack, unpack
from typing import Any, NamedTuple
from zlib import crc32

from . import dump
from .schema import Schema

#: source and bucket -> rows and their hashes.
Sums = dict[tuple[str, int], tuple[int, int]]

_WITHOUT = ("events", "model_metrics")
#: Where sqlite-utils notes what was brought up to date.
_MIGRATIONS = "_sqlite_migrations"
#: The raw rows of live traffic, a bucket for every 2^46 ids: some nineteen hours.
_RAW, _BITS = ("predictions", "shadow_answers", "outcomes"), 46
_MASK, _MISSING = (1 << 64) - 1, 1 << 40
_KINDS = {"INTEGER": "i", "BIGINT": "i", "DOUBLE PRECISION": "f", "TEXT": "t"}
_AT_ONCE = 50_000
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_TABLE = (
    "CREATE TABLE IF NOT EXISTS row_sums (source TEXT NOT NULL, bucket INTEGER NOT NULL, row_count INTEGER NOT NULL, "
    "total INTEGER NOT NULL, PRIMARY KEY (bucket, source)) WITHOUT ROWID"
)
# (a | b) - (a & b) is exclusive or, which SQLite has not.
_ADDED = (
    "ON CONFLICT (bucket, source) DO UPDATE SET row_count = row_sums.row_count + excluded.row_count, "
    "total = (row_sums.total | excluded.total) - (row_sums.total & excluded.total)"
)
_INTO = "INSERT INTO row_sums (source, bucket, row_count, total)"


class Summed(NamedTuple):
    """A table with sums: its columns, what they hold (``i``, ``f`` or ``t``) where its rows are raw, and its bucket."""

    name: str
    columns: tuple[str, ...]
    kinds: str
    bucket: str

    def hashed(self, row: str = "") -> str:
        """The SQL that hashes a row."""
        columns = ", ".join(f"{row}{column}" for column in self.columns)
        return f"raw_sum('{self.kinds}', {columns})" if self.kinds else f"row_sum({columns})"

    def placed(self, row: str = "") -> str:
        """The SQL that says in which bucket a row is."""
        return self.bucket.format(row=row)


def connect(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the triggers call; without them nobody writes."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)
    connection.create_function("raw_sum", -1, raw_sum, deterministic=True)


def row_sum(*values: Any) -> int:
    """The hash of a row, 64 bits."""
    return int.from_bytes(blake2b(ascii(values).encode(), digest_size=8).digest(), "big", signed=True)


def raw_sum(kinds: str, *values: Any) -> int:
    """The hash of a raw row, 64 bits; ``_hashes`` gives the same for many at once."""
    found = 0
    for kind, value in zip(kinds, values, strict=True):
        if kind == "i":
            number = int(value)
        elif kind == "f":
            number = unpack("<q", pack("<d", float("nan") if value is None else float(value) + 0.0))[0]
        else:
            number = _MISSING if value is None else crc32(value.encode())
        found = (found + _STEP + number) & _MASK
        found = ((found ^ (found >> 30)) * _FIRST) & _MASK
        found = ((found ^ (found >> 27)) * _SECOND) & _MASK
        found ^= found >> 31
    return found - (1 << 64) if found >> 63 else found


def _hashes(kinds: str, columns: Sequence[Sequence[Any]]) -> Any:
    import numpy as np

    found = np.zeros(len(columns[0]), np.uint64)
    for kind, column in zip(kinds, columns, strict=True):
        if kind == "i":
            # Unlike NumPy it takes nothing but whole numbers.
            numbers = np.frombuffer(array("q", column), np.uint64)
        elif kind == "f":
            numbers = (np.array(column, np.float64) + 0.0).view(np.uint64)
        elif None not in column:
            numbers = np.fromiter(map(crc32, map(str.encode, column)), np.uint64, len(column))
        else:
            numbers = np.array([_MISSING if each is None else crc32(each.encode()) for each in column], np.uint64)
        found += np.uint64(_STEP)
        found += numbers
        for shift, factor in ((30, _FIRST), (27, _SECOND)):
            found ^= found >> np.uint64(shift)
            found *= np.uint64(factor)
        found ^= found >> np.uint64(31)
    return found.view(np.int64)


def of_raw(table: Summed, columns: Sequence[Sequence[Any]]) -> Sums:
    """The sums of raw rows, given by their columns in the order of the table's."""
    import numpy as np

    hashes = _hashes(table.kinds, columns)
    buckets = np.frombuffer(array("q", columns[0]), np.int64) >> _BITS
    found: Sums = {}
    for bucket in np.unique(buckets).tolist():
        here = hashes[buckets == bucket]
        found[table.name, bucket] = len(here), int(np.bitwise_xor.reduce(here))
    return found


@lru_cache(maxsize=4)
def _of(name: str, migrations: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Summed, ...]:
    schema = Schema(name, dict(migrations), "")
    with closing(_empty(schema)) as connection:
        declared = {
            table.name: {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table.name})")}
            for table in dump.tables(schema)
        }
    found = [Summed(_MIGRATIONS, ("id", "migration_set", "name", "applied_at"), "", "0")]
    for table in dump.tables(schema):
        if table.name in _WITHOUT:
            continue
        kinds = [declared[table.name][column] for column in table.columns]
        first = table.columns[0]
        if table.name in _RAW:
            bucket, raw = f"{{row}}{first} >> {_BITS}", "".join(_KINDS[kind] for kind in kinds)
        else:
            bucket, raw = f"{{row}}{first}" if kinds[0] == "INTEGER" and first in table.key else "0", ""
        found.append(Summed(table.name, table.columns, raw, bucket))
    return tuple(found)


def _empty(schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statements in schema.migrations.values():
        for statement in statements:
            connection.execute(statement)
    return connection


def summed(schema: Schema) -> tuple[Summed, ...]:
    """The tables of a schema that have sums."""
    return _of(schema.name, tuple(schema.migrations.items()))


def raw(schema: Schema, name: str) -> Summed | None:
    """The table of that name, where its rows are summed by the batch."""
    return next((table for table in summed(schema) if table.name == name and table.kinds), None)


@lru_cache(maxsize=4)
def _migration(tables: tuple[Summed, ...]) -> tuple[str, tuple[str, ...]]:
    statements = [_TABLE, "DELETE FROM row_sums"]
    for table in tables:
        joins = f"VALUES ('{table.name}', {table.placed('NEW.')}, 1, {table.hashed('NEW.')})"
        leaves = f"VALUES ('{table.name}', {table.placed('OLD.')}, -1, {table.hashed('OLD.')})"
        triggers = {"DELETE": (leaves,), "UPDATE": (leaves, joins)}
        if not table.kinds:
            triggers["INSERT"] = (joins,)
        for happening, changes in triggers.items():
            name = f"row_sums_{table.name.strip('_')}_{happening.lower()}"
            statements.append(f"DROP TRIGGER IF EXISTS {name}")
            body = " ".join(f"{_INTO} {change} {_ADDED};" for change in changes)
            statements.append(f"CREATE TRIGGER {name} AFTER {happening} ON {table.name} BEGIN {body} END")
        # WHERE, or the parser takes ON CONFLICT for a join.
        statements.append(
            f"{_INTO} SELECT '{table.name}', {table.placed()}, 1, {table.hashed()} FROM {table.name} WHERE 1 {_ADDED}"
        )
    # A later column, or another way to sum, is another migration, which sums all rows anew.
    digest = blake2b("".join(statements).encode(), digest_size=6).hexdigest()
    return f"row_sums_{digest}", tuple(statements)


def migration(schema: Schema) -> tuple[str, tuple[str, ...]]:
    """The name and the statements of what makes the sums and the triggers that keep them."""
    return _migration(summed(schema))


def add(connection: sqlite3.Connection, found: Sums) -> None:
    """Let the sums of new raw rows join the others."""
    connection.executemany(
        f"{_INTO} VALUES (?, ?, ?, ?) {_ADDED}", [(*key, *each) for key, each in sorted(found.items())]
    )


def stored(connection: sqlite3.Connection) -> Sums:
    """What ``row_sums`` holds, buckets without rows left out."""
    rows = connection.execute("SELECT source, bucket, row_count, total FROM row_sums").fetchall()
    return {(source, bucket): (count, total) for source, bucket, count, total in rows if count or total}


def present(connection: sqlite3.Connection, table: Summed) -> Sums:
    """The sums of the rows that a table holds now.

    Raises:
        ValueError: a cell holds what was never written.
    """
    found: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    if not table.kinds:
        for bucket, total in connection.execute(f"SELECT {table.placed()}, {table.hashed()} FROM {table.name}"):
            count, before = found[table.name, bucket]
            found[table.name, bucket] = count + 1, before ^ total
        return dict(found)
    cursor = connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
    while rows := cursor.fetchmany(_AT_ONCE):
        try:
            sums = of_raw(table, list(zip(*rows, strict=True)))
        except (TypeError, AttributeError, OverflowError) as error:
            raise ValueError(str(error)) from error
        for key, (more, total) in sums.items():
            count, before = found[key]
            found[key] = count + more, before ^ total
    return dict(found)


def misfits(connection: sqlite3.Connection, schema: Schema) -> dict[tuple[str, int], tuple[int, int]]:
    """The buckets whose rows are not those that were written, with what ``row_sums`` holds of them.

    A table that cannot be read at all stands there with the bucket -1.
    """
    known = stored(connection)
    found: Sums = {}
    for table in summed(schema):
        own = {key: each for key, each in known.items() if key[0] == table.name}
        try:
            now = present(connection, table)
        except (ValueError, sqlite3.Error):
            found[table.name, -1] = (0, 0)
            continue
        for key in own.keys() | now.keys():
            if own.get(key) != now.get(key):
                found[key] = own.get(key, (0, 0))
    names = {table.name for table in summed(schema)}
    return found | {key: each for key, each in known.items() if key[0] not in names}


def put_back(connection: sqlite3.Connection, schema: Schema, wanted: Sums) -> None:
    """Let ``row_sums`` hold again what it held of some buckets before their rows were mended, where these fit it now.

    Rows that were mended leave the sum of what they were, damaged, behind.
    """
    now: Sums = {}
    unreadable = {source for source, bucket in wanted if bucket < 0}
    for table in summed(schema):
        if table.name not in unreadable and any(key[0] == table.name for key in wanted):
            now |= present(connection, table)
    connection.executemany(
        "UPDATE row_sums SET row_count = ?, total = ? WHERE source = ? AND bucket = ?",
        [(*each, *key) for key, each in wanted.items() if key[0] not in unreadable and now.get(key, (0, 0)) == each],
    )


def missing(connection: sqlite3.Connection, schema: Schema) -> list[str]:
    """Tables, indexes and triggers that are not there as the schema makes them."""
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    there = set(connection.execute(query).fetchall())
    with closing(_empty(schema)) as wanted:
        wanted.execute(f"CREATE TABLE {_MIGRATIONS} (id, migration_set, name, applied_at)")
        for statement in migration(schema)[1]:
            if statement.startswith("CREATE"):
                wanted.execute(statement)
        expected = [row for row in wanted.execute(query) if row[1] != _MIGRATIONS]
    return [f"{kind} {name}" for kind, name, sql in expected if (kind, name, sql) not in there]
