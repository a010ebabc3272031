"""Holdout sets the registry keeps, so that it can measure for itself."""

import streamlit as st

from dashboard import holdouts, notices, session

view = session.view()
notices.heading("Benchmarks", "Rows with the truth, kept by the registry: what is measured on them is nobody's claim.")

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

holdouts.known(name, view)
holdouts.form(name, view)
