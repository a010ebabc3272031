"""Webhooks and their deliveries in the catalog.

A webhook has been told of all events up to ``told_seq``: those behind it become deliveries and move it on in one
transaction, so that none is forgotten and none is taken twice. Of one model name the deliveries go out one by one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from ..records import Row
from ..webhooks import TEST, DeliveryState, WebhookDelivery
from .database import Queries, Transaction, insertion

_WAITING = "delivered_at IS NULL AND given_up = 0"
#: Of each webhook and model name the first delivery that waits. Asked of each row for an earlier one, a day's backlog
#: took PostgreSQL half a minute.
_FIRST = (
    f"(SELECT webhook, model_name, min(event_seq) AS event_seq FROM webhook_deliveries WHERE {_WAITING} "
    "AND webhook IN ({among}) GROUP BY webhook, model_name) f JOIN webhook_deliveries d ON d.webhook = f.webhook "
    "AND d.model_name = f.model_name AND d.event_seq = f.event_seq"
)
_LISTED = "SELECT d.*, v.kind FROM webhook_deliveries d LEFT JOIN events v ON v.seq = d.event_seq"


class Stored(NamedTuple):
    """A webhook as it is stored, with its address; ``kinds`` is empty for all."""

    name: str
    address: str
    kinds: tuple[str, ...]
    model_names: str
    enabled: bool
    nonce: str
    told_seq: int
    created_at: str
    created_by: str


class Due(NamedTuple):
    """A delivery to attempt now; ``attempts`` counts this one as well."""

    delivery_id: str
    webhook: str
    event_seq: int
    attempts: int


def stored(queries: Queries) -> list[Stored]:
    """All webhooks, by name."""
    return [_stored(row) for row in queries.query("SELECT * FROM webhooks ORDER BY name")]


def find(queries: Queries, name: str) -> Stored | None:
    """One of them, or None."""
    rows = queries.query("SELECT * FROM webhooks WHERE name = :name", {"name": name})
    return _stored(rows[0]) if rows else None


def _stored(row: Row) -> Stored:
    fields: dict[str, Any] = {**row, "kinds": tuple(json.loads(row["kinds"])), "enabled": bool(row["enabled"])}
    return Stored(**fields)


def put(transaction: Transaction, one: Stored) -> None:
    """Add a webhook, or change the one of that name."""
    row = {**one._asdict(), "kinds": json.dumps(one.kinds), "enabled": int(one.enabled)}
    transaction.query(
        f"{insertion('webhooks', row)} ON CONFLICT (name) DO UPDATE SET kinds = excluded.kinds, "
        "model_names = excluded.model_names, enabled = excluded.enabled, nonce = excluded.nonce, "
        "told_seq = excluded.told_seq",
        row,
    )


def remove(transaction: Transaction, name: str) -> None:
    """Delete a webhook with its log."""
    transaction.query("DELETE FROM webhook_deliveries WHERE webhook = :name", {"name": name})
    transaction.query("DELETE FROM webhooks WHERE name = :name", {"name": name})


def events_after(queries: Queries, seq: int, limit: int) -> list[Row]:
    """The next events, oldest first: seq, kind, model_name, hash."""
    return queries.query(
        "SELECT seq, kind, model_name, hash FROM events WHERE seq > :seq ORDER BY seq LIMIT :limit",
        {"seq": seq, "limit": limit},
    )


def take_in(transaction: Transaction, name: str, told_seq: int, found: Sequence[tuple[str, Row]], now: str) -> None:
    """Note what has to be sent to a webhook, of the events up to ``told_seq``.

    Args:
        found: the ids of the deliveries, each with its event.
    """
    transaction.many(
        "INSERT INTO webhook_deliveries (delivery_id, webhook, event_seq, model_name, at, attempts, next_at, failure, "
        "given_up) VALUES (:id, :webhook, :seq, :model_name, :now, 0, :now, '', 0) "
        "ON CONFLICT (delivery_id) DO NOTHING",
        [
            {"id": each, "webhook": name, "seq": row["seq"], "model_name": row["model_name"] or "", "now": now}
            for each, row in found
        ],
    )
    transaction.query("UPDATE webhooks SET told_seq = :seq WHERE name = :name", {"seq": told_seq, "name": name})


def forget(transaction: Transaction, before: str) -> None:
    """Delete deliveries that were taken in before a time and wait no more."""
    transaction.query(
        "DELETE FROM webhook_deliveries WHERE at < :before AND (delivered_at IS NOT NULL OR given_up = 1)",
        {"before": before},
    )


def claim(
    transaction: Transaction, names: Collection[str], now: str, later: Sequence[str], after: str = ""
) -> Due | None:
    """Take the next delivery that is due, so that nobody else attempts it meanwhile; None when none is.

    Args:
        names: the webhooks that may be sent to.
        now: the present.
        later: when the next attempt would be, after the first, the second ...; there are as many attempts.
        after: the webhook that had its turn last: the others come first.
    """
    listed, values = _among(names)
    rows = transaction.query(
        f"SELECT d.delivery_id, d.webhook, d.event_seq, d.attempts FROM {_FIRST.format(among=listed)} "
        "WHERE d.next_at <= :now "
        "ORDER BY CASE WHEN d.webhook > :after THEN 0 ELSE 1 END, d.webhook, d.next_at, d.event_seq LIMIT 1",
        {**values, "now": now, "after": after},
    )
    if not rows:
        return None
    due = Due(**rows[0])
    return attempt(transaction, due, later)


def attempt(transaction: Transaction, due: Due, later: Sequence[str]) -> Due:
    """Count an attempt before it is made."""
    # A process that died in the last attempt has not noted how it ended, so that it is made once more.
    transaction.query(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = :later WHERE delivery_id = :id",
        {"later": later[min(due.attempts, len(later) - 1)], "id": due.delivery_id},
    )
    return due._replace(attempts=due.attempts + 1)


def settle(
    transaction: Transaction, due: Due, delivered_at: str | None, status: int | None, failure: str, *, last: bool
) -> None:
    """Note what came of an attempt; ``last``: there is no further one."""
    transaction.query(
        "UPDATE webhook_deliveries SET delivered_at = coalesce(:delivered_at, delivered_at), status = :status, "
        "failure = :failure, given_up = CASE WHEN :delivered = 1 THEN 0 WHEN :last = 1 AND delivered_at IS NULL THEN 1 "
        "ELSE given_up END WHERE delivery_id = :id",
        {
            "delivered_at": delivered_at, "status": status, "failure": failure, "id": due.delivery_id,
            "delivered": int(delivered_at is not None), "last": int(last),
        },
    )  # fmt: skip


def note_test(transaction: Transaction, one: WebhookDelivery) -> None:
    """Keep what came of a test."""
    row = {
        "delivery_id": one.delivery_id, "webhook": one.webhook, "event_seq": None, "model_name": "", "at": one.at,
        "attempts": 1, "next_at": one.at, "delivered_at": one.delivered_at, "status": one.status,
        "failure": one.failure, "given_up": int(one.state == "given up"),
    }  # fmt: skip
    transaction.query(insertion("webhook_deliveries", row), row)


def next_due(queries: Queries, names: Collection[str]) -> str | None:
    """When the next attempt for one of the webhooks is due, or None when nothing waits."""
    listed, values = _among(names)
    rows = queries.query(f"SELECT min(d.next_at) AS at FROM {_FIRST.format(among=listed)}", values)
    at: str | None = rows[0]["at"]
    return at


def _among(names: Collection[str]) -> tuple[str, dict[str, Any]]:
    values = {f"name{number}": name for number, name in enumerate(names)}
    return ", ".join(f":{each}" for each in values) or "NULL", values


def waits_for_another(queries: Queries, one: WebhookDelivery) -> bool:
    """Whether an earlier delivery of the same webhook and model name waits."""
    return bool(
        queries.query(
            "SELECT 1 FROM webhook_deliveries WHERE webhook = :webhook AND model_name = :model_name "
            f"AND event_seq < :seq AND {_WAITING} LIMIT 1",
            {"webhook": one.webhook, "model_name": one.model_name or "", "seq": one.event_id},
        )
    )


def deliveries(queries: Queries, name: str | None, limit: int | None, offset: int = 0) -> list[WebhookDelivery]:
    """Deliveries (to a webhook), newest first."""
    where = "" if name is None else " WHERE d.webhook = :name"
    page = "" if limit is None else " LIMIT :limit OFFSET :offset"
    rows = queries.query(
        f"{_LISTED}{where} ORDER BY d.at DESC, coalesce(d.event_seq, 0) DESC, d.delivery_id{page}",
        {"name": name, "limit": limit, "offset": offset},
    )
    return [_delivery(row) for row in rows]


def delivery(queries: Queries, delivery_id: str) -> WebhookDelivery | None:
    """One of them, or None."""
    rows = queries.query(f"{_LISTED} WHERE d.delivery_id = :id", {"id": delivery_id})
    return _delivery(rows[0]) if rows else None


def _delivery(row: Row) -> WebhookDelivery:
    state: DeliveryState = "delivered" if row["delivered_at"] else "given up" if row["given_up"] else "waiting"
    return WebhookDelivery(
        row["delivery_id"], row["webhook"], row["event_seq"], TEST if row["event_seq"] is None else row["kind"],
        row["model_name"] or None, row["at"], state, row["attempts"], row["next_at"], row["delivered_at"],
        row["status"], row["failure"],
    )  # fmt: skip


class Standing(NamedTuple):
    """What a webhook's log says: see ``Webhook``."""

    waiting: int = 0
    given_up: int = 0
    delivered_at: str | None = None
    failure: str = ""


def standings(queries: Queries) -> dict[str, Standing]:
    """Of each webhook that has a log, what it says."""
    rows = queries.query(
        f"SELECT webhook, sum(CASE WHEN {_WAITING} THEN 1 ELSE 0 END) AS waiting, sum(given_up) AS given_up, "
        "max(delivered_at) AS delivered_at FROM webhook_deliveries GROUP BY webhook"
    )
    return {
        row["webhook"]: Standing(
            int(row["waiting"]), int(row["given_up"]), row["delivered_at"], _failure(queries, row["webhook"])
        )
        for row in rows
    }


def _failure(queries: Queries, name: str) -> str:
    rows = queries.query(
        f"SELECT failure FROM webhook_deliveries WHERE webhook = :name AND failure <> '' AND {_WAITING} "
        "ORDER BY event_seq LIMIT 1",
        {"name": name},
    )
    return str(rows[0]["failure"]) if rows else ""
