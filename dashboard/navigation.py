"""From page to page: what a button leaves for, and which page was just come to."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import streamlit as st

from registry_core import visitor

#: In the session: the version that is to challenge the champion, until the page of experiments has asked.
CHALLENGER = "challenger"


def go(page: str, name: str | None = None, model_id: str | None = None) -> None:
    """Leave for another page, as a button's ``on_click``: ``go("model", "Churn", model_id)``.

    A link with its own ``?model=`` would put the model name into the address twice, because the field at the top is
    bound to it. So the field is set before the next run, which then changes the page.
    """
    if name is not None:
        st.session_state["model"] = name
    st.session_state["leaving"] = (page, {"id": model_id} if model_id else {})


def challenge(name: str, model_id: str) -> None:
    """Leave for the page of experiments, which opens the dialog that starts one with this version."""
    st.session_state[CHALLENGER] = model_id
    go("experiments", name)


def compare(name: str, model_ids: Sequence[str]) -> None:
    """Leave for the Compare page with these versions, as a button's ``on_click``."""
    st.session_state["model"] = name
    st.session_state["leaving"] = ("compare", {"ids": ",".join(model_ids)})


def leave() -> None:
    """Change to the page a button asked for, if one did."""
    leaving = st.session_state.pop("leaving", None)
    if leaving:
        page, parameters = leaving
        st.switch_page(f"../pages/{page}.py", query_params=parameters)


def arrive(page: str) -> None:
    """Note who comes and which page is drawn, so that it can tell its first run from those that follow."""
    visitor.set(st.session_state.setdefault("visitor", secrets.token_hex(8)))
    st.session_state["arrived"] = st.session_state.get("drawn") != page
    st.session_state["drawn"] = page


def arrived() -> bool:
    """Whether the page was just come to."""
    return bool(st.session_state.get("arrived"))
