"""Settings: read and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog import events, models
from ..catalog.database import Transaction
from ..config import Configuration
from ..errors import InvalidConfiguration
from ..rules import intake
from . import verdicts
from .rooms import CONFIGURATION, Rooms, check_reason
from .rows import eligible, ranking, record

_FILE = "registry_config.json"


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
        before = rooms.stored_configuration(transaction) or Configuration()
        after = before.changed(model_name, changes)
        if after.to_dict() == before.to_dict():
            return before
        _apply(rooms, transaction, before, after, who, why)
        # Inside the transaction, and before its commit: were the process to die in between, the file would be taken
        # over at the next opening; the other way round, the old file would undo the change.
        rooms.store.write(_FILE, after.to_json().encode())
    return after


def settle(rooms: Rooms) -> bool:
    """Take over an edited registry_config.json when a registry is opened, and write the file where there is none.

    The file is what people edit, the catalog is what counts. Gives whether the registry is new.
    """
    wanted, stored = from_file(rooms), rooms.stored_configuration(rooms.database)
    new = stored is None
    if stored is None or (wanted is not None and wanted.to_dict() != stored.to_dict()):
        with rooms.database.transaction() as transaction:
            # Both again under the lock: somebody may be changing the settings right now, the file first.
            wanted, stored = from_file(rooms), rooms.stored_configuration(transaction)
            chosen = wanted or stored or Configuration()
            if stored is None or chosen.to_dict() != stored.to_dict():
                reason = "" if stored is None else f"{_FILE} was edited"
                _apply(rooms, transaction, stored, chosen, rooms.actor, reason)
            stored = chosen
    if wanted is None:
        rooms.store.write(_FILE, stored.to_json().encode())
    return new


def begin(rooms: Rooms, transaction: Transaction, chosen: Configuration) -> None:
    """Store the settings a new registry begins with, and say so in its first event."""
    _apply(rooms, transaction, None, chosen, rooms.actor, "")


def from_file(rooms: Rooms) -> Configuration | None:
    """What registry_config.json says; None where there is none.

    Raises:
        InvalidConfiguration: it holds a key or value that is not allowed.
    """
    if not rooms.store.exists(_FILE):
        return None
    try:
        return Configuration.from_json(rooms.store.read(_FILE).decode())
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{_FILE} is not text in UTF-8 ({error}); correct it or delete it") from error


def _apply(
    rooms: Rooms, transaction: Transaction, before: Configuration | None, after: Configuration, actor: str, reason: str
) -> None:
    """Store settings, judge and score every version by them, and say so in an event."""
    verdicts.check_names(after)
    events.set_setting(transaction, CONFIGURATION, after.to_json())
    if before is not None and verdicts.trusted_names(before) != verdicts.trusted_names(after):
        verdicts.settle(rooms, transaction, after)
    scores = []
    for row in models.scoring_rows(transaction):
        score, on = ranking(after.policy(row["model_name"]), record(rooms, row))
        if (score.value, score.note, on) != (row["score"], row["score_note"], row["ranked_on"]):
            new = {"seq": row["seq"], "score": score.value, "score_note": score.note, "ranked_on": on}
            scores.append({**new, "eligible": eligible(row, ranked_on=on)})
    models.set_scores(transaction, scores)
    events.append(
        transaction,
        now=rooms.now(),
        kind="created" if before is None else "configured",
        actor=actor,
        reason=reason,
        before={} if before is None else before.to_dict(),
        after=after.to_dict(),
    )
