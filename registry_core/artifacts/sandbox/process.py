"""The child as its parent sees it: started clean, watched by the clock, looked at from outside, ended for certain."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ...errors import SandboxFailure
from . import frames, walls

_START_SECONDS = 120
_REPORT_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 20
_TAIL_BYTES = 4096
_PIECE = 1 << 18
_EXIT_SECONDS = 10

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from registry_core.artifacts.sandbox.child import main; main()"
)
# One thread each: the walls allow few, and times are compared between models.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "JOBLIB_MULTIPROCESSING": "0",
    "MALLOC_ARENA_MAX": "2",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}


class Child:
    """One process behind walls, and the empty folder it stands in.

    Raises:
        SandboxFailure: it did not start.
    """

    def __init__(self, modules: Collection[str], limits: dict[str, int | None]) -> None:
        if os.name != "posix":
            raise SandboxFailure("the sandbox", "needs a POSIX system", remedy="evaluate models on Linux")
        self._tail = b""
        self._folder = _empty_folder()
        setup = json.dumps({"modules": sorted(modules), "limits": limits})
        # Isolated, without site: no variable, no .pth file and no folder of the caller decides what is imported.
        command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _PROGRAM, setup, json.dumps(_search_path())]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder,
                env=_environment(self._folder),
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SandboxFailure(
                "the sandbox", f"did not start: {sys.executable!r}: {error.strerror}", remedy="repair this Python"
            ) from error
        self._stdin, self._stdout, self._stderr = map(
            _unblocked, (self._process.stdin, self._process.stdout, self._process.stderr)
        )

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

    def stop(self) -> None:
        """Kill the child with its whole session, wait until it is gone, and remove its folder.

        Raises:
            SandboxFailure: it does not end.
        """
        self.kill()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired as error:
            reason = f"left process {self._process.pid}, which does not end"
            raise SandboxFailure("the sandbox", reason, remedy="restart this machine") from error
        finally:
            for end in (self._process.stdin, self._process.stdout, self._process.stderr):
                if end is not None:
                    end.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill the child with its whole session; whoever is exchanging with it notices, and cleans up."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

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
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
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
            tasks = [_status(task / "status") for task in Path(f"/proc/{self._process.pid}/task").iterdir()]
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


def _environment(folder: str) -> dict[str, str]:
    # Some Pythons find their own library by it only.
    inherited = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**_ENVIRONMENT, **inherited, "HOME": folder, "TMPDIR": folder}


def _unblocked(end: IO[Any] | None) -> int:
    assert end is not None
    os.set_blocking(end.fileno(), False)
    return end.fileno()


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
