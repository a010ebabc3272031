"""Is production well: the champion's state, its alerts, how it went, and what its inputs do."""

import streamlit as st

from dashboard import fresh, health_course, health_parts, notices, session

view = session.view()
notices.heading("Health", "Whether the champion does in production what it did before, and what was done when not.")

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

report = fresh.health(view, name)
stage = health_parts.stage(report, view)
health_parts.now(name, (stage, report.deployment_id))

if stage == "no champion":
    health_parts.no_champion(name)
elif stage == "no traffic":
    health_parts.no_traffic(name)
else:
    health_parts.no_labels(report)
    health_course.course(name, health_course.range_choice(name, view))
