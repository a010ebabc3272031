"""The catalog's database in one SQLite file.

sqlite-utils brings the schema up to date. Statements run on a small pool of plain connections: importing sqlite-utils
imports pandas where it is installed, which a service that only asks for the champion need not wait for.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from ..errors import CatalogBusy, InvalidInput, StorageError
from ..records import Row
from .queue import Queue
from .schema import REGISTRY, Schema

WAIT_SECONDS = 60.0
_KEPT_CONNECTIONS = 8


class _Queries:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

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
        try:
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
        except (UnicodeEncodeError, OverflowError, sqlite3.ProgrammingError) as error:
            raise InvalidInput(f"a value cannot be stored: {error}") from error


class SqliteDatabase:
    """Implements ``Database`` for SQLite in WAL mode.

    Synchronous FULL keeps every commit through a power failure; NORMAL, several times as quick, may lose the last ones,
    and never half of one.
    """

    def __init__(self, path: Path, schema: Schema = REGISTRY, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> None:
        self._path, self._schema, self._synchronous = path, schema, synchronous
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._inherited: list[object] = []
        self._watch: sqlite3.Connection | None = None
        self._watches = 0
        self._watch_lock = threading.Lock()
        self._pid = os.getpid()
        self._file: tuple[int, int] | None = None
        self._queue = Queue(path.with_name(f"{path.name}-queue"), WAIT_SECONDS)
        if not path.exists():
            try:
                path.touch()
            except OSError as error:
                raise StorageError(
                    error.errno or errno.EIO,
                    f"{path} cannot be made ({error.strerror}): give this user the right, or name another folder",
                ) from error
        self._migrate()

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        with self._connection() as connection:
            return _Queries(connection).query(sql, parameters)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return _Queries(connection).tuples(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[_Queries]:
        with self._connection() as connection, _write(connection, self._queue):
            yield _Queries(connection)

    @contextmanager
    def snapshot(self) -> Iterator[_Queries]:
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                # The state is that of the first read.
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
                yield _Queries(connection)
            finally:
                connection.execute("ROLLBACK")

    def changes(self) -> int:
        # data_version counts the commits of other connections, so this connection never writes.
        with self._watch_lock:
            self._look_at_file()
            if self._watch is None:
                with self._explained():
                    self._watch = self._connect()
                self._watches += 1
            try:
                (version,) = self._watch.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise self._explanation(error) from error
        # The count means something only against the same connection: another one may start at the same number.
        return (self._watches << 48) + int(version)

    def optimize(self) -> None:
        with self._connection() as connection, self._queue.turn():
            connection.execute("ANALYZE")
            connection.execute("VACUUM")

    def close(self) -> None:
        with self._lock, self._watch_lock:
            for connection in [*self._idle, *([self._watch] if self._watch else [])]:
                connection.close()
            self._idle, self._watch = [], None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._look_at_file()
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            connection, file = connection or self._connect(), self._file
            try:
                yield connection
            except sqlite3.Error:
                connection.close()
                raise
            finally:
                with self._lock:
                    kept = file == self._file and len(self._idle) < _KEPT_CONNECTIONS
                    if kept and self._usable(connection):
                        self._idle.append(connection)
                    else:
                        connection.close()

    def _look_at_file(self) -> None:
        """Drop the connections when they are no longer those to the file: after a fork, or when it was replaced.

        Raises:
            StorageError: the file is gone. SQLite itself would go on writing into a file without a name.
        """
        try:
            status = os.stat(self._path)
        except FileNotFoundError as error:
            raise StorageError(
                errno.ENOENT, f"{self._path} is gone: put it back, or restore it from a backup; nothing was changed"
            ) from error
        if (status.st_dev, status.st_ino) == self._file and self._pid == os.getpid():
            return
        with self._lock:
            forked = self._pid != os.getpid()
            idle, watch = self._idle, self._watch
            self._idle, self._watch = [], None
            self._file, self._pid = (status.st_dev, status.st_ino), os.getpid()
        if forked:
            # SQLite connections do not survive a fork, not even their closing; the child keeps and leaves them alone.
            self._inherited.append((idle, watch))

    @staticmethod
    def _usable(connection: sqlite3.Connection) -> bool:
        try:
            return not connection.in_transaction
        except sqlite3.ProgrammingError:
            return False

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self) -> None:
        with self._connection() as connection:
            if self._applied(connection) >= self._schema.migrations.keys():
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
            from sqlite_utils import Database, Migrations

            migrations = Migrations(self._schema.name)
            for name, statements in self._schema.migrations.items():

                def run(database: Database, statements: tuple[str, ...] = statements) -> None:
                    for statement in statements:
                        database.conn.execute(statement)

                migrations(name=name)(run)
            own = sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)
            own.execute("PRAGMA synchronous = FULL")
            try:
                with _write(own, self._queue):
                    migrations.apply(Database(own))
            finally:
                own.close()

    def _applied(self, connection: sqlite3.Connection) -> set[str]:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchall():
            return set()
        rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (self._schema.name,))
        return {name for (name,) in rows}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explanation(error) from error

    def _explanation(self, error: sqlite3.Error) -> Exception:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return CatalogBusy(
                errno.EBUSY, f"{self._path} was locked by another process for {WAIT_SECONDS:g} s; try again"
            )
        if name.startswith("SQLITE_FULL"):
            return StorageError(errno.ENOSPC, f"no room left for {self._path}: free some, then try again")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return StorageError(
                errno.EACCES,
                f"{self._path} cannot be written ({error}): give this user the right, or name another folder",
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return StorageError(
                errno.EIO, f"{self._path} is damaged or no SQLite database ({error}): restore it from a backup"
            )
        if name.startswith("SQLITE_IOERR"):
            return StorageError(errno.EIO, f"{self._path} could not be read or written ({error}): check the disk")
        return error


@contextmanager
def _write(connection: sqlite3.Connection, queue: Queue) -> Iterator[None]:
    # The lock first: a transaction that reads and asks for it later fails at once when somebody else wrote in between.
    with queue.turn():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
