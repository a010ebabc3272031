"""The child as its parent sees it: started clean, watched by the clock, looked at from outside, ended for certain."""

from __future__ import annotations

import atexit
import json
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ... import forks
from ...errors import SandboxFailure
from . import forkserver, frames, walls

if sys.platform == "linux":
    import fcntl

_START_SECONDS = 120
_REPORT_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 20
_TAIL_BYTES = 4096
_PIECE = 1 << 18
_PIPE = 1 << 20
_EXIT_SECONDS = 10

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from registry_core.artifacts.sandbox.child import main; main(float(sys.argv[2]))"
)
# One thread each: the walls allow few, times are compared between models, and a process with threads must not fork.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "JOBLIB_MULTIPROCESSING": "0",
    "MALLOC_ARENA_MAX": "2",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}


class ForkServer:
    """The fork server of this process, started when it is first needed and again when it has ended.

    It ends by itself after ``idle_seconds`` without a child and without a question.
    """

    def __init__(self, idle_seconds: float = 300) -> None:
        self._idle_seconds = idle_seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._said: IO[bytes] | None = None
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """A forked process has a fork server of its own."""
        if child:
            self._forget()
            self._process = None

    @property
    def pid(self) -> int | None:
        """The number of its process, None while there is none."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start it, if it is not running, so that the first child need not wait for it.

        Raises:
            SandboxFailure: there is no such program.
        """
        with self._turn:
            if self.pid is None:
                self._stop()
                self._start()

    def fork(self, setup: dict[str, Any], ends: list[int]) -> None:
        """Fork a child with these descriptors: standard input, output and error, and where its end is reported.

        Raises:
            SandboxFailure: the fork server does not start.
        """
        with self._turn:
            # It may have ended since it was last asked, which shows when it is asked.
            if not self._asked(setup, ends):
                self._stop()
                self._start()
                if not self._asked(setup, ends):
                    said = self._output()
                    self._stop()
                    raise SandboxFailure(
                        "the sandbox",
                        f"did not start: {printable(said[-400:], 400) or 'it printed nothing'}",
                        said,
                        remedy="check that numpy, pandas, pyarrow and scikit-learn can be imported here",
                    )

    def kill(self, pid: int) -> None:
        """Kill a child with what it started, if it is there."""
        with self._turn:
            self._asked({"kill": pid}, [])

    def stop(self) -> None:
        """End the fork server and the children it has; the next child starts another."""
        with self._turn:
            self._stop()

    def _asked(self, request: dict[str, Any], ends: list[int]) -> bool:
        if self._control is None:
            return False
        text = json.dumps(request).encode()
        message = memoryview(forkserver.LENGTH.pack(len(text)) + text)
        try:
            sent = socket.send_fds(self._control, [message], ends)
            self._control.sendall(message[sent:])
            return self._control.recv(1) != b""
        except OSError:
            return False

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_START_SECONDS)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        # Isolated, without site: no variable, no .pth file and no folder of the caller decides what is imported.
        program = (sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _PROGRAM)
        try:
            self._process = subprocess.Popen(
                [*program, json.dumps(_search_path()), str(self._idle_seconds)],
                stdin=theirs.fileno(),
                stdout=self._said,
                stderr=self._said,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._forget()
            raise SandboxFailure(
                "the sandbox", f"did not start: {sys.executable!r}: {error.strerror}", remedy="repair this Python"
            ) from error
        finally:
            theirs.close()

    def _output(self) -> str:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
        if self._said is None:
            return ""
        self._said.seek(0)
        return self._said.read(_OUTPUT_BYTES).decode(errors="replace")[-_TAIL_BYTES:]

    def _stop(self) -> None:
        self._forget()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_EXIT_SECONDS)

    def _forget(self) -> None:
        for each in (self._control, self._said):
            if each is not None:
                each.close()
        self._control = self._said = None


#: The one of this process.
FORK_SERVER = ForkServer()
atexit.register(FORK_SERVER.stop)


class Child:
    """One process behind walls, and the empty folder it stands in.

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
            "path": _search_path(),
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
            self.pid = self._reported(_EXIT_SECONDS)
        except BaseException:
            self._close()
            raise
        finally:
            for end in theirs:
                os.close(end)
        for end in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(end, False)

    def started(self) -> tuple[str, ...]:
        """Wait until the walls are up and look at them from outside; returns what is not enforced.

        Raises:
            SandboxFailure: the child did not come up.
        """
        try:
            header, _ = self.exchange([], _START_SECONDS, _REPORT_BYTES)
        except SandboxFailure as error:
            raise SandboxFailure(
                "the sandbox",
                f"did not start: its process {error.reason}: {error.output[-400:] or 'it printed nothing'}",
                error.output,
                remedy="check that numpy, pandas, pyarrow and scikit-learn can be imported here",
            ) from error
        told: list[str] = header["unenforced"]
        return (*told, *(sentence for sentence in self._unseen() if not _is_told(sentence, told)))

    def exchange(self, request: list[bytes], seconds: float, limit: int, name: str = "the model") -> frames.Message:
        """Hand over a message and wait for an answer of at most ``limit`` bytes beside its header.

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
                for key, _ in ends.select(remaining):
                    if key.fd == self._stdin:
                        if not _written(self._stdin, waiting):
                            ends.unregister(self._stdin)
                        continue
                    piece = os.read(key.fd, _PIECE)
                    if key.fd == self._stderr:
                        if not piece:
                            ends.unregister(self._stderr)
                        printed += len(piece)
                        self._tail = (self._tail + piece)[-_TAIL_BYTES:]
                    elif piece:
                        received += piece
                    else:
                        raise self._failure(name, self._ending())
                if printed > _OUTPUT_BYTES:
                    raise self._failure(name, f"printed more than {size_in_words(_OUTPUT_BYTES)} and was stopped")
                try:
                    message = frames.unpack(received, limit)
                except frames.TooLarge:
                    raise self._failure(name, f"answered more than {size_in_words(limit)}") from None
                except ValueError:
                    raise self._failure(name, "wrote something else than an answer") from None
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
            if self._ended(_EXIT_SECONDS) is None:
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
                self._tail = (self._tail + piece)[-_TAIL_BYTES:]
                if len(piece) == _PIECE:
                    break
        return printable(self._tail.decode(errors="replace"), _TAIL_BYTES)

    def _ending(self) -> str:
        """How the child ended, in words."""
        status = self._ended(1)
        if status is None:
            return "closed its channel without an answer"
        if any(word in self.printed() for word in ("MemoryError", "bad_alloc")):
            return "ran out of the memory it may use"
        if status >= 0:
            return f"ended in the middle (exit status {status})"
        if status == -signal.SIGXCPU:
            return "used up its processor time and was stopped"
        if status == -signal.SIGSYS:
            return "asked the kernel for what no model may have, and was stopped"
        if status == -signal.SIGKILL:
            return "was killed by signal 9 (killed): most likely this machine ran out of memory"
        return f"was killed by signal {-status} ({(signal.strsignal(-status) or 'unknown').lower()})"

    def _unseen(self) -> list[str]:
        """What the kernel does not confirm: the child's own word is not enough."""
        if sys.platform != "linux":
            return []
        try:
            before = _status(Path("/proc/self/status"))
            tasks = [_status(task / "status") for task in Path(f"/proc/{self.pid}/task").iterdir()]
        except OSError as error:
            return [walls.SECCOMP.format(why=f", as far as /proc shows ({error.strerror})")]
        # In a container a filter may have been there before; one must have been added.
        filters = int(before.get("Seccomp_filters", "0"))
        missing = []
        if not all(task["NoNewPrivs"] == "1" for task in tasks):
            missing.append(walls.NO_NEW_PRIVS.format(why=", as the kernel shows"))
        if not all(task["Seccomp"] == "2" and int(task.get("Seccomp_filters", "1")) > filters for task in tasks):
            missing.append(walls.SECCOMP.format(why=", as the kernel shows"))
        if any("0" in task["Uid"].split() for task in tasks):
            missing.append(walls.ROOT.format(why=", as the kernel shows"))
        return missing


def size_in_words(count: int) -> str:
    """A number of bytes in the unit that suits it, such as ``4.0 GiB``."""
    unit = next((power for power in (3, 2, 1) if count >= 1 << 10 * power), 0)
    return f"{count / (1 << 10 * unit):.1f} {('bytes', 'KiB', 'MiB', 'GiB')[unit]}" if unit else f"{count} bytes"


def printable(text: str, length: int) -> str:
    """Text of a model, made harmless for a page, a log or a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:length]).split())


def _is_told(sentence: str, told: list[str]) -> bool:
    beginning = sentence.partition(" ")[0]
    return any(other.startswith(beginning) for other in told)


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


def _search_path() -> list[str]:
    package = str(Path(__file__).resolve().parents[3])
    # An empty entry is the folder the parent happens to stand in, which is not for the child.
    entries = [os.path.abspath(entry) for entry in sys.path if entry]
    return entries if package in entries else [*entries, package]


def _environment() -> dict[str, str]:
    # A Python may find its own library by this alone; then that folder goes on, and no other that somebody put there.
    folders = [each for each in os.environ.get("LD_LIBRARY_PATH", "").split(":") if each and _holds_python(each)]
    return {**_ENVIRONMENT, **({"LD_LIBRARY_PATH": folders[0]} if folders else {})}


def _holds_python(folder: str) -> bool:
    """Whether the library of this Python was loaded from a folder."""
    try:
        mapped = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    loaded = {line.split(maxsplit=5)[-1] for line in mapped if "/libpython" in line}
    return any(os.path.dirname(each) == os.path.realpath(folder) for each in loaded)


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
