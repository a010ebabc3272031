"""A page that says who acts."""

from __future__ import annotations

import streamlit as st

from dashboard import sign_in

principal = sign_in.current()
st.text(f"acting: {principal.name if principal else 'whoever owns this machine'}")
