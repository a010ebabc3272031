"""What this machine keeps of servers, up to a limit: those used longest ago go first.

Files of models are kept by their SHA-256, and beside them which checks they passed here, and which version was the last
known answer to a question. The folder is this user's own, like the programs that read it.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

if sys.platform != "win32":
    import fcntl

#: The folder and its size in bytes, by the environment.
FOLDER, LIMIT = "MODEL_REGISTRY_CACHE", "MODEL_REGISTRY_CACHE_BYTES"
_MOST_BYTES = 20_000_000_000


class Cache:
    """Files by their SHA-256, and short notes by their keys. Several processes may use one folder."""

    def __init__(self, folder: Path | None = None, most_bytes: int | None = None) -> None:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        self.folder = folder or Path(os.environ.get(FOLDER) or Path(base) / "model-registry")
        self.most_bytes = int(os.environ.get(LIMIT) or _MOST_BYTES) if most_bytes is None else most_bytes

    def content(self, digest: str, download: Callable[[Path], None]) -> bytes:
        """The bytes of a file, downloaded where they are not here or were altered."""
        path = self.folder / digest
        try:
            data = path.read_bytes()
            if sha256(data).hexdigest() == digest:
                os.utime(path)
                return data
        except FileNotFoundError:
            pass
        self._make_folder()
        aside = self.folder / f"{digest}.{uuid.uuid4().hex}.part"
        try:
            download(aside)
            data = aside.read_bytes()
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        self._make_room(path)
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
        """Wait for the others, in this process and in others, that are about to write the same note."""
        if sys.platform == "win32":
            yield  # each of them writes it
            return
        self._make_folder()
        path = self._note(f"{kind}.turn", key)
        descriptor = _locked(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also where a forked process has a copy
            os.close(descriptor)

    def _note(self, kind: str, key: str) -> Path:
        return self.folder / f"{sha256(key.encode()).hexdigest()}.{kind}"

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _make_room(self, newest: Path) -> None:
        files = []
        for path in self.folder.iterdir():
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # another process made room
            files.append((found.st_mtime, found.st_size, path))
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if held <= self.most_bytes:
                return
            if path != newest and not path.name.endswith(".part"):
                path.unlink(missing_ok=True)
                held -= size


def _locked(path: Path) -> int:
    """The descriptor of a lock file that is held, and is still the one at that path."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
