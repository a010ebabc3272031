"""MLflow in an environment of its own, asked over a pipe."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class PeerFailed(Exception):
    """It answered with an error, or not at all."""


def environment() -> dict[str, str]:
    """What MLflow's processes get: quiet, nothing sent anywhere, and this folder to find the recipes in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "GIT_PYTHON_REFRESH": "quiet",
    }


class PeerProcess:
    """A process with MLflow in it; ``ask`` gives its answer."""

    def __init__(self, python: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.python = python
        self.folder = folder
        self._log = (folder / "mlflow.log").open("ab")
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peer_mlflow"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=folder,
            env=environment(),
            start_new_session=True,
        )
        self.version = str(self.ask("hello", seconds=120)["version"])

    def ask(self, action: str, seconds: float = 120, **arguments: Any) -> dict[str, Any]:
        """Let it do something.

        Raises:
            PeerFailed: with what it said, or because it took too long; it is ended then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": action, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerFailed("MLflow's process has ended") from error
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                self.close()
                raise PeerFailed(f"{action} took more than {seconds:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed("MLflow's process has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerFailed(str(answer["error"]))
        return answer

    def seconds(self, action: str, **arguments: Any) -> float:
        """How long it took, by its own clock."""
        return float(self.ask(action, **arguments)["seconds"])

    def close(self) -> None:
        """End it, and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
