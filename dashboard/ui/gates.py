"""Gates in a dialog: which of them hold, which do not, and what mends those."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import Gate


def told(gates: Sequence[Gate]) -> int:
    """Say which gates passed; returns how many failed."""
    failed = [gate for gate in gates if not gate.passed]
    for gate in failed:
        tail = f" {formatting.escaped(formatting.sentence(gate.remedy))}" if gate.remedy else ""
        name = formatting.escaped(gate.label)
        messages.show(
            "error", f"**Gate failed: {name}.** {formatting.escaped(formatting.sentence(gate.because))}{tail}"
        )
    held = len(gates) - len(failed)
    if held:
        names = ", ".join(gate.label for gate in gates if gate.passed)
        st.caption(f":material/check: {formatting.count(held, 'gate')} passed: {formatting.escaped(names)}")
    return len(failed)


def feature_change(old_id: str, new_id: str, view: session.View) -> None:
    """Whether features and classes stay as they are under a new champion: a warning where anything changes."""
    change = view.registry.input_change(old_id, new_id)
    if change.changes:
        messages.show("warning", formatting.escaped(change.sentence))
    else:
        st.markdown(formatting.escaped(change.sentence))
