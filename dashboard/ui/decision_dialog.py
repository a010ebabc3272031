"""The dialog that was asked for: drawn by the application after the page, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st


def draw(
    asked: str, verbs: Mapping[str, tuple[Any, ...]], decide: Callable[[Any], None], forget: Callable[[], None]
) -> bool:
    """Draw the dialog of a request in session state, if there is one; whether there was.

    Args:
        asked: where the request lies; it has a ``verb``.
        verbs: verb -> (button, icon, title, ...).
        decide: what the dialog holds.
        forget: called when somebody closes it.
    """
    request = st.session_state.get(asked)
    if request is None:
        return False
    _, icon, title, *_ = verbs[request.verb]
    st.dialog(title, width="medium", icon=icon, on_dismiss=forget)(decide)(request)
    return True
