"""The console command as tests run it: in this process, in one of its own, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from registry_core.cli import main

ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, *words: str, **extra: Any) -> Result:
    return CliRunner().invoke(main, [*words, "--registry", str(folder)], **extra)


def answer(folder: Path, *words: str) -> Any:
    result = run(folder, *words, "--json")
    assert result.exit_code == 0, result.stderr
    assert not result.stderr
    return json.loads(result.stdout)


def refused(folder: Path, code: int, kind: str, *words: str) -> str:
    """The message of an error, after both of its forms were checked."""
    result = run(folder, *words)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
    machine = run(folder, *words, "--json")
    assert machine.exit_code == code
    assert not machine.stdout
    document = json.loads(machine.stderr)
    assert document["error"] == kind
    assert document.keys() == {"error", "message"}
    return str(document["message"])


def process(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "registry_core", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def on_a_terminal(words: list[str], keys: bytes, cwd: Path, *, asked: bytes = b"[y/N]") -> tuple[int, str]:
    """Run the command on a terminal of its own, press keys when asked, and give its exit code and what it showed."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        # Whoever runs the tests in the background has it ignored, and a child would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(cwd)
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "registry_core", *words])
    shown, pressed, deadline = b"", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not chunk:
            break
        shown += chunk
        if not pressed and asked in shown:
            os.write(terminal, keys)
            pressed = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
