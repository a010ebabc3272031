"""Which version is best, by how much, and is it comparable."""

from dataclasses import replace

import streamlit as st

from dashboard import session
from dashboard.queries import MOST_COMPARED
from dashboard.ui import messages
from dashboard.views.leaderboard import filters, sections

view = session.view()
messages.heading(
    "Leaderboard", "Every version of one model name, ranked; select one to act on it, two to five to compare them."
)

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

asked = filters.board(name, view)
total = view.count(name, asked.where)
champion = view.champion(name)
sections.standing(name, total, champion, asked, view)

chosen = st.container()
table = st.container()
pages = asked.pages(total)
# Drawn before the rows are read: only then is the page of the address known. It stands below them all the same.
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    page = st.pagination(pages, key="page", bind="query-params", disabled=pages == 1, width=340)
    sections.export_button(asked, view)

asked = replace(asked, page=min(page, pages))
filters.keep(name)
if total == 0:
    with table:
        messages.show("info", "No version fits these filters.")
        filters.clear_button()
    st.stop()

rows = sections.read(asked, view)
with table:
    sections.mixed_sets(rows, champion, view)
    selected = sections.table(rows, asked, champion, view)

# What can be done with a selection stands above the table, where it is seen.
with chosen:
    sections.choose(rows, selected)
    if len(selected) == 1:
        sections.one(selected[0], view)
    elif 1 < len(selected) <= MOST_COMPARED:
        sections.several(selected, view)
    elif len(selected) > MOST_COMPARED:
        messages.show("info", f"Select at most {MOST_COMPARED} versions to compare them; {len(selected)} are selected.")
