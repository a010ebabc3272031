"""Where files lie: a plain folder, or any place fsspec reaches. The same few steps for both."""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any, Protocol

from ..errors import InvalidInput

_ABANDONED_SECONDS = 86_400


class Place(Protocol):
    """Paths are keys: relative, with forward slashes. Errors are those of the operating system."""

    def address(self, key: str) -> str: ...
    def make_folder(self, key: str) -> None: ...
    def create(self, key: str) -> IO[bytes]: ...
    def sync(self, file: IO[bytes]) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def sync_folders(self, keys: Iterable[str]) -> None: ...
    def settle(self, key: str) -> None: ...
    def read(self, key: str) -> bytes: ...
    def exists(self, key: str) -> bool: ...
    def remove(self, key: str) -> None: ...
    def names(self, folder: str) -> list[str]: ...
    def sweep(self, folder: str) -> None: ...


class Folder:
    """A plain folder, by the operating system's own calls: fsspec would add 50 ms to the start of a service."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") or "/"

    def address(self, key: str) -> str:
        return posixpath.join(self._root, key)

    def make_folder(self, key: str) -> None:
        os.makedirs(self.address(key), exist_ok=True)

    def create(self, key: str) -> IO[bytes]:
        return open(self.address(key), "xb")

    def sync(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        os.replace(self.address(old), self.address(new))

    def sync_folders(self, keys: Iterable[str]) -> None:
        # A new name is durable only when the folder that holds it is.
        for folder in {posixpath.dirname(self.address(key)) for key in keys}:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def settle(self, key: str) -> None:
        with open(self.address(key), "rb") as file:
            os.fsync(file.fileno())
        self.sync_folders([key])

    def read(self, key: str) -> bytes:
        with open(self.address(key), "rb") as file:
            return file.read()

    def exists(self, key: str) -> bool:
        return os.path.exists(self.address(key))

    def remove(self, key: str) -> None:
        os.unlink(self.address(key))

    def names(self, folder: str) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.address(folder)) if entry.is_file())

    def sweep(self, folder: str) -> None:
        """Remove what a killed process left in a folder more than a day ago."""
        with os.scandir(self.address(folder)) as files:
            for file in files:
                with suppress(OSError):
                    if time.time() - file.stat().st_mtime > _ABANDONED_SECONDS:
                        os.unlink(file)


class Bucket:
    """Any address fsspec knows, such as ``s3://bucket/prefix``.

    Raises:
        InvalidInput: its driver is not installed, or no driver knows the address.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self._files, root = fsspec.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise InvalidInput(
                f"artifacts cannot be kept at {address!r:.200} ({error}); install the fsspec driver, "
                "or correct the address"
            ) from error
        self._root = str(root).rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def address(self, key: str) -> str:
        return str(self._files.unstrip_protocol(self._path(key)))

    def make_folder(self, key: str) -> None:
        self._files.makedirs(self._path(key), exist_ok=True)

    def create(self, key: str) -> Any:
        return self._files.open(self._path(key), "wb")

    def sync(self, file: IO[bytes]) -> None:
        """An object is durable once it is closed."""

    def rename(self, old: str, new: str) -> None:
        self._files.mv(self._path(old), self._path(new))

    def sync_folders(self, keys: Iterable[str]) -> None:
        """There are no folders to sync."""

    def settle(self, key: str) -> None:
        """An object is durable once it is closed."""

    def read(self, key: str) -> bytes:
        return bytes(self._files.cat_file(self._path(key)))

    def exists(self, key: str) -> bool:
        return bool(self._files.exists(self._path(key)))

    def remove(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def names(self, folder: str) -> list[str]:
        return sorted(str(path).rpartition("/")[2] for path in self._files.ls(self._path(folder), detail=False))

    def sweep(self, folder: str) -> None:
        """A bucket's times have no one name; there its own rules for old objects have to do."""
