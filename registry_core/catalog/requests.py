"""Calls over HTTP in the catalog, by caller and key, with their answers.

What a call changes and that it did so are one transaction: its first event brings an interim answer. So a call without
an answer whose server ended changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import StateConflict
from ..visitors import call as present_call
from .database import Queries, Transaction


class Request(NamedTuple):
    """A call.

    Attributes:
        sha256: that of what was asked.
        begun_at: when it began, or was last known to be under way.
        answer: None until it is answered. An interim answer says what it is answered with should its server end.
        under_way: some server is carrying it out.
    """

    sha256: str
    begun_at: str
    answer: str | None
    under_way: bool = False


def find(queries: Queries, caller: str, key: str) -> Request | None:
    """The call of a caller with a key."""
    rows = queries.query(
        "SELECT sha256, begun_at, answer FROM requests WHERE caller = :caller AND request_key = :key",
        {"caller": caller, "key": key},
    )
    return Request(**rows[0]) if rows else None


def begin(transaction: Transaction, caller: str, key: str, sha256: str, at: str) -> None:
    """Add a call that is not answered yet."""
    transaction.query(
        "INSERT INTO requests (caller, request_key, sha256, begun_at) VALUES (:caller, :key, :sha256, :at)",
        {"caller": caller, "key": key, "sha256": sha256, "at": at},
    )


def renew(transaction: Transaction, calls: Iterable[tuple[str, str]], at: str) -> None:
    """Calls, by caller and key, are under way at a time."""
    transaction.many(
        "UPDATE requests SET begun_at = :at WHERE caller = :caller AND request_key = :key",
        [{"caller": caller, "key": key, "at": at} for caller, key in calls],
    )


def note_change(transaction: Transaction, kind: str, model_id: str | None) -> None:
    """Let the call of this thread, if there is one, have its interim answer with this change.

    Raises:
        StateConflict: another server carried it out. This one stood still for so long that it was taken for ended.
    """
    call = present_call.get()
    answer = None if call is None else call.interim(kind, model_id)
    if call is None or answer is None:
        return
    noted = transaction.query(
        "UPDATE requests SET answer = :answer WHERE caller = :caller AND request_key = :key "
        "AND (answer IS NULL OR answer = :answer) RETURNING request_key",
        {"caller": call.caller, "key": call.key, "answer": answer},
    )
    if not noted:
        call.taken_over = True
        raise StateConflict(
            f"the call with the Idempotency-Key {call.key!r:.80} was carried out by another server meanwhile; send it "
            "again with its key to have its answer"
        )


def end(transaction: Transaction, caller: str, key: str, answer: str) -> None:
    """Keep the answer of a call."""
    transaction.query(
        "UPDATE requests SET answer = :answer WHERE caller = :caller AND request_key = :key",
        {"caller": caller, "key": key, "answer": answer},
    )


def forget(transaction: Transaction, caller: str, key: str) -> None:
    """Remove a call."""
    transaction.query(
        "DELETE FROM requests WHERE caller = :caller AND request_key = :key", {"caller": caller, "key": key}
    )


def forget_before(transaction: Transaction, at: str) -> None:
    """Remove the calls that began before a time."""
    transaction.query("DELETE FROM requests WHERE begun_at < :at", {"at": at})
