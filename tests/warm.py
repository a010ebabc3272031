"""A sandbox that stays warm from test to test: what its walls hold is tried elsewhere, and importing takes seconds."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from registry_core.artifacts import sandbox
from registry_core.artifacts.sandbox.process import Child


class WarmWorker(sandbox.Worker):
    """A worker whose process is lent on, behind the same walls, after it answered as it should.

    Only processes of the main thread, since any other ends with the thread that started it; and none that may load a
    user's modules, since it would answer with their code as it was in another test.
    """

    kept: ClassVar[dict[Any, tuple[Child, tuple[str, ...]]]] = {}

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._healthy = False
        self._by_main = False

    @property
    def _walls(self) -> Any:
        return self._also, self._limits

    def start(self) -> tuple[str, ...]:
        if self._child is None:
            self._by_main = threading.current_thread() is threading.main_thread()
            if self._by_main and self._walls in self.kept:
                self._child, self._unenforced = self.kept.pop(self._walls)
        return super().start()

    def predict(self, *arguments: Any, **further: Any) -> sandbox.Answer:
        self._healthy = False
        answer = super().predict(*arguments, **further)
        self._healthy = True
        return answer

    def prove(self, *arguments: Any, **further: Any) -> sandbox.Proved:
        self._healthy = False
        proved = super().prove(*arguments, **further)
        self._healthy = True
        return proved

    def close(self) -> None:
        main = self._by_main and threading.current_thread() is threading.main_thread()
        if self._child is None or not self._healthy or not main or self._also or self._walls in self.kept:
            super().close()
            return
        self.kept[self._walls] = self._child, self._unenforced
        self._child = None

    @classmethod
    def stop_all(cls) -> None:
        """End the processes that wait to be lent on."""
        while cls.kept:
            cls.kept.popitem()[1][0].stop()
