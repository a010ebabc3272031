"""The child as its parent sees it: started clean, watched by the clock, looked at from outside, ended for certain."""

from __future__ import annotations

import os
import select
import selectors
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ...errors import SandboxFailure
from ...visitors import WAIT_SECONDS, still_waits
from . import forkserver, frames, isolation
from .forkserver_handle import EXIT_SECONDS, FORK_SERVER, OUTPUT_BYTES, START_SECONDS, TAIL_BYTES, search_path
from .frames import printable

if sys.platform == "linux":
    import fcntl

_REPORT_BYTES = 1 << 16
_PIECE = 1 << 18
_PIPE = 1 << 20


class Child:
    """One isolated process, and the empty folder it stands in.

    ``modules`` are those of users that it may read beside the libraries. It has the usual libraries loaded, and
    ``libraries`` with them; None is a child that has none, and is there at once. It ends by itself after
    ``idle_seconds`` without a message; None lets it wait.

    Raises:
        SandboxFailure: it did not start.
    """

    def __init__(
        self,
        modules: Collection[str],
        limits: dict[str, int | None],
        *,
        libraries: Collection[str] | None = (),
        idle_seconds: float | None = None,
    ) -> None:
        if os.name != "posix":
            raise SandboxFailure("the sandbox", "needs a POSIX system", remedy="evaluate models on Linux")
        self._tail = b""
        self._status: int | None = None
        self._folder = _empty_folder()
        setup = {
            "modules": sorted(modules),
            "limits": limits,
            "libraries": None if libraries is None else list(libraries),
            "idle_seconds": idle_seconds,
            "folder": self._folder,
            "path": search_path(),
        }
        pipes = [os.pipe() for _ in range(forkserver.ENDS)]
        if sys.platform == "linux":
            # A file goes over in few pieces; where that is not allowed, in more.
            with suppress(OSError):
                fcntl.fcntl(pipes[0][1], fcntl.F_SETPIPE_SZ, _PIPE)
        # The child reads from the first and writes to the others.
        theirs = [pipes[0][0], *(writes for _, writes in pipes[1:])]
        self._stdin, self._stdout, self._stderr, self._reports = pipes[0][1], *(reads for reads, _ in pipes[1:])
        try:
            FORK_SERVER.fork(setup, theirs)
            self.pid = self._reported(EXIT_SECONDS)
        except BaseException:
            self._close()
            raise
        finally:
            for end in theirs:
                os.close(end)
        for end in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(end, False)

    def started(self) -> tuple[str, ...]:
        """Wait until the isolation is in place and check it from outside; returns what is not enforced.

        Raises:
            SandboxFailure: the child did not come up.
        """
        try:
            header, _ = self.exchange([], START_SECONDS, _REPORT_BYTES)
        except SandboxFailure as error:
            raise SandboxFailure(
                "the sandbox",
                f"did not start: its process {error.reason}: {error.output[-400:] or 'it printed nothing'}",
                error.output,
                remedy="check that numpy, pandas, pyarrow and scikit-learn can be imported here",
            ) from error
        told: dict[str, str] = header["unenforced"]
        # The child knows why; what it does not tell comes after what it does.
        return tuple((told | self._unseen() | told).values())

    def exchange(self, request: list[bytes], seconds: float, limit: int, name: str = "the model") -> frames.Message:
        """Hand over a message and wait for an answer of at most ``limit`` bytes beside its header.

        ``visitors.on_wait`` may end the wait by an error; whoever gets it stops the child.

        Raises:
            SandboxFailure: there was none in time, or none that can be used.
        """
        received, printed = bytearray(), 0
        waiting = [memoryview(piece) for piece in request if piece]
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ends:
            ends.register(self._stdout, selectors.EVENT_READ)
            ends.register(self._stderr, selectors.EVENT_READ)
            if waiting:
                ends.register(self._stdin, selectors.EVENT_WRITE)
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise self._failure(name, f"did not answer within {seconds:g} s and was stopped")
                ready = ends.select(min(remaining, WAIT_SECONDS))
                if not ready:
                    still_waits()
                for key, _ in ready:
                    if key.fd == self._stdin:
                        if not _written(self._stdin, waiting):
                            ends.unregister(self._stdin)
                        continue
                    piece = os.read(key.fd, _PIECE)
                    if key.fd == self._stderr:
                        if not piece:
                            ends.unregister(self._stderr)
                        printed += len(piece)
                        self._tail = (self._tail + piece)[-TAIL_BYTES:]
                    elif piece:
                        received += piece
                    else:
                        raise self._failure(name, self._ending())
                if printed > OUTPUT_BYTES:
                    raise self._failure(name, f"printed more than {size_in_words(OUTPUT_BYTES)} and was stopped")
                try:
                    message = frames.unpack(received, limit)
                except frames.TooLarge:
                    raise self._failure(name, f"answered more than {size_in_words(limit)}") from None
                except ValueError:
                    raise self._failure(name, "returned invalid output") from None
                if message is not None:
                    return message

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._ended(0) is None

    def stop(self) -> None:
        """Kill the child, wait until it is gone, and remove its folder.

        Raises:
            SandboxFailure: it does not end.
        """
        self.kill()
        try:
            if self._ended(EXIT_SECONDS) is None:
                reason = f"left process {self.pid}, which does not end"
                raise SandboxFailure("the sandbox", reason, remedy="restart this machine")
        finally:
            self._close()

    def kill(self) -> None:
        """Kill the child; whoever is exchanging with it notices, and cleans up."""
        FORK_SERVER.kill(self.pid)

    def _close(self) -> None:
        for end in (self._stdin, self._stdout, self._stderr, self._reports):
            os.close(end)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ended(self, seconds: float) -> int | None:
        """How the child ended, as ``os.waitstatus_to_exitcode`` says it; None while it goes on."""
        if self._status is None:
            with suppress(TimeoutError):
                self._status = self._reported(seconds)
        return self._status

    def _reported(self, seconds: float) -> int:
        ready, _, _ = select.select([self._reports], [], [], seconds)
        if not ready:
            raise TimeoutError
        report = os.read(self._reports, forkserver.REPORT.size)
        # A fork server that ends takes its children with it.
        return forkserver.REPORT.unpack(report)[0] if report else -signal.SIGKILL

    def _failure(self, name: str, reason: str) -> SandboxFailure:
        return SandboxFailure(name, reason, self.printed())

    def printed(self) -> str:
        """The end of what it has written to standard output and standard error so far, in printable characters."""
        with suppress(OSError):
            while piece := os.read(self._stderr, _PIECE):
                self._tail = (self._tail + piece)[-TAIL_BYTES:]
                if len(piece) == _PIECE:
                    break
        return printable(self._tail.decode(errors="replace"), TAIL_BYTES)

    def _ending(self) -> str:
        """How the child ended, in words."""
        status = self._ended(1)
        if status is None:
            return "exited without a result"
        if any(word in self.printed() for word in ("MemoryError", "bad_alloc")):
            return "exceeded its memory limit"
        if status >= 0:
            return f"exited early (exit status {status})"
        if status == -signal.SIGXCPU:
            return "exceeded its CPU time limit and was stopped"
        if status == -signal.SIGSYS:
            return "made a system call that is not allowed, and was stopped"
        if status == -signal.SIGKILL:
            return "was killed by signal 9 (killed): most likely this machine ran out of memory"
        return f"was killed by signal {-status} ({(signal.strsignal(-status) or 'unknown').lower()})"

    def _unseen(self) -> dict[str, str]:
        """The limits that the kernel does not confirm: the child's own word is not enough."""
        if sys.platform != "linux":
            return {}
        try:
            before = _status(Path("/proc/self/status"))
            tasks = [_status(task / "status") for task in Path(f"/proc/{self.pid}/task").iterdir()]
        except OSError as error:
            return _unconfirmed("seccomp", f", as far as /proc shows ({error.strerror})")
        # In a container a filter may have been there before; one must have been added.
        filters = int(before.get("Seccomp_filters", "0"))
        missing: dict[str, str] = {}
        if not all(task["NoNewPrivs"] == "1" for task in tasks):
            missing |= _unconfirmed("no_new_privs")
        if not all(task["Seccomp"] == "2" and int(task.get("Seccomp_filters", "1")) > filters for task in tasks):
            missing |= _unconfirmed("seccomp")
        if any("0" in task["Uid"].split() for task in tasks):
            missing |= _unconfirmed("root")
        return missing


def _unconfirmed(limit: str, why: str = ", as the kernel shows") -> dict[str, str]:
    return {limit: isolation.POSSIBLE[limit].format(why=why)}


def size_in_words(count: int) -> str:
    """A number of bytes in the unit that suits it, such as ``4.0 GiB``."""
    unit = next((power for power in (3, 2, 1) if count >= 1 << 10 * power), 0)
    return f"{count / (1 << 10 * unit):.1f} {('bytes', 'KiB', 'MiB', 'GiB')[unit]}" if unit else f"{count} bytes"


def _status(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _empty_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="model-registry-sandbox-")
    except OSError as error:
        reason = f"cannot have a folder in {tempfile.gettempdir()}: {error.strerror}"
        raise SandboxFailure(
            "the sandbox", reason, remedy="make room there, or set TMPDIR to another folder"
        ) from error


def _written(target: int, waiting: list[memoryview]) -> bool:
    """Write what the pipe takes; whether there is more to write."""
    try:
        while waiting:
            waiting[0] = waiting[0][os.write(target, waiting[0]) :]
            if not waiting[0]:
                waiting.pop(0)
    except BlockingIOError:
        return True
    except BrokenPipeError:
        waiting.clear()  # the end of its answers says why
    return bool(waiting)
