"""Places for files from outside: so many are looked into, loaded and asked at once, and each visitor has one turn."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ... import forks
from ...errors import SandboxFailure
from ...visitors import WAIT_SECONDS, still_waits, visitor

_held: ContextVar[bool] = ContextVar("held", default=False)
_MOST_WAITING = 32


class Places:
    """So many at once, in the order they came; the second file of a visitor waits for the first, and takes no place.

    Args:
        most: how many at once.
        waiting: how many may wait; who comes later is told so at once.
    """

    def __init__(self, most: int, waiting: int = _MOST_WAITING) -> None:
        self._most, self._most_waiting = most, waiting
        self._changed = threading.Condition(threading.Lock())
        self._busy: set[str] = set()
        self._line: list[str] = []
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """Whoever had a place is in the parent."""
        if child:
            self._changed = threading.Condition(threading.Lock())
            self._busy, self._line = set(), []

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a place and keep it; whoever has one already keeps that. ``visitors.on_wait`` may end the wait.

        Raises:
            SandboxFailure: too many wait.
        """
        who = visitor.get() or f"thread {threading.get_ident()}"
        if _held.get():
            yield
            return
        with self._changed:
            if len(self._line) >= self._most_waiting:
                busy, waiting = len(self._busy), len(self._line)
                files = "1 file is" if busy == 1 else f"{busy} files are"
                reason = f"is busy: {files} being scanned and {waiting} waiting"
                raise SandboxFailure("the sandbox", reason, remedy="try again in a minute")
            self._line.append(who)
            try:
                while not self._changed.wait_for(lambda: self._is_next(who), WAIT_SECONDS):
                    still_waits()
            finally:
                self._line.remove(who)
                self._changed.notify_all()
            self._busy.add(who)
        token = _held.set(True)
        try:
            yield
        finally:
            _held.reset(token)
            with self._changed:
                self._busy.remove(who)
                self._changed.notify_all()

    def _is_next(self, who: str) -> bool:
        if who in self._busy or len(self._busy) >= self._most:
            return False
        return next(each for each in self._line if each not in self._busy) == who


#: Those of this process.
PLACES = Places(max(2, os.cpu_count() or 1))
