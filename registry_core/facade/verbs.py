"""The base of all groups of methods."""

from __future__ import annotations

from ..actions.load import Loader
from ..actions.rooms import Rooms


class Verbs:
    """The parts of an open registry, set by ``Registry``."""

    _rooms: Rooms
    _loader: Loader

    def _flush_serving(self) -> None:
        """Store what this registry's predictors have served so far."""
