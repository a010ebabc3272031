"""Where versions differ: what was measured on the same rows, curves over each other, and what they are made of."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views import compare

view = session.view()
messages.heading("Compare", "Two to five versions on the same rows: which is better, by how much, and where it loses.")

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

models = compare.chosen(name, view)
if len(models) < 2:
    messages.show("info", "Choose at least two versions above. On the leaderboard, tick them and open Compare.")
    st.stop()

found = compare.verdicts(models, view)
compare.to_measure(models, view)
compare.metrics(models, found, view)
compare.overlaid(models, view)
compare.made_of(models, view)
