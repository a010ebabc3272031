"""How it went, on the health page: the metric over time, the detector, every metric, drift, and what is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import formatting, live_queries, navigation, session
from dashboard.live_queries import recent_days, versions
from dashboard.ui import figures, live_frames, live_text, messages
from dashboard.views.health import charts as health_charts
from dashboard.views.health import frames as health_frames
from dashboard.views.health import sentences
from dashboard.views.health import tables as health_tables
from registry_core import HealthReport, RegistryError, Window

#: Changes of champion told below the chart.
MOST_MOVES = 5
#: What the reference calls the model's own answers.
SCORE = "score"


def range_choice(name: str, view: session.View) -> str:
    """How far back, kept in the address; by default as far as there is traffic, or around an incident."""
    incident = live_queries.health(view, name).main_alert
    begun = None if incident is None else formatting.parsed(incident.began)
    usual = live_frames.range_for(recent_days(name, view), messages.now(), begun)
    chosen = st.segmented_control(
        "How far back",
        list(live_frames.RANGES),
        label_visibility="collapsed",
        default=usual,
        required=True,
        key="range",
        bind="query-params",
    )
    return chosen or usual


@st.fragment(run_every="15s")
def course(name: str, chosen: str) -> None:
    """How it went: the metric over time, the detector, every metric, drift, what was rolled back; refreshes itself."""
    try:
        with st.container(key="live-course"):
            _course(name, chosen, session.view())
    except RegistryError as error:
        messages.explain(error)


def _course(name: str, chosen: str, view: session.View) -> None:
    report = live_queries.health(view, name)
    # To the next minute: while nothing new comes, the chart is the same and is not drawn again.
    moment = messages.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    back = live_frames.RANGES[chosen]
    since = None if back is None else moment - back
    policy = view.registry.policy(name).monitoring_policy
    every = live_frames.merge_of(back, policy.window_minutes)
    windows = live_queries.windows(view, name, since, every, live_frames.MOST_WINDOWS)
    known = versions(name, view)
    _over_time(name, report, windows, since, moment, known, view)
    if report.labelled:
        left, right = st.columns([2, 3], gap="large")
        with left:
            _detector(report)
            _metrics(report, since, view)
        with right:
            _drift(report)
    else:
        _drift(report)
    _last_rollback(report, known, since)
    _past_alerts(name, view)


def _over_time(
    name: str,
    report: HealthReport,
    windows: list[Window],
    since: datetime | None,
    moment: datetime,
    known: dict[str, str],
    view: session.View,
) -> None:
    metric = sentences.watched(report)
    deployed, rollbacks = view.deployments(name), {each.at for each in view.rollbacks(name)}
    incident = report.main_alert
    trouble = None
    if incident is not None and incident.about_champion:
        trouble = live_queries.performance(view, name, formatting.parsed(incident.began))
    messages.section(formatting.escaped(sentences.finding(report, deployed, rollbacks, known, trouble)))
    frame = live_frames.champions(windows, metric, known)
    if not len(frame):
        messages.show("info", "No predictions in this period. Choose a longer one above.")
        return
    begin = since or frame["start"].iloc[0].to_pydatetime()
    moves = live_frames.moves(deployed, rollbacks, known, begin)
    figure = health_charts.over_time(
        frame,
        metric.label,
        report.model_id,
        _levels(report, metric),
        moves,
        (begin, max(moment, frame["end"].iloc[-1].to_pydatetime())),
        messages.viewer_zone(),
    )
    figures.show(
        figure,
        key="health-chart",
        alt=f"{metric.label} of the champions over time with changes of champion, and how many labels are behind it",
    )
    _moves(moves)
    _open_taken_out(report, known, begin)


def _levels(report: HealthReport, metric: live_text.Watched) -> list[health_charts.Level]:
    since = formatting.parsed(report.since)
    levels = []
    if report.baseline is not None:
        usual = report.baseline.value
        levels.append(health_charts.Level(usual, f"baseline {usual:.3g}", "solid", since))
    bound = report.allowed
    if bound is not None:
        levels.append(health_charts.Level(bound, f"allowed {bound:.3g}", "dash", since))
    for limit in report.limits:
        if limit.metric == metric.key:
            levels.append(
                health_charts.Level(limit.limit, f"threshold {limit.limit:.3g}", "dot", bad=limit.state == "beyond")
            )
    return levels


def _moves(moves: pd.DataFrame) -> None:
    if not len(moves):
        return
    lines = []
    for row in moves.head(MOST_MOVES).to_dict("records"):
        back = row["how"] == "rolled back"
        shape = ":orange[✕ Rolled back]" if back else "▲ Promoted"
        instead = f" instead of {formatting.escaped(row['before'])}" if row["before"] else ""
        because = f": {formatting.escaped(formatting.sentence(row['reason']))}" if row["reason"] else ""
        lines.append(
            f"- **{shape}** to **{formatting.escaped(row['version'])}**{instead}, {messages.when(row['started_at'])}, "
            f"{formatting.escaped(live_text.by(row['actor']))}{because}"
        )
    with st.container(key="health-moves"):
        st.markdown("\n".join(lines))
        if len(moves) > MOST_MOVES:
            st.caption(f"{formatting.count(len(moves) - MOST_MOVES, 'earlier change')} in this time: see Activity.")


def _open_taken_out(report: HealthReport, known: dict[str, str], begin: datetime) -> None:
    past = report.last_rollback
    at = formatting.parsed(past.at) if past else None
    if past is None or past.from_id is None or at is None or at < begin:
        return
    out = known.get(past.from_id, "it")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            f"Open {out}",
            key="taken-out",
            icon=":material/deployed_code:",
            on_click=navigation.go,
            args=("model", report.model_name, past.from_id),
        ):
            st.rerun(scope="app")
        st.caption(f"{formatting.escaped(out)} is disqualified: it cannot be promoted until it is reinstated.")


def _detector(report: HealthReport) -> None:
    if report.detector is None:
        return
    messages.section("Degradation detector")
    figure = health_charts.detector(report.detector)
    figures.show(figure, key="detector-chart", alt=sentences.detector(report.detector))
    st.markdown(formatting.escaped(sentences.detector(report.detector)))
    alarms = f" Alarms in this deployment: {report.detector.alarms}." if report.detector.alarms else ""
    st.caption(
        formatting.escaped(
            f"{formatting.sentence(report.detector.sentence)}{alarms} "
            + " ".join(formatting.sentence(each.sentence) for each in report.limits)
        ),
        help=formatting.escaped(f"What is allowed: {report.detector.because}."),
    )


def _metrics(report: HealthReport, since: datetime | None, view: session.View) -> None:
    live = live_queries.performance(view, report.model_name, since)
    if live is None or not live.metrics:
        return
    champion = view.metadata(live.model_id)
    evaluation = view.evaluation(champion)
    measured = evaluation.metrics if evaluation is not None and evaluation.status == "measured" else None
    values = {key: each.value for key, each in measured.items()} if measured else None
    offline, source = health_frames.offline(champion, values)
    frame = health_frames.metrics(live, report, offline)
    others = f"; of the other metrics the values {source}" if frame["Baseline"].notna().sum() > 1 else ""
    usual = f"on {report.baseline.source}" if report.baseline else "not known yet"
    metric = sentences.watched(report).label
    covered = live_text.covers(live, messages.viewer_zone())
    bins = ""
    if live.auc_bracket is not None and live.auc_bracket[1] - live.auc_bracket[0] >= 1e-4:
        low, high = (formatting.number(each) for each in live.auc_bracket)
        bins = f" AUC is computed from binned scores and lies between {low} and {high}."
    messages.section(
        "Every metric",
        formatting.escaped(
            f"Of version {champion.version} as champion, over {covered}. The baseline of {metric} is {usual}{others}."
            + bins
        ),
    )
    health_tables.metrics(frame, key="live-metrics")


def _drift(report: HealthReport) -> None:
    if all(each.state == "not enough" for each in report.drift) and report.drift:
        fewest = min(report.drift, key=lambda each: min(each.n, each.m))
        early = fewest.psi is not None
        messages.section("Feature drift: no full week of data yet" if early else "Feature drift: insufficient data")
        st.markdown(formatting.escaped(formatting.sentence(fewest.sentence)))
        return
    rows = max((each.n for each in report.drift), default=0)
    over = f" over {rows:,} rows{_week(report)}" if rows else ""
    limits = {(each.warn, each.critical) for each in report.drift}
    said = "".join(f" Drift from PSI {warn:.2f}, severe from {far:.2f}." for warn, far in limits if len(limits) == 1)
    messages.section(_drift_title(report), f"Live features{over}, compared with the training data.{said}")
    if not report.drift:
        st.markdown(
            "No reference of the training features is stored. Give one when you register the next version: "
            "`register_model(..., reference=training_inputs)`."
        )
        return
    critical = max(each.critical for each in report.drift)
    frame = health_frames.drift(report.drift)
    dull = [*(["Limits"] if said else []), *([] if frame["Largest change"].any() else ["Largest change"])]
    health_tables.drift(frame.drop(columns=dull), key="drift", critical=critical)
    worst = [each for each in report.drift if each.state in ("warning", "critical")]
    shown = worst or [each for each in report.drift if each.psi is not None][:4]
    if shown:
        with st.expander("Largest change of each feature: share in training, and now", key="drift-moved"):
            figures.show(health_charts.moved(shown), key="drift-chart", alt="Shares in training and now")


def _week(report: HealthReport) -> str:
    return " of the last 7 whole days" if report.drift[0].whole else ""


def _drift_title(report: HealthReport) -> str:
    moved = [each for each in report.drift if each.state in ("warning", "critical")]
    inputs = [each for each in moved if each.feature != SCORE]
    if inputs:
        among = len([each for each in report.drift if each.feature != SCORE])
        most = f", {inputs[0].feature} most" if len(inputs) > 1 else f": {inputs[0].feature}"
        said = f"{len(inputs)} of {formatting.count(among, 'feature')} drifted{most}"
        return formatting.escaped(said + ("; so did the score" if len(moved) > len(inputs) else ""))
    if moved:
        return "No feature drift; the score drifted"
    if any(each.state == "not enough" and each.psi is not None for each in report.drift):
        return "Feature drift: no full week of data yet"
    return "No feature drift" if report.drift else "Feature drift is not monitored"


def _last_rollback(report: HealthReport, known: dict[str, str], since: datetime | None) -> None:
    """What was rolled back before the time shown; within it, the changes below the chart tell."""
    past = report.last_rollback
    at = formatting.parsed(past.at) if past else None
    if past is None or at is None or since is None or at >= since:
        return
    out, into = known.get(past.from_id or "", "The champion"), known.get(past.to_id, past.to_id)
    by = live_text.by(past.actor)
    messages.section(f"Last rollback: {formatting.escaped(out)} was taken out, {formatting.escaped(into)} restored")
    st.markdown(
        f"{messages.when(past.at)}, {formatting.escaped(by)}. "
        f"{formatting.escaped(formatting.sentence(past.reason))} "
        f"{formatting.escaped(out)} is disqualified: it cannot be promoted until it is reinstated."
    )


def _past_alerts(name: str, view: session.View) -> None:
    over = [each for each in live_queries.alerts(view, name, resolved=True) if each.status == "resolved"]
    if not over:
        return
    with st.expander(f"{formatting.count(len(over), 'resolved alert')}", key="past-alerts"):
        frame = health_frames.past_alerts(over, messages.now(), messages.viewer_zone())
        health_tables.past_alerts(frame, key="past-alerts")
