"""Which versions came in from elsewhere already, so that importing twice brings nothing in twice."""

from __future__ import annotations

from collections.abc import Mapping

from ...catalog import events, models
from ...events import EventKind
from ..context import Context


class Arrived:
    """Versions by what they were called where they came from, and the sha256 of their model file.

    A version whose files were purged since may come in again.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[str, str], str] = {}
        for event in reversed(events.listed(context.database, kinds=[EventKind.IMPORTED])):
            if event.model_id is not None:
                self.add(str(event.after.get("source_id")), str(event.after.get("sha256")), event.model_id)

    def add(self, source_id: str, digest: str, model_id: str) -> None:
        """Take note of one more."""
        self._known[source_id, digest] = model_id

    def find(self, source_id: str, digest: str) -> str | None:
        """The id that it has here, or None."""
        model_id = self._known.get((source_id, digest))
        row: Mapping[str, object] | None = None if model_id is None else models.find(self._context.database, model_id)
        return None if row is None or row["status"] == "purged" else model_id
