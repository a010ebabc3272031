"""What every group of verbs stands on."""

from __future__ import annotations

from ..actions.context import Context
from ..actions.load import Loader


class Verbs:
    """An open registry's parts, set by ``Registry``."""

    _context: Context
    _loader: Loader

    def _flush_serving(self) -> None:
        """Keep what this registry's predictors answered so far, where there are any."""
