"""What explains a version against the champion, section by section: each begins with what it found."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import evaluation_frames, figures, insight_charts, messages, tables
from dashboard.ui.columns import Column
from dashboard.views.model import evaluation_curves, fairness, feature_impact, outcome_value
from registry_core import LosingSlice, ModelMetadata

LINKS = {
    "Losing slices": "slices",
    "Curves": "curves",
    "Feature impact": "feature-impact",
    "Thresholds and costs": "thresholds",
    "Fairness": "fairness",
}
COLUMNS: tuple[Column[LosingSlice], ...] = (
    Column("Worse where", lambda each: formatting.visible(each.condition), 260, pinned=True),
    Column("Rows", lambda each: each.difference.rows, 70, "count"),
    Column("Difference", lambda each: each.difference.value, 90, "difference"),
    Column("95% interval", lambda each: evaluation_frames.interval(each.difference.low, each.difference.high), 150),
)


def links(model: ModelMetadata, view: session.View) -> None:
    """Links to the sections, where there are any."""
    benchmark = view.benchmark(model.model_name)
    if benchmark is None or not _evaluated(model, view):
        return
    without = set()
    if benchmark.task == "regression":
        without = {"thresholds", "fairness"}
    elif len(benchmark.classes) > 2:
        without = {"thresholds"}
    st.markdown(" · ".join(f"[{label}](#{anchor})" for label, anchor in LINKS.items() if anchor not in without))


def sections(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """All of them; none of a version without an evaluation, which its own section offers."""
    if not _evaluated(model, view):
        return
    other = champion if champion is not None and champion.model_id != model.model_id else None
    _losing(model, other, view)
    evaluation_curves.section(model, other, view)
    feature_impact.section(model, other, view)
    outcome_value.section(model, other, view)
    fairness.section(model, other, view)


def _evaluated(model: ModelMetadata, view: session.View) -> bool:
    evaluation = view.evaluation(model)
    return evaluation is not None and evaluation.status == "measured"


def _losing(model: ModelMetadata, other: ModelMetadata | None, view: session.View) -> None:
    """Where it loses against the champion, found over all columns."""
    messages.section("Losing slices", anchor="slices")
    if other is None:
        st.caption("Slices in which a version loses are found against another champion.")
        return
    found, because = view.insight(("losing", model.model_id), lambda: view.registry.losing_slices(model.model_id))
    if found is None:
        st.caption(formatting.escaped(formatting.sentence(because)))
        return
    st.markdown(f"**{formatting.escaped(formatting.sentence(found.sentence))}**")
    if found.slices:
        left, right = st.columns(2, gap="large")
        with left:
            figure = insight_charts.losing_slices(found)
            figures.show(figure, key="losing-chart", alt=found.sentence)
        with right:
            tables.records(COLUMNS, found.slices, key="losing", alt="Slices in which this version loses")
        searched = f"{formatting.count(found.columns, 'column')} searched on {found.searched:,} rows; "
        st.caption(
            f"{searched}{found.confirmed:,} others confirm. At most 5% of the slices named are false on average."
        )
