"""The overview's parts: what needs attention, the line of totals, and the table of model names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import formatting, live_queries, navigation, permissions, session
from dashboard.queries import NAMES
from dashboard.ui import live_frames, live_text, messages, promotion_verdict, tables
from registry_core import (
    Alert,
    Experiment,
    ModelMetadata,
    ModelNameSummary,
    PromotionVerdict,
    RegistryError,
    ReviewRequest,
)

#: How many versions the small chart of a row shows, and how many days of live traffic.
SPARK = 40
DAYS = 30
#: How many of the newest versions are held against the champion.
MOST_CONTENDERS = 8
STORAGE_SECONDS = 300.0


@dataclass(frozen=True)
class Live:
    """What one model name has going on: alerts not over, experiments not ended, versions nobody has decided on."""

    alerts: tuple[Alert, ...]
    experiments: tuple[Experiment, ...]
    waiting: int


@st.fragment(run_every="10s")
def names(page: int) -> None:
    """What needs attention, the totals and one page of the table; refreshes itself."""
    try:
        with st.container(key="live-names"):
            _names(page, session.view())
    except RegistryError as error:
        messages.explain(error)


def _names(page: int, view: session.View) -> None:
    found = view.summaries()
    going_on = live(found, view)
    attention(found, going_on, view)
    totals(found, going_on)
    worst = sorted(found, key=lambda each: _severity(each, going_on[each.model_name]))
    shown = worst[NAMES * (page - 1) : NAMES * page]
    table([standing(each, going_on[each.model_name], view) for each in shown])


def _severity(summary: ModelNameSummary, going_on: Live) -> tuple[int, int, str]:
    """The order of the table: critical alerts, other alerts, no champion, then the rest by name."""
    critical = any(each.severity == "critical" for each in going_on.alerts)
    rank = 0 if critical else 1 if going_on.alerts else 2 if summary.champion is None else 3
    return rank, -len(going_on.alerts), summary.model_name


def live(summaries: Sequence[ModelNameSummary], view: session.View) -> dict[str, Live]:
    """The same for every model name, in one question each."""
    alerts, experiments = live_queries.alerts(view), live_queries.experiments(view)
    return {
        each.model_name: Live(
            tuple(alert for alert in alerts if alert.model_name == each.model_name),
            tuple(found for found in experiments if found.model_name == each.model_name),
            _waiting(each, view),
        )
        for each in summaries
    }


def _waiting(summary: ModelNameSummary, view: session.View) -> int:
    """Versions registered after the champion that nobody has promoted, rejected or archived.

    By when the champion was registered, not deployed: an undo deploys it anew, and changes nothing about the others.
    """
    champion = summary.champion
    since = {"registered_after": champion.registered_at} if champion else {}
    return view.count(summary.model_name, {"status": "registered", "is_active": False, **since})


def _after(summary: ModelNameSummary, view: session.View) -> list[dict[str, Any]]:
    """The newest versions that may follow the champion, oldest first."""
    since = summary.champion.registered_at if summary.champion else ""
    return [
        row
        for row in view.history(summary.model_name, SPARK)
        if row["status"] == "registered" and not row["is_active"] and row["registered_at"] > since
    ]


def totals(summaries: Sequence[ModelNameSummary], going_on: dict[str, Live]) -> None:
    """The registry in one sentence, with what needs attention."""
    versions = sum(each.versions for each in summaries)
    quarantined = sum(each.quarantined for each in summaries)
    without = [each.model_name for each in summaries if each.champion is None]
    alerts = sum(len(each.alerts) for each in going_on.values())
    experiments = sum(len(each.experiments) for each in going_on.values())
    waiting = sum(each.waiting for each in going_on.values())
    said = [
        f"{formatting.count(len(summaries), 'model name')} with {formatting.count(versions, 'version')}",
        f":orange[▲ {formatting.count(alerts, 'open alert')}]" if alerts else "",
        f"{formatting.count(experiments, 'experiment')} running" if experiments else "",
        f"{formatting.count(waiting, 'version')} awaiting review" if waiting else "",
    ]
    st.markdown("; ".join(each for each in said if each) + ".")
    if quarantined:
        messages.show("info", f"{formatting.count(quarantined, 'file')} quarantined. {permissions.QUARANTINE}")
    if without:
        shown = ", ".join(without[:5]) + (" …" if len(without) > 5 else "")
        messages.show("warning", f"No champion, so `load_active_model` fails: {shown}.")


#: What is listed before the rest is counted.
MOST_LISTED = 6
#: Events that stand under Activity only.
SIGN_IN = ("signed_in", "signed_out", "link_created")


@dataclass(frozen=True)
class Concern:
    """One thing that waits for a person, and the page where it is decided."""

    text: str
    label: str
    page: str
    model_name: str
    model_id: str | None = None


def attention(summaries: Sequence[ModelNameSummary], going_on: dict[str, Live], view: session.View) -> None:
    """What needs a decision, the worst first, each with its link."""
    found = [_asked(each, view) for each in view.review_requests(mine=True)]
    found += [each for summary in summaries for each in concerns(summary, going_on[summary.model_name], view)]
    if not found:
        return
    with st.container(border=True, key="attention"):
        st.markdown("**Needs attention**")
        for place, each in enumerate(found[:MOST_LISTED]):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(each.text, width="stretch")
                _link(
                    each.label,
                    f"concern-{place}",
                    ":material/arrow_forward:",
                    each.page,
                    each.model_name,
                    each.model_id,
                )
        if len(found) > MOST_LISTED:
            st.caption(f"{len(found) - MOST_LISTED:,} more in the table below.")


def _asked(request: ReviewRequest, view: session.View) -> Concern:
    """A review that somebody asked for."""
    version = f"**{request.model_name} {view.version_of(request.model_id)}**"
    due = f", due {request.due}" if request.due else ""
    text = f": {formatting.escaped(formatting.sentence(request.text))}" if request.text else "."
    said = f":blue[●] {formatting.escaped(request.by)} requests your review of {version}{due}{text}"
    return Concern(said, "Review", "model", request.model_name, request.model_id)


def told(alert: Alert) -> str:
    """What an alert says, as Markdown."""
    return formatting.escaped(formatting.sentence(alert.text))


def concerns(summary: ModelNameSummary, going_on: Live, view: session.View) -> list[Concern]:
    """What one model name waits for: its alerts, a champion, a version that is better."""
    name = summary.model_name
    listed = [
        Concern(f":orange[▲] **{name}**, {messages.when(alert.began)}: {told(alert)}", "Health", "health", name)
        for alert in sorted(going_on.alerts, key=lambda each: each.severity != "critical")
    ]
    if summary.champion is None:
        listed.append(Concern(f":orange[☆] **{name}** has no champion.", "Leaderboard", "leaderboard", name))
    else:
        verdict = contender(summary, view)
        if verdict is not None and verdict.word == "better":
            listed.append(Concern(promotion_verdict.sentence(verdict), "Open version", "model", name, verdict.model_id))
    return listed


def contender(summary: ModelNameSummary, view: session.View) -> PromotionVerdict | None:
    """The verdict on the version that comes next: one that is better than the champion, else the best by score.

    Looked at are the best by score and the newest versions after the champion; of several that are better, it is the
    newest.
    """
    if summary.champion is None:
        return None
    newest = [row["model_id"] for row in reversed(_after(summary, view))][:MOST_CONTENDERS]
    asked = [each for each in (*newest, summary.best_model_id) if each and each != summary.champion.model_id]
    if not asked:
        return None
    found = promotion_verdict.of_many(list(dict.fromkeys(asked)), view)
    better = next((each for each in found.values() if each.word == "better"), None)
    return better or found.get(str(summary.best_model_id))


def storage(view: session.View) -> None:
    """What it all takes on the disk, drawn last: every file is looked at for it, once in some minutes."""
    if permissions.role_refusal(view, "space", None) is not None:
        return
    report = view.shared.recall_briefly("storage", view.registry.space, STORAGE_SECONDS)
    by_name: dict[str, int] = {}
    for use in report.uses:
        if use.model_name:
            by_name[use.model_name] = by_name.get(use.model_name, 0) + use.bytes
    largest = sorted(by_name.items(), key=lambda each: -each[1])[:3]
    shown = ", ".join(f"{formatting.escaped(name)} {formatting.size(size)}" for name, size in largest)
    messages.section("Storage")
    st.markdown(f"**{formatting.size(report.bytes)}** in all" + (f"; the most for {shown}." if shown else "."))
    st.page_link("../pages/maintenance.py", label="Maintenance", icon=":material/cleaning_services:")


@dataclass(frozen=True)
class Standing:
    """One row of the table: a model name, who serves it and how that goes."""

    name: str
    state: str
    champion: ModelMetadata | None
    since: str
    metric: str
    value: float | None
    baseline: float | None
    course: list[float]
    alerts: int
    experiments: int
    best: str
    waiting: int


def standing(summary: ModelNameSummary, going_on: Live, view: session.View) -> Standing:
    """How one model name stands."""
    name, champion, best = summary.model_name, summary.champion, ""
    metric, value, baseline, course, state = _course(summary, going_on, view)
    since = "" if summary.deployment is None else summary.deployment.started_at
    if (verdict := contender(summary, view)) is not None:
        best = f"{view.version_of(verdict.model_id)}: {formatting.VERDICTS[verdict.word]} {verdict.word}"
    return Standing(
        name, state, champion, formatting.lasted(since, None, messages.now()) if since else "", metric, value, baseline,
        course, len(going_on.alerts), len(going_on.experiments), best, going_on.waiting,
    )  # fmt: skip


def _course(
    summary: ModelNameSummary, going_on: Live, view: session.View
) -> tuple[str, float | None, float | None, list[float], str]:
    """The champion's metric in production, its baseline and its days, or its score where no label is known; its state.

    The state is the one of the health page; where nothing was asked yet, there is none.
    """
    name, champion = summary.model_name, summary.champion
    if champion is None:
        return "", None, None, [], "☆ No champion"
    start = messages.now() - timedelta(days=DAYS)
    live = live_queries.performance(view, name, start)
    state = ""
    if (live and live.predictions) or going_on.alerts:
        report = live_queries.health(view, name)
        state = " ".join(live_text.STATES[report.state][1:])
        metric = live_text.live(report.shown_metric)
        if live and metric.key in live.metrics:
            days = live_frames.champions(live_queries.windows(view, name, start, "day"), metric, {})["value"].dropna()
            usual = None if report.baseline is None else report.baseline.value
            return metric.label, live.metrics[metric.key], usual, days.tolist(), state
    scores = [row["composite_score"] for row in view.history(name, SPARK) if row["composite_score"] is not None]
    return "Score", champion.composite_score, None, scores, state


#: The columns that are buttons, and the page that each leads to.
LEADS_TO = {"Model name": "leaderboard", "Champion": "model", "Alerts": "health", "Experiments": "experiments"}


def table(standings: Sequence[Standing]) -> None:
    """Every model name in one row, the worst first; names, champions, alerts and experiments are links."""
    frame = pd.DataFrame(
        {
            "Model name": [each.name for each in standings],
            "State": [each.state or formatting.MISSING for each in standings],
            "Champion": [each.champion.version if each.champion else None for each in standings],
            "Serves for": [each.since or formatting.MISSING for each in standings],
            "Metric": [each.metric or formatting.MISSING for each in standings],
            "Value": [formatting.number(each.value) for each in standings],
            "Baseline": [formatting.number(each.baseline) for each in standings],
            "Course": [each.course if len(each.course) > 1 else None for each in standings],
            "Alerts": [f"▲ {each.alerts:,}" if each.alerts else None for each in standings],
            "Experiments": [f"{each.experiments:,}" if each.experiments else None for each in standings],
            "Best version": [each.best or formatting.MISSING for each in standings],
            "Awaiting review": [each.waiting for each in standings],
        }
    )
    columns: dict[str, Any] = {
        "State": st.column_config.TextColumn("State", width=100),
        "Serves for": st.column_config.TextColumn("Serves for", width=78),
        "Metric": st.column_config.TextColumn(
            "Metric", width=76, help="Measured in production where labels are known; else the champion's score"
        ),
        "Value": st.column_config.TextColumn(
            "Value", width=62, alignment="right", help=f"Of this deployment, in the last {DAYS} days"
        ),
        "Baseline": st.column_config.TextColumn(
            "Baseline", width=68, alignment="right", help="What the champion did on its own recent labels"
        ),
        "Course": st.column_config.LineChartColumn(
            "Course", width=84, help="By day; for scores, the newest versions, oldest first"
        ),
        "Best version": st.column_config.TextColumn(
            "Best version",
            width=136,
            help="One that is better than the champion, else the best by score; with its verdict",
        ),
        "Awaiting review": st.column_config.NumberColumn(
            "To review",
            width=80,
            format="localized",
            help="Versions newer than the champion and not yet decided on",
        ),
    }
    # As wide as the longest name, so that none of usual length is cut, and no wider than a third of the table.
    widest = min(340, max(140, 44 + round(6.3 * max(len(each.name) for each in standings))))
    for label, page in LEADS_TO.items():
        columns[label] = st.column_config.ButtonColumn(
            label,
            width={"Model name": widest, "Champion": 78, "Alerts": 58}.get(label, 90),
            pinned=label == "Model name" or None,
            alignment="left",
            type="secondary",
            key=f"names-{page}",
            on_click=_open,
            args=(page, list(standings)),
        )
    tables.plain(frame, key="names", alt="Every model name with its state, champion and metric", columns=columns)
    if "leaving" in st.session_state:
        # Within a part that refreshes itself only that part would start anew, and nobody leave.
        st.rerun(scope="app")


def _open(page: str, standings: Sequence[Standing]) -> None:
    chosen = standings[st.session_state[f"names-{page}"].row]
    champion = chosen.champion.model_id if page == "model" and chosen.champion is not None else None
    navigation.go(page, chosen.name, champion)


def _link(label: str, key: str, icon: str, page: str, name: str, model_id: str | None = None) -> None:
    if st.button(label, key=key, icon=icon, on_click=navigation.go, args=(page, name, model_id)):
        # Within a part that refreshes itself only that part would start anew, and nobody leave.
        st.rerun(scope="app")
