"""How the registry decides: weights with what they would do to the ranking, gates, retention, monitoring."""

import streamlit as st

from dashboard import notices, origin, session, settings_dialogs, settings_fields, settings_page, settings_preview
from registry_core import InvalidConfiguration

view = session.view()
notices.heading("Settings", "How the registry decides. Nothing is saved while you type: Save shows what changes.")

origin.section(view)
name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

draft, section = settings_page.choose(name, view)
bar = st.container(key="settings-bar")
if section == "History":
    settings_dialogs.history(view)
elif section == "Ranking":
    fields, preview = st.columns([5, 6], gap="large")
    with fields:
        settings_fields.ranking(draft, name, view)
    with preview, st.container(border=True, key="ranking-preview"):
        try:
            settings_preview.preview(draft, name, view)
        except InvalidConfiguration:
            notices.section("No preview", "A value is not allowed: above it says which.")
    settings_fields.choosing(draft, name, view)
else:
    settings_fields.SECTIONS[section](draft, name, view)
with bar:
    settings_page.save_bar(draft, view, fields=section != "History")
