"""A SQLite file that is damaged: told from a sound one, and moved out of the way."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from .. import folders
from ..errors import CatalogBusy, StorageError
from .sqlite import SqliteDatabase

# In this order: a log that was left beside a new file would be read into it.
_BESIDE = ("-wal", "-shm", "")


def is_sound(path: Path) -> bool:
    """Whether nothing is wrong with a catalog's file, in its pages and in its rows; one that is missing is not sound.

    Raises:
        CatalogBusy: another process held it for too long.
    """
    if not path.exists():
        return False
    try:
        database = SqliteDatabase(path)
    except CatalogBusy:
        raise
    except StorageError:
        return False
    try:
        return not database.check()
    finally:
        database.close()


def set_aside(path: Path, stamp: str) -> Path:
    """Give a database file and its log another name beside it, and give back that name.

    Raises:
        StorageError: they cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        for ending in _BESIDE:
            with suppress(FileNotFoundError):
                os.replace(f"{path}{ending}", f"{aside}{ending}")
        folders.sync(path.parent)
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"{path} cannot be moved aside ({error.strerror}): give this user write permission, or move the file by "
            "hand",
        ) from error
    return aside
