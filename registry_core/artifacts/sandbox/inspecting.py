"""Looking into files in a process of its own: a file that freezes or fills whoever reads it ends that process alone."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Collection
from typing import Any, get_args

from ... import forks
from ...errors import SandboxFailure
from ...evidence import Inspection, Verdict
from . import frames
from .process import Child

#: Seconds and bytes that a look at one file may take: many times what the largest good one needs.
SECONDS, MEMORY_BYTES = 60, 2 << 30
_THREADS, _IDLE_SECONDS = 8, 300
_MOST_FOUND, _MOST_CONTAINERS = 16 << 20, 1000
# A process that held a large file gives its memory back by ending.
_MOST_KEPT = 16 << 20


def inspected(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    """The child's side: look into the file that is the only block."""
    from .. import inspection

    found = inspection.inspect(blocks[0], header["name"], extra_trusted=header["extra_trusted"])
    return frames.pack({}, json.dumps(vars(found)).encode())


class Inspector:
    """Looks into files in processes that stay, one file at a time in each; threads may share it.

    A look may take ``seconds`` of wall clock, and ``memory_bytes`` beside what Python takes.
    """

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._turn = threading.Lock()
        self._idle: list[Child] = []
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """A forked process has processes of its own."""
        if child:
            self._idle.clear()

    def inspect(self, data: bytes, name: str, *, extra_trusted: Collection[str] = ()) -> Inspection:
        """See ``registry_core.artifacts.inspection.inspect``; a file that takes more than it may is refused.

        Raises:
            SandboxFailure: the process did not start, which says nothing of the file.
        """
        child = self._taken()
        try:
            request = frames.pack({"verb": "inspect", "name": name, "extra_trusted": list(extra_trusted)}, data)
            header, blocks = child.exchange(request, self._seconds, _MOST_FOUND, name)
            found = _believed(header, blocks)
        except SandboxFailure as failure:
            child.stop()
            return _refused(name, failure.reason)
        except (ValueError, TypeError, LookupError, AttributeError):
            child.stop()
            return _refused(name, "ended the scanning process")
        except BaseException:
            child.stop()
            raise
        with self._turn:
            if len(data) <= _MOST_KEPT and len(self._idle) < (os.cpu_count() or 1):
                self._idle.append(child)
                return found
        child.stop()
        return found

    def stop(self) -> None:
        """End the processes that wait for a file."""
        with self._turn:
            idle, self._idle = self._idle, []
        for child in idle:
            child.stop()

    def _taken(self) -> Child:
        with self._turn:
            while self._idle:
                child = self._idle.pop()
                if child.running:
                    return child
                child.stop()
        limits = {"memory_bytes": self._memory_bytes, "threads": _THREADS, "processor_seconds": None}
        child = Child((), limits, libraries=None, idle_seconds=_IDLE_SECONDS)
        try:
            child.started()
        except BaseException:
            child.stop()
            raise
        return child


def _believed(header: dict[str, Any], blocks: list[bytes]) -> Inspection:
    """What was found, if it is what a look finds.

    Raises:
        ValueError, TypeError, KeyError, IndexError: it is not.
    """
    if "failed" in header:
        raise ValueError(header["failed"])
    found = frames.document(blocks[0], _MOST_FOUND, _MOST_CONTAINERS)
    lists: dict[str, Any] = {name: tuple(found.pop(name)) for name in ("unknown", "names", "feature_names")}
    libraries, inputs = found.pop("libraries"), found.pop("inputs")
    texts = [*found.values(), *(each for values in lists.values() for each in values), *libraries, *libraries.values()]
    if found["verdict"] not in get_args(Verdict) or not all(isinstance(text, str | None) for text in texts):
        raise ValueError("not what was agreed")
    return Inspection(**found, **lists, libraries=libraries, inputs=None if inputs is None else int(inputs))


def _refused(name: str, why: str) -> Inspection:
    because = f"{name} is refused: the static scan {why}. Save the model again, and register the new file"
    return Inspection("refused", "unknown", because)


#: The one of this process.
INSPECTOR = Inspector()
atexit.register(INSPECTOR.stop)
