"""What stands for decisions about trust that were made here: names of settings, each made with a secret key."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..records import Row
from .database import Queries, Transaction
from .events import set_setting
from .guarded import whole_of

PREFIX = "sealed:"
_AFTER = "sealed;"
#: How many are looked up with one query.
_AT_ONCE = 500


def first_event(queries: Queries) -> str | None:
    """The hash of a registry's first event, which its copies and backups share; None while it has none."""
    rows = whole_of(queries).query("SELECT hash FROM events WHERE seq = 1")
    return str(rows[0]["hash"]) if rows else None


def sealed(queries: Queries, seals: Iterable[str]) -> set[str]:
    """Those of the seals that are kept."""
    asked, found = list(seals), set[str]()
    for start in range(0, len(asked), _AT_ONCE):
        values = {f"seal{number}": seal for number, seal in enumerate(asked[start : start + _AT_ONCE])}
        listed = ", ".join(f":{name}" for name in values)
        found |= {name for (name,) in queries.tuples(f"SELECT name FROM settings WHERE name IN ({listed})", values)}
    return found


def any_sealed(queries: Queries) -> bool:
    """Whether any seal is kept, of whichever key."""
    bounds = {"first": PREFIX, "last": _AFTER}
    return bool(queries.tuples("SELECT 1 FROM settings WHERE name >= :first AND name < :last LIMIT 1", bounds))


def put(transaction: Transaction, seals: Collection[str]) -> None:
    """Keep seals."""
    for name in seals:
        set_setting(transaction, name, "")


def remove(transaction: Transaction, seals: Collection[str]) -> None:
    """Take seals away."""
    for name in seals:
        transaction.query("DELETE FROM settings WHERE name = :name", {"name": name})


def approvals(queries: Queries, model_name: str | None) -> list[Row]:
    """Every approval (of a model name), with the sha256 of what was approved, oldest first."""
    return queries.query(
        "SELECT r.model_id, r.actor, r.at, m.model_name, d.metadata FROM reviews r "
        "JOIN models m ON m.model_id = r.model_id JOIN model_documents d ON d.model_seq = m.seq "
        f"WHERE r.verdict = 'approved'{_named(model_name)} ORDER BY r.seq",
        {"name": model_name},
    )


def overrides(queries: Queries, model_name: str | None) -> list[Row]:
    """Every version (of a model name) that went into production over failed gates, with its note."""
    return queries.query(
        "SELECT m.model_id, m.model_name, m.override_note, d.metadata FROM models m "
        "JOIN model_documents d ON d.model_seq = m.seq "
        f"WHERE m.override_note <> ''{_named(model_name)} ORDER BY m.seq",
        {"name": model_name},
    )


def _named(model_name: str | None) -> str:
    # Not by the index of names: there are few approvals, and may be many versions of a name.
    return "" if model_name is None else " AND (m.model_name || '') = :name"
