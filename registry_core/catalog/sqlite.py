"""The catalog's database in one SQLite file.

sqlite-utils brings the schema up to date. Statements run on a small pool of plain connections: importing sqlite-utils
imports pandas where it is installed, which a service that only asks for the champion need not wait for.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from .. import rights
from ..errors import CatalogBusy, InvalidInput, StorageError
from ..records import Row
from . import row_checksums
from .database import Damage
from .queue import WRAP, Confirmed, Queue, Turn
from .schema import REGISTRY, Schema, check_release
from .sqlite_connections import WAIT_SECONDS, Connections

_MOST_TOLD = 20


def _asked(connection: sqlite3.Connection, name: str) -> int:
    """A number in the database's header: ``user_version``, in which commits are counted, or ``application_id``."""
    (number,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(number)


def _new_identity() -> int:
    return 1 + secrets.randbelow(WRAP - 1)


#: Name and statements of each.
_Migrations = tuple[tuple[str, tuple[str, ...]], ...]


def _apply(wanted: _Migrations, name: str, connection: sqlite3.Connection) -> None:
    """Run those of the migrations that are not noted in the database yet, and note them."""
    from sqlite_utils import Database, Migrations

    migrations = Migrations(name)
    for migration, statements in wanted:

        def run(database: Database, statements: tuple[str, ...] = statements) -> None:
            for statement in statements:
                database.conn.execute(statement)

        migrations(name=migration)(run)
    migrations.apply(Database(connection))


@lru_cache(maxsize=4)
def _empty(wanted: _Migrations, name: str) -> sqlite3.Connection:
    """A database without rows, in memory. To copy it costs a tenth of its two hundred statements."""
    empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    row_checksums.connect(empty)
    empty.execute("BEGIN")
    _apply(wanted, name, empty)
    empty.execute("COMMIT")
    return empty


def _fill_empty(wanted: _Migrations, name: str, connection: sqlite3.Connection) -> Confirmed:
    """Make all tables of a new file in one commit, the first that is counted."""
    first = Confirmed(_new_identity(), 1)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        _empty(wanted, name).backup(copy)
        copy.execute(f"PRAGMA application_id = {first.database}")
        copy.execute(f"PRAGMA user_version = {first.number}")
        copy.backup(connection)
    return first


def _applied(connection: sqlite3.Connection, schema: Schema) -> set[str]:
    """The migrations of a schema that are noted in a database."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchall():
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (schema.name,))
    return {name for (name,) in rows}


class _Queries:
    principal = ""
    has_news = False

    def __init__(self, connection: sqlite3.Connection, schema: Schema) -> None:
        self._connection, self._schema = connection, schema

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        cursor = self._execute(sql, parameters)
        if cursor.description is None:
            return []
        # Not a row factory: that would collect the column names again for every row.
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._execute(sql, parameters).fetchall()

    def _execute(self, sql: str, parameters: Mapping[str, Any] | None) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, parameters or {})
        except (UnicodeEncodeError, OverflowError, sqlite3.ProgrammingError) as error:
            raise InvalidInput(f"a value cannot be looked up or stored: {error}") from error

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._connection.executemany(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        places = ", ".join("?" * len(columns))
        summed = row_checksums.raw(self._schema, table)
        try:
            if summed is not None:
                rows = list(rows)
                self._require_columns(summed)
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
            if summed is not None and rows:
                given = dict(zip(columns, zip(*rows, strict=True), strict=True))
                row_checksums.add(
                    self._connection, row_checksums.of_raw(summed, [given[column] for column in summed.columns])
                )
        except (UnicodeEncodeError, OverflowError, sqlite3.ProgrammingError) as error:
            raise InvalidInput(f"a value cannot be stored: {error}") from error

    def _require_columns(self, table: row_checksums.Summed) -> None:
        """Require that raw rows, which are summed here, have the columns that they are summed by.

        Raises:
            StorageError: a newer release gave them others; the sums would not be those of the rows.
        """
        present = tuple(row[1] for row in self._connection.execute(f"PRAGMA table_info({table.name})"))
        if present != table.columns:
            check_release(_applied(self._connection, self._schema), self._schema, "the live traffic of this registry")

    def having(self, table: str, columns: Sequence[str], key: str, values: Iterable[int]) -> list[tuple[Any, ...]]:
        return self.tuples(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {key} IN (SELECT value FROM json_each(:wanted))",
            {"wanted": json.dumps([*values])},
        )

    def partition(self, tables: Sequence[str], key: str, name: str, first: int, end: int) -> None:
        pass

    def drop_partitions(self, tables: Sequence[str], before: str) -> None:
        pass


class SqliteDatabase:
    """Implements ``Database`` for SQLite in WAL mode.

    Synchronous FULL keeps every commit through a power failure; NORMAL, several times as quick, may lose the last ones,
    and never half of one.
    """

    qualifier = "main"

    def __init__(self, path: Path, schema: Schema = REGISTRY, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> None:
        self._path, self._schema = path, schema
        #: Called after the commit of a transaction that has news.
        self.on_news: Callable[[], None] = lambda: None
        self._identity: tuple[tuple[int, int] | None, int] | None = None
        self._queue = Queue(path.with_name(f"{path.name}-queue"), WAIT_SECONDS)
        self._connections = Connections(
            path, synchronous, rebuildable=schema is REGISTRY, require_release=self._require_release
        )
        self._connection = self._connections.lend
        if not path.exists():
            try:
                # SQLite gives the files beside it the same rights.
                os.close(rights.create(path, path.parent, 0))
            except OSError as error:
                raise StorageError(
                    error.errno or errno.EIO,
                    f"{path} cannot be created ({error.strerror}): give this user write permission, or name another "
                    "folder",
                ) from error
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        with self._connection() as connection:
            return _Queries(connection, self._schema).query(sql, parameters)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return _Queries(connection, self._schema).tuples(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[_Queries]:
        with self._connection() as connection, self._write(connection):
            yield (queries := _Queries(connection, self._schema))
        if queries.has_news:
            self.on_news()

    @contextmanager
    def snapshot(self) -> Iterator[_Queries]:
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                # The state is that of the first read.
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
                yield _Queries(connection, self._schema)
            finally:
                connection.execute("ROLLBACK")

    def optimize(self) -> None:
        with self._connection() as connection, self._queue.turn():
            connection.execute("ANALYZE")
            connection.execute("VACUUM")

    def require_release(self) -> None:
        with self._connection() as connection:
            self._require_release(connection)

    def _require_release(self, connection: sqlite3.Connection) -> None:
        check_release(_applied(connection, self._schema), self._schema, str(self._path))

    def check(self) -> list[Damage]:
        name, found = self._path.name, list[Damage]()
        # Read first: a commit that is confirmed by now is in the database by then.
        confirmed = self._queue.confirmed()
        try:
            with self._connection() as connection:
                for (text,) in connection.execute(f"PRAGMA integrity_check({_MOST_TOLD})").fetchall():
                    if text != "ok":
                        found.append(Damage("damaged", name, f"{self._path} is damaged: {text}", name))
                connection.execute("BEGIN")
                try:
                    found += self._check(connection, confirmed)
                finally:
                    connection.execute("ROLLBACK")
        except (StorageError, sqlite3.Error) as error:
            if isinstance(error, CatalogBusy):
                raise
            found.append(Damage("damaged", name, f"{self._path} cannot be read: {error}", name))
        return found

    def lost(self) -> int:
        # Read first, as in ``check``.
        confirmed = self._queue.confirmed()
        with self._connection() as connection:
            return self._missed(connection, confirmed)

    def _missed(self, connection: sqlite3.Connection, confirmed: Confirmed) -> int:
        ours = confirmed.database == self._own(connection)
        return confirmed.missed(_asked(connection, "user_version")) if ours else 0

    def _check(self, connection: sqlite3.Connection, confirmed: Confirmed) -> Iterator[Damage]:
        name = self._path.name
        missed = self._missed(connection, confirmed)
        if missed:
            yield Damage(
                "lost", name,
                f"{missed} confirmed {'commit is' if missed == 1 else 'commits are'} gone from {self._path}: its log "
                "was damaged, or the file was replaced by an older copy",
                name,
            )  # fmt: skip
        for table, row, other, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST_TOLD):
            yield Damage("damaged", name, f"row {row} of {table} refers to a missing row of {other}", name)
        for what in row_checksums.missing(connection, self._schema):
            yield Damage("damaged", name, f"the {what} of {self._path} was altered", name)
        for (table, bucket), (count, _) in sorted(row_checksums.misfits(connection, self._schema).items(), key=repr):
            where = f"{table} {bucket}" if bucket else table
            if not isinstance(bucket, int) or bucket < 0:
                where, text = table, "contain values that were never written, and cannot be read"
            else:
                text = f"are not what was written ({count} {'row was' if count == 1 else 'rows were'})"
            yield Damage("rows", where, f"the rows of {where} in {self._path} {text}", name)

    @contextmanager
    def mending(self, *, forget_lost: bool = False) -> Iterator[None]:
        with self._connection() as connection:
            try:
                before = row_checksums.misfits(connection, self._schema)
            except sqlite3.Error:
                before = {}
        yield
        with self._connection() as connection:
            if before:
                with self._write(connection):
                    row_checksums.put_back(connection, self._schema, before)
            if forget_lost:
                with self._queue.turn() as turn:
                    turn.confirm(Confirmed(self._own(connection), _asked(connection, "user_version")))

    def changes(self) -> int:
        return self._connections.changes()

    followed = changes

    @property
    def away(self) -> str | None:
        return None

    def close(self) -> None:
        self._connections.close()

    def _migrate(self) -> None:
        try:
            self._bring_up_to_date()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") != "SQLITE_ERROR":
                raise
            # Such as a table that is there although its migration is not noted.
            raise self._connections.damaged(str(error)) from error

    def _bring_up_to_date(self) -> None:
        with self._connection() as connection:
            wanted = (*self._schema.migrations.items(), row_checksums.migration(self._schema))
            applied = _applied(connection, self._schema)
            check_release(applied, self._schema, str(self._path))
            if applied >= {name for name, _ in wanted}:
                return
            # Changing the journal mode fails at once where another process does the same, without waiting.
            deadline = time.monotonic() + WAIT_SECONDS
            while True:
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                    break
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
            own = sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)
            own.execute("PRAGMA synchronous = FULL")
            row_checksums.connect(own)
            try:
                with self._queue.turn() as turn:
                    # Asked in one's turn: another process may have made the tables meanwhile.
                    if not own.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
                        turn.confirm(_fill_empty(wanted, self._schema.name, own))
                        return
                with self._write(own):
                    if not _asked(own, "application_id"):
                        own.execute(f"PRAGMA application_id = {_new_identity()}")
                    _apply(wanted, self._schema.name, own)
            finally:
                own.close()

    @contextmanager
    def _write(self, connection: sqlite3.Connection) -> Iterator[None]:
        # The lock first: a transaction that reads and asks for it later fails at once when somebody else wrote in
        # between.
        with self._queue.turn() as turn:
            connection.execute("BEGIN IMMEDIATE")
            try:
                changes = connection.total_changes
                yield
                confirmed = self._counted(connection, turn) if connection.total_changes != changes else None
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if confirmed is not None:
                turn.confirm(confirmed)

    def _counted(self, connection: sqlite3.Connection, turn: Turn) -> Confirmed:
        """Count this commit, in the database and for the lock file: a flipped bit in the log makes SQLite drop the
        commits behind it, and nothing else would tell."""
        number, before, own = _asked(connection, "user_version"), turn.before(), self._own(connection)
        lost = before.missed(number) if before.database == own else 0
        number = (number + 1) % WRAP
        connection.execute(f"PRAGMA user_version = {number}")
        return Confirmed(own, number, lost)

    def _own(self, connection: sqlite3.Connection) -> int:
        """What tells this database from any that was there before it under the same name."""
        if self._identity is None or self._identity[0] != self._connections.file:
            self._identity = self._connections.file, _asked(connection, "application_id")
        return self._identity[1]
