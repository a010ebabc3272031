"""Connections to one SQLite file: a small pool, kept through forks, and given up when the file is replaced."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from .. import forks
from ..errors import CatalogBusy, StorageError
from . import row_checksums

WAIT_SECONDS = 60.0
_KEPT_CONNECTIONS = 8
#: How SQLite begins to say that tables are not those which a statement was written for.
_OTHER_TABLES = ("no such ", "error in ", "NOT NULL constraint failed", "CHECK constraint failed")


class Connections:
    """The connections of this process to one file.

    Args:
        synchronous: ``FULL`` or ``NORMAL``; see ``SqliteDatabase``.
        rebuildable: whether what the file holds can be made anew of other files: then an error says how.
        require_release: raises a ``StorageError`` where a newer release has changed the tables.

    Attributes:
        file: device and inode of the file the connections are to; None before the first.
    """

    def __init__(
        self,
        path: Path,
        synchronous: Literal["FULL", "NORMAL"],
        *,
        rebuildable: bool,
        require_release: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> None:
        self._path, self._synchronous, self._rebuildable = path, synchronous, rebuildable
        self._require_release = require_release
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._inherited: list[object] = []
        self._forks = 0
        self._watch: sqlite3.Connection | None = None
        self._watches = 0
        self._watch_lock = threading.Lock()
        self.file: tuple[int, int] | None = None
        forks.survive(self)

    def changes(self) -> int:
        """A number that differs as soon as anybody committed something."""
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

    def close(self) -> None:
        """Close every connection that is not lent."""
        with self._watch_lock, self._lock:
            self._drop()

    def _drop(self) -> None:
        for connection in [*self._idle, *([self._watch] if self._watch else [])]:
            connection.close()
        self._idle, self._watch = [], None

    def before_fork(self) -> None:
        """Close every connection; nobody else is at work.

        SQLite keeps, for each file, what the connections of its process hold of it: a child that inherits one would
        believe to hold locks that only its parent has, and go on writing into a log that its parent has deleted.
        """
        self._watch_lock.acquire()
        self._lock.acquire()
        self._drop()

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child without anything that was its parent's."""
        if not child:
            self._lock.release()
            self._watch_lock.release()
            return
        # A connection that could not be closed stays untouched: even closing it would disturb the parent.
        self._inherited.append((self._idle, self._watch))
        self._idle, self._watch, self.file = [], None, None
        self._forks += 1

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection for one piece of work; what SQLite raises in it comes as an error that says what to do."""
        with self._explained(), forks.undivided():
            self._look_at_file()
            generation = self._forks
            with self._lock:
                connection, file = self._idle.pop() if self._idle else None, self.file
            try:
                connection = connection or self._connect()
                yield connection
            except sqlite3.Error:
                if connection is not None and generation == self._forks:
                    connection.close()
                raise
            finally:
                if connection is not None:
                    self._give_back(connection, file, generation)

    def _give_back(self, connection: sqlite3.Connection, file: tuple[int, int] | None, generation: int) -> None:
        with self._lock:
            if generation != self._forks:
                self._inherited.append(connection)
            elif file == self.file and len(self._idle) < _KEPT_CONNECTIONS and self._usable(connection):
                self._idle.append(connection)
            else:
                connection.close()

    def _look_at_file(self) -> None:
        """Drop the connections when they are no longer those to the file, which was replaced.

        Raises:
            StorageError: the file is gone: SQLite itself would go on writing into a file without a name. Or this
                process was forked while another thread was at work in the file.
        """
        if forks.midway():
            raise StorageError(
                errno.EBUSY,
                f"{self._path} cannot be used in this process: the process was forked during a long operation of a "
                "registry. Fork before such an operation, or start processes with multiprocessing's 'spawn'",
            )
        try:
            status = os.stat(self._path)
        except FileNotFoundError as error:
            raise StorageError(
                errno.ENOENT, f"{self._path} is missing: restore it from a backup; nothing was changed"
            ) from error
        if (status.st_dev, status.st_ino) == self.file:
            return
        with self._lock:
            self._idle, self._watch = [], None
            self.file = status.st_dev, status.st_ino

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
        try:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
        # SQLite quotes what it cannot read in its messages.
        except UnicodeDecodeError as error:
            connection.close()
            raise self.damaged(str(error)) from error
        row_checksums.connect(connection)
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explanation(error) from error

    def damaged(self, why: str) -> StorageError:
        """What to say of a file that is no longer a sound database."""
        return StorageError(
            errno.EIO,
            f"{self._path} is damaged, or not an SQLite database ({why:.200}): {self._way_out()}restore it from a "
            "backup",
        )

    def _way_out(self) -> str:
        # What telemetry holds is written down nowhere else.
        return "run `model-registry rebuild-index --damaged`, or " if self._rebuildable else ""

    def _explanation(self, error: sqlite3.Error) -> Exception:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return CatalogBusy(
                errno.EBUSY, f"{self._path} was locked by another process for {WAIT_SECONDS:g} s; try again"
            )
        if name.startswith("SQLITE_FULL"):
            return StorageError(errno.ENOSPC, f"no space left for {self._path}: free some space, then try again")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return StorageError(
                errno.EACCES,
                f"{self._path} cannot be written ({error}): give this user write permission, or name another folder",
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return self.damaged(str(error))
        if str(error).startswith(_OTHER_TABLES) or " has no column named " in str(error):
            try:
                with closing(self._connect()) as connection:
                    self._require_release(connection)
            except (StorageError, sqlite3.Error) as newer:
                if isinstance(newer, StorageError):
                    return newer
        if str(error).startswith(("Could not decode", "no such ", "malformed ", "error in ")):
            return self.damaged(str(error))
        if name.startswith("SQLITE_IOERR"):
            return StorageError(errno.EIO, f"{self._path} could not be read or written ({error}): check the disk")
        return error
