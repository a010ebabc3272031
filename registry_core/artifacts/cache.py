"""What this machine keeps of buckets and servers, up to a limit: files used longest ago go first.

Files of models are kept by their SHA-256, and beside them which checks they passed here, and which version was the last
known answer to a question. The folder is this user's own, like the programs that read it.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

if sys.platform != "win32":
    import fcntl

#: The folder and its size in bytes, by the environment.
FOLDER, LIMIT = "MODEL_REGISTRY_CACHE", "MODEL_REGISTRY_CACHE_BYTES"
_MOST_BYTES = 20_000_000_000
_ABANDONED_SECONDS = 86_400


class Cache:
    """Files by their SHA-256, and short notes by their keys. Several processes may use one folder."""

    def __init__(self, folder: Path | None = None, most_bytes: int | None = None) -> None:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        self.folder = folder or Path(os.environ.get(FOLDER) or Path(base) / "model-registry")
        self.most_bytes = int(os.environ.get(LIMIT) or _MOST_BYTES) if most_bytes is None else most_bytes

    def content(self, digest: str, download: Callable[[Path], None]) -> bytes:
        """The bytes of a file, downloaded where they are not here or were altered; of several who ask at the same time
        one downloads, and the others wait."""
        path = self.folder / digest
        data = _held(path, digest)
        if data is not None:
            return data
        with self.turn("file", digest):
            data = _held(path, digest)
            if data is not None:
                return data
            aside = self.folder / f"{digest}.{uuid.uuid4().hex}.part"
            try:
                os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                download(aside)
                data = aside.read_bytes()
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
        self._make_room()
        return data

    def note(self, kind: str, key: str, content: bytes = b"") -> None:
        """Write a note, whole or not at all; one of the same kind and key is replaced."""
        self._make_folder()
        path = self._note(kind, key)
        aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    def noted(self, kind: str, key: str) -> bytes | None:
        """The note of a kind and key; None where there is none."""
        path = self._note(kind, key)
        try:
            os.utime(path)
            return path.read_bytes()
        except OSError:
            return None

    @contextmanager
    def turn(self, kind: str, key: str) -> Iterator[None]:
        """Wait for the others, in this process and in others, that are about to write the same; who is killed waits for
        nobody and holds nobody up."""
        self._make_folder()
        if sys.platform == "win32":
            yield  # each of them writes it
            return
        path = self._note(f"{kind}.lock", key)
        descriptor = _locked(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # also where a forked process has a copy
            os.close(descriptor)

    def _note(self, kind: str, key: str) -> Path:
        return self.folder / f"{sha256(key.encode()).hexdigest()}.{kind}"

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _make_room(self) -> None:
        files = []
        for path in self.folder.iterdir():
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # another process made room
            if not path.name.endswith((".part", ".lock")):
                files.append((found.st_mtime, found.st_size, path))
            elif time.time() - found.st_mtime > _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if held <= self.most_bytes:
                return
            path.unlink(missing_ok=True)
            held -= size


def _held(path: Path, digest: str) -> bytes | None:
    try:
        data = path.read_bytes()
        if sha256(data).hexdigest() == digest:
            # Another process may be making room.
            with suppress(FileNotFoundError):
                os.utime(path)
            return data
    except FileNotFoundError:
        pass
    return None


def _locked(path: Path) -> int:
    """The descriptor of a lock file that is held, and is still the one at that path."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return descriptor  # without locks, as on some network file systems, several may write the same
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
