"""How the registry decides: weights with what they would do to the ranking, gates, retention, monitoring."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views.settings import decisions, foreign_decisions, people, sections, webhooks
from dashboard.views.settings import fields as settings_fields
from dashboard.views.settings import preview as settings_preview
from registry_core import InvalidConfiguration

view = session.view()
messages.heading(
    "Settings", "How the registry ranks, gates, keeps and monitors versions. Changes apply when you save them."
)

foreign_decisions.section(view)
name = session.model_name()
if name is None:
    messages.empty_registry()
    people.section(view)
    st.stop()

draft, section = sections.choose(name, view)
bar = st.container(key="settings-bar")
if section == "People":
    people.section(view)
elif section == "Webhooks":
    webhooks.section(view)
elif section == "History":
    decisions.history(view)
elif section == "Ranking":
    fields, preview = st.columns([5, 6], gap="large")
    with fields:
        settings_fields.ranking(draft, name, view)
    with preview, st.container(border=True, key="ranking-preview"):
        try:
            settings_preview.preview(draft, name, view)
        except InvalidConfiguration:
            messages.section("No preview", "A value is not allowed: see the message above.")
    settings_fields.choosing(draft, name, view)
else:
    settings_fields.SECTIONS[section](draft, name, view)
with bar:
    sections.save_bar(draft, view, fields=section not in (*sections.OF_ALL, "History"))
decisions.follow_save()
