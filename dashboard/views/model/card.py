"""The model card on one version's page: what people wrote, what is lacking, and the whole card as a file."""

from __future__ import annotations

from functools import partial
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import CARD_FIELDS, CardText, ModelMetadata, RegistryError

LABELS = {name: name.replace("_", " ").capitalize() for name in CARD_FIELDS}
#: Where several lines are usual.
_LONG = ("purpose", "limits")
#: The forms of the whole card: what the core calls it, the button, the ending and the type of its file.
_FILES: tuple[tuple[Literal["html", "markdown"], str, str, str], ...] = (
    ("html", "Download as HTML", "html", "text/html"),
    ("markdown", "Download as Markdown", "md", "text/markdown"),
)


def card(model: ModelMetadata, view: session.View) -> None:
    """What people wrote beside what the registry finds lacking, the form to write it, and the downloads."""
    known = view.model_card(model.model_id)
    left, right = st.columns(2, gap="large")
    with left:
        for name, label in LABELS.items():
            st.markdown(f"**{label}**")
            text = str(getattr(known.text, name))
            if text:
                st.text(formatting.visible(text))
            else:
                st.caption("Not written yet.")
        if known.text.at:
            st.caption(f"Last changed {messages.when(known.text.at)} by {formatting.escaped(known.text.actor)}.")
    with right:
        st.markdown("**Limits found by the registry**")
        for caution in known.cautions:
            st.markdown(f"- {formatting.escaped(caution)}")
        if not known.cautions:
            st.caption("None.")
    with st.container(horizontal=True, gap="small"):
        with st.popover("Write", icon=":material/edit:", key="card-popover"):
            _form(model, known.text, view)
        for form, label, ending, mime in _FILES:
            st.download_button(
                label,
                data=partial(view.registry.export_model_card, model.model_id, form),
                file_name=f"model_card_{model.model_id}.{ending}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"card-{form}",
            )


def _form(model: ModelMetadata, text: CardText, view: session.View) -> None:
    everyone = f"All versions of {model.model_name}"
    with st.form("card", border=False):
        scope = st.segmented_control(
            "Written for", [everyone, f"Only {model.version}"], default=everyone, required=True, key="card-scope"
        )
        typed: dict[str, str | None] = {}
        for name, label in LABELS.items():
            present = str(getattr(text, name))
            if name in _LONG:
                typed[name] = st.text_area(label, present, help=CARD_FIELDS[name], key=f"card-{name}", height=88)
            else:
                typed[name] = st.text_input(label, present, help=CARD_FIELDS[name], key=f"card-{name}")
        reason = st.text_input("Reason (kept with it)", key="card-reason", max_chars=2000)
        if not st.form_submit_button("Save the card", type="primary", icon=":material/save:"):
            return
    # A field that was not touched stays what it is, for the version and for its model name.
    changed = {name: value or "" for name, value in typed.items() if (value or "").strip() != getattr(text, name)}
    if not changed:
        messages.show("info", "Nothing was changed.")
        return
    subject = model.model_name if scope == everyone else model.model_id
    try:
        view.registry.write_model_card(subject, **changed, actor=session.actor(), reason=(reason or "").strip())
    except RegistryError as error:
        messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
        return
    messages.post("success", f"The model card of **{model.model_name}** is changed.")
    st.rerun()
