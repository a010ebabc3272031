"""Is production well: the champion's state, its alerts, how it went, and what its inputs do."""

import streamlit as st

from dashboard import live_queries, session
from dashboard.ui import messages
from dashboard.views.health import status, trends

view = session.view()
name = session.model_name()
messages.heading(
    f"Health of {name}" if name else "Health",
    "The champion in production beside its baseline, and what was done when it degraded.",
)
if name is None:
    messages.empty_registry()
    st.stop()

report = live_queries.health(view, name)
stage = status.stage(report, view)
status.now(name, (stage, report.deployment_id))

if stage == "no champion":
    status.no_champion(name)
elif stage == "no traffic":
    status.no_traffic(name)
else:
    status.no_labels(report)
    trends.course(name, trends.range_choice(name, view))
