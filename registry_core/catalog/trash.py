"""What is in the trash: since when, by whom, until when, and what each version was before."""

from __future__ import annotations

from collections.abc import Sequence

from ..records import Row, Status
from .database import Queries, Transaction


def insert(
    transaction: Transaction, model_id: str, trashed_at: str, purge_at: str, actor: str, reason: str, was: Status
) -> None:
    """Note that a version is in the trash."""
    transaction.query(
        "INSERT INTO trash (model_seq, trashed_at, purge_at, actor, reason, was) "
        "SELECT seq, :trashed_at, :purge_at, :actor, :reason, :was FROM models WHERE model_id = :id",
        {
            "id": model_id,
            "trashed_at": trashed_at,
            "purge_at": purge_at,
            "actor": actor,
            "reason": reason,
            "was": was,
        },
    )


def was(queries: Queries, seq: int) -> Status | None:
    """What a version in the trash was before; None when it is not there."""
    rows = queries.query("SELECT was FROM trash WHERE model_seq = :seq", {"seq": seq})
    return rows[0]["was"] if rows else None


def purge_times(queries: Queries, model_ids: Sequence[str]) -> dict[str, str]:
    """Id -> when its files go, for those of some hundreds of versions that are in the trash."""
    if not model_ids:
        return {}
    asked = {f"id{n}": each for n, each in enumerate(model_ids)}
    rows = queries.tuples(
        "SELECT m.model_id, t.purge_at FROM models m JOIN trash t ON t.model_seq = m.seq "
        f"WHERE m.model_id IN ({', '.join(f':{key}' for key in asked)})",
        asked,
    )
    return {model_id: purge_at for model_id, purge_at in rows}


def delete(transaction: Transaction, seq: int) -> None:
    """Note that a version is no longer in the trash."""
    transaction.query("DELETE FROM trash WHERE model_seq = :seq", {"seq": seq})


def listed(queries: Queries, model_name: str | None = None) -> list[Row]:
    """What is in the trash (of a model name) with its id, name and version, the next to be purged first."""
    own = "" if model_name is None else "WHERE m.model_name = :name "
    return queries.query(
        "SELECT m.model_id, m.model_name, m.major, m.minor, m.patch, t.trashed_at, t.purge_at, t.actor, t.reason, "
        f"t.was FROM trash t JOIN models m ON m.seq = t.model_seq {own}ORDER BY t.purge_at, t.model_seq",
        {"name": model_name},
    )
