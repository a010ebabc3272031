"""The trash: into it, out of it for good, and pins, which keep a version out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from ...catalog import events, models, packed
from ...catalog import trash as table
from ...catalog.database import Queries, Transaction
from ...errors import StateConflict
from ...events import EventKind
from ...file_keys import model_files
from ...maintenance import Trashed
from ...records import Row, Status, utc_text
from ..context import Context, check_reason
from ..files import purged
from ..model_records import require
from ..promotion import check_status, set_status
from . import roles, sweep


def pin(context: Context, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.pin``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        check_pin(row)
        _set_pinned(context, transaction, row, True, who, why)


def check_pin(row: Row) -> None:
    """Whether a version may be pinned; raises what stands in the way."""
    model_id = row["model_id"]
    if row["status"] == "purged":
        raise StateConflict(f"{purged(model_id, row['status_reason'])}; it cannot be pinned")
    if row["status"] == "trashed":
        raise StateConflict(f"{model_id} is in the trash; restore it before you pin it")
    if row["pinned"]:
        raise StateConflict(f"{model_id} is already pinned")


def unpin(context: Context, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.unpin``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        check_unpin(row)
        _set_pinned(context, transaction, row, False, who, why)


def check_unpin(row: Row) -> None:
    """Whether a version may be unpinned; raises what stands in the way."""
    if not row["pinned"]:
        raise StateConflict(f"{row['model_id']} is not pinned")


def _set_pinned(context: Context, transaction: Transaction, row: Row, pinned: bool, actor: str, reason: str) -> None:
    models.update(transaction, row["model_id"], pinned=int(pinned))
    events.append(
        transaction, now=context.now(), kind=EventKind.PINNED if pinned else EventKind.UNPINNED, actor=actor,
        reason=reason, model_name=row["model_name"], model_id=row["model_id"], before={"pinned": not pinned},
        after={"pinned": pinned},
    )  # fmt: skip


def delete(context: Context, model_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.delete``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        check_delete(transaction, row)
        put(context, transaction, row["model_name"], model_id, row["status"], who, why)


def check_delete(queries: Queries, row: Row) -> None:
    """Whether a version may go into the trash; raises what stands in the way."""
    model_id = row["model_id"]
    if row["status"] == "trashed":
        raise StateConflict(f"{model_id} is already in the trash; purge deletes its files permanently")
    if row["status"] != "purged":
        known = roles.roles(queries, row["model_name"])
        fixed = known.untouchable(model_id, bool(row["pinned"]))
        if fixed is not None:
            way = (
                "promote another model" if model_id in known.champions
                else "reject it" if model_id in known.predecessors
                else "stop the experiment" if model_id in known.experiments
                else "unpin it"
            )  # fmt: skip
            raise StateConflict(f"{model_id} cannot be moved to the trash: {fixed}; {way} first")
    check_status(queries, row, "delete")


def put(
    context: Context,
    transaction: Transaction,
    model_name: str,
    model_id: str,
    was: Status,
    actor: str,
    reason: str,
    because: str = "",
) -> None:
    """Put a version into the trash, in a transaction that has looked whether it may; ``because`` is the policy's."""
    days = context.configuration(transaction).policy(model_name).retention_policy.trash_days
    purge_at = utc_text(context.now() + timedelta(days=days))
    further = {"purge_at": purge_at, **({"because": because} if because else {})}
    at = set_status(context, transaction, model_id, "delete", actor, reason or because, further)
    table.insert(transaction, model_id, at, purge_at, actor, reason or because, was)


def purge(context: Context, model_id: str, actor: str | None, reason: str) -> int:
    """See ``Registry.purge``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        take_out(context, transaction, model_id, who, why)
    return Removal(context).remove([model_id])


def take_out(
    context: Context, transaction: Transaction, model_id: str, actor: str, reason: str, because: str = ""
) -> None:
    """Note that a version in the trash is purged. Only once that is committed may its files be removed.

    Raises:
        StateConflict: it is not in the trash.
    """
    set_status(
        context, transaction, model_id, "purge", actor, reason or because, {"because": because} if because else None
    )
    packed.forget(transaction, model_files(model_id))


class Removal:
    """Removes the files of purged versions, and counts what the disk has back: what others share stays theirs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._there = {each.key: each for each in sweep.files_of(context, "models")}
        self._names = Counter(each.identity for each in self._there.values())

    def remove(self, model_ids: Iterable[str]) -> int:
        """Remove their files; the bytes freed."""
        freed = 0
        for model_id in model_ids:
            for key in model_files(model_id):
                self._context.store.remove(key)
                file = self._there.pop(key, None)
                if file is None:
                    continue
                self._names[file.identity] -= 1
                if file.identity is None or self._names[file.identity] == 0:
                    freed += file.size
        return freed


def listed(context: Context, model_name: str | None) -> list[Trashed]:
    """See ``Registry.trash``."""
    rows = table.listed(context.database, model_name)
    sizes = {each.key: each.size for each in sweep.files_of(context, "models")} if rows else {}
    return [
        Trashed(
            row["model_id"], row["model_name"], f"{row['major']}.{row['minor']}.{row['patch']}", row["trashed_at"],
            row["purge_at"], row["actor"], row["reason"], row["was"],
            sum(sizes.get(key, 0) for key in model_files(row["model_id"])),
        )
        for row in rows
    ]  # fmt: skip
