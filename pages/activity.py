"""Who did what, when and why; who served when; and whether the record is whole."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages, tables
from dashboard.views import activity

view = session.view()
messages.heading("Activity", "Every change of state with its actor, time and reason. The log is append-only.")

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

activity.chain(view)
activity.champions(name, view)

messages.section("Events")
asked = activity.filters(name, view)
total = view.count_events(**asked.conditions)
table = st.container()
pages = asked.pages(total)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    page = st.pagination(pages, key="events", bind="query-params", disabled=pages == 1, width=340)
    activity.export_button(asked, view)
with table:
    found = activity.read(asked, min(page, pages), view)
    if found:
        now, zone, versions = messages.now(), messages.viewer_zone(), view.versions_of(found)
        tables.events(found, now, zone, key="events", versions=versions, names=asked.name is None)
    else:
        messages.show("info", "No event matches these filters.")
