"""Fairness on the Model page: rates by group of the protected columns, beside the champion's gaps."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import charts, figures, insight_charts, messages, protected_columns, tables
from dashboard.ui.columns import Column
from registry_core import Fairness, Gap, Group, Measured, ModelMetadata


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
        figures.show(figure, key=f"fairness-{found.column}", alt=found.sentence)
        st.caption(f"A hollow dot has fewer than {found.least:,} rows and is not counted in the gaps.")
    with right:
        tables.records(
            _columns(champion), list(found.gaps.values()), key=f"gaps-{found.column}", alt=f"Gaps by {found.column}"
        )
    if len(insight_charts.shown_groups(found)) < len(found.groups):
        with st.expander(f"All {len(found.groups):,} groups of {formatting.escaped(found.column)}"):
            tables.records(
                _group_columns(found), found.groups, key=f"groups-{found.column}", alt=f"Groups of {found.column}"
            )


def _group_columns(found: Fairness) -> tuple[Column[Group], ...]:
    """Group, rows, and a column for each rate; one of few rows says how many."""
    rates = tuple(
        Column[Group](formatting.metric(rate), partial(_rate, rate, found.least), 150, right=True)
        for rate in found.groups[0].rates
    )
    return (
        Column("Group", lambda each: formatting.visible(each.name), 150, pinned=True),
        Column("Rows", lambda each: each.rows, 70, "count"),
        *rates,
    )


def _rate(name: str, least: int, group: Group) -> str:
    rate = group.rates[name]
    few = f" ({formatting.count(rate.rows, 'row')})" if rate.rows < least else ""
    return f"{formatting.number(rate.value)}{few}"


def _columns(champion: Fairness | None) -> tuple[Column[Gap], ...]:
    theirs = champion.gaps if champion is not None else {}
    columns: tuple[Column[Gap], ...] = (
        Column("Rate", lambda each: formatting.metric(each.rate), 125, pinned=True),
        Column("Gap", lambda each: _points(each.difference), 135, right=True),
        Column("Ratio", lambda each: "" if each.ratio is None else f"{each.ratio.value:.2f}", 52, right=True),
        Column("Between", lambda each: formatting.visible(f"{each.highest} − {each.lowest}"), 100),
    )
    if not theirs:
        return columns
    return (
        *columns,
        Column(
            "Champion gap",
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
