"""Put a model in: its file, its metadata, and what will happen, before anything happens."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views import upload

view = session.view()
messages.heading(
    "Upload", "Upload a model file with its metadata. The preview shows what will happen before anything is stored."
)

if upload.finished():
    st.stop()

form, preview = st.columns([3, 2], gap="large")
with form:
    model_file, scaler_file = upload.files()
    metadata = upload.metadata(view)
with preview, st.container(border=True, key="preview"):
    messages.section("Preview")
    ready = upload.preview(metadata, model_file, scaler_file, view)
    upload.upload_button(metadata, model_file, scaler_file, view, ready=ready)
