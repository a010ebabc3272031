"""Decisions about trust that came with a registry from elsewhere: shown, and accepted with a reason."""

from __future__ import annotations

import json

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, messages
from registry_core import ForeignDecisions, RegistryError


def section(view: session.View) -> None:
    """What nobody accepted here yet, and the form to do so; nothing where there is nothing."""
    try:
        found = view.registry.foreign_decisions()
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return
    if not found and not found.never:
        return
    with st.container(border=True, key="foreign"):
        messages.section(
            "Decisions to confirm",
            "These decisions were made on another machine, by another user, or before this release. Until you accept "
            "them, the imports are not trusted, no alerts are sent to the addresses, and the gates and approvals "
            "block promotion.",
        )
        st.code("\n".join(lines(found)), language=None)
        if found:
            _form(found, view)


def lines(found: ForeignDecisions) -> list[str]:
    """The decisions, one a line."""
    said = []
    for name, names in found.trusted_names.items():
        said += [f"trusted for {name or 'all model names'}: {each}" for each in names if each not in found.never]
    said += [each.sentence for each in found.classes]
    for name, addresses in found.addresses.items():
        said += [f"alerts of {name or 'all model names'} are sent to {each}" for each in addresses]
    said += [f"gates of {name or 'all model names'}: {json.dumps(gates)}" for name, gates in found.gates.items()]
    said += [f"{model_id} approved by {', '.join(actors)}" for model_id, actors in found.approvals.items()]
    said += [f"{model_id}: {note}" for model_id, note in found.overrides.items()]
    said += [f"{who}: {', '.join(roles)}" for who, roles in found.grants.items()]
    said += [
        f"champion of {name}: {each}; loaded only if its files pass the scan on this machine"
        for name, each in found.champions.items()
    ]
    said += [f"never accepted: {why}" for why in found.never.values()]
    return [formatting.visible(" ".join(each.split())) for each in said]


def _form(found: ForeignDecisions, view: session.View) -> None:
    with st.form("accept-foreign", border=False):
        reason = st.text_input("Reason (required): the reviewer", key="accept-reason", max_chars=2000)
        if controls.button("Accept all", "accept_foreign", None, view, submit=True, icon=":material/verified_user:"):
            try:
                view.registry.accept_foreign(found, actor=session.actor(), reason=(reason or "").strip())
            except RegistryError as error:
                messages.show("error", f"Nothing was changed. {formatting.escaped(str(error))}")
                return
            messages.post("success", "The decisions are accepted.")
            st.rerun()
