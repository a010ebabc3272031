"""Whether the engines behind a registry answer: the catalog's database, that of live traffic, and the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .. import forks
from ..errors import RegistryError
from ..maintenance import Readiness
from .context import Context

#: What was found counts for so many seconds: probes come often, from many.
_COUNTS = 1.0


class Probe:
    """Asks the engines, each in a thread of its own: one that hangs holds up nobody."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._found: tuple[float, Readiness] | None = None
        self._asked: dict[str, _Asked] = {}
        forks.survive(self)

    def readiness(self, seconds: float) -> Readiness:
        """See ``Registry.readiness``."""
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] > _COUNTS:
                self._found = (time.monotonic(), self._ask(seconds))
            return self._found[1]

    def _ask(self, seconds: float) -> Readiness:
        context, until = self._context, time.monotonic() + seconds
        questions: dict[str, Callable[[], object]] = {
            "catalog": context.database.changes,
            "live traffic": lambda: context.telemetry.query("SELECT 1 AS one"),
            "store": context.store.probe,
        }
        for engine, question in questions.items():
            # Of one that hangs still there is no second thread.
            if engine not in self._asked or not self._asked[engine].thread.is_alive():
                self._asked[engine] = _Asked(question)
        for asked in self._asked.values():
            asked.thread.join(max(until - time.monotonic(), 0.0))
        return Readiness({
            engine: f"no answer within {seconds:g} s" if asked.thread.is_alive() else asked.wrong
            for engine, asked in self._asked.items()
        })  # fmt: skip

    def close(self) -> None:
        """Nothing: the threads end with their answers."""


class _Asked:
    """A question on its way; ``wrong`` is empty or a sentence once its thread has ended."""

    def __init__(self, question: Callable[[], object]) -> None:
        self._question, self.wrong = question, ""
        self.thread = threading.Thread(target=self._run, name="registry-readiness", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._question()
        except RegistryError as error:
            self.wrong = str(error)
        except Exception as error:
            self.wrong = f"{type(error).__name__}: {error}"
