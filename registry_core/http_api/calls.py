"""The calls with a key that a server carries out: while they last, the catalog says that they are under way.

So every server of a registry can tell a call that another one carries out from one whose server ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import RegistryError
from ..registry import Registry

#: Seconds after which the catalog is told again; see ``begin_request``. Most calls end before.
RENEWED = 3.0


class Calls:
    """Calls, each by its caller and key."""

    def __init__(self, registry: Callable[[], Registry]) -> None:
        """Tell the catalog of a registry."""
        self._registry = registry
        #: When each began, by a clock that nobody sets.
        self._begun: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._closed = False

    def __contains__(self, call: tuple[str, str]) -> bool:
        return call in self._begun

    def add(self, caller: str, key: str) -> None:
        """Begin a call."""
        with self._changed:
            self._begun[caller, key] = time.monotonic()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._renew, name="calls-under-way", daemon=True)
                self._thread.start()
            self._changed.notify()

    def discard(self, caller: str, key: str) -> None:
        """End a call."""
        with self._changed:
            self._begun.pop((caller, key), None)

    def close(self) -> None:
        """Tell nothing further."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _renew(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._begun or self._closed)
                self._changed.wait_for(lambda: self._closed, RENEWED)
                if self._closed:
                    return
                before = time.monotonic() - RENEWED
                calls = [call for call, begun in self._begun.items() if begun <= before]
            if calls:
                # A database that is away is told at the next turn.
                with suppress(RegistryError):
                    self._registry().renew_requests(calls)
