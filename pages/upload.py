"""Put a model in: its file, its metadata, and what will happen, before anything happens."""

import streamlit as st

from dashboard import notices, session, submission

view = session.view()
notices.heading("Upload", "Hand in a model file with its metadata. You see what will happen before anything is stored.")

if submission.finished():
    st.stop()

form, preview = st.columns([3, 2], gap="large")
with form:
    model_file, scaler_file = submission.files()
    metadata = submission.metadata(view)
with preview, st.container(border=True, key="preview"):
    notices.section("What will happen")
    ready = submission.preview(metadata, model_file, scaler_file, view)
    submission.upload_button(metadata, model_file, scaler_file, view, ready=ready)
