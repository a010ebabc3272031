"""A change that a form on a page makes, with its reason."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import formatting
from dashboard.ui import messages
from registry_core import RegistryError


def make(change: Callable[[str], object], reason: str | None, done: str) -> None:
    """Make a change that requires a reason, and draw the page again with ``done``; else say why nothing was changed.

    Args:
        change: takes the reason.
        reason: as it was typed.
        done: the message of success, as Markdown.
    """
    stripped = (reason or "").strip()
    if not stripped:
        messages.show("warning", "Give a reason. Nothing was changed.")
        return
    try:
        change(stripped)
    except RegistryError as error:
        messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
        return
    messages.post("success", done)
    st.rerun()
