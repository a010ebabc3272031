"""Servers that are measured from outside: started on the loopback, asked for their memory and time, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from benchmarks.peer import ROOT

STARTUP_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """A process that listens, with the processes it started."""

    process: subprocess.Popen[bytes]
    address: str
    #: time.monotonic() just before it was started.
    started: float

    def memory(self) -> float | None:
        """Resident bytes of all its processes; None where the system does not tell."""
        try:
            return float(sum(_status(each, "VmRSS") for each in self._family()))
        except OSError:
            return None

    def seconds(self) -> float | None:
        """Processor time of all its processes so far."""
        try:
            ticks = sum(sum(map(int, _stat(each)[11:13])) for each in self._family())
        except OSError:
            return None
        return ticks / os.sysconf("SC_CLK_TCK")

    def _family(self) -> list[int]:
        """Its processes: those of its session."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if int(_stat(int(entry.name))[3]) == self.process.pid:
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


def _stat(process: int) -> list[str]:
    # The name of the program stands in brackets and may hold blanks.
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _status(process: int, field: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], port: int, health: str, variables: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    """Start a server, wait until it answers, and stop all of it in the end.

    Raises:
        RuntimeError: it does not answer in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command), stdout=log, stderr=log, cwd=folder, env=dict(variables), start_new_session=True
        )
        try:
            while not _answers(f"{address}{health}"):
                if process.poll() is not None or time.monotonic() - started > STARTUP_SECONDS:
                    raise RuntimeError(f"a server did not answer within {time.monotonic() - started:.0f} s")
                time.sleep(0.02)
            yield Server(process, address, started)
        finally:
            _stop(process)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            # The whole session: a server's workers must not outlive it.
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    process.wait(10)


@contextmanager
def dashboard(registry: Path, folder: Path) -> Iterator[Server]:
    """The dashboard of a registry, started as its users do."""
    port = free_port()
    command = [sys.executable, "-m", "registry_core", "dashboard", str(registry), "--port", str(port), "--no-browser"]
    with serving(command, port, "/healthz", {**os.environ, "PYTHONPATH": str(ROOT)}, folder) as server:
        yield server


@contextmanager
def bare_app(folder: Path) -> Iterator[Server]:
    """The least app, served by Streamlit's own command with the one option that its reruns need to be quick."""
    port = free_port()
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"server.fileWatcherType": "none", "browser.gatherUsageStats": "false", "runner.postScriptGC": "false"}
    program = str(ROOT / "benchmarks" / "bare_pages.py")
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        program,
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    with serving(command, port, "/_stcore/health", os.environ, folder) as server:
        yield server


@contextmanager
def sessions(server: Server, page: str, number: int) -> Iterator[int]:
    """So many sessions, each with one page drawn and its WebSocket held open; gives how many were drawn."""
    with ExitStack() as opened:
        yield sum(_visit(server, page, opened) for _ in range(number))


def _visit(server: Server, page: str, opened: ExitStack) -> bool:
    """Do what a browser does: connect, ask for the page, take in what comes until its script has finished."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect
    from websockets.typing import Origin, Subprotocol

    address = server.address.replace("http", "ws", 1) + "/_stcore/stream"
    socket = opened.enter_context(
        connect(
            address,
            origin=Origin(server.address),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            open_timeout=20,
            close_timeout=2,
        )
    )
    ask = BackMsg()
    ask.rerun_script.page_name = page
    socket.send(ask.SerializeToString())
    deadline = time.monotonic() + 20
    tables = 0
    while time.monotonic() < deadline:
        got = ForwardMsg()
        answer = socket.recv(20)
        assert isinstance(answer, bytes)
        got.ParseFromString(answer)
        kind = got.WhichOneof("type")
        tables += kind == "delta" and got.delta.new_element.WhichOneof("type") == "dataframe"
        # A page that sends its visitor on begins again before it has finished; a leaderboard without rows is none.
        if kind == "script_finished" and tables:
            return True
    return False
