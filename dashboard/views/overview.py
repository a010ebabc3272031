"""The overview's parts: the line of totals and the card of a model name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from dashboard import formatting, live_queries, navigation, permissions, session
from dashboard.queries import CARDS
from dashboard.ui import live_frames, live_text, messages, promotion_verdict
from registry_core import Alert, Experiment, ModelMetadata, ModelNameSummary, RegistryError

#: How many versions the small chart of a card shows, and how many days of live traffic.
SPARK = 40
DAYS = 30
STORAGE_SECONDS = 300.0


@dataclass(frozen=True)
class Live:
    """What one model name has going on: alerts not over, experiments not ended, versions nobody has decided on."""

    alerts: tuple[Alert, ...]
    experiments: tuple[Experiment, ...]
    waiting: int


@st.fragment(run_every="10s")
def names(page: int) -> None:
    """The totals and one page of cards; refreshes itself."""
    try:
        _names(page, session.view())
    except RegistryError as error:
        messages.explain(error)


def _names(page: int, view: session.View) -> None:
    found = view.summaries()
    going_on = live(found, view)
    attention(found, going_on, view)
    totals(found, going_on)
    found = sorted(found, key=lambda each: (-len(going_on[each.model_name].alerts), each.champion is not None))
    with st.grid(min_column_width=340, gap="medium", key="cards-grid") as grid:
        for summary in found[CARDS * (page - 1) : CARDS * page]:
            with grid.cell():
                model_name(summary, going_on[summary.model_name], view)


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
    since = summary.champion.registered_at if summary.champion else ""
    return sum(
        row["status"] == "registered" and not row["is_active"] and row["registered_at"] > since
        for row in view.history(summary.model_name, SPARK)
    )


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
    found = [each for summary in summaries for each in concerns(summary, going_on[summary.model_name], view)]
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
            st.caption(f"{len(found) - MOST_LISTED:,} more on the cards below.")


def told(alert: Alert) -> str:
    """What an alert says, as Markdown."""
    return formatting.escaped(formatting.sentence(alert.text))


def concerns(summary: ModelNameSummary, going_on: Live, view: session.View) -> list[Concern]:
    """What one model name waits for: its alerts, a champion, a version that is better."""
    name, best = summary.model_name, summary.best_model_id
    listed = [
        Concern(f":orange[▲] **{name}**, {messages.when(alert.began)}: {told(alert)}", "Health", "health", name)
        for alert in sorted(going_on.alerts, key=lambda each: each.severity != "critical")
    ]
    if summary.champion is None:
        listed.append(Concern(f":orange[☆] **{name}** has no champion.", "Leaderboard", "leaderboard", name))
    elif best not in (None, summary.champion.model_id):
        verdict = promotion_verdict.of_many([str(best)], view)[str(best)]
        if verdict.word == "better":
            listed.append(Concern(promotion_verdict.sentence(verdict), "Open version", "model", name, best))
    return listed


def storage(view: session.View) -> None:
    """What it all takes on the disk, drawn last: every file is looked at for it, once in some minutes."""
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


def model_name(summary: ModelNameSummary, going_on: Live, view: session.View) -> None:
    """One model name at a glance."""
    name, champion = summary.model_name, summary.champion
    with st.container(border=True, height="stretch", key=f"card-{name}"):
        st.header(name, anchor=False)
        facts = [formatting.count(summary.versions, "version")]
        if champion and summary.deployment:
            served = _live_metric(summary, champion, going_on, view)
            if served and champion.composite_score is not None:
                facts.insert(0, f"score {formatting.number(champion.composite_score)}")
            st.markdown(
                f"In production for {formatting.lasted(summary.deployment.started_at, None, messages.now())}, "
                f"promoted {formatting.escaped(live_text.by(summary.deployment.actor))}",
                help="Since " + formatting.exact(summary.deployment.started_at, messages.viewer_zone()),
            )
        else:
            st.markdown("**No champion.** Promote a version, or register one with a score.")
        if summary.quarantined:
            facts.append(f"{formatting.QUARANTINED[0]} {summary.quarantined} quarantined")
        if going_on.waiting:
            facts.append(f"{going_on.waiting:,} awaiting review")
        facts.append(f"last registered {formatting.ago(summary.last_registered_at, messages.now())}")
        st.caption(" · ".join(facts))
        if champion and summary.best_model_id not in (None, champion.model_id):
            best = str(summary.best_model_id)
            word = promotion_verdict.of_many([best], view)[best].word
            st.markdown(
                f":material/trending_up: **{view.version_of(best)}** has the best score. Against the champion: "
                f"{formatting.VERDICTS[word]} {word}"
            )
        _links(name, champion, going_on)


def _live_metric(summary: ModelNameSummary, champion: ModelMetadata, going_on: Live, view: session.View) -> bool:
    """The champion's metric in production with its days and its state, or its score where no label is known; which."""
    name = summary.model_name
    assert summary.deployment is not None
    start = messages.now() - timedelta(days=DAYS)
    live, days = live_queries.performance(view, name, start), live_queries.windows(view, name, start, "day")
    metrics = live.metrics if live else {}
    policy = view.registry.policy(name).monitoring_policy
    metric = live_text.live(next((each for each in ("accuracy", "mae", "rmse") if each in metrics), "accuracy"))
    labels = live.labelled if live else 0
    if live and metric.key in metrics:
        values = live_frames.champions(days, metric, {})["value"].dropna().tolist()
        covered = live_text.covers(live, messages.viewer_zone())
        st.metric(
            f"{metric.label} in production of champion {champion.version}",
            formatting.number(metrics[metric.key]),
            chart_data=values if len(values) > 1 else None,
            chart_type="line",
            help=f"Of this deployment in the last {DAYS} days. The line shows the champions' days, oldest first.",
        )
        st.caption(formatting.escaped(covered))
    else:
        scores = [row["composite_score"] for row in view.history(name, SPARK) if row["composite_score"] is not None]
        st.metric(
            f"Score of champion {champion.version}, {champion.model_type}",
            formatting.number(champion.composite_score),
            chart_data=scores if len(scores) > 1 else None,
            chart_type="line",
            help=f"The line shows the scores of the newest {len(scores)} versions with a score, oldest first.",
        )
    if (live and live.predictions) or going_on.alerts:
        measured = view.evaluation(champion) is not None
        state, because = live_text.at_a_glance(going_on.alerts, labels, policy, measured=measured)
        st.markdown(f"{live_text.mark(state)}: {because}")
    return bool(labels)


def _links(name: str, champion: ModelMetadata | None, going_on: Live) -> None:
    with st.container(horizontal=True, gap="small"):
        _link("Leaderboard", f"board-{name}", ":material/leaderboard:", "leaderboard", name)
        if champion:
            _link(
                f"Champion {champion.version}",
                f"champion-{name}",
                ":material/deployed_code:",
                "model",
                name,
                champion.model_id,
            )
        if going_on.alerts:
            label = formatting.count(len(going_on.alerts), "alert")
            _link(label, f"health-{name}", ":material/monitor_heart:", "health", name)
        if going_on.experiments:
            label = formatting.count(len(going_on.experiments), "experiment")
            _link(label, f"experiments-{name}", ":material/science:", "experiments", name)


def _link(label: str, key: str, icon: str, page: str, name: str, model_id: str | None = None) -> None:
    if st.button(label, key=key, icon=icon, on_click=navigation.go, args=(page, name, model_id)):
        # Within a part that refreshes itself only that part would start anew, and nobody leave.
        st.rerun(scope="app")
