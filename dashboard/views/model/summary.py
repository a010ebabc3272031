"""The head of one model's page: which version, its state, the verdict, its score and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import streamlit as st

from dashboard import formatting, live_queries, permissions, session
from dashboard.ui import charts, figures, frames, messages, tables
from registry_core import Comparison, ModelMetadata

#: The colour beside the word and the shape of a state.
BADGES: dict[str, Literal["blue", "green", "orange", "gray", "red"]] = {
    formatting.CHAMPION: "blue",
    formatting.QUARANTINED: "orange",
    formatting.STATUS_WORDS["rejected"]: "red",
    formatting.STATUS_WORDS["disqualified"]: "red",
    formatting.STATUS_WORDS["trashed"]: "orange",
}


def choose(name: str, view: session.View) -> ModelMetadata | None:
    """The model of the address; without one, the champion, else the newest version."""
    wanted = st.query_params.get("id")
    if wanted:
        return view.metadata(wanted)
    champion = view.champion(name)
    if champion:
        return champion
    newest = view.history(name, 1)
    return view.metadata(newest[-1]["model_id"]) if newest else None


def title(model: ModelMetadata, now: datetime) -> None:
    """Name, version and state; the id to copy."""
    messages.heading(
        f"{model.model_name} {model.version}",
        f"{model.model_type}, registered {formatting.ago(model.registered_at, now)} by "
        f"{formatting.escaped(model.registered_by)}",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(formatting.status(model), color=BADGES.get(formatting.status(model), "gray"))
        if model.pinned:
            st.badge("pinned", icon=":material/keep:", color="gray")
        st.code(model.model_id, language=None, width="content", wrap_lines=True)
    about = [model.description or "", f"Tags: {', '.join(model.tags)}" if model.tags else ""]
    if any(about):
        st.text(formatting.visible("\n".join(each for each in about if each)))


def put_away(model: ModelMetadata, view: session.View) -> None:
    """Of a version in the trash or purged: since when, why, by whom, and what there still is."""
    if model.status not in permissions.GONE:
        return
    kinds = {"trashed": "trashed", "purged": "purged"}
    found = view.recent_events(model.model_name, model.model_id)
    event = next((each for each in found if each.kind == kinds[model.status]), None)
    when = f"{messages.when(event.at)} by **{formatting.escaped(event.actor)}**" if event else ""
    why = f": {formatting.escaped(event.reason)}" if event and event.reason else ""
    if model.status == "purged":
        messages.show("warning", f"**Deleted permanently** {when}{why}. Its files are gone; what is known of it stays.")
        return
    until = next(
        (each for each in live_queries.trash_of(model.model_name, view) if each.model_id == model.model_id), None
    )
    goes = f" Its files go {formatting.exact(until.purge_at, messages.viewer_zone())}." if until else ""
    messages.show("warning", f"**In the trash** since {when}{why}.{goes}")


def self_reported(
    model: ModelMetadata, champion: ModelMetadata | None, comparison: Comparison | None, view: session.View
) -> None:
    """The score beside the metrics that it is made of."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        score(model, champion, view)
    with right:
        metrics(model, champion, comparison)


def score(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """The score weight by weight."""
    explained = view.explain_score(model.model_id)
    if explained.value is None:
        messages.section("Score")
        messages.show("warning", formatting.escaped(formatting.sentence(explained.note or "no score")))
    else:
        messages.section(f"Score {formatting.number(explained.value)}, breakdown")
    terms = frames.score_terms(explained)
    if explained.value is not None:
        shade = charts.colours([model.model_id], champion.model_id if champion else None)[0]
        figure = charts.score_parts(terms, shade)
        figures.show(figure, key="score-chart", alt="What each metric brings to the score")
    columns: dict[str, Any] = {
        "Part": st.column_config.TextColumn("Part", width=125, pinned=True),
        "Weight": st.column_config.NumberColumn("Weight", format="%.2f", width=66),
    }
    for name in ("Value", "Contribution"):
        form, width = tables.number_format(terms[name])
        columns[name] = st.column_config.NumberColumn(name, format=form, width=max(74, width))
    tables.plain(terms, key="score", alt="Score breakdown", columns=columns)
    if explained.rule:
        st.caption(formatting.escaped(explained.rule))


def metrics(model: ModelMetadata, champion: ModelMetadata | None, comparison: Comparison | None) -> None:
    """Every metric, beside the champion's where there is another champion."""
    if comparison is None or champion is None:
        messages.section(
            "Self-reported metrics (unverified)",
            f"On {formatting.escaped(model.evaluation_set or formatting.UNNAMED_SET)}.",
        )
        known = model.all_metrics()
        if not known:
            st.markdown("No metric was reported.")
            return
        names = list(known)
        frame = frames.metric_list(known, names)
        tables.metrics(frame, key="metrics", alt="Metrics of this version")
        return
    messages.section(f"Self-reported metrics, against champion {champion.version}", formatting.escaped(comparison.note))
    frame = frames.metric_comparison(comparison, baseline=1)
    if comparison.comparable:
        shade = charts.colours([model.model_id], champion.model_id)[0]
        figure = charts.metric_gains(frame, shade)
        figures.show(figure, key="gap-chart", alt="How much better or worse than the champion")
    tables.metrics(frame, key="against", alt="This version and the champion, metric by metric")
