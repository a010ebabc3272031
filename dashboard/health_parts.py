"""The health page's first part: the state, what is done when it gets worse, open alerts; what to do where nothing is.

It refreshes itself, and reads the registry anew each time. A button in it starts the whole page anew, where a dialog
or another page is what follows.
"""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import (
    alert_dialogs,
    controls,
    fresh,
    health_words,
    notices,
    session,
    wording,
)
from registry_core import Alert, HealthReport, RegistryError, Window

#: Alerts shown in full; what else is open is counted.
MOST_ALERTS = 6
HOW_TO_SERVE = """from registry_core import Registry

registry = Registry("{location}")
answer = registry.predictor("{name}").predict(rows)  # the champion answers; every prediction gets an id
registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth)  # whenever the truth is known"""


def stage(report: HealthReport, view: session.View) -> str:
    """How much there is to show; another stage is another page."""
    if report.model_id is None:
        return "no champion"
    # Who has just been put back was asked nothing yet, but those before were.
    return "traffic" if report.predictions or recent_days(report.model_name, view) else "no traffic"


def recent_days(name: str, view: session.View) -> list[Window]:
    """What was asked of a name in the last three months, by day."""
    return fresh.windows(view, name, notices.now() - timedelta(days=90), "day")


def versions(name: str, view: session.View) -> dict[str, str]:
    """The version of every model that has been champion of a name, by id."""
    return {row["model_id"]: row["version"] for row in view.deployed(name)}


@st.fragment(run_every="5s")
def now(name: str, drawn_as: tuple[str, int | None]) -> None:
    """The state, what is done when it gets worse, and the open alerts; refreshes itself."""
    # Nobody else explains an error of a part that refreshes itself.
    try:
        _now(name, drawn_as, session.view())
    except RegistryError as error:
        notices.explain(error)


def _now(name: str, drawn_as: tuple[str, int | None], view: session.View) -> None:
    report = fresh.health(view, name)
    if (stage(report, view), report.deployment_id) != drawn_as:
        # Another champion is told of on the whole page at once.
        st.rerun(scope="app")
    known = versions(name, view)
    with st.container(border=True, key="health-state"):
        _state(report, known)
        _waiting(report)
        if report.model_id is not None:
            _facts(report, view, known)
            _slices(report)
            _policy(name, report, view)
    open_alerts(report, view, known)


def _state(report: HealthReport, known: dict[str, str]) -> None:
    moment = notices.now().astimezone(notices.viewer_zone())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header(health_words.mark(report.state), anchor=False, width="content")
        st.caption(f"live, read at {moment:%H:%M:%S}", width="content", help="Read again every 5 seconds")
    st.markdown(wording.escaped(health_words.sentence(report, known)))


def _facts(report: HealthReport, view: session.View, known: dict[str, str]) -> None:
    metric = health_words.watched(report)
    held, needed = report.baseline_labels or (0, 0)
    baseline = f"not yet: {held:,} of {needed:,} labels", ""
    if report.baseline is not None:
        baseline = wording.number(report.baseline.value), f"On {report.baseline.source}"
    served = wording.lasted(report.since or report.at, None, notices.now())
    facts = {
        "Champion": (f"{known.get(report.model_id or '', '?')}, for {served}", ""),
        f"{metric.label} in production": (
            health_words.interval(report),
            _over(report),
        ),
        "Baseline": baseline,
        "Predictions with label": (health_words.coverage(report), health_words.counting(report)),
        "Calls not answered": (f"{report.failures:,}", ""),
    }
    if report.comparison is not None:
        facts["Version before"] = health_words.beside(report.comparison, known)
    found = report.estimate
    if found is not None and found.accuracy is not None and found.low is not None and found.high is not None:
        value = f"≈ {found.accuracy:.3f} ({found.low:.3f} to {found.high:.3f})"
        facts["Estimated from scores"] = value, f"An estimate, without labels. {wording.sentence(found.sentence)}"
    with st.grid(min_column_width=140, gap="small", key="health-facts") as grid:
        for title, (value, further) in facts.items():
            with grid.cell():
                st.caption(wording.escaped(title), help=wording.escaped(further) or None)
                st.markdown(wording.escaped(value))


def _over(report: HealthReport) -> str:
    if report.performance is None:
        return ""
    covered = health_words.covers(report.performance, notices.viewer_zone())
    return f"Over all labels of this deployment: {covered}. In brackets the 95% interval, for one look"


def _waiting(report: HealthReport) -> None:
    """How far the baseline is, while there is none."""
    if report.labelled and report.baseline is None and report.baseline_labels:
        held, needed = report.baseline_labels
        st.progress(
            min(held / needed, 1.0),
            text=f"Baseline: {held:,} of {needed:,} labels. Until it is there, a decline cannot be told from how the "
            "model always was.",
        )


def _slices(report: HealthReport) -> None:
    said = report.slice_sentences
    if said:
        lines = "".join(f"\n- {wording.escaped(each)}" for each in said)
        st.caption(f"**Slices**\n{lines}")


def _policy(name: str, report: HealthReport, view: session.View) -> None:
    policy = view.registry.policy(name).monitoring_policy
    does = health_words.when_worse(report, policy, notices.now(), notices.viewer_zone())
    st.caption(f"**When it gets worse:** {wording.escaped(does)}")


def open_alerts(report: HealthReport, view: session.View, known: dict[str, str]) -> None:
    """Alerts that are not over, each with what can be said of it."""
    found = report.alerts
    if not found:
        return
    notices.section(f"{wording.count(len(found), 'alert')} not over yet")
    for alert in sorted(found, key=lambda each: each.severity != "critical")[:MOST_ALERTS]:
        _alert(alert, report, view, known)
    if len(found) > MOST_ALERTS:
        st.caption(f"{wording.count(len(found) - MOST_ALERTS, 'older alert')} more; resolve these to see them.")


def _alert(alert: Alert, report: HealthReport, view: session.View, known: dict[str, str]) -> None:
    colour, shape, word = health_words.STATES[alert.severity]
    text = wording.sentence(health_words.readable(alert.text, known))
    with st.container(border=True, key=f"alert-{alert.alert_id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            title = wording.escaped(health_words.title(alert))
            st.markdown(f":{colour}[{shape} {word}] **{title}**", width="content")
            with st.container(horizontal=True, gap="small", width="content", key=f"alert-buttons-{alert.alert_id}"):
                alert_dialogs.buttons(alert, text)
                if alert.kind in ("degradation", "not_rolled_back", "champion_failing", "answers"):
                    _roll_back_button(alert, report, view)
        # The state above already says what it is made of.
        if text != health_words.sentence(report, known):
            st.markdown(wording.escaped(text))
        said = [f"Since {notices.when(alert.opened_at)}"]
        if alert.acknowledged_at:
            said.append(
                f"✓ acknowledged by {alert.acknowledged_by} {wording.ago(alert.acknowledged_at, notices.now())}"
            )
        said += [health_words.notification(each, notices.now()) for each in alert.notifications]
        st.caption(" · ".join(wording.escaped(each) for each in said))


def _roll_back_button(alert: Alert, report: HealthReport, view: session.View) -> None:
    if report.model_id is None or view.rollback_target(report.model_name) is None:
        return
    if st.button("Roll back", key=f"rollback-{alert.alert_id}", icon=":material/undo:"):
        controls.ask("rollback", view.metadata(report.model_id), report.model_id)
        st.rerun(scope="app")


def no_champion(name: str) -> None:
    """What to do where nothing serves."""
    with st.container(border=True):
        notices.section("Nothing serves yet", f"{name} has no champion, so there is no production to look at.")
        st.button(
            "Choose a version",
            icon=":material/leaderboard:",
            key="to-leaderboard",
            on_click=session.go,
            args=("leaderboard", name),
        )


def no_traffic(name: str) -> None:
    """How predictions come to be logged."""
    with st.container(border=True):
        notices.section(
            "No prediction was logged yet",
            "Ask through the registry, and tell it what came of it; this page fills itself from then on.",
        )
        location = session.open_registry().location
        st.code(HOW_TO_SERVE.format(location=location, name=name), language=None)


def no_labels(report: HealthReport) -> None:
    """What is missing while predictions come without their truth."""
    if report.predictions and not report.labelled:
        notices.show(
            "info",
            f"{report.predictions:,} predictions, and no label yet. Call `registry.record_outcomes(...)` whenever the "
            "truth is known: without it only inputs can be watched, not whether answers are right.",
        )
