"""The same catalog in PostgreSQL, through SQLAlchemy's engine."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from .. import forks
from ..errors import CatalogBusy, InvalidInput, StorageError
from ..records import Row
from .database import Damage
from .schema import REGISTRY, Schema, check_release

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine, TextClause

_LOCK_NOT_AVAILABLE = "55P03"
_MIGRATION_LOCK = 7_213_090_117
_LOCK_SECONDS = 60


def _wait_a_minute(connection: Any, _: Any) -> None:
    """How long a writer waits for those before it, and a statement for a lock."""
    connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    connection.commit()


@lru_cache(maxsize=512)
def _text(sql: str) -> TextClause:
    from sqlalchemy import text

    return text(sql)


def _rows(result: CursorResult[Any]) -> list[Row]:
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


class _Queries:
    principal = ""
    has_news = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return _rows(self._connection.execute(_text(sql), dict(parameters or {})))

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(_text(sql), dict(parameters or {}))]

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(_text(sql), [dict(row) for row in rows])

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        driver: Any = self._connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


class PostgresDatabase:
    """Implements ``Database`` for PostgreSQL; ``address`` is ``postgresql://user:password@host/database``."""

    def __init__(self, address: str, schema: Schema = REGISTRY) -> None:
        self._schema = schema
        #: Called after the commit of a transaction that has news.
        self.on_news: Callable[[], None] = lambda: None
        try:
            from sqlalchemy import make_url
            from sqlalchemy.exc import ArgumentError
        except ModuleNotFoundError as error:
            raise StorageError(
                errno.ENOENT, "a PostgreSQL catalog requires psycopg: pip install 'model-registry-dashboard[postgres]'"
            ) from error
        try:
            url = make_url(address).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError) as error:
            raise InvalidInput(
                "the database URL is invalid; write it as postgresql://user:password@host:5432/database"
            ) from error
        self.name = url.render_as_string(hide_password=True).replace("postgresql+psycopg", "postgresql")
        self._url = url
        self._engine: Engine | None = None
        self._reads: Any = None
        self._inherited: list[Engine] = []
        self._lock = threading.Lock()
        forks.survive(self)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @cached_property
    def qualifier(self) -> str:
        """The schema of the tables: the first of the search path, as it is written in SQL."""
        return str(self.query("SELECT quote_ident(current_schema()) AS name")[0]["name"])

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        with self._explained(), self._begun(sql, parameters, reading=True) as (_, result):
            return _rows(result)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._explained(), self._begun(sql, parameters, reading=True) as (_, result):
            return [tuple(row) for row in result]

    @contextmanager
    def transaction(self) -> Iterator[_Queries]:
        # Writers queue up here, readers go on; PostgreSQL lets it go at the end of the transaction.
        lock = f"LOCK TABLE {self._schema.lock} IN EXCLUSIVE MODE"
        with self._explained(), self._begun(lock) as (connection, _):
            yield (queries := _Queries(connection))
            connection.commit()
        if queries.has_news:
            self.on_news()

    @contextmanager
    def _begun(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, reading: bool = False
    ) -> Iterator[tuple[Connection, CursorResult[Any]]]:
        """A connection with the result of its first statement, which shows whether the server is still there.

        One that is not, since it was started again or the network let it go, is replaced: nothing was done yet. A read
        alone is a transaction of its own, which takes one way to the server instead of three.
        """
        from sqlalchemy.exc import OperationalError

        for again in (True, False):
            engine = self._own_engine()
            connection = (self._reads if reading else engine).connect()
            try:
                result = connection.execute(_text(sql), dict(parameters or {}))
            except BaseException as error:
                connection.close()
                if again and isinstance(error, OperationalError) and error.connection_invalidated:
                    continue
                raise
            with connection:
                yield connection, result
            return

    @contextmanager
    def snapshot(self) -> Iterator[_Queries]:
        with self._explained(), self._own_engine().connect() as connection:
            reading = connection.execution_options(isolation_level="REPEATABLE READ")
            with reading.begin():
                queries = _Queries(reading)
                queries.query("SET TRANSACTION READ ONLY")
                yield queries

    def changes(self) -> int:
        # Every change of state appends an event in its own transaction.
        return int(self.query("SELECT coalesce(max(seq), 0) AS n FROM events")[0]["n"])

    def optimize(self) -> None:
        with self._explained(), self._own_engine().connect() as connection:
            # Its own autovacuum gives back space.
            connection.execute(_text("ANALYZE"))
            connection.commit()

    def check(self) -> list[Damage]:
        # Its own checksums are those of its pages, and references are checked as they are written.
        return []

    def lost(self) -> int:
        return 0

    @contextmanager
    def mending(self, *, forget_lost: bool = False) -> Iterator[None]:
        yield

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def after_fork(self, *, child: bool) -> None:
        """In a child, leave the connections alone: they are its parent's, who would miss what the child reads."""
        if child and self._engine is not None:
            self._inherited.append(self._engine)
            self._engine = None

    def _own_engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                from sqlalchemy import create_engine, event

                self._engine = create_engine(self._url, pool_size=8)
                event.listen(self._engine, "connect", _wait_a_minute)
                self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            return self._engine

    def _migrate(self) -> None:
        with self._explained(), self._own_engine().begin() as connection:
            queries = _Queries(connection)
            queries.query("SELECT pg_advisory_xact_lock(:key)", {"key": _MIGRATION_LOCK})
            queries.query("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
            applied = {row["name"] for row in queries.query("SELECT name FROM migrations")}
            check_release(applied, self._schema, self.name)
            for name, statements in self._schema.migrations.items():
                if name not in applied:
                    for statement in statements:
                        queries.query(statement)
                    queries.query(
                        "INSERT INTO migrations (name, applied_at) VALUES (:name, CAST(now() AS TEXT))", {"name": name}
                    )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from sqlalchemy.exc import DataError, OperationalError
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        try:
            yield
        except (DataError, UnicodeEncodeError) as error:
            raise InvalidInput(f"a value cannot be looked up or stored: {error}") from error
        except PoolTimeout as error:
            raise CatalogBusy(errno.EBUSY, f"all connections to {self.name} are in use; try again") from error
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise CatalogBusy(
                    errno.EBUSY, f"{self.name} was locked by another process for {_LOCK_SECONDS} s; try again"
                ) from error
            raise StorageError(
                errno.EIO, f"{self.name} cannot be reached ({error.orig}): check the address and the server"
            ) from error
