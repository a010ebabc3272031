"""Which versions came in from elsewhere already, so that importing twice brings nothing in twice."""

from __future__ import annotations

from collections.abc import Mapping

from ...catalog import events, models
from ..rooms import Rooms


class Arrived:
    """Versions by what they were called where they came from, and the sha256 of their model file.

    A version whose files were purged since may come in again.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._known: dict[tuple[str, str], str] = {}
        for event in reversed(events.listed(rooms.database, kinds=["imported"])):
            if event.model_id is not None:
                self.add(str(event.after.get("source_id")), str(event.after.get("sha256")), event.model_id)

    def add(self, source_id: str, digest: str, model_id: str) -> None:
        """Take note of one more."""
        self._known[source_id, digest] = model_id

    def find(self, source_id: str, digest: str) -> str | None:
        """The id that it has here, or None."""
        model_id = self._known.get((source_id, digest))
        row: Mapping[str, object] | None = None if model_id is None else models.find(self._rooms.database, model_id)
        return None if row is None or row["status"] == "purged" else model_id
