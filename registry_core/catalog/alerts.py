"""Alerts in the catalog: opened once for one trouble, acknowledged, resolved."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..live import Alert, Notification
from ..records import Row
from . import notifications
from .database import Queries, Transaction, insertion


def insert(transaction: Transaction, alert: Alert) -> None:
    """Add an alert under the number of its event."""
    row: Row = {
        "seq": alert.alert_id,
        "model_name": alert.model_name,
        "model_id": alert.model_id,
        "kind": alert.kind,
        "severity": alert.severity,
        "about": alert.key,
        "text": alert.text,
        "status": alert.status,
        "opened_at": alert.opened_at,
        "evidence": json.dumps(dict(alert.evidence)),
        "resolution": alert.resolution,
    }
    transaction.query(insertion("alerts", row), row)


def _records(queries: Queries, rows: Sequence[Row]) -> list[Alert]:
    sent = notifications.by_alert(queries, [row["seq"] for row in rows])
    return [_record(row, sent.get(row["seq"], ())) for row in rows]


def _record(row: Row, sent: tuple[Notification, ...]) -> Alert:
    return Alert(
        row["seq"], row["model_name"], row["model_id"], row["kind"], row["severity"], row["about"], row["text"],
        row["status"], row["opened_at"], json.loads(row["evidence"]), row["acknowledged_at"], row["acknowledged_by"],
        row["resolved_at"], row["resolution"], sent,
    )  # fmt: skip


def find(queries: Queries, alert_id: int) -> Alert | None:
    """One alert, or None."""
    rows = queries.query("SELECT * FROM alerts WHERE seq = :seq", {"seq": alert_id})
    return next(iter(_records(queries, rows)), None)


def unresolved(queries: Queries, model_name: str, key: str) -> Alert | None:
    """The alert about one trouble that is not over yet, or None."""
    rows = queries.query(
        "SELECT * FROM alerts WHERE model_name = :model_name AND about = :key AND resolved_at IS NULL",
        {"model_name": model_name, "key": key},
    )
    return next(iter(_records(queries, rows)), None)


def newest(queries: Queries, model_name: str, key: str) -> Alert | None:
    """The last alert about one trouble, over or not, or None."""
    rows = queries.query(
        "SELECT * FROM alerts WHERE model_name = :model_name AND about = :key ORDER BY seq DESC LIMIT 1",
        {"model_name": model_name, "key": key},
    )
    return next(iter(_records(queries, rows)), None)


def of_version(queries: Queries, model_id: str) -> list[Alert]:
    """All alerts about a version, newest first, those that are over too."""
    return _records(
        queries, queries.query("SELECT * FROM alerts WHERE model_id = :id ORDER BY seq DESC", {"id": model_id})
    )


def listed(
    queries: Queries, model_name: str | None = None, *, resolved: bool = False, limit: int | None = 200
) -> list[Alert]:
    """Alerts (of a model name), newest first; those that are over only when asked for."""
    conditions = [] if model_name is None else ["model_name = :model_name"]
    conditions += [] if resolved else ["resolved_at IS NULL"]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    page = "" if limit is None else " LIMIT :limit"
    rows = queries.query(
        f"SELECT * FROM alerts {where}ORDER BY seq DESC{page}", {"model_name": model_name, "limit": limit}
    )
    return _records(queries, rows)


def update(transaction: Transaction, alert: Alert) -> None:
    """Store what of an alert may change."""
    transaction.query(
        "UPDATE alerts SET status = :status, acknowledged_at = :acknowledged_at, acknowledged_by = :acknowledged_by, "
        "resolved_at = :resolved_at, resolution = :resolution, evidence = :evidence WHERE seq = :seq",
        {
            "seq": alert.alert_id,
            "status": alert.status,
            "acknowledged_at": alert.acknowledged_at,
            "acknowledged_by": alert.acknowledged_by,
            "resolved_at": alert.resolved_at,
            "resolution": alert.resolution,
            "evidence": json.dumps(alert.evidence),
        },
    )
