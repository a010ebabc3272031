"""Put a model in: its file, labelled rows to evaluate it on, and the result."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views.upload import details, files, holdout, result

view = session.view()
messages.heading(
    "Upload",
    "A model file, labelled rows to evaluate it on, the result. Nothing is stored before you press the button.",
)

if result.finished(view):
    st.stop()

steps, outcome = st.columns([3, 2], gap="large")
with steps, st.container(border=True, key="step-file"):
    messages.section("1. Model file")
    given = files.choose(view)
    metadata = details.metadata(given, view)
with steps, st.container(border=True, key="step-rows"):
    messages.section("2. Labelled rows (optional)")
    labelled = holdout.choose(given, str((metadata or {}).get("model_name") or ""), view)
with outcome, st.container(border=True, key="preview"):
    messages.section("3. Result")
    ready, labelled = result.preview(metadata, given, labelled, view)
    result.upload_button(metadata, given, labelled, view, ready=ready)
