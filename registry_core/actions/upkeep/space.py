"""TODO."""

from __future__ import annotations

from ...upkeep import SpaceReport
from ..rooms import Rooms


def report(rooms: Rooms) -> SpaceReport:
    """See ``Registry``."""
    raise NotImplementedError
