"""Where files lie: a plain folder, or any place fsspec reaches. The same few steps for both."""

from __future__ import annotations

import errno
import os
import posixpath
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple, Protocol

from .. import folders, forks, rights
from ..errors import InvalidInput
from . import regular

_ABANDONED_SECONDS = 86_400


class Entry(NamedTuple):
    """A file in a folder: its name, bytes, when it was last written, and what is equal for two names of one file."""

    name: str
    size: int
    modified: datetime
    identity: tuple[int, int] | None


class Place(Protocol):
    """Paths are keys: relative, with forward slashes. Errors are those of the operating system."""

    def address(self, key: str) -> str: ...
    def make_folder(self, key: str) -> None: ...
    def create(self, key: str) -> IO[bytes]: ...
    def sync(self, file: IO[bytes]) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def sync_folders(self, keys: Iterable[str]) -> None: ...
    def settle(self, key: str) -> None: ...
    def read(self, key: str, most: int) -> bytes: ...
    def open(self, key: str) -> IO[bytes]: ...
    def presigned(self, key: str, seconds: int) -> str | None: ...
    def exists(self, key: str) -> bool: ...
    def remove(self, key: str) -> None: ...
    def names(self, folder: str) -> list[str]: ...
    def entries(self, folder: str) -> list[Entry]: ...
    def folders(self, folder: str) -> list[str]: ...
    def link(self, key: str, new: str) -> bool: ...
    def sweep(self, folder: str) -> None: ...


class Folder:
    """A plain folder, by the operating system's own calls: fsspec would add 50 ms to the start of a service."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") or "/"

    def address(self, key: str) -> str:
        return posixpath.join(self._root, key)

    def make_folder(self, key: str) -> None:
        rights.make_folder(self.address(key), self._root)
        os.close(regular.folder(self._root, key))

    def create(self, key: str) -> IO[bytes]:
        return open(rights.create(self.address(key), self._root), "wb")

    def sync(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        os.replace(self.address(old), self.address(new))

    def sync_folders(self, keys: Iterable[str]) -> None:
        # A new name is durable only when the folder that holds it is.
        for folder in {posixpath.dirname(self.address(key)) for key in keys}:
            folders.sync(folder)

    def settle(self, key: str) -> None:
        with open(self.address(key), "rb") as file:
            os.fsync(file.fileno())
        self.sync_folders([key])

    def read(self, key: str, most: int) -> bytes:
        return regular.read(self._root, key, most)

    def open(self, key: str) -> IO[bytes]:
        return open(regular.opened(self._root, key), "rb", buffering=0)

    def presigned(self, key: str, seconds: int) -> str | None:
        """A folder has no addresses."""
        return None

    def exists(self, key: str) -> bool:
        # A link is there as well, and whoever reads it hears that it is one.
        return os.path.lexists(self.address(key))

    def remove(self, key: str) -> None:
        os.unlink(self.address(key))

    def names(self, folder: str) -> list[str]:
        # What is no plain file is named too, so that it is said of it when it is read.
        with self._scanned(folder) as found:
            return sorted(entry.name for entry in found if not entry.is_dir(follow_symlinks=False))

    @contextmanager
    def _scanned(self, folder: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        descriptor = regular.folder(self._root, folder)
        try:
            with os.scandir(descriptor) as found:
                yield found
        finally:
            os.close(descriptor)

    def entries(self, folder: str) -> list[Entry]:
        try:
            with self._scanned(folder) as found:
                files = [
                    (each.name, each.stat(follow_symlinks=False))
                    for each in found
                    if each.is_file(follow_symlinks=False)
                ]
        except FileNotFoundError:
            return []
        return sorted(
            Entry(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), (status.st_dev, status.st_ino))
            for name, status in files
        )

    def folders(self, folder: str) -> list[str]:
        try:
            with self._scanned(folder) as found:
                return sorted(each.name for each in found if each.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def link(self, key: str, new: str) -> bool:
        try:
            os.link(self.address(key), self.address(new))
        except OSError as error:
            # Some file systems know no second names, or no more of them.
            if error.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                return False
            raise
        return True

    def sweep(self, folder: str) -> None:
        """Remove what a killed process left in a folder more than a day ago."""
        with os.scandir(self.address(folder)) as files:
            for file in files:
                with suppress(OSError):
                    if time.time() - file.stat(follow_symlinks=False).st_mtime > _ABANDONED_SECONDS:
                        os.unlink(file)


#: Here a folder is nothing but the beginning of a key: making one would ask for the bucket, or make one by mistake.
_WITHOUT_FOLDERS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "adl", "oss", "oci", "r2"})


class Bucket:
    """Any address fsspec knows, such as ``s3://bucket/prefix``. Endpoint and credentials are fsspec's and its driver's
    own settings.

    Raises:
        InvalidInput: its driver is not installed, or no driver knows the address.
    """

    def __init__(self, address: str) -> None:
        self._wanted = address
        self._opened: tuple[Any, str] | None = None
        self._connect()
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """In a child, connect anew: the thread that talks to the bucket is its parent's."""
        if child:
            self._opened = None

    def _connect(self) -> tuple[Any, str]:
        if self._opened is None:
            import fsspec

            try:
                # A listing that is remembered would tell of files that other processes have removed since.
                files, root = fsspec.url_to_fs(self._wanted, use_listings_cache=False)
            except (ImportError, ValueError) as error:
                raise InvalidInput(
                    f"artifacts cannot be stored at {self._wanted!r:.200} ({error}); install the fsspec driver, or "
                    "correct the address"
                ) from error
            self._opened = files, str(root).rstrip("/")
        return self._opened

    @property
    def _files(self) -> Any:
        return self._connect()[0]

    def _path(self, key: str) -> str:
        root = self._connect()[1]
        return f"{root}/{key}" if key else root

    def address(self, key: str) -> str:
        return str(self._files.unstrip_protocol(self._path(key)))

    def make_folder(self, key: str) -> None:
        protocol = self._files.protocol
        if not _WITHOUT_FOLDERS & {*([protocol] if isinstance(protocol, str) else protocol)}:
            self._files.makedirs(self._path(key), exist_ok=True)

    def create(self, key: str) -> Any:
        return self._files.open(self._path(key), "wb")

    def sync(self, file: IO[bytes]) -> None:
        """An object is durable once it is closed."""

    def rename(self, old: str, new: str) -> None:
        # An object cannot change its key. Once it is there under the new one, what is left of the old does no harm.
        self._files.cp_file(self._path(old), self._path(new))
        with suppress(OSError):
            self._files.rm_file(self._path(old))

    def sync_folders(self, keys: Iterable[str]) -> None:
        """There are no folders to sync."""

    def settle(self, key: str) -> None:
        """An object is durable once it is closed."""

    def read(self, key: str, most: int) -> bytes:
        data = bytes(self._files.cat_file(self._path(key)))
        if len(data) > most:
            raise regular.too_large(self.address(key), most)
        return data

    def open(self, key: str) -> Any:
        return self._files.open(self._path(key), "rb")

    def presigned(self, key: str, seconds: int) -> str | None:
        # Each driver says in its own way that it, or its credentials, cannot sign; the bytes can be read all the same.
        try:
            found = str(self._files.sign(self._path(key), expiration=seconds))
        except Exception:
            return None
        return found if found.startswith(("https://", "http://")) else None

    def exists(self, key: str) -> bool:
        return bool(self._files.exists(self._path(key)))

    def remove(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def names(self, folder: str) -> list[str]:
        return [entry.name for entry in self.entries(folder)]

    def entries(self, folder: str) -> list[Entry]:
        return sorted(
            Entry(name, int(found["size"] or 0), _modified(found), None)
            for name, found in self._listed(folder)
            if found["type"] == "file"
        )

    def folders(self, folder: str) -> list[str]:
        return sorted({name for name, found in self._listed(folder) if found["type"] == "directory"})

    def _listed(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        path = self._path(folder)
        try:
            found = self._files.ls(path, detail=True)
        except FileNotFoundError:
            return []
        own = path.strip("/")
        # An empty object named like the folder stands for it where somebody made it by hand; of a file, it is itself.
        named = [(str(each["name"]).strip("/"), each) for each in found]
        return [(name.rpartition("/")[2], each) for name, each in named if name != own]

    def link(self, key: str, new: str) -> bool:
        """An object has one name."""
        return False

    def sweep(self, folder: str) -> None:
        """Remove what a killed process left in a folder more than a day ago."""
        for entry in self.entries(folder):
            if time.time() - entry.modified.timestamp() > _ABANDONED_SECONDS:
                with suppress(OSError):
                    self.remove(f"{folder}/{entry.name}")


def place_at(address: str) -> Place:
    """The folder or bucket at an address."""
    plain = address.removeprefix("file://")
    return Bucket(address) if "://" in plain else Folder(plain)


def _modified(entry: dict[str, Any]) -> datetime:
    """When an object was written, by whichever name its driver has for that; now where it has none."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        found = entry.get(name)
        if isinstance(found, datetime):
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if isinstance(found, int | float):
            return datetime.fromtimestamp(found, UTC)
        if isinstance(found, str):
            with suppress(ValueError):
                read = datetime.fromisoformat(found)
                return read if read.tzinfo else read.replace(tzinfo=UTC)
    return datetime.now(UTC)
