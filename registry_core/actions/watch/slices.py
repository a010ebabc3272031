"""Slices of the champion's rows: a degraded slice opens an alert and never rolls back."""

from __future__ import annotations

from ...catalog import alerts, deployments
from ...catalog.telemetry import streams
from ...live import SliceState
from ...live.health import SliceStanding, in_shown_metric
from ...policies import MonitoringPolicy
from ...records import Deployment
from ...rules.live import watching
from ...rules.live.split import of_metric
from ...rules.live.sums import total
from .. import baseline, windows
from ..alert import open_alert
from ..context import Context
from . import traffic
from .champion import CONTRADICTED, close_if_over, somebody_resolved
from .detector_state import Observed, Slice, slices_of

KIND = "slice_degradation"
_UNWATCHED = "the slice is no longer monitored"


def shown(name: str) -> str:
    """The name of a slice as people read it.

    >>> shown("region=north")
    'region = north'
    """
    return " = ".join(name.split("=", 1))


def key_of(current: Deployment, name: str) -> str:
    """What an alert about a slice is about."""
    return f"slice:{current.deployment_id}:{name}"


def look(context: Context, current: Deployment, seen: Observed) -> list[str]:
    """Open and close the alerts of slices; what was done, in sentences."""
    said: list[str] = []
    worse = {key_of(current, name): (name, each) for name, each in seen.slices.items() if each.watch.detector.alarm}
    for key, (name, each) in worse.items():
        detector = each.watch.detector
        last = alerts.newest(context.database, current.model_name, key)
        # Somebody said that this alarm is none, or has not said yet.
        if last is not None and (last.resolved_at is None or somebody_resolved(last, detector.alarms)):
            continue
        text = f"{shown(name)}: {detector.sentence}"
        with context.database.transaction() as transaction:
            now = deployments.current(transaction, current.model_name)
            if now is None or now.deployment_id != current.deployment_id:
                return said
            opened = open_alert(
                context, transaction, context.now(), model_name=current.model_name, model_id=current.model_id,
                kind=KIND, severity="warning", key=key, text=text,
                evidence={"slice": name, "alarm": detector.alarms, "labels": each.labels},
            )  # fmt: skip
        said += [text] if opened else []
    for held in alerts.listed(context.database, current.model_name):
        if held.kind != KIND or held.key in worse:
            continue
        name = str(held.evidence["slice"])
        found = seen.slices.get(name)
        because = f"{CONTRADICTED}. {found.watch.detector.sentence}" if found else _UNWATCHED
        with context.database.transaction() as transaction:
            close_if_over(context, transaction, held, because)
        said.append(f"{shown(name)}: {because}")
    return said


def states(
    context: Context, current: Deployment, policy: MonitoringPolicy, seen: Observed, predictions: int
) -> tuple[SliceState, ...]:
    """Each slice as it stands, those that became worse first; columns that no row has before all others."""
    if not policy.slices or policy.on_degradation == "off":
        return ()
    listed = streams.listed(context.telemetry, current.model_name, deployment_id=current.deployment_id)
    parts = {name: traffic.by_loss(among, seen.metric) for name, among in slices_of(listed, current, policy).items()}
    there = {name.partition("=")[0] for name in parts}
    absent = [
        SliceState(column, 0, None, f"no prediction so far has the column {column!r}", "absent")
        for column in policy.slices
        if column not in there and predictions
    ]
    found = []
    for name, each in seen.slices.items():
        days = windows.read(context.telemetry, parts.get(name, {}), table="days")
        rows, bad, _ = of_metric(total([sums for _, _, _, sums in days]), baseline.kind(seen.metric))
        value = in_shown_metric(seen.metric, bad / rows) if rows else None
        found.append(SliceState(shown(name), rows, value, *_state(each, policy)))
    return (*absent, *sorted(found, key=lambda state: not state.alarm))


def _state(each: Slice, policy: MonitoringPolicy) -> tuple[str, SliceStanding]:
    if each.watch.detector.alarm:
        return each.watch.detector.sentence, "worse"
    if each.watch.bound is None:
        return (
            f"{each.labels:,} labels; a baseline requires {policy.baseline_labels:,}, or the labels "
            f"of {watching.BASELINE_DAYS} days",
            "no baseline",
        )
    return each.watch.detector.sentence, "well"
