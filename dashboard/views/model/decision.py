"""What decides about a version, in three columns: its difference to the champion, its gates, its reviews."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, navigation, permissions, session
from dashboard.ui import evaluation_frames, messages, strips
from dashboard.views.model import evaluation, review_requests
from registry_core import Gate, ModelMetadata, PromotionVerdict


def columns(model: ModelMetadata, verdict: PromotionVerdict, view: session.View) -> None:
    """All three side by side, one below the other on a phone."""
    with st.container(key="decision"):
        left, middle, right = st.columns(3, gap="medium")
        with left.container(border=True, height="stretch"):
            _difference(model, verdict, view)
        with middle.container(border=True, height="stretch", key="gates"):
            _gates(verdict)
        with right.container(border=True, height="stretch"):
            _reviews(model, view)


def _difference(model: ModelMetadata, verdict: PromotionVerdict, view: session.View) -> None:
    found, champion = verdict.difference, view.champion(model.model_name)
    label = formatting.metric(verdict.metric) if verdict.metric else "Metric"
    if found is None or champion is None:
        if verdict.evaluated is None:
            st.markdown("**No evaluation**")
            st.caption("The registry has no metric of its own for this version.")
            return
        interval = evaluation_frames.interval(verdict.evaluated.low, verdict.evaluated.high)
        st.markdown(f"**{label} {formatting.number(verdict.evaluated.value)}**")
        st.caption(f"95% interval {interval}, on {formatting.escaped(verdict.benchmark or '')}.")
        if verdict.word != "champion":
            st.caption("Not compared with a champion.")
        return
    st.markdown(f"**{label} against champion {champion.version}**")
    said = f"{verdict.change}, on the same {found.rows:,} rows"
    st.markdown(formatting.escaped(said))
    st.html(strips.difference(found, verdict.margin, f"{said}: {found.verdict}"))
    if verdict.margin:
        st.caption(f"Shaded: the non-inferiority margin, {formatting.number(verdict.margin)}.")
    if verdict.worse_slices:
        shown = ", ".join(verdict.worse_slices[:3]) + (" …" if len(verdict.worse_slices) > 3 else "")
        count = formatting.count(len(verdict.worse_slices), "slice")
        st.markdown(f":orange[▼] Worse in {count}: {formatting.escaped(shown)}")
    st.button(
        f"Compare with {champion.version}",
        key="compare",
        icon=":material/compare_arrows:",
        on_click=navigation.compare,
        args=(model.model_name, [champion.model_id, model.model_id]),
    )


def _gates(verdict: PromotionVerdict) -> None:
    failed = verdict.failures
    count = formatting.count(len(verdict.gates), "promotion gate")
    st.markdown(f"**{len(failed)} of {count} failed**" if failed else f"**All {count} passed**")
    for gate in failed:
        remedy = f" *{formatting.escaped(formatting.sentence(gate.remedy))}*" if gate.remedy else ""
        st.markdown(f":red[✕] **{_name(gate)}**: {formatting.escaped(formatting.sentence(gate.because))}{remedy}")
    passed = [gate for gate in verdict.gates if gate.passed]
    if passed:
        with st.expander(f"{len(passed)} passed", expanded=not failed and len(passed) <= 4):
            for gate in passed:
                st.markdown(f":green[✓] **{_name(gate)}**: {formatting.escaped(formatting.sentence(gate.because))}")


def _name(gate: Gate) -> str:
    return formatting.escaped(gate.label)


def _reviews(model: ModelMetadata, view: session.View) -> None:
    found = evaluation_frames.reviews(view.reviews(model.model_id))
    st.markdown(f"**{formatting.count(len(found), 'review')}**" if found else "**No review yet**")
    for verdict, who, at, _ in found[:4]:
        st.markdown(f"{verdict} by {formatting.escaped(who)}, {formatting.ago(at, messages.now())}")
    if len(found) > 4:
        st.caption(f"{len(found) - 4:,} more below.")
    review_requests.listed(model, view)
    if model.status not in permissions.GONE:
        with st.container(horizontal=True, gap="small"):
            evaluation.review_form(model, view)
            review_requests.form(model, view)
