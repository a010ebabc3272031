"""What every group of verbs stands on."""

from __future__ import annotations

from ..actions.load import Loader
from ..actions.rooms import Rooms


class Verbs:
    """An open registry's parts, set by ``Registry``."""

    _rooms: Rooms
    _loader: Loader

    def _flush_serving(self) -> None:
        """Keep what this registry's predictors answered so far, where there are any."""
