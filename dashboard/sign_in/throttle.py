"""Guesses of secrets are slowed down: so many from one address, and so many from all, within five minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256

SECONDS = 300
MOST_OF_AN_ADDRESS = 10
MOST_OF_ALL = 100


class Throttle:
    """The failed tries of the last five minutes.

    The same wrong secret again is no further guess: a browser sends an expired cookie with everything it asks for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def failed(self, address: str, secret: str) -> None:
        """Note a wrong secret from an address."""
        with self._lock:
            self._forget()
            self._failed.setdefault((address, sha256(secret.encode()).hexdigest()), self._clock())

    def wait(self, address: str) -> int:
        """Seconds until an address may try again, rounded up; 0 where it may now."""
        with self._lock:
            self._forget()
            everybody = sorted(self._failed.values())
            own = sorted(at for (whose, _), at in self._failed.items() if whose == address)
            ends = [
                times[-most] + SECONDS
                for times, most in ((own, MOST_OF_AN_ADDRESS), (everybody, MOST_OF_ALL))
                if len(times) >= most
            ]
            return max((int(end - self._clock()) + 1 for end in ends), default=0)

    def _forget(self) -> None:
        since = self._clock() - SECONDS
        self._failed = {guess: at for guess, at in self._failed.items() if at > since}
