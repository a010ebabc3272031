"""TODO."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import IO

from ...upkeep import BackupReport, ImportReport, Progress
from ..rooms import Rooms


def export_models(
    rooms: Rooms,
    path: str | os.PathLike[str],
    model_ids: str | Collection[str] | None,
    model_name: str | None,
    progress: Progress | None,
) -> BackupReport:
    """See ``Registry``."""
    raise NotImplementedError


def import_models(
    rooms: Rooms,
    source: str | os.PathLike[str] | IO[bytes],
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> ImportReport:
    """See ``Registry``."""
    raise NotImplementedError
