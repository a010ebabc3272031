"""Alerts: one for each problem, acknowledged by a person, resolved when the problem ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from ..catalog import alerts, events, models, notifications
from ..catalog.database import Queries, Transaction, is_id
from ..errors import NotFound, StateConflict
from ..events import EventKind
from ..live import Alert
from .context import AUTO, Context, check_reason


def open_alert(
    context: Context,
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
    """Open an alert in a transaction, with a notification for each channel; None when this trouble has one already.

    Whoever commits calls ``notify.wake`` afterwards.
    """
    if alerts.unresolved(transaction, model_name, key) is not None:
        return None
    # It may quote whatever a model raised.
    text = text.replace("\0", "").encode(errors="replace").decode()
    seq, at = events.append(
        transaction, now=now, kind=EventKind.ALERT_OPENED, actor=AUTO, reason=text, model_name=model_name,
        model_id=model_id, after={"kind": kind, "severity": severity, "key": key},
    )  # fmt: skip
    opened = Alert(seq, model_name, model_id, kind, severity, key, text, "open", at, dict(evidence or {}))
    alerts.insert(transaction, opened)
    channels = context.configuration(transaction).policy(model_name).monitoring_policy.notify
    notifications.insert(transaction, seq, tuple(dict.fromkeys(channels)), at)
    return opened


def resolve_in(transaction: Transaction, now: datetime, alert: Alert, actor: str, resolution: str) -> Alert:
    """Close an alert in a transaction."""
    _, at = events.append(
        transaction, now=now, kind=EventKind.ALERT_RESOLVED, actor=actor, reason=resolution,
        model_name=alert.model_name, model_id=alert.model_id, before={"alert": alert.alert_id, "status": alert.status},
        after={"alert": alert.alert_id, "status": "resolved"},
    )  # fmt: skip
    resolved = replace(alert, status="resolved", resolved_at=at, resolution=resolution)
    alerts.update(transaction, resolved)
    return resolved


def champion_changes(
    transaction: Transaction, now: datetime, model_name: str, champion: str, actor: str, verb: str
) -> None:
    """Close what was about the champion that goes and about its experiments: it is no longer anybody's trouble.

    What the registry dealt with by itself stays until a person has seen it, or changes the champion.
    """
    named = models.display_name(transaction, champion)
    for alert in alerts.listed(transaction, model_name):
        if actor == AUTO and alert.handled:
            continue
        resolve_in(transaction, now, alert, actor, f"{named} became champion ({verb} by {actor})")


def experiment_moves(
    transaction: Transaction, now: datetime, model_name: str, experiment_id: int, actor: str, over: bool
) -> None:
    """Close what was about an experiment that has ended, or about the stage it has left."""
    for alert in alerts.listed(transaction, model_name):
        about = alert.evidence.get("experiment") == experiment_id
        if about and (alert.kind == "stage_reached" or (over and not alert.handled)):
            how = "ended" if over else "advanced"
            resolve_in(transaction, now, alert, actor, f"experiment {experiment_id} was {how} by {actor}")


def find(queries: Queries, alert_id: int) -> Alert:
    """One alert.

    Raises:
        NotFound: none has that number.
    """
    found = alerts.find(queries, alert_id) if is_id(alert_id) else None
    if found is None:
        raise NotFound(f"no alert has the id {alert_id!r:.80}; alerts() lists them")
    return found


def acknowledge(context: Context, alert_id: int, actor: str | None, note: str) -> Alert:
    """See ``Registry.acknowledge``."""
    who, words = context.who(actor), check_reason(note)
    with context.database.transaction() as transaction:
        alert = find(transaction, alert_id)
        if alert.status != "open":
            by = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
            raise StateConflict(f"alert {alert_id} is already {alert.status}{by}; alerts() lists open alerts")
        now = context.now()
        _, at = events.append(
            transaction, now=now, kind=EventKind.ALERT_ACKNOWLEDGED, actor=who, reason=words,
            model_name=alert.model_name, model_id=alert.model_id, before={"alert": alert_id, "status": "open"},
            after={"alert": alert_id, "status": "acknowledged"},
        )  # fmt: skip
        seen = replace(alert, status="acknowledged", acknowledged_at=at, acknowledged_by=who)
        alerts.update(transaction, seen)
        if alert.handled:
            seen = resolve_in(transaction, now, seen, who, f"acknowledged by {who}" + (f": {words}" if words else ""))
    return find(context.database, seen.alert_id)


def resolve(context: Context, alert_id: int, actor: str | None, reason: str) -> Alert:
    """See ``Registry.resolve_alert``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        alert = find(transaction, alert_id)
        if alert.status == "resolved":
            raise StateConflict(f"alert {alert_id} is already resolved: {alert.resolution}; alerts() lists open alerts")
        resolve_in(transaction, context.now(), alert, who, f"resolved by {who}" + (f": {why}" if why else ""))
    return find(context.database, alert_id)
