"""TODO."""

from __future__ import annotations

import os

from ...upkeep import BackupReport, Progress
from ..rooms import Rooms


def backup(rooms: Rooms, path: str | os.PathLike[str], progress: Progress | None) -> BackupReport:
    """See ``Registry``."""
    raise NotImplementedError
