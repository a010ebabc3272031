"""Python programs that begin with the libraries loaded: each is forked from a clean process that imported them once.

Importing Streamlit and scikit-learn takes seconds of a processor, and the tests start some hundred programs. Arguments,
environment, folder and output are a program's own. It ends without what Python does at its exit: a test that is about
the beginning or the end of a process starts one itself.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

# A process with threads must not fork.
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *("sklearn.linear_model", "sklearn.ensemble", "sklearn.pipeline", "sklearn.compose", "sklearn.preprocessing"),
        *("streamlit.web.server", "plotly.graph_objects", "pandas", "pyarrow.parquet", "joblib", "sqlite_utils"),
        *("dashboard.server", "registry_core.cli", "registry_core.registry"),
    ]
)


class Program:
    """A running program, as ``subprocess.Popen`` has it. ``output`` takes what it writes to both of its outputs.

    Args:
        words: ``-m`` and a module, or ``-c`` and code, and the arguments.
        output: a file it appends to.
        folder: where it stands.
        environment: all its variables; None are those of this process.
    """

    def __init__(
        self,
        words: Sequence[str],
        output: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = dict(os.environ if environment is None else environment)
        self._process = _CONTEXT.Process(
            target=_run, args=(list(words), str(output), str(folder or Path.cwd()), variables), daemon=False
        )
        self._process.start()
        self.args = words
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)


def run(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; ``stdout`` is all that it wrote.

    Raises:
        AssertionError: it failed, and ``check`` is set.
    """
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "output"
        status = Program(words, output, folder=folder, environment=environment).wait()
        written = output.read_text() if output.exists() else ""
    assert not check or not status, written
    return subprocess.CompletedProcess(list(words), status, written)


def _run(words: list[str], output: str, folder: str, environment: dict[str, str]) -> None:
    with open(output, "ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    option, what, *arguments = words
    sys.argv = [what if option == "-m" else "-c", *arguments]
    if option == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), vars(main))
