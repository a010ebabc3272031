"""The trash: into it, out of it for good, and pins, which keep a version out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from ...catalog import events, models, packed
from ...catalog import trash as table
from ...catalog.database import Transaction
from ...errors import StateConflict
from ...records import Row, Status, utc_text
from ...upkeep import Trashed
from ..decide import set_status
from ..files import purged
from ..rooms import Rooms, check_reason
from ..rows import require
from . import standing, sweep


def pin(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.pin``."""
    who, why = rooms.who(actor), check_reason(reason)
    with rooms.database.transaction() as transaction:
        row = require(transaction, model_id)
        if row["status"] == "purged":
            raise StateConflict(f"{purged(model_id, row['status_reason'])}; there is nothing left to pin")
        if row["status"] == "trashed":
            raise StateConflict(f"{model_id} is in the trash; restore it before you pin it")
        if row["pinned"]:
            raise StateConflict(f"{model_id} is pinned already")
        _set_pinned(rooms, transaction, row, True, who, why)


def unpin(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.unpin``."""
    who, why = rooms.who(actor), check_reason(reason)
    with rooms.database.transaction() as transaction:
        row = require(transaction, model_id)
        if not row["pinned"]:
            raise StateConflict(f"{model_id} is not pinned")
        _set_pinned(rooms, transaction, row, False, who, why)


def _set_pinned(rooms: Rooms, transaction: Transaction, row: Row, pinned: bool, actor: str, reason: str) -> None:
    models.update(transaction, row["model_id"], pinned=int(pinned))
    events.append(
        transaction, now=rooms.now(), kind="pinned" if pinned else "unpinned", actor=actor, reason=reason,
        model_name=row["model_name"], model_id=row["model_id"], before={"pinned": not pinned},
        after={"pinned": pinned},
    )  # fmt: skip


def delete(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.delete``."""
    who, why = rooms.who(actor), check_reason(reason)
    with rooms.database.transaction() as transaction:
        row = require(transaction, model_id)
        if row["status"] == "trashed":
            raise StateConflict(f"{model_id} is in the trash already; purge deletes its files for good")
        if row["status"] != "purged":
            known = standing.roles(transaction, row["model_name"])
            fixed = known.untouchable(model_id, bool(row["pinned"]))
            if fixed is not None:
                way = (
                    "promote another model" if model_id in known.champions
                    else "reject it" if model_id in known.predecessors
                    else "stop the experiment" if model_id in known.experiments
                    else "unpin it"
                )  # fmt: skip
                raise StateConflict(f"{model_id} cannot go into the trash: {fixed}; {way} first")
        put(rooms, transaction, row["model_name"], model_id, row["status"], who, why)


def put(
    rooms: Rooms,
    transaction: Transaction,
    model_name: str,
    model_id: str,
    was: Status,
    actor: str,
    reason: str,
    because: str = "",
) -> None:
    """Put a version into the trash, in a transaction that has looked whether it may; ``because`` is the policy's."""
    days = rooms.configuration(transaction).policy(model_name).retention_policy.trash_days
    purge_at = utc_text(rooms.now() + timedelta(days=days))
    further = {"purge_at": purge_at, **({"because": because} if because else {})}
    at = set_status(rooms, transaction, model_id, "delete", actor, reason or because, further)
    table.insert(transaction, model_id, at, purge_at, actor, reason or because, was)


def purge(rooms: Rooms, model_id: str, actor: str | None, reason: str) -> int:
    """See ``Registry.purge``."""
    who, why = rooms.who(actor), check_reason(reason)
    with rooms.database.transaction() as transaction:
        take_out(rooms, transaction, model_id, who, why)
    return Removal(rooms).remove([model_id])


def take_out(rooms: Rooms, transaction: Transaction, model_id: str, actor: str, reason: str, because: str = "") -> None:
    """Note that a version in the trash is purged. Only once that is committed may its files be removed.

    Raises:
        StateConflict: it is not in the trash.
    """
    set_status(
        rooms, transaction, model_id, "purge", actor, reason or because, {"because": because} if because else None
    )
    packed.forget(transaction, standing.keys(model_id))


class Removal:
    """Removes the files of purged versions, and counts what the disk has back: what others share stays theirs."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._there = {each.key: each for each in sweep.files_of(rooms, "models")}
        self._names = Counter(each.identity for each in self._there.values())

    def remove(self, model_ids: Iterable[str]) -> int:
        """Remove their files; the bytes freed."""
        freed = 0
        for model_id in model_ids:
            for key in standing.keys(model_id):
                self._rooms.store.remove(key)
                file = self._there.pop(key, None)
                if file is None:
                    continue
                self._names[file.identity] -= 1
                if file.identity is None or self._names[file.identity] == 0:
                    freed += file.size
        return freed


def listed(rooms: Rooms, model_name: str | None) -> list[Trashed]:
    """See ``Registry.trash``."""
    rows = table.listed(rooms.database, model_name)
    sizes = {each.key: each.size for each in sweep.files_of(rooms, "models")} if rows else {}
    return [
        Trashed(
            row["model_id"], row["model_name"], f"{row['major']}.{row['minor']}.{row['patch']}", row["trashed_at"],
            row["purge_at"], row["actor"], row["reason"], row["was"],
            sum(sizes.get(key, 0) for key in standing.keys(row["model_id"])),
        )
        for row in rows
    ]  # fmt: skip
