"""TODO."""

from __future__ import annotations

from ...upkeep import Progress, VerifyReport
from ..rooms import Rooms


def verify(rooms: Rooms, repair: bool, actor: str | None, progress: Progress | None) -> VerifyReport:
    """See ``Registry``."""
    raise NotImplementedError
