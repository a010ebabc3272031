"""The form that says which columns of a benchmark are protected."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import Benchmark, RegistryError


def columns_of(benchmark: Benchmark) -> list[str]:
    """The columns a benchmark keeps, but the target."""
    return list(dict.fromkeys([*benchmark.features, *benchmark.slices, *benchmark.protected]))


def form(benchmark: Benchmark, view: session.View) -> None:
    """Choose the protected columns, with a reason; the change is an event."""
    with st.form("protected", border=True):
        left, right = st.columns(2)
        chosen = left.multiselect(
            "Protected columns", columns_of(benchmark), default=list(benchmark.protected), key="protected-columns"
        )
        reason = right.text_input("Reason (required)", key="protected-reason", max_chars=2000)
        if not st.form_submit_button("Set protected columns", icon=":material/shield_person:"):
            return
    if not (reason or "").strip():
        messages.show("warning", "Give a reason. Nothing was changed.")
        return
    try:
        view.registry.set_protected_columns(
            benchmark.name, benchmark.model_name, chosen, actor=session.actor(), reason=reason.strip()
        )
    except RegistryError as error:
        messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
        return
    named = formatting.escaped(", ".join(chosen)) or "none"
    messages.post("success", f"Protected columns of **{formatting.escaped(benchmark.name)}**: {named}.")
    st.rerun()
