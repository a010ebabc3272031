"""The model card on one version's page: what people wrote, what is lacking, and the whole card as a file."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, messages
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
    if _draft(model):
        st.caption("Your changes are not saved yet: see Write.")
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
    draft = _draft(model)
    scope = st.segmented_control(
        "Written for", [everyone, f"Only {model.version}"], required=True, **_remembered(model, "scope", everyone)
    )
    for name, label in LABELS.items():
        kept = _remembered(model, name, str(getattr(text, name)))
        if name in _LONG:
            st.text_area(label, help=CARD_FIELDS[name], height=88, **kept)
        else:
            st.text_input(label, help=CARD_FIELDS[name], **kept)
    st.text_input("Reason (kept with it)", max_chars=2000, **_remembered(model, "reason", ""))
    if not controls.button(
        "Save the card", "write_model_card", model.model_name, view, type="primary", icon=":material/save:",
        key="card-save",
    ):  # fmt: skip
        return
    # A field that was not touched stays what it is, for the version and for its model name.
    changed = {name: draft[name] for name in LABELS if name in draft and draft[name].strip() != getattr(text, name)}
    if not changed:
        messages.show("info", "Nothing was changed.")
        return
    subject = model.model_name if scope == everyone else model.model_id
    reason = draft.get("reason", "").strip()
    try:
        view.registry.write_model_card(subject, **changed, actor=session.actor(), reason=reason)
    except RegistryError as error:
        messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
        return
    draft.clear()
    messages.post("success", f"The model card of **{model.model_name}** is changed.")
    st.rerun()


def _draft(model: ModelMetadata) -> dict[str, str]:
    """What was typed for a version and is not saved yet, by field.

    Fields in a form or a folded section lose their text when they are not drawn; this lasts as long as the session.
    """
    drafts: dict[str, dict[str, str]] = st.session_state.setdefault("card-drafts", {})
    return drafts.setdefault(model.model_id, {})


def _remembered(model: ModelMetadata, name: str, stored: str) -> dict[str, Any]:
    """The arguments of a field that shows its draft, or else what is stored."""
    key, draft = f"card-{name}", _draft(model)
    value = draft.get(name, stored)
    # Only where it differs: a field that is set loses what is being typed into it at this moment.
    if st.session_state.get(key) != value:
        st.session_state[key] = value

    def remember() -> None:
        draft[name] = str(st.session_state[key] or "")

    return {"key": key, "on_change": remember}
