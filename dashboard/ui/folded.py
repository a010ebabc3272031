"""A section that is folded: what it holds is drawn while it is open, and the address says which are."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

P = ParamSpec("P")


def section(label: str, key: str, draw: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
    """An expander that costs nothing while it is closed; ``?key=true`` opens it.

    Args:
        label: what it holds.
        key: its name in the address.
        draw: draws it, called with the further arguments.
    """
    place = st.expander(label, key=key, bind="query-params")
    if place.open:
        with place:
            draw(*given, **named)
