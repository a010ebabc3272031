"""Calls over HTTP in the catalog, by caller and key, with their answers."""

from __future__ import annotations

from typing import NamedTuple

from .database import Queries, Transaction


class Request(NamedTuple):
    """A call. ``sha256`` is that of what was asked; ``answer`` is None until it is answered."""

    sha256: str
    begun_at: str
    answer: str | None


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
