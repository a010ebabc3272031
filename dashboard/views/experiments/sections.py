"""The parts of the Champion / challenger page: which experiment, its verdict, traffic, ramp, challengers, the past."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import charts, figures, messages, tables
from dashboard.views.experiments import charts as experiment_charts
from dashboard.views.experiments import decisions, sentences
from dashboard.views.experiments import frames as experiment_frames
from registry_core import ChallengerReport, Effect, Experiment, ExperimentReport, RegistryError

STYLE = Path(__file__).resolve().parents[2] / "assets" / "experiment.css"
EVERY = "5s"
Colour = Literal["blue", "green", "orange", "gray", "red"]
BADGES: dict[str, Colour] = {"promoted": "green", "stopped": "gray", "refused": "red", "paused": "orange"}
SHADES = {"✓": ":green[✓]", "✕": ":red[✕]", "○": ":gray[○]"}


def choose(name: str, found: Sequence[Experiment]) -> Experiment | None:
    """The experiment of the address; without one, the newest that runs."""
    wanted = st.query_params.get("experiment")
    chosen = next((each for each in found if str(each.experiment_id) == wanted), None)
    if wanted and chosen is None:
        messages.show("warning", f"{formatting.escaped(name)} has no experiment {formatting.escaped(wanted)}.")
    return chosen or next((each for each in found if each.ended_at is None), None)


def selector(chosen: Experiment | None, found: Sequence[Experiment], versions: formatting.Versions) -> None:
    """Another experiment of the name; it goes into the address."""
    titles = {each.experiment_id: sentences.title(each, versions) for each in found}
    # The address decides: Back and a link change it without the field.
    st.session_state["experiment-choice"] = chosen.experiment_id if chosen else None
    st.selectbox(
        "Experiment",
        list(titles),
        format_func=lambda number: titles.get(number, str(number)),
        key="experiment-choice",
        index=0 if chosen else None,
        placeholder="Choose an experiment",
        on_change=_chosen,
    )


def _chosen() -> None:
    number = st.session_state.get("experiment-choice")
    if number is None:
        st.query_params.pop("experiment", None)
    else:
        st.query_params["experiment"] = str(number)


def nothing(name: str, view: session.View, *, ended: bool) -> None:
    """What to do where no experiment runs, with the button that does it."""
    with st.container(border=True, key="nothing"):
        if view.champion(name) is None:
            messages.section(
                f"{formatting.escaped(name)} has no champion", "An experiment compares challengers with a champion."
            )
            st.page_link("../pages/leaderboard.py", label="Promote a version first", icon=":material/leaderboard:")
            return
        messages.section(
            "No experiment runs now" if ended else "No experiment yet",
            "Start one in shadow: a challenger scores the same rows as the champion, and its predictions are not "
            "served. When the result is good, give it a share of the traffic.",
        )
        decisions.start(name, view, primary=True)
        if not view.candidates(name):
            st.page_link("../pages/upload.py", label="Upload another version first", icon=":material/upload_file:")


def live(experiment_id: int, *, ended: bool) -> None:
    """Everything about one experiment that moves; drawn again by itself while it runs."""
    st.fragment(_live, run_every=None if ended else EVERY)(experiment_id)


def _live(experiment_id: int) -> None:
    st.html(STYLE)
    view = session.view()
    try:
        with st.container(key="live-experiment"):
            _experiment(view.experiment(experiment_id), view)
    except RegistryError as error:
        messages.explain(error)


def _experiment(found: Experiment, view: session.View) -> None:
    versions = view.versions([found])
    verdict = st.container(border=True, key="verdict")
    with verdict:
        _state(found, view)
    # The state is read already while this is counted.
    report = view.experiment_report(found.experiment_id)
    found = report.experiment
    with verdict:
        _verdict(report, versions, view)
    for warning in (each for each in report.warnings if each.severity == "warning"):
        messages.show("warning", formatting.escaped(formatting.sentence(warning)))
    decisions.buttons(found, report, view)
    ids = [found.champion_id, *(arm.challenger_id for arm in found.arms)]
    shades = dict(zip(ids, charts.colours(ids, found.champion_id), strict=True))
    left, right = st.columns(2, gap="medium")
    with left:
        _traffic(report, versions, shades, view)
    with right:
        _ramp(report, versions, view)
    unit = "pp" if found.metric == "accuracy" else sentences.of_metric(found)
    _arms(report, versions)
    if len(report.challengers) > 1:
        frame = experiment_frames.now(report, versions)
        if len(frame):
            messages.section("All challengers beside each other", "The effect now, with its always-valid interval.")
            figure = experiment_charts.now(frame, [shades[each] for each in frame["id"]], unit)
            figures.show(figure, key="effects-now", alt="Effect of every challenger")
    for each in report.challengers:
        _challenger(each, found, versions, shades[each.challenger_id], unit)


def _state(found: Experiment, view: session.View) -> None:
    """The state, since when, and who brought it there: not who began it."""
    now, where = messages.now(), messages.viewer_zone()
    last = next(iter(view.experiment_events(found)), None)
    since, who = (last.at, last.actor) if last else (found.started_at, found.started_by)
    told = [f"by {formatting.escaped(who)}", f"started {formatting.ago(found.started_at, now)}"]
    told[0] = (
        f"ended {formatting.ago(since, now)}, {told[0]}"
        if found.ended_at
        else f"for {formatting.lasted(since, None, now)}, {told[0]}"
    )
    if last and last.kind != "experiment_started":
        told[1] += f" by {formatting.escaped(found.started_by)}"
    if found.ended_at is None:
        told.append(f"updated {now.astimezone(where):%H:%M:%S}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(sentences.state(found), color=BADGES.get(found.status, "blue"))
        st.caption(
            " · ".join(told),
            help=f"In this state since {formatting.exact(since, where)}; "
            f"started {formatting.exact(found.started_at, where)}."
            + ("" if found.ended_at else " Refreshed every 5 seconds."),
        )


def _verdict(report: ExperimentReport, versions: formatting.Versions, view: session.View) -> None:
    """Who is winning, the validity checks, and the reasons that people gave."""
    found = report.experiment
    st.header(formatting.escaped(sentences.headline(report, versions)) + ".", anchor=False)
    if found.ended_at is not None:
        ends = [sentences.finding(each, found, versions) for each in report.challengers]
        st.markdown(f"At its end: {formatting.escaped('; '.join(ends))}.")
    elif found.stages or not report.challengers[0].effect.enough:
        st.markdown(formatting.escaped(formatting.sentence(report.verdict)))
    rests = " · ".join(f"{SHADES[shape]} {words}" for shape, words in sentences.believed(report))
    st.markdown(f"**Validity checks** {rests}")
    reasons = [(formatting.event("experiment_started"), found.reason)]
    last = next(iter(view.experiment_events(found)), None)
    if last is not None and last.kind != "experiment_started":
        reasons.append((formatting.event(last.kind), last.reason))
    told = [f"{title}: “{formatting.escaped(words)}”" for title, words in reasons if words]
    if told:
        st.caption("  \n".join(told))
    for warning in report.warnings:
        if warning.severity == "note":
            st.caption(f":material/info: {formatting.escaped(formatting.sentence(warning))}")


def _traffic(
    report: ExperimentReport, versions: formatting.Versions, shades: dict[str, str], view: session.View
) -> None:
    found = report.experiment
    messages.section("Traffic split")
    if found.ended_at is not None:
        champion = view.champion(found.model_name)
        serving = f"{champion.version} serves all requests now" if champion else "There is no champion now"
        st.markdown(f"It has ended. {serving}.")
    else:
        st.html(experiment_charts.split(found, versions, shades))
    if found.stages:
        _checks(report)


def _checks(report: ExperimentReport) -> None:
    for each in report.checks:
        st.markdown(f"{SHADES[sentences.CHECKS[each.state]]} {formatting.escaped(each.sentence)}")


def _ramp(report: ExperimentReport, versions: formatting.Versions, view: session.View) -> None:
    found = report.experiment
    if not found.stages:
        messages.section("Checks")
        _checks(report)
        if found.ended_at is None:
            comes = "“Share” begins a split" if found.mode == "shadow" else "“Promote” ends it with a winner"
            st.caption(f"It has no stages: people set the share. {comes}.")
        return
    messages.section("Rollout stages")
    st.html(experiment_charts.ramp(sentences.steps(found)))
    running = [each for each in report.challengers if each.status == "running"]
    if found.ended_at is None:
        for each in running:
            _gates(each, versions[each.challenger_id] if len(running) > 1 else "")
        alone = view.registry.policy(found.model_name).monitoring_policy.on_rollout == "act"
        st.caption(
            "The registry advances automatically, including the promotion, as soon as all gates passed."
            if alone
            else "When all gates passed, a person has to advance the experiment."
        )
    passed = [event for event in view.experiment_events(found) if sentences.overridden(event)]
    if passed:
        messages.show(
            "warning",
            "**Advanced although gates failed**\n\n"
            + "\n\n".join(
                f"{formatting.ago(each.at, messages.now())}, {formatting.escaped(each.actor)}: "
                f"“{formatting.escaped(each.reason)}” ({formatting.escaped(sentences.overridden(each))})"
                for each in passed
            ),
        )


def _gates(each: ChallengerReport, whose: str) -> None:
    for gate in each.gates:
        mark = ":green[✓ passed]" if gate.passed else ":red[✕ failed]" if each.step == "stop" else "○ not yet"
        name = formatting.escaped(f"{whose}: {gate.label}" if whose else gate.label)
        st.markdown(f"{mark} **{name}**: {formatting.escaped(gate.because)}")


def _arms(report: ExperimentReport, versions: formatting.Versions) -> None:
    frame = experiment_frames.arms(report, versions)
    accuracy = report.experiment.metric == "accuracy"
    name = sentences.of_metric(report.experiment)
    columns = {
        "Version": st.column_config.TextColumn("Version", width=76, pinned=True),
        "Role": st.column_config.TextColumn("Role", width=136),
        "Predictions": st.column_config.NumberColumn("Predictions", format="localized", width=96),
        "Failures": st.column_config.NumberColumn("Failures", format="localized", width=84),
        "Labels": st.column_config.NumberColumn("Labels", format="localized", width=84),
        "Coverage": st.column_config.NumberColumn(
            "Labelled", format="%.1f%%", width=90, help="The share of its predictions that have a label"
        ),
        "Value": st.column_config.NumberColumn(
            name[:1].upper() + name[1:],
            format="%.1f%%" if accuracy else "%.4f",
            width=110,
            help="Over all its labels in this experiment. The effect compares like with like: it may differ.",
        ),
    }
    tables.plain(frame, key="arms", alt="Predictions, failures and labels of every model", columns=columns)


def _challenger(
    each: ChallengerReport, found: Experiment, versions: formatting.Versions, shade: str, unit: str
) -> None:
    with st.container(border=True, key=f"challenger-{each.challenger_id}"):
        frame = experiment_frames.over_time(each, messages.viewer_zone())
        messages.section(formatting.escaped(sentences.course(each, frame, found, versions)))
        if each.status != "running" and each.because:
            st.caption(f"{each.status.capitalize()}: {formatting.escaped(each.because)}")
        if frame.empty:
            st.caption("The line begins once there are enough labels for a comparison.")
            _facts(each, ended=found.ended_at is not None)
            return
        left, right = st.columns([3, 2], gap="medium")
        with right:
            _facts(each, ended=found.ended_at is not None)
        with left:
            figures.show(
                experiment_charts.over_time(
                    frame,
                    shade,
                    unit,
                    experiment_frames.stages(session.view().experiment_events(found), frame, each.challenger_id),
                    sentences.margin(each),
                ),
                key=f"effect-{each.challenger_id}",
                alt=f"{sentences.finding(each, found, versions)}: the effect by labels compared, with its interval",
            )
            st.caption("Labels in the order of their predictions. The band is valid at every look.")


def _facts(each: ChallengerReport, *, ended: bool) -> None:
    effect = each.effect
    told = {"Labels compared": sentences.labels(effect)}
    if not ended:
        told["Labels still needed"] = effect.labels_needed
    if effect.value is not None:
        now = f"{sentences.points(effect.metric, effect.value)} ({sentences.between(effect)})"
        told = {
            f"Difference {'at the end' if ended else 'now'}, {100 * (1 - effect.alpha):.3g}% confidence": now,
            **told,
        }
        told["Evidence of a difference"] = sentences.evidence(effect.log_e, 1 / effect.alpha, "both were equally good")
        told["Evidence that it is worse"] = sentences.evidence(
            effect.log_e_worse, 1 / effect.alpha, "it were as good as the champion"
        )
    if each.shadow_effect is not None:
        told["Result of the shadow"] = _shadow(each.shadow_effect)
    for name, words in told.items():
        st.markdown(f":gray[{formatting.escaped(name)}]  \n{formatting.escaped(words)}")
        if name == "Labels still needed" and (part := effect.progress) is not None:
            st.progress(part)


def _shadow(effect: Effect) -> str:
    if effect.value is None:
        return effect.why_not
    said = {"better": "better", "worse": "worse"}.get(effect.verdict, "no clear difference")
    return f"{said}, {sentences.points(effect.metric, effect.value)} ({sentences.between(effect)}), " + (
        f"{effect.challenger_labels:,} labels of the same rows"
    )


def history(experiment: Experiment, view: session.View) -> None:
    """What happened to one experiment, newest first."""
    events = view.experiment_events(experiment)
    messages.section("What happened", f"Experiment {experiment.experiment_id}, newest first.")
    frame = experiment_frames.history(events, view.versions([experiment]), messages.now(), messages.viewer_zone())
    columns = {
        "No.": None,
        "When": st.column_config.TextColumn("When", width=104, pinned=True),
        "At": st.column_config.TextColumn("At", width=192),
        "What": st.column_config.TextColumn("What", width=160),
        "Who": st.column_config.TextColumn("Who", width=110),
        "Reason": st.column_config.TextColumn("Reason", width=300),
        "Change": st.column_config.TextColumn("Change", width=420),
    }
    tables.plain(frame, key="experiment-events", alt="What happened to the experiment", columns=columns)
    if long := tables.in_full(frame):
        with st.expander("Full event details"):
            st.text("\n\n".join(long))


def past(found: Sequence[Experiment], versions: formatting.Versions) -> None:
    """Experiments that have ended."""
    over = [each for each in found if each.ended_at is not None]
    if not over:
        return
    messages.section("Past experiments", "Choose one above to see its results.")
    columns = {
        "No.": st.column_config.NumberColumn("No.", width=56, pinned=True),
        "Ended": st.column_config.TextColumn("Ended", width=104),
        "Result": st.column_config.TextColumn("Result", width=112),
        "Challengers": st.column_config.TextColumn("Challengers", width=150),
        "Champion": st.column_config.TextColumn("Champion", width=116),
        "Mode": st.column_config.TextColumn("Mode", width=76),
        "Lasted": st.column_config.TextColumn("Lasted", width=92),
        "By": st.column_config.TextColumn("By", width=90),
        "Verdict": st.column_config.TextColumn("Verdict", width=420),
    }
    frame = experiment_frames.past(over, versions, messages.now())
    tables.plain(frame, key="past", alt="Experiments that have ended, newest first", columns=columns)
