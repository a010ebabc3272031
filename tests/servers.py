"""Servers a test may start: PostgreSQL, an S3 endpoint, the dashboard. Each stops what it started, by its process."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from tests.prepared import Program

#: How long to wait for what has to come at last; how long it takes is the machine's affair.
PATIENCE = 180


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stop(
    process: subprocess.Popen[bytes] | Program, first: signal.Signals, then: signal.Signals = signal.SIGKILL
) -> None:
    """Ask politely, then insist."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(then)
            process.wait(timeout=60)


def postgres_programs() -> Path:
    """The folder that holds initdb and postgres, the newest version first where there are several."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres", path=str(Path(on_path).parent)):
        return Path(on_path).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: float(found.parts[-3]))
    if not installed:
        raise RuntimeError("No PostgreSQL found: run `make test`, or put initdb and postgres on the PATH.")
    return installed[-1].parent


def unprivileged_user() -> str | None:
    """Whom to run PostgreSQL as: it refuses root. None means as ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Postgres:
    """A PostgreSQL server of our own on the loopback, with its files in ``home``."""

    def __init__(self, home: Path) -> None:
        self._programs, self._home = postgres_programs(), home
        self._user = unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        made = self._run(
            [self._programs / "initdb", "-D", home / "data", "-U", "registry", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"], stdout=subprocess.DEVNULL,
        )  # fmt: skip
        if made.wait():
            raise RuntimeError("PostgreSQL cannot make a database: initdb failed, see above")

    def _run(self, words: Sequence[str | Path], **output: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words,
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            cwd=self._home,
            **output,
        )

    @property
    def address(self) -> str:
        """Where it is, running or not."""
        return f"postgresql://registry@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, again where it was before; somebody else may take the free port before it does, so try a few."""
        log = self._home / "log"
        for _ in range(3):
            port = self._port or free_port()
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": port,
                "unix_socket_directories": self._home,
                "max_connections": 200,
                # Nothing here has to survive a power failure.
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
            }
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            with log.open("ab") as output:
                words = [self._programs / "postgres", "-D", self._home / "data", *options]
                self._process = process = self._run(words, stdout=output, stderr=output)
            if _connects(f"postgresql://registry@127.0.0.1:{port}/postgres", process):
                self._port = port
                return
            self.stop()
        raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")

    def stop(self) -> None:
        """Stop it. SIGINT is its fast shutdown, which does not wait for clients; SIGQUIT its immediate one."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, then=signal.SIGQUIT)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server that is running; it and its files are gone afterwards."""
    # Not below pytest's own folder: that one is closed to other users, and the socket's path must stay short.
    home = Path(tempfile.mkdtemp(prefix="registry-postgres-"))
    try:
        if user := unprivileged_user():
            shutil.chown(home, user=user)
        server = Postgres(home)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


@contextmanager
def private_postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own."""
    with postgres() as server:
        yield server.address


@contextmanager
def pooler(address: str, folder: Path) -> Iterator[str]:
    """The address of a pgbouncer before a PostgreSQL server: each transaction gets whichever connection is free."""
    target = urlsplit(address)
    user = unprivileged_user()
    port = free_port()
    home = Path(tempfile.mkdtemp(prefix="registry-pooler-"))
    try:
        settings = home / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={target.hostname} port={target.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
            "unix_socket_dir =\n"
        )
        # "any" takes everybody for this user.
        settings.write_text(settings.read_text().replace("* =", f"* = user={target.username}"))
        if user:
            shutil.chown(home, user=user)
            shutil.chown(settings, user=user)
        with (folder / "pooler.log").open("wb") as output:
            process = subprocess.Popen(
                [shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", settings], user=user, cwd=home, stdout=output,
                stderr=output,
            )  # fmt: skip
        pooled = address.replace(f":{target.port}/", f":{port}/")
        try:
            if not _connects(pooled, process):
                raise RuntimeError(f"pgbouncer did not start:\n{(folder / 'pooler.log').read_text()}")
            yield pooled
        finally:
            stop(process, signal.SIGTERM)
    finally:
        shutil.rmtree(home)


def _connects(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether a server takes a connection before its process ends or patience does."""
    import psycopg

    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return True
    return False


@contextmanager
def private_s3() -> Iterator[str]:
    """An S3 endpoint of our own over HTTP on the loopback, which keeps everything in memory; gives its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=output, stderr=output
        )
        try:
            if not _answers(f"{url}/moto-api/data.json", process):
                output.seek(0)
                raise RuntimeError(f"The S3 endpoint did not start:\n{output.read().decode(errors='replace')}")
            yield url
        finally:
            stop(process, signal.SIGTERM)


@contextmanager
def running_dashboard(
    folder: Path, *options: str, program: Sequence[str] = ("registry_core",), port: int | None = None
) -> Iterator[str]:
    """`model-registry dashboard FOLDER` in a process of its own, by another module where one is named; its address."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["-m", *program, "dashboard", str(folder), "--port", str(port), "--no-browser", *options]
    with tempfile.NamedTemporaryFile() as output:
        process = Program(words, Path(output.name))
        try:
            if not _answers(f"{url}/healthz", process):
                raise RuntimeError(f"The dashboard did not start:\n{Path(output.name).read_text(errors='replace')}")
            yield url
        finally:
            stop(process, signal.SIGTERM)
            # Shown where a test fails.
            print(Path(output.name).read_text(errors="replace"))


def _answers(url: str, process: subprocess.Popen[bytes] | Program) -> bool:
    """Whether the address answers before the process ends or patience does."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=30):
                return True
        except (URLError, OSError):
            time.sleep(0.05)
    return False
