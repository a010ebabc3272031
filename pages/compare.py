"""Where versions differ: what was measured on the same rows, curves over each other, and what they are made of."""

import streamlit as st

from dashboard import notices, session, versus

view = session.view()
notices.heading("Compare", "Two to five versions on the same rows: which is better, by how much, and where it loses.")

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

models = versus.chosen(name, view)
if len(models) < 2:
    notices.show("info", "Choose at least two versions above. On the leaderboard, tick them and open Compare.")
    st.stop()

found = versus.verdicts(models, view)
versus.to_measure(models, view)
versus.metrics(models, found, view)
versus.overlaid(models, view)
versus.made_of(models, view)
