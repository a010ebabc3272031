"""Feature impact on the Model page: what a version relies on, beside the champion; computed when it is asked for."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import charts, controls, evaluation_frames, figures, insight_charts, messages, tables
from dashboard.ui.columns import Column
from registry_core import ImpactComparison, ModelMetadata, RegistryError

#: Rows of the table of features that are in sight at once.
MOST_ROWS = 5


def section(model: ModelMetadata, other: ModelMetadata | None, view: session.View) -> None:
    """The impacts as far as they are computed, and the button that computes them."""
    messages.section("Feature impact", anchor="feature-impact")
    found, because = view.insight(("impact", model.model_id), lambda: view.registry.feature_impact(model.model_id))
    if found is None:
        beside = f" and the champion {other.version}" if other is not None else ""
        st.markdown("**Not computed.**")
        st.caption(
            formatting.escaped(formatting.sentence(because))
            if because
            else f"The sandbox permutes one feature after the other and predicts, for {model.version}{beside}."
        )
        _button("Compute feature impact", model, view)
        return
    st.markdown(f"**{formatting.escaped(formatting.sentence(found.sentence))}**")
    left, right = st.columns([3, 2], gap="large")
    shade = charts.colours([model.model_id], model.model_id if model.is_active else None)[0]
    with left:
        figure = insight_charts.impact(found, model.version, shade)
        figures.show(figure, key="impact-chart", alt=found.sentence)
    with right:
        impact = found.impact
        lost = formatting.metric(impact.metric)
        st.caption(
            f"Loss of {lost} (baseline {formatting.number(impact.baseline)}) when a feature is permuted, "
            f"{impact.repeats} times on {impact.rows:,} of {impact.of_rows:,} rows. {messages.when(impact.at)}."
        )
        _table(found)
        _button("Compute again", model, view)


def _table(found: ImpactComparison) -> None:
    """Every feature; a search finds one among hundreds."""
    names = list(found.impact.impacts)
    if len(names) > MOST_ROWS:
        wanted = st.text_input("Search features", key="impact-search", placeholder=f"{len(names):,} features")
        names = [name for name in names if (wanted or "").strip().lower() in name.lower()]
    tables.records(_columns(found), names, key="impact", alt="Feature impact", most=MOST_ROWS)


def _columns(found: ImpactComparison) -> tuple[Column[str], ...]:
    mine, theirs = found.impact.impacts, found.champion.impacts if found.champion is not None else {}
    columns: tuple[Column[str], ...] = (
        Column("Feature", formatting.visible, 130, pinned=True),
        Column("Impact", lambda name: formatting.signed(mine[name].value), 66, right=True),
        Column("95% interval", lambda name: evaluation_frames.interval(mine[name].low, mine[name].high), 124),
    )
    if not theirs:
        return columns
    return (
        *columns,
        Column(
            "Champion impact",
            lambda name: formatting.signed(theirs[name].value) if name in theirs else "",
            80,
            right=True,
            label="Champion",
        ),
    )


def _button(label: str, model: ModelMetadata, view: session.View) -> None:
    """Compute it now, with its progress beside the button."""
    if model.status in permissions.GONE:
        return
    verb = "measure_feature_impact"
    if not controls.button(label, verb, model.model_name, view, key="compute-impact", icon=":material/query_stats:"):
        return
    bar = st.progress(0.0, text="Starting the sandbox …")

    def tell(_: str, done: int, total: int) -> None:
        bar.progress(done / total if total else 0.0, text=f"{done:,} of {total:,} features permuted")

    try:
        view.registry.measure_feature_impact(model.model_id, progress=tell, actor=session.actor())
    except RegistryError as error:
        bar.empty()
        messages.show("error", f"Not computed. {formatting.escaped(str(error))}")
        return
    st.rerun()
