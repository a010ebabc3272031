"""Files of a registry: in a folder or any place fsspec can reach, written aside, synced and renamed."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Protocol

from ..errors import ArtifactMissing, StorageError
from . import packing, regular
from .formats import check_digest
from .places import Entry, place_at

_ASIDE = ".staged"
#: The drivers of buckets have errors of their own beside the operating system's.
_DRIVERS = frozenset({"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "requests", "s3fs", "urllib3"})
#: Documents of one version or of the settings, and more bytes than the largest has.
_DOCUMENTS, _DOCUMENT = ("metadata/", "registry_config.json"), 64_000_000
#: Read at once where a file is only hashed.
_CHUNK = 1 << 20


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
        self._place = place_at(address)
        with self._explained(""):
            for folder in ("models", "metadata", "benchmarks", "evaluations", _ASIDE):
                self._place.make_folder(folder)
            self._place.sweep(_ASIDE)

    def address(self, key: str) -> str:
        """Where a key lies: a path in a folder, an address in a bucket."""
        return self._place.address(key)

    def stage(self, write: Callable[[Sink], object], *, durably: bool = True) -> Staged:
        """Write a file aside; nothing is left of it when that fails.

        Raises:
            StorageError: the disk is full or may not be written.
        """
        key = f"{_ASIDE}/{uuid.uuid4().hex}"
        try:
            with self._explained(key), self._place.create(key) as target:
                sink = _HashingSink(target)
                write(sink)
                if durably:
                    self._place.sync(target)
        except BaseException:
            self.remove(key)
            raise
        return Staged(key, sink.sha256, sink.tell())

    def make_folder(self, folder: str) -> None:
        """Make a folder further down, where it is missing."""
        with self._explained(folder):
            self._place.make_folder(folder)

    def publish(self, files: Mapping[str, Staged], *, durably: bool = True) -> None:
        """Give staged files their names (key -> file), replacing bytes that no row claims."""
        for key, staged in files.items():
            with self._explained(key):
                self._place.rename(staged.key, key)
        if durably:
            with self._explained(""):
                self._place.sync_folders(files)

    def write(self, key: str, data: bytes, *, durably: bool = True) -> None:
        """Put bytes under a key in one step: all of them or none.

        Not ``durably``, a power failure may still take them, until ``settle``.
        """
        staged = self.stage(lambda sink: sink.write(data), durably=durably)
        try:
            self.publish({key: staged}, durably=durably)
        except BaseException:
            self.remove(staged.key)
            raise

    def settle(self, key: str) -> None:
        """Make durable what was written under a key."""
        with self._explained(key):
            self._place.settle(key)

    def read(self, key: str) -> bytes:
        """All bytes of a key.

        Raises:
            ArtifactMissing: there are none.
            ArtifactAltered: it is a link, no plain file, or larger than any of its kind.
        """
        with self._explained(key):
            try:
                return self._place.read(key, _DOCUMENT if key.startswith(_DOCUMENTS) else regular.MOST_BYTES)
            except FileNotFoundError as error:
                raise self._missing(key) from error

    def _missing(self, key: str) -> ArtifactMissing:
        return ArtifactMissing(
            errno.ENOENT, f"{self.address(key)} is missing: restore it from a backup, or register the model again"
        )

    def digest(self, key: str) -> tuple[str, int]:
        """The sha256 and the size of the bytes under a key, whatever they are; they need not fit into memory.

        Raises:
            ArtifactMissing: there are none.
        """
        with self._explained(key):
            try:
                with self._place.open(key) as file:
                    found = sha256()
                    while chunk := file.read(_CHUNK):
                        found.update(chunk)
                    return found.hexdigest(), file.tell()
            except FileNotFoundError as error:
                raise self._missing(key) from error

    def open(self, key: str) -> IO[bytes]:
        """The bytes of a key as they lie there, to be read piece by piece; whoever calls closes it.

        Raises:
            ArtifactMissing: there are none.
        """
        with self._explained(key):
            try:
                return self._place.open(key)
            except FileNotFoundError as error:
                raise self._missing(key) from error

    def presigned(self, key: str, seconds: int) -> str | None:
        """An address from which the bytes of a key can be read for so many seconds; None where the place gives none."""
        return self._place.presigned(key, seconds)

    def content(self, key: str, digest: str, size: int | None = None) -> bytes:
        """What was registered under a key, whether it lies there packed or as it came.

        Args:
            digest: its sha256, as the catalog has it.
            size: how many bytes it had, where that is known: what unpacks to more is not unpacked.

        Raises:
            ArtifactMissing: there are no bytes.
            ArtifactAltered: they are others.
        """
        data = self.read(key)
        if sha256(data).hexdigest() == digest:
            return data
        unpacked = packing.unpack(data, size)
        content = data if unpacked is None else unpacked
        check_digest(content, digest, self.address(key))
        return content

    def link(self, key: str, twin: str) -> bool:
        """Let a key share the bytes of its twin, which has the same; False where files cannot be shared."""
        aside = f"{_ASIDE}/{uuid.uuid4().hex}"
        with self._explained(key):
            if not self._place.link(twin, aside):
                return False
            try:
                self._place.rename(aside, key)
            finally:
                # Renaming one name of a file onto another name of the same file does nothing, and leaves both.
                with suppress(FileNotFoundError):
                    self._place.remove(aside)
            self._place.sync_folders([key])
        return True

    def entries(self, folder: str) -> list[Entry]:
        """The files of a folder with their sizes and times, in the order of their names; none where it is missing."""
        with self._explained(folder):
            return self._place.entries(folder)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, in order; none where it is missing."""
        with self._explained(folder):
            return self._place.folders(folder)

    def exists(self, key: str) -> bool:
        """Whether there is anything under a key."""
        with self._explained(key):
            return self._place.exists(key)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, in order."""
        with self._explained(folder):
            return self._place.names(folder)

    def remove(self, key: str) -> None:
        """Delete a key, if it is there."""
        with self._explained(key), suppress(FileNotFoundError):
            self._place.remove(key)

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (StorageError, ArtifactMissing):
            raise
        except OSError as error:
            place = self.address(key)
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageError(
                    error.errno, f"no space left for {place}: free some space, then try again"
                ) from error
            if isinstance(error, PermissionError) or error.errno == errno.EROFS:
                raise StorageError(
                    error.errno or errno.EACCES,
                    f"{place} cannot be written: give this user write permission, or name another folder",
                ) from error
            if isinstance(error, FileNotFoundError):
                raise StorageError(
                    errno.ENOENT,
                    f"{place} cannot be written: its folder is missing; restore it from a backup",
                ) from error
            raise StorageError(
                error.errno or errno.EIO, f"{place}: {error.strerror or error}; check the disk"
            ) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in _DRIVERS:
                raise
            raise StorageError(
                errno.EIO,
                f"{self.address(key)} cannot be reached ({error}): check the address, the endpoint and the credentials",
            ) from error
