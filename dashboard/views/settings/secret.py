"""A link or secret that was just made: shown until it is copied, and not again."""

from __future__ import annotations

import streamlit as st

_SHOWN = "secret-shown"


def keep(text: str, secret: str) -> None:
    """Show a secret at the next drawing, below a sentence about it in Markdown."""
    st.session_state[_SHOWN] = (text, secret)


def show() -> None:
    """Draw the one that was kept, if there is one."""
    shown = st.session_state.get(_SHOWN)
    if shown is None:
        return
    with st.container(border=True, key="new-secret"):
        st.markdown(shown[0])
        st.code(shown[1], language=None)
        if st.button("I have copied it", key="secret-copied", icon=":material/check:"):
            del st.session_state[_SHOWN]
            st.rerun()
