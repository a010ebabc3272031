"""A way to a server through the loopback that can be cut, can swallow everything, and can be long; or a way to several
servers, which take turns."""

from __future__ import annotations

import itertools
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal


class Way:
    """Passes on what comes in on ``port``.

    Attributes:
        state: ``open``; ``cut``: connections end, and new ones are refused; ``silent``: everything is swallowed.
        late: seconds that each piece takes, one way.
    """

    def __init__(self, *targets: tuple[str, int]) -> None:
        """A way to servers, each a host and a port: connections go to them in turn, and past one that refuses."""
        self._targets = targets
        self._turn = itertools.count()
        self.state: Literal["open", "cut", "silent"] = "open"
        self.late = 0.0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port = 0
        self.mend()

    def cut(self) -> None:
        """From now on nobody gets through, and everybody notices at once."""
        self.state = "cut"
        with self._lock:
            listener, self._listener = self._listener, None
            ends, self._open = self._open, set()
        for each in ({listener} if listener else set()) | ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def silence(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        self.state = "silent"

    def mend(self) -> None:
        """From now on everything gets through; what was swallowed is gone with its connection."""
        if self.state == "silent":
            self.cut()
        self.state = "open"
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(100)
            self.port = listener.getsockname()[1]
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                threading.Thread(target=self._pass, args=(here,), daemon=True).start()

    def _connected(self) -> socket.socket:
        """A connection to the server whose turn it is, or to the next that takes one."""
        first = next(self._turn) % len(self._targets)
        *before, last = self._targets[first:] + self._targets[:first]
        for target in before:
            with suppress(ConnectionRefusedError):
                return socket.create_connection(target)
        return socket.create_connection(last)

    def _pass(self, here: socket.socket) -> None:
        with suppress(OSError), here, self._connected() as there:
            with self._lock:
                if self._listener is None:
                    return
                self._open |= {here, there}
            try:
                with selectors.DefaultSelector() as ends:
                    ends.register(here, selectors.EVENT_READ, there)
                    ends.register(there, selectors.EVENT_READ, here)
                    while True:
                        for key, _ in ends.select():
                            assert isinstance(key.fileobj, socket.socket)
                            data = key.fileobj.recv(1 << 16)
                            if self.late:
                                time.sleep(self.late)
                            if self.state != "silent":
                                if not data:
                                    return
                                key.data.sendall(data)
                            elif not data:
                                ends.unregister(key.fileobj)
            finally:
                with self._lock:
                    self._open -= {here, there}


@contextmanager
def way_to(host: str, port: int, *further: tuple[str, int]) -> Iterator[Way]:
    """A way to a server, or to several in turn; cut in the end."""
    way = Way((host, port), *further)
    try:
        yield way
    finally:
        way.cut()
