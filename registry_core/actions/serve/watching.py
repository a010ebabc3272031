"""The seam to what watches live traffic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from ...catalog import alerts, events
from ...catalog.database import Transaction
from ...live import Alert
from ...rules.live.sums import Sums
from ..rooms import Rooms


def observe(rooms: Rooms, transaction: Transaction, model_name: str, deployment_id: int, sums: Sums, task: str) -> None:
    """In the telemetry transaction that counts them: outcomes of a champion, of exactly this deployment."""


def look(rooms: Rooms, model_name: str) -> tuple[str, ...]:
    """After the commit: act on what the outcomes say; what was done, in sentences."""
    return ()


def open_alert(
    rooms: Rooms,
    transaction: Transaction,
    now: datetime,
    *,
    model_name: str,
    kind: str,
    severity: Literal["warning", "critical"],
    key: str,
    text: str,
    model_id: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Alert | None:
    """Open an alert in a transaction; None when this trouble has one already."""
    if alerts.unresolved(transaction, model_name, key) is not None:
        return None
    seq, at = events.append(
        transaction, now=now, kind="alert_opened", actor="auto", reason=text, model_name=model_name,
        model_id=model_id, after={"kind": kind, "severity": severity, "key": key},
    )  # fmt: skip
    opened = Alert(seq, model_name, model_id, kind, severity, key, text, "open", at, dict(evidence or {}))
    alerts.insert(transaction, opened)
    return opened
