"""Fairness on the Model page: rates by group of the protected columns, beside the champion's gaps."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import charts, insight_charts, messages, protected_columns, tables
from dashboard.ui.columns import Column
from registry_core import Fairness, Gap, Measured, ModelMetadata


def section(model: ModelMetadata, other: ModelMetadata | None, view: session.View) -> None:
    """Each protected column by itself; without one, the form that protects some."""
    benchmark = view.benchmark(model.model_name)
    if benchmark is None or benchmark.task == "regression":
        return
    messages.section("Fairness", anchor="fairness")
    found, because = view.insight(("fairness", model.model_id), lambda: view.registry.fairness(model.model_id))
    if found is None:
        st.caption(formatting.escaped(formatting.sentence(because)))
        return
    if not found:
        st.markdown("**Not computed.**")
        st.caption("No column of the benchmark is protected. Choose those whose groups must be treated alike.")
        protected_columns.form(benchmark, view)
        return
    theirs: dict[str, Fairness] = {}
    if other is not None:
        theirs = view.insight(("fairness", other.model_id), lambda: view.registry.fairness(other.model_id))[0] or {}
    for column, each in found.items():
        _column(each, theirs.get(column), model)


def _column(found: Fairness, champion: Fairness | None, model: ModelMetadata) -> None:
    st.markdown(f"**{formatting.escaped(formatting.sentence(found.sentence))}**")
    left, right = st.columns([9, 11], gap="medium")
    shade = charts.colours([model.model_id], model.model_id if model.is_active else None)[0]
    with left:
        figure = insight_charts.fairness(found, shade)
        st.plotly_chart(figure, config=charts.CONFIG, key=f"fairness-{found.column}", alt=found.sentence)
        hidden = len(found.groups) - insight_charts.MOST_GROUPS
        few = f"A hollow dot has fewer than {found.least:,} rows and is not counted in the gaps."
        st.caption(few + (f" {hidden:,} smaller groups are not drawn." if hidden > 0 else ""))
    with right:
        tables.records(
            _columns(champion), list(found.gaps.values()), key=f"gaps-{found.column}", alt=f"Gaps by {found.column}"
        )


def _columns(champion: Fairness | None) -> tuple[Column[Gap], ...]:
    theirs = champion.gaps if champion is not None else {}
    return (
        Column("Rate", lambda each: formatting.metric(each.rate), 125, pinned=True),
        Column("Gap", lambda each: _points(each.difference), 135, right=True),
        Column("Ratio", lambda each: "" if each.ratio is None else f"{each.ratio.value:.2f}", 52, right=True),
        Column("Between", lambda each: formatting.visible(f"{each.highest} − {each.lowest}"), 80),
        Column(
            "Champion",
            lambda each: _points(theirs[each.rate].difference) if each.rate in theirs else "",
            135,
            right=True,
        ),
    )


def _points(found: Measured) -> str:
    """A gap in percentage points with its interval."""
    if found.low is None or found.high is None:
        return f"{100 * found.value:.1f} pp"
    return f"{100 * found.value:.1f} pp ({100 * found.low:.1f} to {100 * found.high:.1f})"
