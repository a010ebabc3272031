"""Files of a registry: in a folder or any place fsspec can reach, written aside, synced and renamed."""

from __future__ import annotations

import errno
import os
import posixpath
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Protocol

from ..errors import ArtifactMissing, InvalidInput, StorageError

_ASIDE = ".staged"
_ABANDONED_SECONDS = 86_400


class Sink(Protocol):
    """What a writer is given: counts and hashes what passes through."""

    def write(self, data: Any) -> int:
        """Take bytes."""

    def tell(self) -> int:
        """How many there were so far."""


class _HashingSink:
    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._digest = sha256()
        self._size = 0

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self._target.write(data)
        count = memoryview(data).nbytes
        self._size += count
        return count

    def tell(self) -> int:
        return self._size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Staged:
    """A file written aside and synced, waiting for its name."""

    key: str
    sha256: str
    size: int


class Store:
    """Keys are relative paths with forward slashes, such as ``models/model_x.pkl``."""

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self._filesystem, root = fsspec.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise InvalidInput(
                f"artifacts cannot be kept at {address!r:.200} ({error}); install the fsspec "
                "driver, or correct the address"
            ) from error
        self._root = str(root).rstrip("/")
        self._local = "file" in _protocols(self._filesystem)
        with self._explained(""):
            for folder in ("models", "metadata", _ASIDE):
                self._filesystem.makedirs(self._path(folder), exist_ok=True)
        self._sweep()

    def address(self, key: str) -> str:
        """Where a key lies: a path in a folder, an address in a bucket."""
        path = self._path(key)
        return path if self._local else str(self._filesystem.unstrip_protocol(path))

    def stage(self, write: Callable[[Sink], object]) -> Staged:
        """Write a file aside; nothing is left of it when that fails.

        Raises:
            StorageError: the disk is full or may not be written.
        """
        key = f"{_ASIDE}/{uuid.uuid4().hex}"
        try:
            with self._explained(key), self._open(key) as target:
                sink = _HashingSink(target)
                write(sink)
                if self._local:
                    target.flush()
                    os.fsync(target.fileno())
        except BaseException:
            self.remove(key)
            raise
        return Staged(key, sink.sha256, sink.tell())

    def publish(self, files: Mapping[str, Staged]) -> None:
        """Give staged files their names (key -> file), replacing bytes that no row claims."""
        for key, staged in files.items():
            with self._explained(key):
                if self._local:
                    os.replace(self._path(staged.key), self._path(key))
                else:
                    self._filesystem.mv(self._path(staged.key), self._path(key))
        if self._local:
            # A new name is durable only when the folder that holds it is.
            for folder in {posixpath.dirname(self._path(key)) for key in files}:
                with self._explained(folder):
                    _sync_folder(folder)

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a key in one step: all of them or none."""
        staged = self.stage(lambda sink: sink.write(data))
        try:
            self.publish({key: staged})
        except BaseException:
            self.remove(staged.key)
            raise

    def read(self, key: str) -> bytes:
        """All bytes of a key.

        Raises:
            ArtifactMissing: there are none.
        """
        with self._explained(key):
            try:
                if self._local:
                    with open(self._path(key), "rb") as source:
                        return source.read()
                return bytes(self._filesystem.cat_file(self._path(key)))
            except FileNotFoundError as error:
                raise ArtifactMissing(
                    errno.ENOENT,
                    f"{self.address(key)} is missing: restore it from a backup, or register the model again",
                ) from error

    def exists(self, key: str) -> bool:
        """Whether there is anything under a key."""
        return bool(self._filesystem.exists(self._path(key)))

    def remove(self, key: str) -> None:
        """Delete a key, if it is there."""
        with self._explained(key), suppress(FileNotFoundError):
            self._filesystem.rm_file(self._path(key))

    def _sweep(self) -> None:
        # What a killed process left aside. A bucket's times have no one name; there upkeep has to do it.
        if self._local:
            with os.scandir(self._path(_ASIDE)) as files:
                for file in files:
                    with suppress(OSError):
                        if time.time() - file.stat().st_mtime > _ABANDONED_SECONDS:
                            os.unlink(file)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _open(self, key: str) -> Any:
        # A plain file for a plain folder: fsspec's own wrapper has no fileno to sync.
        return open(self._path(key), "xb") if self._local else self._filesystem.open(self._path(key), "wb")

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (StorageError, ArtifactMissing):
            raise
        except OSError as error:
            place = self.address(key) if key else self._root
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageError(error.errno, f"no room left for {place}: free some, then try again") from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise StorageError(
                    error.errno, f"{place} cannot be written: give this user the right, or name another folder"
                ) from error
            if error.errno == errno.ENOENT:
                raise StorageError(
                    error.errno,
                    f"{place} cannot be written: its folder is gone; put it back, or restore it from a backup",
                ) from error
            raise StorageError(
                error.errno or errno.EIO, f"{place}: {error.strerror or error}; check the disk"
            ) from error


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
