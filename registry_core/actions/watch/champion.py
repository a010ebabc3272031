"""The champion: when it has become worse or fails to answer, somebody is told, and its healthy predecessor put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ...catalog import alerts, deployments, events
from ...catalog.database import Queries, Transaction
from ...errors import RegistryError, StorageError
from ...live import Alert
from ...policies import MonitoringPolicy
from ...records import Deployment, utc_text
from .. import answer_checks, decide, signatures
from ..alert import open_alert, resolve_in
from ..deploy import deploy
from ..rooms import AUTO, Rooms
from ..rows import record, require
from ..serve.moments import microseconds
from . import observe, traffic

#: Predictions answered since the last failure after which a champion that failed is taken to answer again.
ANSWERS_AGAIN = 20


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a champion: the ``kind`` of its alert, what the alert is about, and the evidence in words."""

    kind: str
    key: str
    because: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def look(rooms: Rooms, current: Deployment, policy: MonitoringPolicy) -> list[str]:
    """See to a champion that fails; what was done, in sentences."""
    said = _answers_again(rooms, current)
    found = trouble(rooms, current, policy)
    return said if found is None else said + _act(rooms, current, policy, found)


def _act(rooms: Rooms, current: Deployment, policy: MonitoringPolicy, found: Trouble) -> list[str]:
    if policy.on_degradation == "suggest":
        if found.kind == "champion_failing":
            return []
        way = f"roll {current.model_name} back, or resolve the alert if it may stay"
        return _told(rooms, current, found, f"{found.because}; {way}")
    until = cooldown_until(rooms.database, current.model_name, policy, rooms.now())
    if until is not None:
        hindered = (
            f"not rolled back, since there was an automatic rollback shortly before; there may be one from {until}"
        )
        return _told(rooms, current, found, f"{found.because}; {hindered}")
    return _roll_back(rooms, current, policy, found)


def _answers_again(rooms: Rooms, current: Deployment) -> list[str]:
    """Close what is open about its failing once it has answered in windows that began after its last failure."""
    keys = (f"champion_failing:{current.model_id}", _not_rolled_back(current))
    failing = alerts.unresolved(rooms.database, current.model_name, keys[0])
    if failing is None:
        return []
    counted = traffic.of_deployment(rooms, current, None)
    opened = microseconds(datetime.fromisoformat(failing.opened_at))
    last = max([opened, *(start for start, _, sums in counted if sums.failures)])
    answered = sum(sums.predictions for start, _, sums in counted if start > last)
    if answered < ANSWERS_AGAIN:
        return []
    text = f"it answers again: {answered:,} predictions since its last failure"
    with rooms.database.transaction() as transaction:
        for key in keys:
            held = alerts.unresolved(transaction, current.model_name, key)
            if held is not None:
                close_if_over(rooms, transaction, held, text)
    return [f"{current.model_id}: {text}"]


def trouble(rooms: Rooms, current: Deployment, policy: MonitoringPolicy) -> Trouble | None:
    """What is wrong with a champion and was not settled by anybody yet."""
    failing = alerts.unresolved(rooms.database, current.model_name, f"champion_failing:{current.model_id}")
    if failing is not None:
        return Trouble(failing.kind, failing.key, failing.text, failing.evidence)
    seen = observe.read(rooms.telemetry, current.deployment_id)
    if seen is None or not seen.alarms or seen.labels < policy.minimum_labels:
        return None
    key = f"degradation:{current.deployment_id}"
    last = alerts.newest(rooms.database, current.model_name, key)
    if last is not None and last.resolved_at is not None and last.resolved_at >= seen.heard_at:
        return None
    evidence = {"alarm": seen.alarms, "labels": seen.labels, "at": seen.heard_at, "heard": seen.heard}
    return Trouble("degradation", key, f"{current.model_id}: {seen.heard}", evidence)


def cooldown_until(queries: Queries, model_name: str, policy: MonitoringPolicy, now: datetime) -> str | None:
    """Until when there is no other automatic rollback; None when nothing hinders one."""
    last = events.listed(queries, model_name, kinds=["rolled_back"], actor=AUTO, limit=1)
    if not last:
        return None
    until = datetime.fromisoformat(last[0].at) + timedelta(hours=policy.cooldown_hours)
    return utc_text(until) if until > now else None


def _told(rooms: Rooms, current: Deployment, found: Trouble, text: str, **further: Any) -> list[str]:
    """Open the alert, unless it is open or the champion is another one by now."""
    kind, key = found.kind, found.key
    if kind == "champion_failing":
        # Opened by whoever noticed; what could not be done about it is news.
        kind, key = "not_rolled_back", _not_rolled_back(current)
    if alerts.unresolved(rooms.database, current.model_name, key) is not None:
        return []
    with rooms.database.transaction() as transaction:
        if not _still(transaction, current):
            return []
        opened = open_alert(
            rooms, transaction, rooms.now(), model_name=current.model_name, model_id=current.model_id, kind=kind,
            severity="critical", key=key, text=text, evidence={**found.evidence, **further},
        )  # fmt: skip
    return [text] if opened else []


def _not_rolled_back(current: Deployment) -> str:
    return f"not_rolled_back:{current.deployment_id}"


def _still(queries: Queries, current: Deployment) -> bool:
    now = deployments.current(queries, current.model_name)
    return now is not None and now.deployment_id == current.deployment_id


def _roll_back(rooms: Rooms, current: Deployment, policy: MonitoringPolicy, found: Trouble) -> list[str]:
    key = _not_rolled_back(current) if found.kind == "champion_failing" else found.key
    held = alerts.unresolved(rooms.database, current.model_name, key)
    target, skipped = _target(rooms, current, held)
    left_out = f"; passed over: {'; '.join(skipped.values())}" if skipped else ""
    if target is None:
        text = (
            f"{found.because}; it stays champion, since no healthy earlier champion is left{left_out}. Promote another "
            "model"
        )
        return _told(rooms, current, found, text, passed_over=sorted(skipped))
    text = f"{found.because}; {current.model_id} was rolled back to {target}{left_out}"
    with rooms.database.transaction() as transaction:
        # Somebody else may have acted, or the target may have been rejected, while its file was read.
        now = rooms.now()
        unchanged = _still(transaction, current) and target in decide.predecessors(transaction, current.model_name)
        if not unchanged or cooldown_until(transaction, current.model_name, policy, now) is not None:
            return []
        deploy(rooms, transaction, now, "rolled_back", current.model_name, target, AUTO, found.because)
        decide.set_status(rooms, transaction, current.model_id, "disqualify", AUTO, found.because)
        open_alert(
            rooms, transaction, now, model_name=current.model_name, model_id=current.model_id, kind="rolled_back",
            severity="critical", key=f"rolled_back:{current.deployment_id}", text=text,
            evidence={**found.evidence, "from": current.model_id, "to": target, "passed_over": sorted(skipped)},
        )  # fmt: skip
    return [text]


def predecessor(rooms: Rooms, current: Deployment) -> str | None:
    """The earlier champion that would be put back; whether it loads is only seen then."""
    champion = record(rooms, require(rooms.database, current.model_id))
    answer_checks.complete(rooms, current.model_id)
    for model_id in decide.predecessors(rooms.database, current.model_name):
        answer_checks.complete(rooms, model_id)
        if signatures.same_inputs(rooms.database, record(rooms, require(rooms.database, model_id)), champion).same:
            return model_id
    return None


def _target(rooms: Rooms, current: Deployment, held: Alert | None) -> tuple[str | None, dict[str, str]]:
    """The latest earlier champion that takes the same inputs and loads; and why later ones were passed over."""
    champion = record(rooms, require(rooms.database, current.model_id))
    known = set(held.evidence.get("passed_over", ())) if held else set()
    skipped: dict[str, str] = {}
    answer_checks.complete(rooms, current.model_id)
    for model_id in decide.predecessors(rooms.database, current.model_name):
        answer_checks.complete(rooms, model_id)
        row = require(rooms.database, model_id)
        same, because, _ = signatures.same_inputs(rooms.database, record(rooms, row), champion)
        if not same:
            skipped[model_id] = f"{model_id} takes other inputs ({because})"
        elif model_id in known:
            skipped[model_id] = f"{model_id} did not load"
        else:
            try:
                answer_checks.require_answers(rooms, row)
            except StorageError:
                raise
            except RegistryError as error:
                skipped[model_id] = f"{model_id} does not load ({error})"
            else:
                return model_id, skipped
    return None, skipped


def close_if_over(rooms: Rooms, transaction: Transaction, alert: Alert, resolution: str) -> None:
    """Close an alert in a transaction, unless somebody did."""
    again = alerts.find(transaction, alert.alert_id)
    if again is not None and again.resolved_at is None:
        resolve_in(transaction, rooms.now(), again, AUTO, resolution)
