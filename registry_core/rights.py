"""Who may read and write what a registry keeps in a folder: its owner alone, and its group where the folder says so.

The folder itself is the setting: one that its group may write (``chmod g+rwxs``) is shared with that group, with all
that is made in it from then on. Everything else is made for its owner alone, whatever the umask.
"""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path


def create(path: str | os.PathLike[str], folder: str | os.PathLike[str], flags: int = os.O_EXCL) -> int:
    """A descriptor of a new file, for reading and writing.

    Args:
        folder: the registry's.
        flags: without ``O_EXCL``, a file that is there already is opened as it is.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
    status = os.fstat(descriptor)
    # What the umask took away from the group; of another's file nothing can be changed.
    if _is_shared(folder) and status.st_uid == os.geteuid() and not status.st_mode & 0o020:
        os.fchmod(descriptor, 0o660)
    return descriptor


def make_folder(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Make a folder of the registry, and those on the way to it; one that is there already stays as it is."""
    above = os.path.dirname(path)
    if not os.path.isdir(path):
        if not os.path.isdir(above):
            make_folder(above, folder)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return
        if _is_shared(folder):
            os.chmod(path, 0o770 | (os.stat(path).st_mode & stat.S_ISGID))


def open_to_everybody(folder: str | os.PathLike[str]) -> str | None:
    """What to say of a folder that every user of the machine may write; None of any other."""
    mode = os.stat(folder).st_mode
    if not mode & stat.S_IWOTH:
        return None
    return (
        f"every user of this machine can write to {os.fspath(folder)}, and so change the models in it: run chmod o-w "
        f"{os.fspath(folder)}"
    )


def warn(folder: Path) -> None:
    """Warn of a folder that every user may write."""
    text = open_to_everybody(folder)
    if text is not None:
        warnings.warn(text[0].upper() + text[1:], stacklevel=2)


def _is_shared(folder: str | os.PathLike[str]) -> bool:
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWGRP)
    except FileNotFoundError:
        # Made right now, a part of the way to it at a time.
        return False
