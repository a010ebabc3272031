"""How health is written: states with their shapes, alerts, what a detector's value means, what the policy does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo

from dashboard import formatting
from dashboard.ui import live_text
from registry_core import (
    Alert,
    Deployment,
    DetectorState,
    Drift,
    HealthReport,
    LivePerformance,
    MonitoringPolicy,
    Notification,
    StandbyComparison,
)

DRIFT = {
    "none": "✓ no drift",
    "warning": "▲ drift",
    "critical": "✕ severe drift",
    "not enough": "○ too few rows",
}
#: Beyond the limit before there is a whole week.
NO_WEEK = "○ no whole week yet"
ALERTS = {
    "challenger_failing": "Challenger fails too often",
    "challenger_slow": "Challenger slow too often",
    "challenger_slice": "Challenger worse in a slice",
    "degradation": "Champion degraded",
    "slice_degradation": "Slice degraded",
    "every_version_worse": "Every version degraded",
    "rolled_back": "Rolled back automatically",
    "rollback_suggested": "Rollback suggested",
    "not_rolled_back": "Not rolled back",
    "champion_failing": "Champion fails requests",
    "answers": "Prediction check failed",
    "threshold": "Metric threshold crossed",
    "drift": "Feature drift",
    "sample_ratio": "Sample-ratio mismatch",
    "challenger_harm": "Challenger harmful",
    "challenger_stopped": "Challenger stopped automatically",
    "stage_reached": "Rollout stage passed",
}
#: Where the detector's value lies when nothing is wrong, and where it does not stay by chance for long.
QUIET, NEAR = 2.0, 4.0


def watched(report: HealthReport) -> live_text.Watched:
    """The metric of a report."""
    return live_text.live(report.shown_metric)


def drift(found: Drift) -> str:
    """The state of drift with its shape."""
    return NO_WEEK if found.state == "not enough" and found.psi is not None else DRIFT[found.state]


def impact(alert: Alert, report: HealthReport, since: LivePerformance | None) -> dict[str, str]:
    """What an alert about the champion costs, over the labels ``since`` its trouble began: title -> figure."""
    if not alert.about_champion or since is None:
        return {}
    metric = watched(report)
    told = {}
    if metric.key in since.metrics:
        told[f"{metric.label} since then"] = figure(since, metric.key)
        if report.baseline is not None:
            told["Baseline"] = formatting.number(report.baseline.value)
        told["Labels since then"] = f"{since.labelled:,}"
    if alert.kind == "champion_failing":
        told["Failed requests"] = f"{report.failures:,}"
    return told


def figure(of: LivePerformance, metric: str) -> str:
    """A metric with its 95% interval, where it has one."""
    value, known = formatting.number(of.metrics[metric]), of.intervals.get(metric)
    return value if known is None else f"{value} ({formatting.number(known[0])} to {formatting.number(known[1])})"


def title(alert: Alert) -> str:
    """What an alert is about, in a few words."""
    return ALERTS.get(alert.kind) or formatting.event(alert.kind)


def notification(each: Notification, now: datetime) -> str:
    """What became of telling somebody."""
    if each.sent_at:
        return f"✓ sent to {each.address} {formatting.ago(each.sent_at, now)}"
    if not each.attempts:
        return f"○ waits to be sent to {each.address}"
    tries = formatting.count(each.attempts, "attempt")
    again = "" if each.given_up else "; it is tried again"
    return f"✕ not sent to {each.address} after {tries}: {each.failure or 'the last one is under way'}{again}"


def when_worse(report: HealthReport, policy: MonitoringPolicy, now: datetime, where: tzinfo) -> str:
    """What is done when the champion becomes worse, and what hinders it at present."""
    sure = "as soon as it alarms" if policy.act_without_comparison else "once it is better on the same rows"
    does = {
        "act": f"The registry opens an alert, and restores the last healthy champion {sure}.",
        "suggest": "The registry opens an alert; a person decides on the rollback.",
        "off": "Nothing: monitoring is off.",
    }[report.on_degradation]
    if report.on_degradation == "act" and report.predecessor is None:
        does = "The registry opens an alert. There is no healthy earlier champion to restore."
    if report.on_degradation == "act" and report.cooldown_until:
        until = formatting.parsed(report.cooldown_until)
        left = formatting.lasted(now.isoformat(), report.cooldown_until, now) if until and until > now else "moments"
        does += (
            f" Not during the next {left}: a rollback was made recently, and the policy waits "
            f"{policy.cooldown_hours:g} h before another (until {formatting.exact(report.cooldown_until, where)})."
        )
    return does


def detector(state: DetectorState) -> str:
    """What the detector's value means."""
    alarm = f"{round(state.log10_alarm, 1):g}"
    if state.log10_value is None:
        return "The detector has no label of this deployment yet."
    value = f"{state.log10_value:.1f}".replace("-", formatting.MINUS)
    if state.log10_value >= state.log10_alarm:
        said = "the alarm is raised"
    elif state.alarm:
        said = "the alarm lasts until the labels contradict it"
    elif state.log10_value >= NEAR:
        said = "the last labels are worse than allowed; if this continues, the alarm is near"
    elif state.log10_value >= QUIET:
        said = "somewhat worse than the baseline; by chance alone this happens now and then"
    else:
        said = "no sign of degradation"
    sees = f" With this baseline, it {state.notices}." if state.notices else ""
    return (
        f"Evidence {value} of {alarm}: {said}. The alarm is raised at {alarm}; without a degradation that happens at "
        f"most once in {10**state.log10_alarm:,.0f} labels, however often it is checked.{sees}"
    )


def beside(found: StandbyComparison, versions: Mapping[str, str]) -> tuple[str, str]:
    """What the version before would have done on the same rows, and what that is."""
    who = versions.get(found.standby, found.standby)
    rows = "every row" if found.every_row else "a sample of the rows"
    help_text = (
        f"{who} scores {rows} beside the champion; its predictions are not served. The same rows show whether the "
        f"champion degraded or the task got harder. An alarm rolls back to it at an e-value of {found.asked:,.0f}"
    )
    if found.gained is None:
        return f"{who}: no row with its label yet", help_text
    return f"{who}: {found.difference} on {found.rows:,} rows", help_text


def coverage(report: HealthReport) -> str:
    """How many predictions have their label."""
    share = f" ({report.coverage:.1%})" if report.coverage is not None else ""
    return f"{report.labelled:,} of {report.predictions:,}{share}"


def counting(report: HealthReport) -> str:
    """From when on labels count, and how many do not yet."""
    waits = (
        f". {formatting.count(report.waiting, 'label')} of younger predictions do not count yet"
        if report.waiting
        else ""
    )
    return f"{formatting.sentence(report.maturity)}{waits}" if report.maturity else ""


def interval(report: HealthReport) -> str:
    """The watched metric with its interval."""
    done = report.performance
    if done is None or report.shown_metric not in done.metrics:
        return "no labels yet"
    return figure(done, report.shown_metric)


def finding(
    report: HealthReport,
    deployed: Sequence[Deployment],
    rollbacks: Collection[str],
    versions: Mapping[str, str],
    trouble: LivePerformance | None = None,
) -> str:
    """The message of the chart: how the champion does against what was usual, and who was taken out in between.

    ``trouble`` are the labels since an incident began: then they are what counts, not those of the whole deployment.
    """
    metric = watched(report)
    who = versions.get(report.model_id or "", "the champion")
    counted = trouble or report.performance
    value = None if counted is None else counted.metrics.get(metric.key)
    labels = report.labelled if trouble is None else trouble.labelled
    since = "" if trouble is None else " since the degradation began"
    said = f"{metric.label} of {who} is {formatting.number(value)} over {formatting.count(labels, 'label')}{since}"
    if value is None:
        said = f"{metric.label} of {who} is not known: no label yet"
    elif report.baseline is None:
        held, of = report.baseline_labels or (0, 0)
        said += f" so far; its baseline is being measured ({held:,} of {of:,} labels)" if of else " so far"
    else:
        usual = report.baseline.value
        worse = value > usual if metric.lower_is_better else value < usual
        apart = metric.apart(value - usual, usual)
        bound = report.allowed
        beyond = bound is not None and (value > bound if metric.lower_is_better else value < bound)
        side = ("above" if metric.lower_is_better else "below") if worse else "better than"
        said += f", {apart} {side} its baseline" if value != usual else ", as at its baseline"
        said += ("; that is worse than allowed" if beyond else ", within what is allowed") if worse else ""
    back = next((each for each in deployed if each.started_at in rollbacks), None)
    out = back and next((each for each in deployed if each.ended_at == back.started_at), None)
    if out is not None:
        said += f"; {versions.get(out.model_id, 'another')} was rolled back"
    return said


def plain(text: str) -> str:
    """Registry's words for a table: without what is not seen, and on one line."""
    return re.sub(r"\s+", " ", formatting.visible(text))
