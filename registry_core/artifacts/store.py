"""Files of a registry: in a folder or any place fsspec can reach, under their names only when they are whole."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Protocol

from ..errors import ArtifactMissing, RegistryError, StorageError, Unreachable
from . import drivers, packing, regular
from .cache import Cache
from .formats import check_digest
from .places import ASIDE, Bucket, Entry, Place, place_at

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
    """A file that is whole and waits for its name; ``aside`` is what its place knows of it."""

    aside: Any = field(repr=False)
    sha256: str
    size: int


class Store:
    """Keys are relative paths with forward slashes, such as ``models/model_x.pkl``."""

    def __init__(self, address: str, *, prepared: bool = False) -> None:
        """Open a folder or bucket.

        Args:
            prepared: its folders are there already; nothing is made, and nothing swept.
        """
        self.root = address
        self._place: Place[Any] = place_at(address)
        self._cache = Cache() if isinstance(self._place, Bucket) else None
        if prepared:
            return
        with self._explained(""):
            for folder in ("models", "metadata", "benchmarks", "evaluations", ASIDE):
                self._place.make_folder(folder)
            self._place.sweep(ASIDE)

    def address(self, key: str) -> str:
        """Where a key lies: a path in a folder, an address in a bucket."""
        return self._place.address(key)

    def probe(self) -> None:
        """Do the least that shows whether the folder or the bucket is there.

        Raises:
            StorageError: it is not, or does not answer.
        """
        with self._explained(""):
            self._place.probe()

    def stage(self, write: Callable[[Sink], object], *, durably: bool = True) -> Staged:
        """Write a file aside; nothing is left of it when that fails.

        Raises:
            StorageError: the disk is full or may not be written.
        """
        sinks: list[_HashingSink] = []

        def fill(target: IO[bytes]) -> None:
            sinks.append(_HashingSink(target))
            write(sinks[0])

        with self._explained(ASIDE):
            aside = self._place.stage(fill, durably=durably)
        return Staged(aside, sinks[0].sha256, sinks[0].tell())

    def drop(self, staged: Staged) -> None:
        """Forget a staged file; one that has its name keeps it."""
        with self._explained(ASIDE):
            self._place.drop(staged.aside)

    def make_folder(self, folder: str) -> None:
        """Make a folder further down, where it is missing."""
        with self._explained(folder):
            self._place.make_folder(folder)

    def publish(self, files: Mapping[str, Staged], *, durably: bool = True) -> None:
        """Give staged files their names (key -> file), replacing bytes that no row claims."""
        with self._explained(next(iter(files), "")):
            self._name(files, new=False, durably=durably)

    def claim(self, files: Mapping[str, Staged]) -> bool:
        """Give staged files names that nobody has; False where one of them is taken, and none was given.

        A name that was given belongs to the caller alone, without any lock, where the store ``reserves`` names.
        """
        with self._explained(next(iter(files), "")):
            try:
                self._name(files, new=True, durably=True)
            except FileExistsError:
                return False
        return True

    def _name(self, files: Mapping[str, Staged], *, new: bool, durably: bool) -> None:
        self._place.name({key: staged.aside for key, staged in files.items()}, new=new)
        if durably:
            self._place.sync_folders(files)

    def reserves(self) -> bool:
        """Whether of two who claim a name at the same time only one gets it: a few stores have no conditional puts."""
        with self._explained(""):
            return self._place.reserves()

    def write(self, key: str, data: bytes) -> None:
        """Put bytes under a key in one step: all of them or none."""
        staged = self.stage(lambda sink: sink.write(data))
        try:
            self.publish({key: staged})
        except BaseException:
            self.drop(staged)
            raise

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

    def cached(self, key: str, digest: str, size: int | None = None) -> bytes:
        """As ``content``; of a bucket, this machine keeps the bytes by their sha256 and reads them there from then on.

        Whether the store itself still has them is what ``content`` and ``digest`` say.
        """
        if self._cache is None:
            return self.content(key, digest, size)
        read: list[bytes] = []

        def download(target: Path) -> None:
            read.append(self.content(key, digest, size))
            target.write_bytes(read[0])

        try:
            return self._cache.content(digest, download)
        except RegistryError:
            raise
        except OSError:
            # A cache that cannot be written costs time, and nothing else.
            return read[0] if read else self.content(key, digest, size)

    def link(self, key: str, twin: str) -> bool:
        """Let a key share the bytes of its twin, which has the same; False where files cannot be shared."""
        with self._explained(key):
            if not self._place.link(twin, key):
                return False
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
        except Exception as error:
            place = self.address(key)
            told = drivers.in_words(error, place)
            if told is not None:
                raise Unreachable(getattr(error, "errno", None) or errno.EIO, told) from error
            if not isinstance(error, OSError):
                raise
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
