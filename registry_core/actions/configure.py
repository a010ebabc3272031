"""Settings: read and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Configuration
from ..rules import intake
from .rooms import CONFIG_KEY, Rooms, apply_configuration, check_reason, stored_configuration


def configuration(rooms: Rooms) -> Configuration:
    """See ``Registry.configuration``."""
    return rooms.configuration()


def configure(
    rooms: Rooms, model_name: str | None, changes: Mapping[str, Any], actor: str | None, reason: str
) -> Configuration:
    """See ``Registry.configure``."""
    who, why = rooms.who(actor), check_reason(reason)
    if model_name is not None:
        intake.check_name(model_name, "model_name")
    with rooms.database.transaction() as transaction:
        before = stored_configuration(transaction) or Configuration()
        after = before.changed(model_name, changes)
        if after.to_dict() == before.to_dict():
            return before
        apply_configuration(rooms, transaction, before, after, who, why)
        # Inside the transaction, and before its commit: were the process to die in between, the file would be taken
        # over at the next opening; the other way round, the old file would undo the change.
        rooms.store.write(CONFIG_KEY, after.to_json().encode())
    return after
