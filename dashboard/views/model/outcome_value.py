"""Thresholds and costs on the Model page: what hits, misses and alarms are worth, and the threshold that is best."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import change, charts, controls, figures, insight_charts, messages, tables
from dashboard.ui.columns import Column
from registry_core import Measured, ModelMetadata, OutcomeValue, ValueCurve

#: The outcomes with what the field says of them.
FIELDS = {
    "hit": ("Hit", "a positive row that is called positive"),
    "miss": ("Miss", "a positive row that is called negative"),
    "false_alarm": ("False alarm", "a negative row that is called positive"),
    "correct_rejection": ("Correct rejection", "a negative row that is called negative"),
}

COLUMNS: tuple[Column[tuple[str, ValueCurve]], ...] = (
    Column("Version", lambda each: each[0], 108, pinned=True),
    Column("Threshold", lambda each: f"{each[1].best_threshold:.3g}", 74, right=True),
    Column("Value", lambda each: f"{each[1].best.value:,.0f}", 62, right=True),
    Column("As predicted", lambda each: f"{each[1].predicted.value:,.0f}", 88, right=True),
    Column("95% interval", lambda each: _interval(each[1].best), 130),
)  # fmt: skip


def _interval(value: Measured) -> str:
    """Its interval in whole numbers, as the value beside it."""
    return formatting.MISSING if value.low is None or value.high is None else f"{value.low:,.0f} to {value.high:,.0f}"


def section(model: ModelMetadata, other: ModelMetadata | None, view: session.View) -> None:
    """Fields for the four values, the curve by threshold, and the way to keep the values."""
    benchmark = view.benchmark(model.model_name)
    if benchmark is None or benchmark.task == "regression" or len(benchmark.classes) > 2:
        return
    messages.section("Thresholds and costs", anchor="thresholds")
    kept = dict(view.registry.configuration().policy(model.model_name).outcome_values)
    left, right = st.columns([9, 11], gap="large")
    with left:
        values = _fields(model.model_name, kept)
    if not any(values.values()):
        with right:
            st.markdown("**Not computed.**")
            st.caption("Say what one row is worth, negative where it costs: a miss of −50, a false alarm of −5.")
        return
    key = ("value", model.model_id, tuple(values.items()))
    with right, st.spinner("Comparing thresholds …"):
        found, because = view.insight(key, lambda: view.registry.outcome_value(model.model_id, values=values))
    if found is None:
        right.caption(formatting.escaped(formatting.sentence(because)))
        return
    with right:
        curves = _chart(found, model, other)
    with left:
        tables.records(COLUMNS, curves, key="values", alt="Value at the best threshold")
        st.caption(
            f"Per 1,000 rows, at the best threshold and as predicted. Positive: {formatting.escaped(found.positive)}. "
            f"{found.rows:,} rows; bands are pointwise 95% intervals."
        )
    if values != {name: kept.get(name, 0.0) for name in FIELDS}:
        with left:
            _keep(model.model_name, values, view)


def _fields(name: str, kept: dict[str, float]) -> dict[str, float]:
    st.caption("Value of one row; negative where it costs.")
    values = {}
    for start in (0, 2):
        for place, outcome in zip(st.columns(2), list(FIELDS)[start : start + 2], strict=True):
            label, meaning = FIELDS[outcome]
            values[outcome] = place.number_input(
                label, value=float(kept.get(outcome, 0.0)), step=1.0, format="%.6g", key=f"value-{name}-{outcome}",
                help=f"Value of {meaning}",
            )  # fmt: skip
    return values


def _chart(found: OutcomeValue, model: ModelMetadata, other: ModelMetadata | None) -> list[tuple[str, ValueCurve]]:
    """The sentence and the curves by threshold; gives the curves with their labels."""
    st.markdown(f"**{formatting.escaped(formatting.sentence(found.sentence))}**")
    shade = charts.colours([model.model_id], model.model_id if model.is_active else None)[0]
    curves = [(model.version, found.curve, shade)]
    if found.champion is not None and other is not None:
        curves.append((f"champion {other.version}", found.champion, charts.CHAMPION))
    figure = insight_charts.values(curves)
    figures.show(figure, key="value-chart", alt=found.sentence)
    return [(label, curve) for label, curve, _ in curves]


def _keep(name: str, values: dict[str, float], view: session.View) -> None:
    """Keep the values with the model name: a setting, with its event."""
    with st.form("keep-values", border=False):
        reason = st.text_input("Reason (required)", key="values-reason", max_chars=2000)
        if not controls.button("Store these values", "configure", name, view, submit=True, icon=":material/save:"):
            return
    given = {outcome: value for outcome, value in values.items() if value}
    change.make(
        lambda why: view.registry.configure(name, outcome_values=given, actor=session.actor(), reason=why),
        reason,
        f"The outcome values of **{formatting.escaped(name)}** are stored.",
    )
