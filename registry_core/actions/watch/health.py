"""The health report of a champion, computed after all due actions."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from datetime import datetime
from typing import Literal

from ... import rights
from ...catalog import alerts, baselines, deployments, events, models
from ...errors import ModelNotFound
from ...events import EventKind
from ...live import (
    Alert,
    DetectorState,
    Drift,
    Estimate,
    FrozenBaseline,
    HealthReport,
    LivePerformance,
    PastRollback,
    StandbyComparison,
    ThresholdCheck,
)
from ...live.effect import gain
from ...live.health import SHOWN_AS, worst
from ...policies import MonitoringPolicy
from ...records import Deployment, utc_text
from ...rules import environments
from ...rules.intervals import wilson
from ...rules.live import estimated, watching
from ...rules.live.days import Days
from ...rules.live.figures import of_mean
from ...rules.live.split import of_metric
from ...rules.live.sums import Sums
from ...rules.live.watching import Watch
from ...rules.sentences import minute
from .. import baseline, proofs
from ..context import Context
from ..model_records import record, require
from ..timestamps import microseconds
from . import answer_drift, champion, detector_state, drifting, maturity, performance, slices, thresholds, traffic
from .act_on_findings import look

State = Literal["healthy", "warning", "critical", "unknown"]


def check(context: Context, model_name: str, *, act: bool) -> HealthReport:
    """See ``Registry.check_health``."""
    if model_name not in models.names(context.database):
        raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
    acted = look(context, model_name, thorough=True) if act else ()
    current = deployments.current(context.database, model_name)
    if current is not None:
        answer_drift.asked(context, current, thorough=True)
    return health(context, model_name, acted)


def health(context: Context, model_name: str, acted: tuple[str, ...] = ()) -> HealthReport:
    """How the champion stands; nothing is done about it."""
    policy = context.configuration().policy(model_name)
    asked, now = policy.monitoring_policy, context.now()
    current = deployments.current(context.database, model_name)
    still_open = tuple(alerts.listed(context.database, model_name))
    past = _past(context, model_name)
    if current is None:
        return HealthReport(
            model_name, utc_text(now), "unknown", f"{model_name} has no champion; promote a model", alerts=still_open,
            last_rollback=past, on_degradation=asked.on_degradation, acted=acted,
        )  # fmt: skip
    whole = traffic.whole(context, current, asked.loss)
    metadata = record(context, require(context.database, current.model_id))
    metric = baseline.watched(metadata.task, asked)
    value, low, high = _measured(metric, whole)
    seen = detector_state.observe(context, current, asked, keep=False)
    frozen = detector_state.frozen(seen.watch, baselines.find(context.database, current.deployment_id), metric)
    detector = _detector(seen.watch)
    judged = thresholds.judged(context, current, policy)
    counted = None if frozen else (round(seen.watch.days.rows), asked.baseline_labels)
    drift = drifting.judged(context, current) if asked.drift else ()
    parts = slices.states(context, current, asked, seen, whole.predictions)
    other = models.display_name(context.database, seen.standby) if seen.standby else ""
    still_open = tuple(
        replace(each, text=_now(each, current, seen, drift, metadata.display_name, other)) for each in still_open
    )
    done = performance.pooled(
        (model_name, current.model_id, current.started_at, utc_text(now)), whole, metadata.task or "", asked.loss
    )
    late = maturity.learnt(context, model_name, asked)
    answers = answer_drift.asked(context, current, thorough=False)
    versions = environments.in_words(metadata.libraries, proofs.environment(metadata))
    state, sentence = _state(metadata.display_name, current, metric, done, asked, frozen, detector, judged, still_open)
    if answers is not None and answers.status in answer_drift.WRONG:
        state, sentence = "critical", answer_drift.words(metadata.display_name, answers)
    elif late.warning and state != "critical":
        sentence = f"{sentence}. Warning: {late.warning}"
    elif versions and state != "critical":
        sentence = f"{sentence}. Library versions differ: {versions}"
    everybody = rights.open_to_everybody(context.location) if os.path.isdir(context.location) else None
    if everybody is not None and state != "critical":
        state, sentence = "warning", f"{sentence}. Warning: {everybody}"
    return HealthReport(
        model_name=model_name,
        at=utc_text(now),
        state=state,
        sentence=sentence,
        model_id=current.model_id,
        deployment_id=current.deployment_id,
        since=current.started_at,
        predictions=whole.predictions,
        failures=whole.failures,
        labelled=whole.labelled,
        coverage=whole.coverage,
        metric=metric,
        value=value,
        low=low,
        high=high,
        baseline=frozen,
        baseline_labels=counted,
        detector=detector,
        limits=judged,
        slices=parts,
        drift=drift,
        estimate=_estimate(context, current, whole),
        alerts=still_open,
        last_rollback=past,
        on_degradation=asked.on_degradation,
        predecessor=seen.standby,
        comparison=_comparison(seen, other),
        maturity=late.sentence,
        late_labels=late.warning,
        waiting=seen.waiting,
        cooldown_until=champion.cooldown_until(context.database, model_name, asked, now),
        acted=acted,
        performance=done,
        answers=answers,
        library_versions=versions,
    )


def _past(context: Context, model_name: str) -> PastRollback | None:
    found = events.listed(context.database, model_name, kinds=[EventKind.ROLLED_BACK], limit=1)
    if not found:
        return None
    last = found[0]
    return PastRollback(last.at, last.before.get("champion"), last.after["champion"], last.actor, last.reason)


def _measured(metric: str, sums: Sums) -> tuple[float | None, float | None, float | None]:
    rows, bad, squares = of_metric(sums, baseline.kind(metric))
    if not rows:
        return None, None, None
    if metric == "accuracy":
        low, high = wilson(rows - bad, rows)
        return (rows - bad) / rows, float(low), float(high)
    return bad / rows, *of_mean(rows, bad, squares)


def _detector(watch: Watch) -> DetectorState | None:
    bound, held = watch.bound, watch.detector
    if bound is None:
        return None
    value = None if not held.labels else held.log_value / math.log(10)
    log10_alarm = math.log10(held.threshold)
    sees = watch.notices
    return DetectorState(
        value, log10_alarm, bound.value, bound.because, held.labels, held.alarms, held.sentence, held.alarm, sees
    )  # fmt: skip


def _comparison(seen: detector_state.Observed, named: str) -> StandbyComparison | None:
    watch = seen.watch
    if seen.standby is None:
        return None
    known: Days | None = watch.comparison.trouble if watch.comparison is not None else None
    shown = known if known is not None and known.rows else watch.compared
    return StandbyComparison(
        seen.standby, round(shown.rows), shown.mean if shown.rows else None,
        gain(watch.rules.metric, shown.mean) if shown.rows else "", math.exp(min(watch.log_e_better, 700.0)),
        1 / watching.ALPHA, watch.standby, watch.standing != "well",
        watch.compared_with(named),
    )  # fmt: skip


def _now(
    alert: Alert,
    current: Deployment,
    seen: detector_state.Observed,
    drift: tuple[Drift, ...],
    champion: str,
    other: str,
) -> str:
    """What an open alert is about as it stands by now, where that is known; its text is of when it was opened."""
    remedy = alert.evidence.get("remedy")
    if remedy and alert.key.endswith(f":{current.deployment_id}") and seen.watch.detector.alarm:
        beside = f"{seen.watch.compared_with(other)}. " if other else ""
        return f"{champion}: {seen.watch.detector.sentence}. {beside}{remedy}"
    if alert.kind == slices.KIND and (part := seen.slices.get(str(alert.evidence["slice"]))) is not None:
        return f"{champion}: {slices.shown(str(alert.evidence['slice']))}: {part.watch.detector.sentence}"
    if alert.key == f"drift:{current.deployment_id}":
        return drifting.moved(champion, drift) or f"when the alert was opened, {minute(alert.opened_at)}: {alert.text}"
    return alert.text


def _estimate(context: Context, current: Deployment, whole: Sums) -> Estimate | None:
    """Accuracy of what was answered, labelled or not, from scores calibrated on the labels there are."""
    if whole.detail is None or not whole.detail.scores:
        return None
    began = microseconds(datetime.fromisoformat(current.started_at))
    if microseconds(context.now()) < began:
        return None
    calibration = estimated.calibrate(whole.detail.scores_of_0, whole.detail.scores_of_1)
    return estimated.estimate(calibration, whole.detail.scores)


def _state(
    who: str,
    current: Deployment,
    metric: str,
    done: LivePerformance,
    asked: MonitoringPolicy,
    frozen: FrozenBaseline | None,
    detector: DetectorState | None,
    judged: tuple[ThresholdCheck, ...],
    still_open: tuple[Alert, ...],
) -> tuple[State, str]:
    first = worst(still_open)
    shown = "no labels yet"
    named, labels = SHOWN_AS.get(metric, metric), done.labelled
    if named in done.metrics:
        since = minute(current.started_at)
        shown = f"{named} {done.metrics[named]:.4g} over {labels:,} labels since {since} UTC"
    against = "" if frozen is None else f", baseline {frozen.value:.4g} ({frozen.source})"
    if first is not None:
        return first.severity, first.text
    beyond = [each for each in judged if each.state == "beyond"]
    if beyond:
        return "warning", f"{who}: {beyond[0].sentence}"
    if labels < asked.minimum_labels:
        return (
            "unknown",
            f"{who}: {shown}{against}; at least {asked.minimum_labels:,} labels are required before the registry acts",
        )
    if detector is None:
        return "unknown", f"{who}: {shown}; no baseline yet"
    return "healthy", f"{who}: {shown}{against}; no sign of degradation"
