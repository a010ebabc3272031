"""Servers of the HTTP API, in a process of their own or in a thread of this one, on a free port of this machine."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from registry_core import Registry
from registry_core.http_api.application import Server, application
from tests.processes import until
from tests.servers import PATIENCE, stop


class Serving:
    """A server over a folder, which can be killed and started again at the same address."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        self.address = ""
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        port = self.address.rpartition(":")[2] or "0"
        words = [
            sys.executable,
            "-m",
            "registry_core",
            "serve",
            "--registry",
            str(self.folder),
            "--port",
            port,
            "--json",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, env={**os.environ})
        assert self.process.stdout is not None
        said = b""
        while not said.rstrip().endswith(b"}"):
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            piece = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not piece:
                self.end()
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            said += piece
        self.address = next(part for part in said.decode().split('"') if part.startswith("http"))

    def end(self, first: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server."""
        stop(self.process, first)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[Serving]:
    """A server over a folder, ended afterwards."""
    server = Serving(folder, log)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def in_a_thread(registry: Registry) -> Iterator[tuple[str, list[str]]]:
    """A server in a thread of this process, and the paths it is asked for."""
    asked: list[str] = []
    shared = Server(lambda: registry)
    app = application(shared)

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await app(scope, receive, send)

    config = uvicorn.Config(noting, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", asked
    finally:
        server.should_exit = True
        thread.join()
        asyncio.run(shared.close())


def token(registry: Registry, *roles: str, owner: str = "anna") -> str:
    """The secret of a new token with these roles on all model names."""
    if not registry.has_people():
        registry.grant(registry.add_person(owner).grantee, "admin")
    return registry.create_token("pipeline", roles, owner=("links", owner)).secret
