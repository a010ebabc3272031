"""One of many processes leads a periodic task: a row with a lease that it renews, and another takes over when it ends.

The row holds a random number, a new one at each renewal. Who knows the number leads. Whoever has seen the same number
for as long as the lease lasts, by its own clock, takes it: so clocks need not agree, and no connection has to stay.
"""

from __future__ import annotations

import secrets
import threading
from time import monotonic

from .. import forks
from ..catalog.telemetry import streams
from ..errors import InvalidInput
from ..rules.intake import check_text
from .context import Context

#: A lease lasts so many seconds at most: as long as a task stands still after its leader died.
_LONGEST = 86_400.0


class Leading:
    """What this process has seen of leases."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        forks.survive(self)

    def lead(self, task: str, seconds: float, held: int) -> int:
        """See ``Registry.lead``."""
        if not check_text(task, "task", 100):
            raise InvalidInput("task is empty; give the name of the task, such as watch")
        if not 0 < seconds <= _LONGEST:
            raise InvalidInput(f"seconds is {seconds!r:.80}; give a number above 0 and up to {_LONGEST:,.0f}")
        with self._lock, self._context.telemetry.transaction() as transaction:
            found = streams.lease(transaction, task)
            if found and found != held and not self._has_ended(task, found, seconds):
                return 0
            new = secrets.randbelow(1 << 62) + 1
            streams.set_lease(transaction, task, new)
        return new

    def _has_ended(self, task: str, found: int, seconds: float) -> bool:
        number, since = self._seen.get(task, (0, 0.0))
        if number != found:
            self._seen[task] = (found, monotonic())
            return False
        return monotonic() - since >= seconds

    def give_up(self, task: str, held: int) -> None:
        """See ``Registry.give_up_lead``."""
        with self._context.telemetry.transaction() as transaction:
            if held and streams.lease(transaction, task) == held:
                streams.set_lease(transaction, task, 0)

    def close(self) -> None:
        """Nothing: a lease ends by itself."""
