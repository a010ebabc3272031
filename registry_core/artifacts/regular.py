"""Files below a folder that may come from anywhere: plain files only, and none that is reached by a link.

Every part of the way is opened by itself, so that nobody can put a link there between a look and the opening.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from ..errors import ArtifactAltered

#: More than any file of a registry.
MOST_BYTES = 4_000_000_000
#: A file whose bytes take so much less room than they count is a hole, and fills memory with nothing.
_HOLE_BYTES, _HOLE_RATIO = 64_000_000, 200
_BLOCK = 512
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe would wait for its other end, and some devices do something when they are opened.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def opened(root: str, key: str, most: int = MOST_BYTES) -> int:
    """A descriptor of a plain file below a folder, for reading.

    Args:
        root: a folder, which may itself be reached by links.
        key: a relative path with forward slashes.
        most: how many bytes it may have.

    Raises:
        ArtifactAltered: it is a link, no plain file, larger, or a hole.
        OSError: it cannot be opened; FileNotFoundError where nothing is there.
    """
    above, _, name = key.rpartition("/")
    parent = folder(root, above)
    try:
        descriptor = _inside(parent, name, _FILE, f"{root}/{key}")
    finally:
        os.close(parent)
    try:
        _check(os.fstat(descriptor), f"{root}/{key}", most)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def folder(root: str, key: str) -> int:
    """A descriptor of a folder below another, or of that one itself (``""``).

    Raises:
        ArtifactAltered: it is reached by a link.
        OSError: it cannot be opened; FileNotFoundError where nothing is there.
    """
    parent = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    shown = root
    for name in key.split("/") if key else ():
        shown = f"{shown}/{name}"
        try:
            inner = _inside(parent, name, _DIRECTORY, shown)
        finally:
            os.close(parent)
        parent = inner
    return parent


def read(root: str, key: str, most: int = MOST_BYTES) -> bytes:
    """All bytes of a plain file below a folder; see ``opened``."""
    with open(opened(root, key, most), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise too_large(f"{root}/{key}", most)
    return data


def too_large(shown: str, most: int) -> ArtifactAltered:
    """The error for a file of more bytes than are read of it."""
    return _wrong(shown, f"has more than {most:,} bytes, the maximum")


def chosen(path: Path) -> IO[bytes]:
    """A file that somebody named, open for reading, wherever it lies: links are followed, pipes and devices refused.

    Raises:
        ArtifactAltered: it is no plain file, or a hole.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, _FILE & ~os.O_NOFOLLOW)
    status = os.fstat(descriptor)
    try:
        _check(status, str(path), status.st_size)
    except BaseException:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def check_database(path: Path) -> None:
    """Refuse a database that lies elsewhere, or is no file: SQLite follows links, and waits for pipes.

    Raises:
        ArtifactAltered: it, or a file that SQLite keeps beside it, is no plain file.
    """
    for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal", "-queue"))):
        try:
            status = os.lstat(each)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise _wrong(str(each), "is not a regular file")


def _inside(parent: int, name: str, flags: int, shown: str) -> int:
    if name in ("", ".", ".."):
        raise _wrong(shown, "leads outside the folder")
    try:
        return os.open(name, flags, dir_fd=parent)
    except OSError as error:
        # ENXIO: a socket; ENODEV: a device without a driver.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV) or _is_link(parent, name):
            raise _wrong(shown, "is a link or not a regular file") from error
        raise


def _is_link(parent: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _check(status: os.stat_result, shown: str, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _wrong(shown, "is a link or not a regular file")
    if status.st_size > most:
        raise too_large(shown, most)
    if status.st_size > _HOLE_BYTES and status.st_blocks * _BLOCK * _HOLE_RATIO < status.st_size:
        raise _wrong(shown, f"has {status.st_size:,} bytes, nearly all of them unwritten (a sparse file)")


def _wrong(shown: str, what: str) -> ArtifactAltered:
    return ArtifactAltered(f"{shown} {what}: it was not read. Replace it with a regular file, or remove it")
