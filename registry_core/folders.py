"""Folders whose new names survive a power failure."""

from __future__ import annotations

import os


def sync(folder: str | os.PathLike[str]) -> None:
    """Write the entries of a folder to disk: a file that was created or renamed in it is durable only afterwards.

    Raises:
        OSError: the folder cannot be opened or written.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
