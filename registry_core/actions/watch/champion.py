"""Degradation and failures of the champion: alerts, and the rollback to its healthy predecessor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ...catalog import alerts, deployments, events, models
from ...catalog.database import Queries, Transaction
from ...errors import RegistryError, StorageError
from ...events import EventKind
from ...live import Alert
from ...policies import MonitoringPolicy
from ...records import Deployment, utc_text
from ...rules.sentences import minute
from .. import answer_checks, promotion, signatures, timestamps
from ..alert import open_alert, resolve_in
from ..context import AUTO, Context
from ..deploy import deploy
from ..model_records import record, require
from ..timestamps import microseconds
from . import standby, traffic
from .detector_state import Observed

#: Predictions answered since the last failure after which a champion that failed is taken to answer again.
ANSWERS_AGAIN = 20
#: Why an alarm is over.
CONTRADICTED = "the labels since then contradict the alarm"


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a champion: the ``kind`` of its alert, what the alert is about, and the evidence in words."""

    kind: str
    key: str
    because: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def look(context: Context, current: Deployment, policy: MonitoringPolicy, seen: Observed) -> list[str]:
    """See to a champion that fails to answer or became worse; what was done, in sentences."""
    said = _answers_again(context, current)
    if seen.begun_anew:
        _note_begun_anew(context, current)
    standby.look(context, current, seen.standby, seen.watch)
    failing = alerts.unresolved(context.database, current.model_name, f"champion_failing:{current.model_id}")
    if failing is not None:
        found = Trouble(failing.kind, failing.key, failing.text, failing.evidence)
        targets = promotion.predecessors(context.database, current.model_name)
        return said if policy.on_degradation == "suggest" else said + _back(context, current, policy, found, targets)
    worse = _worse(context, current, policy, seen)
    if worse is not None:
        return said + _judged(context, current, policy, seen, worse)
    return said + ([] if seen.watch.detector.alarm else _well_again(context, current, seen))


def _note_begun_anew(context: Context, current: Deployment) -> None:
    reason = "This release computes the monitoring state differently; it was recomputed from all labels"
    with context.database.transaction() as transaction:
        events.append(
            transaction, now=context.now(), kind=EventKind.WATCH_BEGUN_ANEW, actor=AUTO, reason=reason,
            model_name=current.model_name, model_id=current.model_id, after={"deployment": current.deployment_id},
        )  # fmt: skip


def _worse(context: Context, current: Deployment, policy: MonitoringPolicy, seen: Observed) -> Trouble | None:
    """That a champion is worse than its baseline, in words; None while it is not, or somebody said that it may stay."""
    detector = seen.watch.detector
    if not detector.alarm or seen.labels < policy.minimum_labels:
        return None
    key = f"degradation:{current.deployment_id}"
    last = alerts.newest(context.database, current.model_name, key)
    if last is not None and somebody_resolved(last, detector.alarms):
        return None
    since = minute(timestamps.text(detector.recent_since))
    because = f"{_named(context, current.model_id)}: {detector.sentence} (predictions since {since} UTC)"
    evidence = {"alarm": detector.alarms, "labels": seen.labels, "since": since, "heard": detector.sentence}
    return Trouble("degradation", key, because, evidence)


def _judged(
    context: Context, current: Deployment, policy: MonitoringPolicy, seen: Observed, found: Trouble
) -> list[str]:
    """Put the last champion back where the evidence says that it is better; tell somebody in every other case."""
    other = seen.standby
    if other is None:
        nobody = (
            "It stays champion, since no healthy earlier champion has the same features: retrain, or promote another "
            "version"
        )
        return _told(context, current, found, nobody)
    known, named = seen.watch.standby, _named(context, other)
    compared = seen.watch.compared_with(named)
    evidence = {**found.evidence, "standby": other, "comparison": compared}
    if known != "better" and not policy.act_without_comparison:
        waits = f"{named} now scores every row as well. The champion stays unless {named} is better on the same rows"
        said = _told(context, current, replace(found, evidence=evidence), waits)
        if known == "no better":
            because = f"{_named(context, current.model_id)} degraded, and {named} is no better. {compared}"
            worse = Trouble("every_version_worse", f"every_version_worse:{current.deployment_id}", because, evidence)
            remedy = "Every version got worse: retrain on recent data. Running experiments continue"
            said += _told(context, current, worse, remedy)
        return said
    found = replace(found, because=f"{found.because}. {compared}", evidence=evidence)
    if policy.on_degradation == "suggest":
        key = f"rollback_suggested:{current.deployment_id}"
        way = f"Roll back to {named}, or resolve the alert if the champion may stay"
        return _told(context, current, replace(found, kind="rollback_suggested", key=key), way)
    return _back(context, current, policy, found, [other])


def _well_again(context: Context, current: Deployment, seen: Observed) -> list[str]:
    """Close what is open about its becoming worse: the labels since speak against it."""
    text, said = f"{CONTRADICTED}. {seen.watch.detector.sentence}", []
    for kind in ("degradation", "every_version_worse", "rollback_suggested", "not_rolled_back"):
        held = alerts.unresolved(context.database, current.model_name, f"{kind}:{current.deployment_id}")
        if held is not None:
            with context.database.transaction() as transaction:
                close_if_over(context, transaction, held, text)
            said.append(f"{_named(context, current.model_id)}: {text}")
    return said


def _back(
    context: Context, current: Deployment, policy: MonitoringPolicy, found: Trouble, targets: Sequence[str]
) -> list[str]:
    until = cooldown_until(context.database, current.model_name, policy, context.now())
    if until is not None:
        hindered = (
            f"It is not rolled back, since the last automatic rollback was less than {policy.cooldown_hours:g} hours "
            f"ago. The next one is possible from {minute(until)} UTC"
        )
        return _told(context, current, _hindered(current, found), hindered)
    return _roll_back(context, current, policy, found, targets)


def _answers_again(context: Context, current: Deployment) -> list[str]:
    """Close what is open about its failing once it has answered in windows that began after its last failure."""
    keys = (f"champion_failing:{current.model_id}", _not_rolled_back(current))
    failing = alerts.unresolved(context.database, current.model_name, keys[0])
    if failing is None:
        return []
    counted = traffic.of_deployment(context, current, None)
    opened = microseconds(datetime.fromisoformat(failing.opened_at))
    last = max([opened, *(start for start, _, sums in counted if sums.failures)])
    answered = sum(sums.predictions for start, _, sums in counted if start > last)
    if answered < ANSWERS_AGAIN:
        return []
    text = f"it serves predictions again: {answered:,} since its last failure"
    with context.database.transaction() as transaction:
        for key in keys:
            held = alerts.unresolved(transaction, current.model_name, key)
            if held is not None:
                close_if_over(context, transaction, held, text)
    return [f"{_named(context, current.model_id)}: {text}"]


def cooldown_until(queries: Queries, model_name: str, policy: MonitoringPolicy, now: datetime) -> str | None:
    """Until when there is no other automatic rollback; None when nothing hinders one."""
    last = events.listed(queries, model_name, kinds=[EventKind.ROLLED_BACK], actor=AUTO, limit=1)
    if not last:
        return None
    until = datetime.fromisoformat(last[0].at) + timedelta(hours=policy.cooldown_hours)
    return utc_text(until) if until > now else None


def _hindered(current: Deployment, found: Trouble) -> Trouble:
    """The same trouble, as what could not be done about it: that it is there was said by whoever noticed."""
    return replace(found, kind="not_rolled_back", key=_not_rolled_back(current))


def _told(context: Context, current: Deployment, found: Trouble, remedy: str, **further: Any) -> list[str]:
    """Open the alert, with what is to be done, unless it is open or the champion is another one by now."""
    kind, key, text = found.kind, found.key, f"{found.because}. {remedy}"
    if alerts.unresolved(context.database, current.model_name, key) is not None:
        return []
    with context.database.transaction() as transaction:
        if not _still(transaction, current):
            return []
        opened = open_alert(
            context, transaction, context.now(), model_name=current.model_name, model_id=current.model_id, kind=kind,
            severity="critical", key=key, text=text, evidence={**found.evidence, "remedy": remedy, **further},
        )  # fmt: skip
    return [text] if opened else []


def _named(context: Context, model_id: str) -> str:
    return models.display_name(context.database, model_id)


def _not_rolled_back(current: Deployment) -> str:
    return f"not_rolled_back:{current.deployment_id}"


def _still(queries: Queries, current: Deployment) -> bool:
    now = deployments.current(queries, current.model_name)
    return now is not None and now.deployment_id == current.deployment_id


def _roll_back(
    context: Context, current: Deployment, policy: MonitoringPolicy, found: Trouble, targets: Sequence[str]
) -> list[str]:
    held = alerts.unresolved(context.database, current.model_name, _not_rolled_back(current))
    target, skipped = _target(context, current, targets, held)
    left_out = f"; skipped: {'; '.join(skipped.values())}" if skipped else ""
    if target is None:
        nobody = f"It stays champion, since no healthy earlier champion is left{left_out}. Promote another version"
        return _told(context, current, _hindered(current, found), nobody, passed_over=sorted(skipped))
    out, back = _named(context, current.model_id), _named(context, target)
    text = f"{found.because}; {out} was rolled back to {back}{left_out}"
    with context.database.transaction() as transaction:
        # Somebody else may have acted, or the target may have been rejected, while its file was read.
        now = context.now()
        unchanged = _still(transaction, current) and target in promotion.predecessors(transaction, current.model_name)
        if not unchanged or cooldown_until(transaction, current.model_name, policy, now) is not None:
            return []
        deploy(context, transaction, now, EventKind.ROLLED_BACK, current.model_name, target, AUTO, found.because)
        promotion.set_status(context, transaction, current.model_id, "disqualify", AUTO, found.because)
        open_alert(
            context, transaction, now, model_name=current.model_name, model_id=current.model_id, kind="rolled_back",
            severity="critical", key=f"rolled_back:{current.deployment_id}", text=text,
            evidence={**found.evidence, "from": current.model_id, "to": target, "passed_over": sorted(skipped)},
        )  # fmt: skip
    return [text]


def _target(
    context: Context, current: Deployment, targets: Sequence[str], held: Alert | None
) -> tuple[str | None, dict[str, str]]:
    """The first of the targets that takes the same inputs and answers; and why others were passed over."""
    champion = record(context, require(context.database, current.model_id))
    known = set(held.evidence.get("passed_over", ())) if held else set()
    skipped: dict[str, str] = {}
    answer_checks.complete(context, current.model_id)
    for model_id in targets:
        answer_checks.complete(context, model_id)
        row, named = require(context.database, model_id), _named(context, model_id)
        same, because, _ = signatures.same_inputs(context.database, record(context, row), champion)
        if not same:
            skipped[model_id] = f"{named} has other features ({because})"
        elif model_id in known:
            skipped[model_id] = f"{named} did not load"
        else:
            try:
                answer_checks.require_answers(context, row)
            except StorageError:
                raise
            except RegistryError as error:
                skipped[model_id] = f"{named} does not load ({error})"
            else:
                return model_id, skipped
    return None, skipped


def close_if_over(context: Context, transaction: Transaction, alert: Alert, resolution: str) -> None:
    """Close an alert in a transaction, unless somebody did."""
    again = alerts.find(transaction, alert.alert_id)
    if again is not None and again.resolved_at is None:
        over = replace(again, evidence={**again.evidence, "over": True})
        resolve_in(transaction, context.now(), over, AUTO, resolution)


def somebody_resolved(last: Alert, alarm: int) -> bool:
    """Whether somebody said of an alarm, by its number, that the champion may stay.

    One that was over by itself says nothing: with further labels of the same time it may turn out not to be.
    """
    return last.resolved_at is not None and last.evidence.get("alarm") == alarm and not last.evidence.get("over")
