"""Where files lie: a plain folder, or any place fsspec reaches. The same few steps for both.

A file gets its name in one step, once all of its bytes are there: in a folder it is written aside and renamed, in a
bucket it is put under its name. A name may be asked for that is still free: then the place itself says no to the second
who does, and the name is a reservation that needs no lock.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple, Protocol, TypeVar

from .. import folders, forks, rights
from . import drivers, regular

#: Where a folder holds files that have no name yet. Earlier releases did so in buckets as well.
ASIDE = ".staged"
_ABANDONED_SECONDS = 86_400


class Entry(NamedTuple):
    """A file in a folder: its name, bytes, when it was last written, and what is equal for two names of one file."""

    name: str
    size: int
    modified: datetime
    identity: tuple[int, int] | None


#: A file that has no name yet, as its place knows it.
Aside = TypeVar("Aside")
Write = Callable[[IO[bytes]], object]


class Place(Protocol[Aside]):
    """Paths are keys: relative, with forward slashes. Errors are those of the operating system."""

    def address(self, key: str) -> str: ...
    def probe(self) -> None:
        """Do the least that shows whether the place is there; raises where it is not."""

    def make_folder(self, key: str) -> None: ...

    def stage(self, write: Write, *, durably: bool) -> Aside:
        """Write a file that has no name yet; nothing is left of it when that fails."""

    def drop(self, aside: Aside) -> None:
        """Forget a file that gets no name."""

    def name(self, files: Mapping[str, Aside], *, new: bool) -> None:
        """Give files their names, replacing those that are there.

        Args:
            new: none of the names may be taken; where one is, or anything else fails, none is given.

        Raises:
            FileExistsError: a name that has to be new is taken.
        """

    def reserves(self) -> bool:
        """Whether a name that has to be new is refused to the second of two who ask for it at the same time."""

    def sync_folders(self, keys: Iterable[str]) -> None: ...
    def read(self, key: str, most: int) -> bytes: ...
    def open(self, key: str) -> IO[bytes]: ...
    def presigned(self, key: str, seconds: int) -> str | None: ...
    def exists(self, key: str) -> bool: ...
    def remove(self, key: str) -> None: ...
    def names(self, folder: str) -> list[str]: ...
    def entries(self, folder: str) -> list[Entry]: ...
    def folders(self, folder: str) -> list[str]: ...

    def link(self, key: str, new: str) -> bool:
        """Let a new name, or one that is replaced, share the bytes of a key; False where files have one name only."""

    def sweep(self, folder: str) -> None: ...


class Folder:
    """A plain folder, by the operating system's own calls: fsspec would add 50 ms to the start of a service."""

    def __init__(self, root: str, aside: str = f"{ASIDE}/") -> None:
        """Use a folder.

        Args:
            aside: how the keys of files without a name begin.
        """
        self._root = root.rstrip("/") or "/"
        self._aside = aside

    def address(self, key: str) -> str:
        return posixpath.join(self._root, key)

    def probe(self) -> None:
        os.stat(self._root)

    def make_folder(self, key: str) -> None:
        rights.make_folder(self.address(key), self._root)
        os.close(regular.folder(self._root, key))

    def stage(self, write: Write, *, durably: bool) -> str:
        key = f"{self._aside}{uuid.uuid4().hex}"
        try:
            with open(rights.create(self.address(key), self._root), "wb") as file:
                write(file)
                if durably:
                    self.sync(file)
        except BaseException:
            # The first error is the one to report.
            with suppress(OSError):
                self.drop(key)
            raise
        return key

    def drop(self, aside: str) -> None:
        with suppress(FileNotFoundError):
            self.remove(aside)

    def sync(self, file: IO[bytes]) -> None:
        """Make the bytes of a file durable."""
        file.flush()
        os.fsync(file.fileno())

    def name(self, files: Mapping[str, str], *, new: bool) -> None:
        reserved: list[str] = []
        try:
            if new:
                # An empty file holds the name until the other takes it over: every file system knows how to do that.
                for key in files:
                    os.close(rights.create(self.address(key), self._root))
                    reserved.append(key)
            for key, aside in files.items():
                os.replace(self.address(aside), self.address(key))
        except OSError:
            for key in reserved:
                with suppress(OSError):
                    self.remove(key)
            raise

    def reserves(self) -> bool:
        return True

    def sync_folders(self, keys: Iterable[str]) -> None:
        # A new name is durable only when the folder that holds it is.
        for folder in {posixpath.dirname(self.address(key)) for key in keys}:
            folders.sync(folder)

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
        aside = f"{self._aside}{uuid.uuid4().hex}"
        try:
            os.link(self.address(key), self.address(aside))
        except OSError as error:
            # Some file systems know no second names, or no more of them.
            if error.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                return False
            raise
        try:
            os.replace(self.address(aside), self.address(new))
        finally:
            # Renaming one name of a file onto another name of the same file does nothing, and leaves both.
            self.drop(aside)
        return True

    def sweep(self, folder: str) -> None:
        """Remove what a killed process left in a folder more than a day ago."""
        with os.scandir(self.address(folder)) as files:
            for file in files:
                with suppress(OSError):
                    if time.time() - file.stat(follow_symlinks=False).st_mtime > _ABANDONED_SECONDS:
                        os.unlink(file)


#: An object that tells whether the store honours conditions.
_PROBE = ".conditional-puts"


class Bucket:
    """Any address fsspec knows, such as ``s3://bucket/prefix``. Endpoint and credentials are fsspec's and its driver's
    own settings. Objects are put whole and read whole; a listing is always that of the store.

    Raises:
        InvalidInput: its driver is not installed, no driver knows the address, or there is a password in it.
    """

    def __init__(self, address: str) -> None:
        drivers.check_address(address)
        self._wanted = address
        self._opened: tuple[Any, str] | None = None
        self._reserves: bool | None = None
        self._connect()
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """In a child, connect anew: the thread that talks to the bucket is its parent's."""
        if child:
            self._opened = None

    def _connect(self) -> tuple[Any, str]:
        if self._opened is None:
            self._opened = drivers.connect(self._wanted)
        return self._opened

    @property
    def _files(self) -> Any:
        return self._connect()[0]

    def _path(self, key: str) -> str:
        root = self._connect()[1]
        return f"{root}/{key}" if key else root

    def address(self, key: str) -> str:
        return str(self._files.unstrip_protocol(self._path(key)))

    def probe(self) -> None:
        # A listing without objects is one short request.
        self._listed(".probe")

    def make_folder(self, key: str) -> None:
        if not drivers.is_object_store(self._files):
            self._files.makedirs(self._path(key), exist_ok=True)

    def stage(self, write: Write, *, durably: bool) -> bytes:
        # An object cannot be renamed, only copied: its bytes wait here for its name.
        buffer = io.BytesIO()
        write(buffer)
        return buffer.getvalue()

    def drop(self, aside: bytes) -> None:
        """Nothing was stored yet."""

    def name(self, files: Mapping[str, bytes], *, new: bool) -> None:
        conditions = {"mode": "create"} if new and self.reserves() else {}

        def put(key: str) -> None:
            try:
                self._files.pipe_file(self._path(key), files[key], **conditions)
            except Exception as error:
                if conditions and drivers.is_taken(error):
                    raise FileExistsError(errno.EEXIST, "exists already", self.address(key)) from error
                raise

        failures = drivers.each(put, files)
        if failures:
            if new:
                for key in files.keys() - failures.keys():
                    with suppress(OSError):
                        self.remove(key)
            raise next(iter(failures.values()))

    def reserves(self) -> bool:
        # Some stores ignore the condition of a conditional put, so one that has to fail is tried, once a process.
        if self._reserves is None:
            self._reserves = drivers.reserves(self._files, self._path(_PROBE))
        return self._reserves

    def sync_folders(self, keys: Iterable[str]) -> None:
        """There are no folders to sync."""

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
        except FileNotFoundError as error:
            if drivers.is_without_bucket(error):
                raise
            # A folder without files is not there at all.
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


def place_at(address: str) -> Folder | Bucket:
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
