"""Thresholds on live metrics over the last labels: they open alerts and never roll back."""

from __future__ import annotations

from collections.abc import Mapping

from ...catalog import alerts, models
from ...catalog.telemetry.streams import Stream
from ...live import ThresholdCheck
from ...policies import MonitoringPolicy, Policy
from ...records import Deployment
from ...rules.live.figures import figures
from ...rules.live.sums import Sums, total
from ...rules.metrics import canonical, lower_is_better
from ...rules.sentences import apart, minute
from .. import timestamps
from ..alert import open_alert
from ..context import Context
from . import traffic
from .champion import close_if_over


def judged(context: Context, current: Deployment, policy: Policy) -> tuple[ThresholdCheck, ...]:
    """Each threshold of the policy against the last labels of the champion, by time of prediction, whole windows."""
    asked = policy.monitoring_policy
    if not asked.thresholds:
        return ()
    recent = _last(context, current, asked)
    known: Mapping[str, float] = {}
    labels, since = 0, ""
    if recent is not None:
        stream, start, sums = recent
        labels, known = sums.labelled, figures(sums, stream.task, stream.loss).metrics
        since = f" (predictions since {minute(timestamps.text(start))} UTC)"
    found = []
    for name, limit in asked.thresholds.items():
        metric = canonical(name)
        lower = lower_is_better(metric, policy.lower_is_better)
        value = known.get(metric)
        if labels < asked.threshold_labels or value is None:
            missing = (
                f"{labels:,} of {asked.threshold_labels:,} labels" if value is not None or not labels else "no value"
            )
            because = f"{metric}: not enough yet ({missing})"
            found.append(ThresholdCheck(metric, limit, lower, "not enough", value, labels, because))
            continue
        beyond = value > limit if lower else value < limit
        shown, asked_for = apart(value, limit)
        side = ("above" if lower else "below") if beyond else ("at most" if lower else "at least")
        because = f"{metric} is {shown} over the last {labels:,} labels{since}, {side} {asked_for}"
        found.append(ThresholdCheck(metric, limit, lower, "beyond" if beyond else "within", value, labels, because))
    return tuple(found)


def _last(context: Context, current: Deployment, asked: MonitoringPolicy) -> tuple[Stream, int, Sums] | None:
    """The newest windows that hold as many labels as a threshold looks at."""
    counted = traffic.of_deployment(context, current, asked.loss)
    labels, since = 0, None
    for start, _, sums in reversed(counted):
        if labels >= asked.threshold_labels:
            break
        labels, since = labels + sums.labelled, start
    if since is None:
        return None
    newest = traffic.of_deployment(context, current, asked.loss, since, detail=True)
    return newest[-1][1], since, total([sums for _, _, sums in newest])


def look(context: Context, current: Deployment, policy: Policy, *, thorough: bool) -> list[str]:
    """Open and close the alerts of thresholds; what was done, in sentences."""
    asked = policy.monitoring_policy
    if not asked.thresholds:
        return []
    if not thorough:
        # Whole windows are read for this; a few labels more or less change nothing.
        labels, place = traffic.labels_of(context, current), ("limits", current.deployment_id)
        if labels < context.looked.get(place, 0) + max(asked.threshold_labels // 20, 1):
            return []
        context.looked[place] = labels
    said = []
    for limit in judged(context, current, policy):
        key = f"threshold:{limit.metric}:{current.deployment_id}"
        held = alerts.unresolved(context.database, current.model_name, key)
        if limit.state == "beyond" and held is None:
            text = f"{models.display_name(context.database, current.model_id)}: {limit.sentence}"
            with context.database.transaction() as transaction:
                opened = open_alert(
                    context, transaction, context.now(), model_name=current.model_name, model_id=current.model_id,
                    kind="threshold", severity="warning", key=key, text=text,
                    evidence={"metric": limit.metric, "limit": limit.limit, "value": limit.value},
                )  # fmt: skip
            said += [text] if opened else []
        elif limit.state == "within" and held is not None:
            with context.database.transaction() as transaction:
                close_if_over(context, transaction, held, limit.sentence)
            said.append(limit.sentence)
    return said
