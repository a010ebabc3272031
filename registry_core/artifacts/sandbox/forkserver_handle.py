"""The fork server as its parent sees it: started when it is first needed, asked for children, ended for certain."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ... import forks
from ...errors import SandboxFailure
from . import forkserver
from .frames import printable

START_SECONDS = 120
EXIT_SECONDS = 10
OUTPUT_BYTES = 1 << 20
TAIL_BYTES = 4096

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from registry_core.artifacts.sandbox.child import main; main(float(sys.argv[2]))"
)
# One thread each: few are allowed, times are compared between models, and a process with threads must not fork.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "JOBLIB_MULTIPROCESSING": "0",
    "MALLOC_ARENA_MAX": "2",
    # Whatever a model asks for: LightGBM hands its n_jobs to OpenMP, which ends a process that cannot start so many.
    "OMP_THREAD_LIMIT": "8",
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
        self._control.settimeout(START_SECONDS)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        # Isolated, without site: no variable, no .pth file and no folder of the caller decides what is imported.
        program = (sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _PROGRAM)
        try:
            self._process = subprocess.Popen(
                [*program, json.dumps(search_path()), str(self._idle_seconds)],
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
                self._process.wait(EXIT_SECONDS)
        if self._said is None:
            return ""
        self._said.seek(0)
        return self._said.read(OUTPUT_BYTES).decode(errors="replace")[-TAIL_BYTES:]

    def _stop(self) -> None:
        self._forget()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(EXIT_SECONDS)

    def _forget(self) -> None:
        for each in (self._control, self._said):
            if each is not None:
                each.close()
        self._control = self._said = None


#: The one of this process.
FORK_SERVER = ForkServer()
atexit.register(FORK_SERVER.stop)


def search_path() -> list[str]:
    """Where the processes of the sandbox import from: what this process imports from, and this package."""
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
