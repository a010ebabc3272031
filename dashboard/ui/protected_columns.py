"""The form that says which columns of a benchmark are protected."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import change, controls
from registry_core import Benchmark


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
        if not controls.button(
            "Set protected columns", "set_protected_columns", benchmark.model_name, view, submit=True,
            icon=":material/shield_person:",
        ):  # fmt: skip
            return
    named = formatting.escaped(", ".join(chosen)) or "none"
    change.make(
        lambda why: view.registry.set_protected_columns(
            benchmark.name, benchmark.model_name, chosen, actor=session.actor(), reason=why
        ),
        reason,
        f"Protected columns of **{formatting.escaped(benchmark.name)}**: {named}.",
    )
