"""Review requests of a version: who was asked by whom, and the form that asks."""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import messages
from registry_core import ModelMetadata, RegistryError, Role

_EVERY_REVIEWER = "Every reviewer"


def listed(model: ModelMetadata, view: session.View) -> None:
    """The open requests, one a line."""
    for each in view.review_requests(model.model_id):
        asked = "every reviewer" if each.person is None else each.asked
        due = f", due {each.due}" if each.due else ""
        st.caption(f"Requested from {formatting.escaped(asked)} by {formatting.escaped(each.by)}{due}.")


def form(model: ModelMetadata, view: session.View) -> None:
    """Ask a person or every reviewer, where people sign in."""
    if not session.signed_in() or permissions.role_refusal(view, "request_review", model.model_name) is not None:
        return
    people = {each.name: (each.issuer, each.subject) for each in view.registry.reviewers(model.model_name)}
    with (
        st.popover("Request review", icon=":material/person_raised_hand:", key="request-popover"),
        st.form("request-review", border=False, clear_on_submit=True),
    ):
        who = st.selectbox("Reviewer", [_EVERY_REVIEWER, *people], key="request-who")
        due: date | None = st.date_input("Due (optional)", value=None, key="request-due")
        text = st.text_area("What to look at (optional)", key="request-text", max_chars=2000, height=80)
        if not st.form_submit_button("Request", icon=":material/send:"):
            return
        try:
            view.registry.request_review(
                model.model_id,
                people.get(who or ""),
                role=None if who in people else Role.REVIEWER.value,
                due=due.isoformat() if due else "",
                text=(text or "").strip(),
                actor=session.actor(),
            )
        except RegistryError as error:
            messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
            return
    messages.post("success", f"A review of **{model.version}** is requested from {formatting.escaped(who or '')}.")
    st.rerun()
