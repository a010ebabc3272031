"""TODO."""

from __future__ import annotations

from ...upkeep import Trashed
from ..rooms import Rooms


def pin(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry``."""
    raise NotImplementedError


def unpin(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry``."""
    raise NotImplementedError


def delete(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry``."""
    raise NotImplementedError


def purge(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> int:
    """See ``Registry``."""
    raise NotImplementedError


def listed(rooms: Rooms, model_name: str | None) -> list[Trashed]:
    """See ``Registry``."""
    raise NotImplementedError
