"""Gates in a dialog: which of them hold, which do not, and what mends those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import formatting
from dashboard.ui import messages
from registry_core import Gate


def told(gates: Sequence[Gate], *, versions: Mapping[str, str] | None = None) -> int:
    """Say which gates hold; gives how many do not. ``versions`` stand in for model ids."""
    failed = [gate for gate in gates if not gate.passed]
    for gate in failed:
        tail = f" {_words(formatting.sentence(gate.remedy), versions)}" if gate.remedy else ""
        name = _words(gate.name[:1].upper() + gate.name[1:], versions)
        messages.show("error", f"**Gate failed: {name}.** {_words(formatting.sentence(gate.because), versions)}{tail}")
    held = len(gates) - len(failed)
    if held:
        names = ", ".join(gate.name for gate in gates if gate.passed)
        st.caption(f":material/check: {formatting.count(held, 'gate')} passed: {_words(names, versions)}")
    return len(failed)


def _words(text: str, versions: Mapping[str, str] | None) -> str:
    return formatting.escaped(formatting.named(text, versions or {}))
