"""Events: appended with every change of state, chained by their hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from ..events import EventKind
from ..records import Event, Row, utc_text
from . import requests
from .database import Queries, Transaction, insertion
from .guarded import whole_of
from .moved import MOVED_TO, refusal

_START = "0" * 64
#: SQLite joins up to 500 selects.
_MOST_SELECTS = 100


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def digest(previous: str, row: Mapping[str, Any]) -> str:
    """The hash of an event, from that of the one before and its own content."""
    kept = {
        key: row[key] for key in ("seq", "at", "kind", "model_name", "model_id", "actor", "reason", "before", "after")
    }
    if row["principal"]:
        # Left out where nobody signed in, as in all events of earlier releases, whose hashes stay what they are.
        kept["principal"] = row["principal"]
    return sha256((previous + _canonical(kept)).encode()).hexdigest()


def append(
    transaction: Transaction,
    *,
    now: datetime,
    kind: EventKind,
    actor: str,
    reason: str,
    model_name: str | None = None,
    model_id: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> tuple[int, str]:
    """Append an event; its id and its time.

    A clock that jumped back does not take the history with it: the time is never before the last event's.

    Raises:
        StorageError: the registry moved.
    """
    # Webhooks and the move are asked for in the same statement, so that where there are none they cost nothing.
    last = transaction.query(
        "SELECT seq, at, hash, EXISTS (SELECT 1 FROM webhooks WHERE enabled = 1) AS has_webhooks, "
        f"(SELECT value FROM settings WHERE name = '{MOVED_TO}') AS moved_to FROM events ORDER BY seq DESC LIMIT 1"
    )
    if last and last[0]["moved_to"] is not None:
        raise refusal(last[0]["moved_to"])
    transaction.has_news |= bool(last and last[0]["has_webhooks"])
    row: Row = {
        "seq": last[0]["seq"] + 1 if last else 1,
        "at": max(utc_text(now), last[0]["at"]) if last else utc_text(now),
        "kind": kind.value,
        "model_name": model_name,
        "model_id": model_id,
        "actor": actor,
        "reason": reason,
        "before": _canonical(before or {}),
        "after": _canonical(after or {}),
        "principal": transaction.principal,
    }
    row["hash"] = digest(last[0]["hash"] if last else _START, row)
    transaction.query(insertion("events", row), row)
    requests.note_change(transaction, kind.value, model_id)
    return row["seq"], row["at"]


def _conditions(
    model_name: str | None,
    model_id: str | None,
    kinds: Sequence[str] | None,
    actor: str | None,
    since: str | None = None,
) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {}
    parts = []
    for column, value in (("model_name", model_name), ("model_id", model_id), ("actor", actor)):
        if value is not None:
            parts.append(f"{column} = :{column}")
            parameters[column] = value
    if since is not None:
        parts.append("at >= :since")
        parameters["since"] = since
    if kinds is not None:
        parameters.update({f"kind{n}": str(kind) for n, kind in enumerate(kinds)})
        of_kind = ", ".join(f":kind{n}" for n in range(len(kinds)))
        parts.append(f"{_kind(model_id)} IN ({of_kind})" if kinds else "1 = 0")
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def _kind(model_id: str | None) -> str:
    # Not by the index of kinds: a version has few events, and there may be many of a kind.
    return "kind" if model_id is None else "(kind || '')"


def listed(
    queries: Queries,
    model_name: str | None = None,
    since: str | None = None,
    limit: int | None = None,
    model_id: str | None = None,
    kinds: Sequence[str] | None = None,
    actor: str | None = None,
    offset: int = 0,
) -> list[Event]:
    """Events that fit, newest first."""
    page = "" if limit is None else " LIMIT :limit OFFSET :offset"
    kinds = None if kinds is None else [*dict.fromkeys(map(str, kinds))]
    if limit is None or kinds is None or not 2 <= len(kinds) <= _MOST_SELECTS:
        where, parameters = _conditions(model_name, model_id, kinds, actor, since)
        sql = f"SELECT * FROM events{where}"
    else:
        # The newest of each kind are read from an index; all of several kinds would have to be sorted.
        where, parameters = _conditions(model_name, model_id, None, actor, since)
        parameters |= {f"kind{n}": str(kind) for n, kind in enumerate(kinds)} | {"most": limit + offset}
        sql = " UNION ALL ".join(
            f"SELECT * FROM (SELECT * FROM events{where}{' AND' if where else ' WHERE'} {_kind(model_id)} = :kind{n} "
            f"ORDER BY seq DESC LIMIT :most) AS of_kind_{n}"
            for n in range(len(kinds))
        )
    rows = queries.query(f"{sql} ORDER BY seq DESC{page}", {**parameters, "limit": limit, "offset": offset})
    return [_event(row) for row in rows]


def find(queries: Queries, seq: int) -> Event | None:
    """One event, or None."""
    rows = queries.query("SELECT * FROM events WHERE seq = :seq", {"seq": seq})
    return _event(rows[0]) if rows else None


def _event(row: Row) -> Event:
    return Event(
        row["seq"], row["at"], row["kind"], row["model_name"], row["model_id"], row["actor"], row["reason"],
        json.loads(row["before"]), json.loads(row["after"]), row["hash"], row["principal"],
    )  # fmt: skip


def count(
    queries: Queries, model_name: str | None, model_id: str | None, kinds: Sequence[str] | None, actor: str | None
) -> int:
    """How many events fit."""
    where, parameters = _conditions(model_name, model_id, kinds, actor)
    return int(queries.query(f"SELECT count(*) AS n FROM events{where}", parameters)[0]["n"])


def newest(queries: Queries) -> int:
    """The id of the newest event, 0 when there is none."""
    return int(whole_of(queries).query("SELECT coalesce(max(seq), 0) AS n FROM events")[0]["n"])


def newest_for(queries: Queries, model_name: str) -> int:
    """The id of the newest event of a model name or of the whole registry, 0 when there is none.

    What becomes of a version depends on nothing that happens to other names.
    """
    rows = whole_of(queries).query(
        "SELECT coalesce(max(n), 0) AS n FROM (SELECT max(seq) AS n FROM events WHERE model_name = :name "
        "UNION ALL SELECT max(seq) FROM events WHERE model_name IS NULL) newest",
        {"name": model_name},
    )
    return int(rows[0]["n"])


def first_break(queries: Queries) -> int | None:
    """The id of the first event whose number or hash does not follow from the one before; None when all do."""
    previous, expected, step = _START, 1, 10_000
    while True:
        rows = queries.query(
            "SELECT * FROM events WHERE seq >= :seq ORDER BY seq LIMIT :step", {"seq": expected, "step": step}
        )
        for row in rows:
            if row["seq"] != expected or row["hash"] != digest(previous, row):
                return int(row["seq"])
            previous, expected = row["hash"], expected + 1
        if len(rows) < step:
            return None


def setting(queries: Queries, name: str) -> str | None:
    """A stored setting's text, or None."""
    rows = queries.query("SELECT value FROM settings WHERE name = :name", {"name": name})
    return rows[0]["value"] if rows else None


def set_setting(transaction: Transaction, name: str, value: str) -> None:
    """Store a setting's text."""
    transaction.query(
        "INSERT INTO settings (name, value) VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {"name": name, "value": value},
    )
