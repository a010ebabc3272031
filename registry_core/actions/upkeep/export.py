"""TODO."""

from __future__ import annotations

import os

from ...upkeep import IndexExport
from ..rooms import Rooms


def export_index(rooms: Rooms, path: str | os.PathLike[str] | None) -> IndexExport:
    """See ``Registry``."""
    raise NotImplementedError
