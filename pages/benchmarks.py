"""Holdout sets the registry keeps, so that it can measure for itself."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views import benchmarks

view = session.view()
messages.heading("Benchmarks", "Rows with the truth, kept by the registry: what is measured on them is nobody's claim.")

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

benchmarks.known(name, view)
benchmarks.form(name, view)
