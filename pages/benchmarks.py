"""Holdout sets the registry keeps, so that it can measure for itself."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views import benchmarks

view = session.view()
messages.heading("Benchmarks", "Labelled holdouts kept by the registry, on which it evaluates every version itself.")

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

benchmarks.known(name, view)
benchmarks.form(name, view)
