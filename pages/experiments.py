"""Which version is better on live traffic, and whether that is valid: experiments of champion and challengers."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views.experiments import decisions, sections

view = session.view()
decisions.challenge(view)
messages.heading(
    "Champion / challenger",
    "Which version is better on live traffic, whether the comparison is valid, and the next step.",
)

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

found = view.experiments(name)
versions = view.versions(found)
chosen = sections.choose(name, found)
left, right = st.columns([3, 2], vertical_alignment="bottom")
if len(found) > 1 or (found and chosen is None):
    with left:
        sections.selector(chosen, found, versions)

if chosen is None:
    sections.nothing(name, view, ended=bool(found))
else:
    with right.container(horizontal=True, horizontal_alignment="right"):
        decisions.start(name, view, primary=chosen.ended_at is not None)
    sections.live(chosen.experiment_id, ended=chosen.ended_at is not None)
    sections.history(chosen, view)
sections.past(found, versions)
