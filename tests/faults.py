"""A disk whose power fails at the n-th operation, and what it then has forgotten.

Everything below one folder goes through here while it is watched: files that are made, written and synced, names that
are given, changed and taken away, folders that are synced, and the statements of SQLite that write. At the n-th of them
``PowerCut`` is raised in its place, and from then on every further one fails as well, so that nothing can tidy up
after itself. It is caught by nobody, since it is no ``Exception``.

What the power takes along is what was not synced: the bytes of files, and names in folders. SQLite keeps what it has
committed, and nothing else; that is its own promise, and not tested here.
"""

from __future__ import annotations

import builtins
import io
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal
from unittest import mock

#: What is left of what was not synced: all of it (only the process died), no bytes, half of the bytes, not even names.
Loss = Literal["nothing", "bytes", "half", "names"]
LOSSES: tuple[Loss, ...] = ("nothing", "bytes", "half", "names")

_READ_ONLY = ("SELECT", "PRAGMA", "EXPLAIN", "ROLLBACK", "WITH", "VALUES")


class PowerCut(BaseException):
    """The power failed. What it fails at is in its text."""


@dataclass
class _Change:
    """A name that was made, replaced, moved or taken away in a folder, and is not synced yet."""

    folder: str
    name: str
    before: str | None  # what had the name, kept elsewhere
    moved_from: str | None = None


class Disk:
    """What happens below ``root`` from ``begin`` on, up to the ``die_at``-th operation (from 1; None: to the end).

    ``trail`` says what was done. ``on_commit`` is called after every commit to a database below the root.
    """

    def __init__(self, root: Path, die_at: int | None = None, on_commit: Callable[[Path], None] | None = None) -> None:
        self.root, self.die_at, self.dead = str(root), die_at, False
        self._begun = False
        self.trail: list[str] = []
        self.commits: dict[str, int] = {}
        self._on_commit = on_commit
        self._lock = threading.RLock()
        self._names: list[_Change] = []
        self._unsynced: dict[tuple[int, int], int] = {}
        self._files: list[IO[Any]] = []
        self._kept = Path(f"{root}.kept")
        self._keep = 0
        self._real = {name: getattr(os, name) for name in _CALLS}
        self._real_open: Callable[..., Any] = builtins.open
        self._real_connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    # What is watched.

    def step(self, what: str) -> None:
        """One operation: counted, or the end."""
        with self._lock:
            self.alive()
            if not self._begun:
                return
            self.trail.append(what)
            if len(self.trail) == self.die_at:
                self.dead = True
                raise PowerCut(what)

    def begin(self) -> None:
        """Count from here. All before is long past, and synced."""
        self._begun, self._names, self._unsynced, self.commits = True, [], {}, {}

    def alive(self) -> None:
        """Raises when the power is gone."""
        if self.dead:
            raise PowerCut("there is no power any more")

    def committed(self, path: Path) -> None:
        """A transaction was committed: it counts, whether its caller still hears of it or not."""
        self.commits[path.name] = self.commits.get(path.name, 0) + 1
        if self._on_commit is not None and self._begun:
            self._on_commit(path)
        self.step(f"after COMMIT in {path.name}")

    @property
    def anything_unsynced(self) -> bool:
        """Whether a power failure now would take anything along."""
        return bool(self._names or self._unsynced)

    @contextmanager
    def watched(self) -> Iterator[Disk]:
        """Everything the block does below the root goes through here."""
        self._kept.mkdir(exist_ok=True)
        with ExitStack() as patches:
            for name in _CALLS:
                patches.enter_context(mock.patch.object(os, name, getattr(self, f"_{name}")))
            for module in (builtins, io):
                patches.enter_context(mock.patch.object(module, "open", self._opened))
            patches.enter_context(mock.patch.object(tarfile, "bltn_open", self._opened))
            patches.enter_context(mock.patch.object(sqlite3, "connect", self._connect))
            try:
                yield self
            finally:
                # What is still open is closed by whoever ends the process.
                for file in self._files:
                    with suppress(OSError, ValueError):
                        file.close()

    def lose(self, loss: Loss) -> None:
        """Take away what a power failure takes along, once nothing is watched any more."""
        if loss != "nothing":
            for path in (path for path in Path(self.root).rglob("*") if path.is_file()):
                status = path.stat()
                synced = self._unsynced.get((status.st_dev, status.st_ino))
                if synced is not None:
                    os.truncate(path, synced if loss != "half" else (synced + status.st_size) // 2)
        if loss == "names":
            for change in reversed(self._names):
                self._undo(change)
        shutil.rmtree(self._kept, ignore_errors=True)

    def _undo(self, change: _Change) -> None:
        path = Path(change.folder, change.name)
        if change.moved_from is not None and path.exists():
            Path(change.moved_from).parent.mkdir(parents=True, exist_ok=True)
            path.rename(change.moved_from)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if change.before is not None and path.parent.is_dir():
            os.replace(change.before, path)

    # Files.

    def _inside(self, path: Any, folder: int | None = None) -> str | None:
        """The whole path when it is below the root and no part of a database."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        text = os.fsdecode(path)
        if folder is not None and not os.path.isabs(text):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        text = os.path.abspath(text)
        if not text.startswith((f"{self.root}/", f"{self._kept}/")) and text != self.root:
            return None
        return None if _of_database(text) else text

    def _opened(self, file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        path = None if isinstance(file, int) else self._inside(file)
        if path is None:
            return self._real_open(file, mode, *arguments, **named)
        if not set(mode) & set("wxa+"):
            self.alive()
            return self._real_open(file, mode, *arguments, **named)
        self.step(f"create {self._shown(path)}")
        new = not os.path.exists(path)
        opened = self._real_open(file, mode, *arguments, **named)
        self._files.append(opened)
        if new:
            self._note(path)
        if new or "w" in mode:
            self._unsynced[_identity(os.fstat(opened.fileno()))] = 0
        return _File(self, opened)

    def grows(self, file: IO[Any]) -> None:
        """Bytes go into a file, and are not synced."""
        self._grows(file.fileno())

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        found = self._inside(path, dir_fd) if writes else None
        if found is not None:
            self.step(f"create {self._shown(found)}")
        new = found is not None and not os.path.exists(found)
        descriptor = int(self._real["open"](path, flags, mode, dir_fd=dir_fd))
        if new and found is not None:
            self._note(found)
            self._unsynced[_identity(os.fstat(descriptor))] = 0
        return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        self._grows(descriptor)
        return int(self._real["write"](descriptor, data))

    def _sendfile(self, out: int, *arguments: Any) -> int:
        self._grows(out)
        return int(self._real["sendfile"](out, *arguments))

    def _grows(self, descriptor: int) -> None:
        path = self._inside(descriptor)
        if path is not None:
            self.step(f"write {self._shown(path)}")
            status = os.fstat(descriptor)
            self._unsynced.setdefault(_identity(status), status.st_size)

    def _fsync(self, file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        path = self._inside(descriptor)
        if path is not None:
            self.step(f"sync {self._shown(path)}")
            if os.path.isdir(path):
                self._names = [change for change in self._names if change.folder != path]
            else:
                self._unsynced.pop(_identity(os.fstat(descriptor)), None)
        # Nothing is gained by letting a real disk work: what is lost is decided here.

    _fdatasync = _fsync

    def _sync(self) -> None:
        self.step("sync everything")
        self._names, self._unsynced = [], {}

    # Names.

    def _note(self, path: str, before: str | None = None, moved_from: str | None = None) -> None:
        folder, name = os.path.split(path)
        self._names.append(_Change(folder, name, before, moved_from))

    def _aside(self, path: str) -> str | None:
        """A second name for what has this one, so that it can be put back."""
        if not os.path.isfile(path):
            return None
        self._keep += 1
        kept = str(self._kept / str(self._keep))
        self._real["link"](path, kept)
        return kept

    def _replace(self, old: Any, new: Any, *, src_dir_fd: Any = None, dst_dir_fd: Any = None) -> None:
        source, target = self._inside(old, src_dir_fd), self._inside(new, dst_dir_fd)
        if target is None or source is None:
            if source is not None:
                self.step(f"rename {self._shown(source)} to elsewhere")
            self._real["replace"](old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            return
        self.step(f"rename {self._shown(source)} to {self._shown(target)}")
        before = self._aside(target)
        moves_folder = os.path.isdir(source)
        self._real["replace"](source, target)
        self._note(target, before, source)
        if moves_folder:
            for change in self._names[:-1]:
                if change.folder == source or change.folder.startswith(f"{source}/"):
                    change.folder = target + change.folder[len(source) :]

    _rename = _replace

    def _link(self, old: Any, new: Any, *arguments: Any, **named: Any) -> None:
        target = self._inside(new)
        if target is not None:
            self.step(f"link {self._shown(target)}")
            self._note(target)
        self._real["link"](old, new, *arguments, **named)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        found = self._inside(path, dir_fd)
        if found is not None:
            self.step(f"remove {self._shown(found)}")
            before = self._aside(found)
            self._real["unlink"](found)
            self._note(found, before)
            return
        if self._inside(os.path.dirname(os.path.abspath(os.fsdecode(path))), None) is not None:
            self.step(f"remove {os.path.basename(os.fsdecode(path))}")
        self._real["unlink"](path, dir_fd=dir_fd)

    _remove = _unlink

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        found = self._inside(path, dir_fd)
        if found is not None:
            if os.path.isdir(found):
                self.alive()
            else:
                self.step(f"make {self._shown(found)}/")
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        if found is not None:
            self._note(found)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        found = self._inside(path, dir_fd)
        if found is not None:
            self.step(f"remove {self._shown(found)}/")
        self._real["rmdir"](path, dir_fd=dir_fd)

    def _shown(self, path: str) -> str:
        return os.path.relpath(path, self.root)

    # Databases.

    def _connect(self, database: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        text = os.fsdecode(database).removeprefix("file:").partition("?")[0]
        if not os.path.abspath(text).startswith(f"{self.root}/"):
            return self._real_connect(database, *arguments, **named)
        self.alive()
        disk, path = self, Path(text)

        def factory(*given: Any, **extra_trusted: Any) -> _Connection:
            connection = _Connection(*given, **extra_trusted)
            connection.disk, connection.path = disk, path
            return connection

        return self._real_connect(database, *arguments, factory=factory, **named)


_CALLS = (
    "open", "write", "sendfile", "fsync", "fdatasync", "sync", "replace", "rename", "link", "unlink", "remove", "mkdir",
    "rmdir",
)  # fmt: skip


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _of_database(path: str) -> bool:
    return path.endswith((".db", ".db-wal", ".db-shm", ".db-journal", "-queue"))


class _File:
    """A file that is written; all else is the file's own."""

    def __init__(self, disk: Disk, file: IO[Any]) -> None:
        self._disk, self._file = disk, file

    def write(self, data: Any) -> int:
        self._disk.grows(self._file)
        count = self._file.write(data)
        # Out of Python's memory: what the kernel has is what a process leaves behind.
        self._file.flush()
        return count

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def truncate(self, size: int | None = None) -> int:
        self._disk.grows(self._file)
        return self._file.truncate(size)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Counted:
    """Statements that write are operations; a commit is one before it is done, and one after."""

    disk: Disk
    path: Path

    def act(self, sql: str, run: Callable[[], Any]) -> Any:
        verb = sql.split(None, 1)[0].upper() if sql.split() else ""
        if verb in _READ_ONLY:
            self.disk.alive()
            return run()
        self.disk.step(f"{' '.join(sql.split())[:60]} in {self.path.name}")
        result = run()
        if verb in ("COMMIT", "END"):
            self.disk.committed(self.path)
        return result


class _Connection(sqlite3.Connection, _Counted):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.act(sql, lambda: super(_Connection, self).execute(sql, *parameters))
        return found

    def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.act(sql, lambda: super(_Connection, self).executemany(sql, *parameters))
        return found

    def executescript(self, sql: str) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.act(sql, lambda: super(_Connection, self).executescript(sql))
        return found

    def commit(self) -> None:
        if self.in_transaction:
            self.act("COMMIT", super().commit)

    def __exit__(self, kind: Any, *rest: Any) -> Literal[False]:
        if kind is None:
            self.commit()
        elif not self.disk.dead:
            self.rollback()
        return False

    def cursor(self, *_: Any, **__: Any) -> Any:
        found = super().cursor(_Cursor)
        found.disk, found.path = self.disk, self.path
        return found


class _Cursor(sqlite3.Cursor, _Counted):
    def execute(self, sql: str, *parameters: Any) -> Any:
        return self.act(sql, lambda: super(_Cursor, self).execute(sql, *parameters))

    def executemany(self, sql: str, *parameters: Any) -> Any:
        return self.act(sql, lambda: super(_Cursor, self).executemany(sql, *parameters))
