"""TODO."""

from __future__ import annotations

from collections.abc import Collection

from ...upkeep import CleanupPlan, CleanupResult, Progress
from ..rooms import Rooms


def plan(rooms: Rooms, model_name: str | None) -> CleanupPlan:
    """See ``Registry``."""
    raise NotImplementedError


def carry_out(
    rooms: Rooms,
    given: CleanupPlan | None,
    only: Collection[str] | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> CleanupResult:
    """See ``Registry``."""
    raise NotImplementedError
