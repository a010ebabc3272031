"""A process that stands for one that serves people, and is watched while it handles what it is given.

It says of each task how long one call held all its other threads, how much memory it grew by at most, and whether
anything in it started a program or opened a connection. One that ends is replaced; one that does not answer is ended.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from registry_core.actions import lineage

#: What a model file, a folder or an archive never has a reason for: each event of Python's audit hooks is an execution.
RUNS = frozenset(
    {
        "ftplib.connect", "http.client.connect", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
        "os.startfile", "os.system", "pty.spawn", "smtplib.connect", "socket.connect", "subprocess.Popen",
        "urllib.Request", "webbrowser.open",
    }
)  # fmt: skip
_BEAT_SECONDS = 0.002
_START_SECONDS = 900


@dataclass(frozen=True)
class Seen:
    """What a task did to its process.

    ``outcome`` is what the task returned; ``hold_seconds`` the longest time no other thread had a turn while this
    process was computing; ``grown_bytes`` the most memory beside what it had before; ``ran`` the audit events.
    """

    outcome: Any
    hold_seconds: float
    grown_bytes: int
    ran: tuple[str, ...]


class Watched:
    """Tasks handed to one process, one after the other.

    Args:
        begin: called with ``arguments`` in the process; it gives what handles a task.
        seconds: how long a task may take before its process counts as hanging.
    """

    def __init__(self, begin: Callable[..., Callable[..., Any]], *arguments: Any, seconds: float = 120) -> None:
        self._begin, self._arguments, self._seconds = begin, arguments, seconds
        self.ended = self.hung = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._begin, self._arguments))
        self._process.start()
        theirs.close()
        if not self._ours.poll(_START_SECONDS) or self._ours.recv() != "ready":
            raise RuntimeError("the process that is watched did not start")

    def handle(self, *task: Any) -> Seen | None:
        """What one task did; None when it ended the process, or made it hang."""
        try:
            self._ours.send(task)
            if self._ours.poll(self._seconds):
                seen: Seen = self._ours.recv()
                return seen
            self.hung += 1
        except (EOFError, OSError):
            self.ended += 1
        self.close()
        self._start()
        return None

    def close(self) -> None:
        """End the process."""
        self._ours.close()
        self._process.join(10)
        self._process.kill()
        self._process.join()


class _Heart(threading.Thread):
    """Wants its turn every few milliseconds, and notes how long it had to wait for one."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0

    def run(self) -> None:
        while True:
            wall, processor = time.perf_counter(), time.process_time()
            time.sleep(_BEAT_SECONDS)
            # Time in which the machine let other processes run is not this one's.
            waited = min(time.perf_counter() - wall - _BEAT_SECONDS, time.process_time() - processor)
            self.longest = max(self.longest, waited)


def _serve(channel: Connection, begin: Callable[..., Callable[..., Any]], arguments: tuple[Any, ...]) -> None:
    handle, heart, ran = begin(*arguments), _Heart(), list[str]()
    heart.start()
    # A process asks git about its own code at its first registration.
    lineage.of_registration(None)

    def hear(event: str, details: tuple[Any, ...]) -> None:
        # The registry's own fork server is another instance of this Python.
        if event in RUNS and not (event == "subprocess.Popen" and details[0] == sys.executable):
            ran.append(f"{event} {details[:1]!r:.80}")

    sys.addaudithook(hear)
    channel.send("ready")
    while True:
        try:
            task = channel.recv()
        except EOFError:
            return
        before = memory(forget=True)
        heart.longest = 0.0
        ran.clear()
        outcome = handle(*task)
        channel.send(Seen(outcome, heart.longest, max(memory() - before, 0), tuple(ran)))


def memory(*, forget: bool = False) -> int:
    """The most memory this process has had since it was told to forget, in bytes."""
    try:
        if forget:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        with open("/proc/self/status") as file:
            lines = {name: value for name, _, value in (line.partition(":") for line in file)}
        return int(lines["VmRSS" if forget else "VmHWM"].split()[0]) << 10
    except (OSError, KeyError):
        # Elsewhere than on Linux the peak only ever rises.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
