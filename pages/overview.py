"""Is everything healthy, what changed, what waits: a card for each model name, then the latest events."""

import streamlit as st

from dashboard import cards, frames, notices, session, tables
from dashboard.queries import CARDS

view = session.view()
notices.heading("Overview", "What serves production under each model name, what waits for you, and what happened last.")

summaries = view.summaries()
if not summaries:
    notices.empty_registry()
    st.stop()

pages = max(1, -(-len(summaries) // CARDS))
shown = st.container()
page = st.pagination(pages, key="cards", bind="query-params") if pages > 1 else 1
with shown:
    cards.names(page)

notices.section("Latest events")
events = view.recent_events(limit=8)
tables.events(frames.events(events, notices.now(), notices.viewer_zone()), key="latest", names=len(summaries) > 1)
st.page_link("../pages/activity.py", label="All events", icon=":material/history:")
cards.storage(view)
