"""Who is winning on live traffic, and whether it can be believed: experiments with champion and challengers."""

import streamlit as st

from dashboard import experiment_dialogs, experiment_page, notices, session

view = session.view()
notices.heading(
    "Champion / challenger", "Who is winning on live traffic, whether that can be believed, and what comes next."
)

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

found = view.experiments(name)
versions = view.versions(found)
chosen = experiment_page.choose(name, found)
left, right = st.columns([3, 2], vertical_alignment="bottom")
if len(found) > 1 or (found and chosen is None):
    with left:
        experiment_page.selector(chosen, found, versions)

if chosen is None:
    experiment_page.nothing(name, view, ended=bool(found))
else:
    with right.container(horizontal=True, horizontal_alignment="right"):
        experiment_dialogs.start(name, view, primary=chosen.ended_at is not None)
    experiment_page.live(chosen.experiment_id, ended=chosen.ended_at is not None)
    experiment_page.history(chosen, view)
experiment_page.past(found, versions)
