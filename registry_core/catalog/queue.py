"""Writers of one file, one after the other, in all processes."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from .. import forks, rights
from ..errors import CatalogBusy, StorageError

if sys.platform != "win32":
    import fcntl


#: Of a count that wraps around, numbers so far ahead are ahead.
WRAP = 1 << 31


class Confirmed(NamedTuple):
    """What the lock file remembers: the database it is about (0: none), the number of the last commit that was
    confirmed, and how many confirmed ones were missed so far."""

    database: int
    number: int
    lost: int = 0

    def missed(self, number: int) -> int:
        """How many commits are missed when the database's count stands at ``number``."""
        behind = (self.number - number) % WRAP
        return self.lost + (behind if behind < WRAP // 2 else 0)


_NOTHING = Confirmed(0, 0)
_LENGTH = 44


class Turn:
    """Somebody's turn to write; knows what was confirmed before it, and is told what it confirmed."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def before(self) -> Confirmed:
        """What was confirmed last; of database 0 where nothing is known."""
        return _NOTHING if self._descriptor is None else _read(self._descriptor)

    def confirm(self, confirmed: Confirmed) -> None:
        """Remember it. Not synced: what a power failure takes from here is no longer missed, and nothing else."""
        if self._descriptor is not None:
            text = f"{confirmed.database:010d} {confirmed.number:010d} {confirmed.lost:010d} ".encode()
            os.pwrite(self._descriptor, text + f"{crc32(text):010d}\n".encode(), 0)


def _read(descriptor: int) -> Confirmed:
    data = os.pread(descriptor, _LENGTH, 0)
    text, _, digest = data.rpartition(b" ")
    if len(data) != _LENGTH or f"{crc32(text + b' '):010d}\n".encode() != digest:
        return _NOTHING
    return Confirmed(*map(int, text.split()))


class Queue:
    """A lock file in front of SQLite's write lock.

    SQLite waits by sleeping ever longer, so that of eight writers the unlucky one waits fifty times as long as the
    others, and the lock lies idle meanwhile. Here the system wakes the next writer as soon as the one before is done.
    A lock is given back by the system when its process dies.
    """

    def __init__(self, path: Path, wait_seconds: float) -> None:
        self._path, self._wait = path, wait_seconds
        self._open: set[int] = set()
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """In a child, close its copies of the lock file: as long as one is open, its parent's turn does not end."""
        if child:
            for descriptor in self._open:
                with suppress(OSError):
                    os.close(descriptor)
            self._open = set()

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for one's turn, and hold it.

        Raises:
            CatalogBusy: the turn did not come in time.
            StorageError: the lock file cannot be opened.
        """
        if sys.platform == "win32":
            # SQLite's own waiting has to do.
            yield Turn(None)
            return
        try:
            descriptor = rights.create(self._path, self._path.parent, 0)
        except OSError as error:
            raise StorageError(
                error.errno or errno.EIO,
                f"{self._path} cannot be opened ({error.strerror}): give this user write permission, or name another "
                "folder",
            ) from error
        self._open.add(descriptor)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                descriptor = self._queue_up(descriptor)
            yield Turn(descriptor)
        finally:
            self._let_go(descriptor)

    def confirmed(self) -> Confirmed:
        """What was confirmed last, asked by somebody who does not want to write."""
        if sys.platform == "win32":
            return _NOTHING
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return _NOTHING
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)

    def _let_go(self, descriptor: int) -> None:
        # Closing it is not enough where a forked process has a copy.
        self._open.discard(descriptor)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        with suppress(OSError):
            os.close(descriptor)

    def _queue_up(self, descriptor: int) -> int:
        # flock() knows no time-out, so another thread waits in it. If that takes too long it is left to itself: it
        # holds a descriptor of its own, which it closes when the turn comes at last.
        waiting = os.dup(descriptor)
        self._open.add(waiting)
        settled, outcome = threading.Lock(), threading.Event()
        given_up = False

        def wait() -> None:
            fcntl.flock(waiting, fcntl.LOCK_EX)
            with settled:
                outcome.set()
                if given_up:
                    self._let_go(waiting)

        try:
            threading.Thread(target=wait, name="registry-queue", daemon=True).start()
        except RuntimeError:
            # While the interpreter exits no thread can be started any more; what is left to write still waits its turn.
            wait()
        outcome.wait(self._wait)
        with settled:
            given_up = not outcome.is_set()
        if given_up:
            raise CatalogBusy(
                errno.EBUSY, f"another process has been writing to {self._path.parent} for {self._wait:g} s; try again"
            )
        self._open.discard(descriptor)
        os.close(descriptor)
        return waiting
