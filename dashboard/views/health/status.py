"""The health page's first part: the state, what is done when it gets worse, open alerts; what to do where nothing is.

It refreshes itself, and reads the registry anew each time. A button in it starts the whole page anew, where a dialog
or another page is what follows.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from typing import Literal

import streamlit as st

from dashboard import formatting, live_queries, navigation, session
from dashboard.ui import controls, live_text, messages, model_decisions
from dashboard.views.health import decisions, sentences
from registry_core import Alert, HealthReport, RegistryError

#: Alerts shown in full; what else is open is counted.
MOST_ALERTS = 6
HOW_TO_SERVE = """from registry_core import Registry

registry = Registry("{location}")
# The champion predicts; every prediction gets an id.
answer = registry.predictor("{name}").predict(rows)
# As soon as the labels are known:
registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)"""


def stage(report: HealthReport, view: session.View) -> str:
    """How much there is to show; another stage is another page."""
    if report.model_id is None:
        return "no champion"
    # Who has just been put back was asked nothing yet, but those before were.
    return "traffic" if report.predictions or live_queries.recent_days(report.model_name, view) else "no traffic"


@st.fragment(run_every="5s")
def now(name: str, drawn_as: tuple[str, int | None]) -> None:
    """The state, what is done when it gets worse, and the open alerts; refreshes itself."""
    # Nobody else explains an error of a part that refreshes itself.
    try:
        with st.container(key="live-health"):
            _now(name, drawn_as, session.view())
    except RegistryError as error:
        messages.explain(error)


def _now(name: str, drawn_as: tuple[str, int | None], view: session.View) -> None:
    report = live_queries.health(view, name)
    if (stage(report, view), report.deployment_id) != drawn_as:
        # Another champion is told of on the whole page at once.
        st.rerun(scope="app")
    known = live_queries.versions(name, view)
    with st.container(border=True, key="health-state"):
        _state(report)
        if report.main_alert is not None:
            _incident(report.main_alert, report, view)
        _waiting(report)
        if report.model_id is not None:
            # With an incident its own figures come first, and those of the whole deployment on demand.
            whole = report.main_alert is not None and report.main_alert.about_champion
            with st.expander("Whole deployment", key="whole-deployment") if whole else nullcontext():
                _facts(report, view, known)
            _slices(report)
            _policy(name, report, view)
    open_alerts(report, view)


def _state(report: HealthReport) -> None:
    moment = messages.now().astimezone(messages.viewer_zone())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        head = live_text.mark(report.state)
        if report.main_alert is not None:
            head += f": {formatting.escaped(sentences.title(report.main_alert).lower())}"
        st.header(head, anchor=False, width="content")
        st.caption(f"live, read at {moment:%H:%M:%S}", width="content", help="Refreshed every 5 seconds")
    st.markdown(formatting.escaped(formatting.sentence(report.sentence)))


def _incident(alert: Alert, report: HealthReport, view: session.View) -> None:
    """The alert that the state is about: what to do first, then its impact, since when, and who knows."""
    _buttons(alert, report, view)
    since = messages.when(alert.began)
    impact = sentences.impact(alert, report, live_queries.performance(view, report.model_name, _start(alert)))
    if not impact:
        _known_to(alert, f"Since {since}")
        return
    facts = {"Since": since, **impact}
    with st.grid(min_column_width=140, gap="small", key="incident-facts") as grid:
        for title, value in facts.items():
            with grid.cell():
                st.caption(formatting.escaped(title))
                st.markdown(formatting.escaped(value))
    _known_to(alert)


def _start(alert: Alert) -> datetime:
    found = formatting.parsed(alert.began)
    assert found is not None
    return found


def _facts(report: HealthReport, view: session.View, known: dict[str, str]) -> None:
    metric = sentences.watched(report)
    held, needed = report.baseline_labels or (0, 0)
    baseline = f"not yet: {held:,} of {needed:,} labels", ""
    if report.baseline is not None:
        baseline = formatting.number(report.baseline.value), f"On {report.baseline.source}"
    served = formatting.lasted(report.since or report.at, None, messages.now())
    facts = {
        "Champion": (f"{known.get(report.model_id or '', '?')}, for {served}", ""),
        f"{metric.label} in production": (
            sentences.interval(report),
            _over(report),
        ),
        "Baseline": baseline,
        "Predictions with label": (sentences.coverage(report), sentences.counting(report)),
        "Failed requests": (f"{report.failures:,}", ""),
    }
    if report.comparison is not None:
        facts["Version before"] = sentences.beside(report.comparison, known)
    found = report.estimate
    if found is not None and found.accuracy is not None and found.low is not None and found.high is not None:
        value = f"≈ {found.accuracy:.3f} ({found.low:.3f} to {found.high:.3f})"
        facts["Estimated from scores"] = value, f"An estimate, without labels. {formatting.sentence(found.sentence)}"
    with st.grid(min_column_width=140, gap="small", key="health-facts") as grid:
        for title, (value, further) in facts.items():
            with grid.cell():
                st.caption(formatting.escaped(title), help=formatting.escaped(further) or None)
                st.markdown(formatting.escaped(value))


def _over(report: HealthReport) -> str:
    if report.performance is None:
        return ""
    covered = live_text.covers(report.performance, messages.viewer_zone())
    return f"Over all labels of this deployment: {covered}. In brackets the 95% interval, for one look"


def _waiting(report: HealthReport) -> None:
    """How far the baseline is, while there is none."""
    if report.labelled and report.baseline is None and report.baseline_labels:
        held, needed = report.baseline_labels
        st.progress(
            min(held / needed, 1.0),
            text=f"Baseline: {held:,} of {needed:,} labels. Until it is complete, a degradation cannot be detected.",
        )


def _slices(report: HealthReport) -> None:
    said = report.slice_sentences
    if said:
        lines = "".join(f"\n- {formatting.escaped(each)}" for each in said)
        st.caption(f"**Slices**\n{lines}")


def _policy(name: str, report: HealthReport, view: session.View) -> None:
    policy = view.registry.policy(name).monitoring_policy
    does = sentences.when_worse(report, policy, messages.now(), messages.viewer_zone())
    st.caption(f"**On degradation:** {formatting.escaped(does)}")


def open_alerts(report: HealthReport, view: session.View) -> None:
    """Alerts that are not over, each with what can be said of it."""
    found = [alert for alert in report.alerts if alert != report.main_alert]
    if not found:
        return
    more = "further " if report.main_alert is not None else ""
    messages.section(formatting.count(len(found), f"{more}open alert"))
    for alert in sorted(found, key=lambda each: each.severity != "critical")[:MOST_ALERTS]:
        _alert(alert, report, view)
    if len(found) > MOST_ALERTS:
        st.caption(f"{formatting.count(len(found) - MOST_ALERTS, 'older alert')} more; resolve these to see them.")


def _alert(alert: Alert, report: HealthReport, view: session.View) -> None:
    colour, shape, word = live_text.STATES[alert.severity]
    text = formatting.sentence(alert.text)
    with st.container(border=True, key=f"alert-{alert.alert_id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            title = formatting.escaped(sentences.title(alert))
            st.markdown(f":{colour}[{shape} {word}] **{title}**", width="content")
            _buttons(alert, report, view)
        st.markdown(formatting.escaped(text))
        _known_to(alert, f"Since {messages.when(alert.began)}")


def _buttons(alert: Alert, report: HealthReport, view: session.View) -> None:
    with st.container(horizontal=True, gap="small", width="content", key=f"alert-buttons-{alert.alert_id}"):
        if alert.about_champion:
            _roll_back_button(alert, report, view)
        decisions.buttons(alert, formatting.sentence(alert.text))
        if alert.about_champion and st.button(
            "Promote another version",
            key=f"another-{alert.alert_id}",
            icon=":material/leaderboard:",
            on_click=navigation.go,
            args=("leaderboard", report.model_name),
        ):
            st.rerun(scope="app")


def _known_to(alert: Alert, *said: str) -> None:
    """Who acknowledged an alert, with what note, and who was notified of it."""
    told = list(said)
    if alert.acknowledged_at:
        told.append(
            f"✓ acknowledged by {alert.acknowledged_by} {formatting.ago(alert.acknowledged_at, messages.now())}"
        )
    told += [sentences.notification(each, messages.now()) for each in alert.notifications]
    if told:
        st.caption(" · ".join(formatting.escaped(each) for each in told))


def _roll_back_button(alert: Alert, report: HealthReport, view: session.View) -> None:
    if report.model_id is None or view.rollback_target(report.model_name) is None:
        return
    first: Literal["primary", "secondary"] = "primary" if alert == report.main_alert else "secondary"
    if controls.button(
        "Roll back", "rollback", report.model_name, view, key=f"rollback-{alert.alert_id}", icon=":material/undo:",
        type=first,
    ):  # fmt: skip
        model_decisions.ask("rollback", view.metadata(report.model_id), report.model_id)
        st.rerun(scope="app")


def no_champion(name: str) -> None:
    """What to do where nothing serves."""
    with st.container(border=True):
        messages.section("Nothing serves yet", f"{name} has no champion, so nothing is in production.")
        st.button(
            "Choose a version",
            icon=":material/leaderboard:",
            key="to-leaderboard",
            on_click=navigation.go,
            args=("leaderboard", name),
        )


def no_traffic(name: str) -> None:
    """How predictions come to be logged."""
    with st.container(border=True):
        messages.section(
            "No prediction was logged yet",
            "Predict through the registry and record the outcomes; this page fills automatically.",
        )
        location = session.registry().location
        st.code(HOW_TO_SERVE.format(location=location, name=name), language=None)


def no_labels(report: HealthReport) -> None:
    """What is missing while predictions come without their truth."""
    if report.predictions and not report.labelled:
        messages.show(
            "info",
            f"{report.predictions:,} predictions, and no label yet. Call `registry.record_outcomes(...)` whenever the "
            "label is known: without labels only features can be monitored, not whether predictions are right.",
        )
