"""TODO."""

from __future__ import annotations

from ...upkeep import CompressResult, Progress
from ..rooms import Rooms


def compress(
    rooms: Rooms,
    older_than_days: float | None,
    model_name: str | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> CompressResult:
    """See ``Registry``."""
    raise NotImplementedError
