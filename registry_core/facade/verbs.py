"""The base of all groups of methods."""

from __future__ import annotations

from ..actions.context import Context
from ..actions.load import Loader


class Verbs:
    """The parts of an open registry, set by ``Registry``."""

    _context: Context
    _loader: Loader

    def _flush_serving(self) -> None:
        """Store what this registry's predictors have served so far."""
