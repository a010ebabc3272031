"""What is asked of PostgreSQL inside a transaction: rows in and out, and partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..records import Row

if TYPE_CHECKING:
    from psycopg import Connection

#: How long a writer waits for those before it; how long a partition waits for those who read.
LOCK_SECONDS, _PART_SECONDS = 60, 1


@lru_cache(maxsize=512)
def _statement(sql: str) -> bytes:
    """SQL with ``:name`` as psycopg writes it."""
    from sqlalchemy import text
    from sqlalchemy.dialects import postgresql

    return str(text(sql).compile(dialect=postgresql.dialect(paramstyle="pyformat"))).encode()


def asked(connection: Connection[Any], sql: str, parameters: Mapping[str, Any] | None, as_rows: bool) -> list[Any]:
    """What a statement gives, with ``:name`` for each parameter: rows, or tuples."""
    from psycopg.rows import dict_row, tuple_row

    with connection.cursor(row_factory=dict_row if as_rows else tuple_row) as cursor:
        cursor.execute(_statement(sql), parameters or {})
        return cursor.fetchall() if cursor.description else []


class PostgresQueries:
    """Implements ``Transaction`` on a connection that has begun one."""

    principal = ""
    has_news = False

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return asked(self._connection, sql, parameters, True)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return asked(self._connection, sql, parameters, False)

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(_statement(sql), rows)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def having(self, table: str, columns: Sequence[str], key: str, values: Iterable[int]) -> list[tuple[Any, ...]]:
        # Left to choose, the planner reads the whole table where it takes reading at random for dear. OFFSET keeps it
        # from that.
        return self.tuples(
            f"SELECT found.* FROM unnest(CAST(:wanted AS BIGINT[])) AS wanted (number) CROSS JOIN LATERAL "
            f"(SELECT {', '.join(columns)} FROM {table} WHERE {key} = wanted.number OFFSET 0) AS found",
            {"wanted": [*values]},
        )

    def partition(self, tables: Sequence[str], key: str, name: str, first: int, end: int) -> None:
        made = self.tuples(
            "SELECT to_regclass(name) IS NOT NULL FROM unnest(CAST(:names AS TEXT[])) AS names (name)",
            {"names": [f"{table}_{name}" for table in tables]},
        )
        with self._if_it_can():
            for table, (is_there,) in zip(tables, made, strict=True):
                inside = f"WHERE {key} >= {first} AND {key} < {end}"
                # What is in the partition of all others stays there.
                if not is_there and not self.tuples(f"SELECT 1 FROM {table}_other {inside} LIMIT 1"):
                    # In two steps, which readers of the table need not wait for.
                    self.query(f"CREATE TABLE {table}_{name} (LIKE {table} INCLUDING ALL)")
                    self.query(
                        f"ALTER TABLE {table} ATTACH PARTITION {table}_{name} FOR VALUES FROM ({first}) TO ({end})"
                    )

    def drop_partitions(self, tables: Sequence[str], before: str) -> None:
        found = self.tuples(
            "SELECT parent.relname, part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid "
            "JOIN pg_class parent ON parent.oid = inhparent "
            "WHERE inhparent IN (SELECT to_regclass(name) FROM unnest(CAST(:names AS TEXT[])) AS names (name))",
            {"names": [*tables]},
        )
        days: dict[str, list[str]] = defaultdict(list)
        for table, part in found:
            name = part.removeprefix(f"{table}_")
            if name.isdecimal() and name < before:
                days[name].append(part)
        for _, parts in sorted(days.items()):
            with self._if_it_can():
                if not any(self.tuples(f"SELECT 1 FROM {part} LIMIT 1") for part in parts):
                    self.query(f"DROP TABLE {', '.join(parts)}")

    @contextmanager
    def _if_it_can(self) -> Iterator[None]:
        """Change tables, unless this role may not or somebody who reads keeps it waiting; others wait meanwhile."""
        import psycopg

        self._connection.execute(f"SAVEPOINT part; SET LOCAL lock_timeout = '{_PART_SECONDS}s'".encode())
        try:
            yield
        except (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.LockNotAvailable,
            # Some of the days are in another partition.
            psycopg.errors.InvalidObjectDefinition,
        ):
            self._connection.execute(b"ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        else:
            self._connection.execute(f"RELEASE SAVEPOINT part; SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
