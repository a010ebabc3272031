"""Who did what, when and why; who served when; and whether the record is whole."""

import streamlit as st

from dashboard import frames, history, notices, session, tables

view = session.view()
notices.heading("Activity", "Every change of state: who made it, when, and why. Nothing here can be edited.")

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

history.chain(view)
history.champions(name, view)

notices.section("Events")
asked = history.filters(name, view)
total = view.count_events(**asked.conditions)
table = st.container()
pages = asked.pages(total)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    page = st.pagination(pages, key="events", bind="query-params", disabled=pages == 1, width=340)
    history.export_button(asked, view)
with table:
    found = history.read(asked, min(page, pages), view)
    if found:
        frame = frames.events(found, notices.now(), notices.viewer_zone())
        tables.events(frame, key="events", names=asked.name is None)
    else:
        notices.show("info", "No event fits these filters.")
