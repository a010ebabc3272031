"""Whole tables out of a database and into one: what exports, rebuilds and backups are made of.

A row is a JSON array of its values in the order of ``columns``; bytes stand in it as ``{"base64": "..."}``.
"""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any, NamedTuple

from .database import Queries, Transaction
from .schema import REGISTRY, Schema
from .telemetry import partitions

_STEP = 2_000
#: Whoever was signed in here is not signed in wherever the rows are brought, and calls nobody there again.
LEFT_OUT = ("sessions", "requests")


class Table(NamedTuple):
    """A table: its columns in their order, and those of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@lru_cache(maxsize=4)
def _of(name: str, migrations: tuple[tuple[str, ...], ...]) -> tuple[Table, ...]:
    # Asked of the schema itself, so that a column added by a later migration is never forgotten here.
    with closing(sqlite3.connect(":memory:")) as connection:
        for statements in migrations:
            for statement in statements:
                connection.execute(statement)
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
            )
        ]
        found = []
        for each in names:
            described = connection.execute(f"PRAGMA table_info({each})").fetchall()
            key = sorted((place, column) for _, column, _, _, _, place in described if place)
            found.append(Table(each, tuple(row[1] for row in described), tuple(column for _, column in key)))
        return tuple(found)


def tables(schema: Schema = REGISTRY) -> tuple[Table, ...]:
    """The tables of a schema, each after those it refers to."""
    return _of(schema.name, tuple(schema.migrations.values()))


def rows(queries: Queries, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """All rows of a table in the order of its key, some thousands at a time: a table may be larger than memory.

    Ask a ``Database.snapshot``, or they are not of one moment.
    """
    if table.name in LEFT_OUT:
        return
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    places = [table.columns.index(column) for column in table.key]
    after, parameters = "", {"step": _STEP}
    while True:
        found = queries.tuples(f"SELECT {columns} FROM {table.name}{after} ORDER BY {key} LIMIT :step", parameters)
        if found:
            yield [tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in found]
        if len(found) < _STEP:
            return
        last = [found[-1][place] for place in places]
        bound = ", ".join(f":k{n}" for n in range(len(table.key)))
        after = f" WHERE ({key}) > ({bound})"
        parameters = {"step": _STEP} | {f"k{n}": value for n, value in enumerate(last)}


def count(queries: Queries, table: Table) -> int:
    """How many rows a table has."""
    return 0 if table.name in LEFT_OUT else int(queries.tuples(f"SELECT count(*) FROM {table.name}")[0][0])


def line(row: Sequence[Any]) -> str:
    """A row as one line of JSON."""
    return json.dumps([{"base64": b64encode(cell).decode()} if isinstance(cell, bytes) else cell for cell in row])


def cells(text: str | bytes) -> list[Any]:
    """The row of a line.

    Raises:
        ValueError: it is none.
    """
    row = json.loads(text)
    if not isinstance(row, list):
        raise ValueError(f"a row is a JSON array, not {type(row).__name__}")
    return decoded(row)


def decoded(row: Iterable[Any]) -> list[Any]:
    """The values of a row that was read as JSON.

    Raises:
        ValueError: one of them is an object that holds no bytes.
    """
    try:
        return [b64decode(cell["base64"]) if isinstance(cell, dict) else cell for cell in row]
    except (KeyError, TypeError) as error:
        raise ValueError("an object in a row has no text named base64") from error


def clear(transaction: Transaction, schema: Schema = REGISTRY) -> None:
    """Delete every row of every table."""
    for table in reversed(tables(schema)):
        if table.name not in LEFT_OUT:
            transaction.query(f"DELETE FROM {table.name}")


def fill(transaction: Transaction, table: Table, columns: Sequence[str], found: Iterable[Sequence[Any]]) -> None:
    """Add rows whose values stand in the order of ``columns``, which may be those of an older release.

    Raises:
        ValueError: they do not fit each other, or the rows of other tables.
    """
    if table.name in partitions.TABLES:
        found = [*found]
        place = columns.index("prediction_id")
        partitions.cover(transaction, (row[place] for row in found))
    try:
        transaction.insert(table.name, columns, found)
    except Exception as error:
        # Every database has a class of its own for it, of one name.
        if not any(kind.__name__ == "IntegrityError" for kind in type(error).__mro__):
            raise
        raise ValueError(f"the rows of {table.name} are inconsistent: {str(error).splitlines()[0]}") from error
