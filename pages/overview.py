"""Is everything healthy, what changed, what waits: a row for each model name, then the latest events."""

import streamlit as st

from dashboard import session
from dashboard.queries import NAMES
from dashboard.ui import messages, tables
from dashboard.views import overview

view = session.view()
messages.heading(
    "Overview", "What serves production under each model name, what waits for you, and what happened last."
)

summaries = view.summaries()
if not summaries:
    messages.empty_registry()
    st.stop()

pages = max(1, -(-len(summaries) // NAMES))
shown = st.container()
page = st.pagination(pages, key="names", bind="query-params") if pages > 1 else 1
with shown:
    overview.names(page)

messages.section("Latest events")
events = [each for each in view.recent_events(limit=40) if each.kind not in overview.SIGN_IN][:8]
tables.events(
    events,
    messages.now(),
    messages.viewer_zone(),
    key="latest",
    versions=view.versions_of(events),
    names=len(summaries) > 1,
)
st.page_link("../pages/activity.py", label="All events", icon=":material/history:")
overview.storage(view)
