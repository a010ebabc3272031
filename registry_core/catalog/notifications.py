"""Notifications in the catalog: what has to be sent about an alert, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..live import Notification
from .database import Queries, Transaction


@dataclass(frozen=True)
class Due:
    """One message to send now; ``attempts`` counts this one as well."""

    alert_id: int
    channel: str
    attempts: int


def insert(transaction: Transaction, alert_id: int, channels: Sequence[str], at: str) -> None:
    """Note what has to be sent, in the transaction that opens the alert."""
    for channel in channels:
        transaction.query(
            "INSERT INTO notifications (alert_seq, channel, attempts, next_at, failure) "
            "VALUES (:alert, :channel, 0, :at, '')",
            {"alert": alert_id, "channel": channel, "at": at},
        )


def claim(transaction: Transaction, now: str, later: Sequence[str]) -> Due | None:
    """Take the next message that is due, so that nobody else sends it meanwhile; None when none is.

    Args:
        now: the present.
        later: when the next attempt would be, after the first, the second ...; there are as many attempts.
    """
    rows = transaction.query(
        "SELECT alert_seq, channel, attempts FROM notifications "
        "WHERE sent_at IS NULL AND attempts < :most AND next_at <= :now ORDER BY next_at, alert_seq, channel LIMIT 1",
        {"most": len(later), "now": now},
    )
    if not rows:
        return None
    row = rows[0]
    transaction.query(
        "UPDATE notifications SET attempts = attempts + 1, next_at = :later "
        "WHERE alert_seq = :alert AND channel = :channel",
        {"later": later[row["attempts"]], "alert": row["alert_seq"], "channel": row["channel"]},
    )
    return Due(row["alert_seq"], row["channel"], row["attempts"] + 1)


def settle(transaction: Transaction, due: Due, sent_at: str | None, failure: str) -> None:
    """Note what came of an attempt."""
    transaction.query(
        "UPDATE notifications SET sent_at = :sent_at, failure = :failure "
        "WHERE alert_seq = :alert AND channel = :channel AND sent_at IS NULL",
        {"sent_at": sent_at, "failure": failure, "alert": due.alert_id, "channel": due.channel},
    )


def next_due(queries: Queries, most: int) -> str | None:
    """When the next attempt is due, or None when nothing waits."""
    rows = queries.query(
        "SELECT min(next_at) AS at FROM notifications WHERE sent_at IS NULL AND attempts < :most", {"most": most}
    )
    at: str | None = rows[0]["at"]
    return at


def shown(channel: str) -> str:
    """An address without what may be secret in it: ``https://hooks.example.org/...``, ``slack://...``, ``env:NAME``."""
    if channel.startswith("env:"):
        return channel
    scheme, sign, rest = channel.partition("://")
    if not sign:
        return "..."
    host = rest.partition("/")[0].rpartition("@")[2] if scheme.lower() in ("http", "https") else ""
    return f"{scheme}://{host}/..." if host else f"{scheme}://..."


def by_alert(queries: Queries, alert_ids: Sequence[int]) -> dict[int, tuple[Notification, ...]]:
    """What was to be sent about some alerts, in the order of the channels' names."""
    if not alert_ids:
        return {}
    found: dict[int, tuple[Notification, ...]] = {}
    # Numbers of ours, a few hundred at most.
    for row in queries.query(
        f"SELECT * FROM notifications WHERE alert_seq IN ({', '.join(str(int(each)) for each in alert_ids)}) "
        "ORDER BY alert_seq, channel"
    ):
        sent = Notification(shown(row["channel"]), row["attempts"], row["next_at"], row["sent_at"], row["failure"])
        found[row["alert_seq"]] = (*found.get(row["alert_seq"], ()), sent)
    return found
