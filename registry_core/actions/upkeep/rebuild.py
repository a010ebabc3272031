"""TODO."""

from __future__ import annotations

from ...upkeep import Progress, RebuildReport
from ..rooms import Rooms


def rebuild(rooms: Rooms, actor: str | None, reason: str, progress: Progress | None) -> RebuildReport:
    """See ``Registry``."""
    raise NotImplementedError
