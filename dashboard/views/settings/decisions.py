"""Settings are saved and taken back here: the dialogs with what changes, and the history below the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import decision_dialog, messages
from dashboard.views.settings.draft import Draft
from dashboard.views.settings.schema import Difference, differences
from registry_core import Configuration, Conflict, Event, RegistryError, StateConflict

VERBS: dict[str, tuple[str, str, str]] = {
    "save": ("Save", ":material/save:", "Save these settings"),
    "revert": ("Revert", ":material/history:", "Go back to these settings"),
}
KINDS = ("created", "configured")
PAGE = 8
MOST_LINES = 12


@dataclass
class Request:
    """Settings somebody is about to save, with those they saw."""

    verb: Literal["save", "revert"]
    seen: Configuration
    draft: Draft | None = None
    event: Event | None = None
    conflict: str = ""
    failure: str = ""
    lines: Sequence[Difference] = field(default_factory=list)


def ask_to_save(draft: Draft) -> None:
    """Open the dialog that saves a draft, once the page has taken over what was typed last."""
    st.session_state["settings-saving"] = draft


def ask_to_revert(event: Event, seen: Configuration) -> None:
    """Open the dialog that goes back to the settings after an event."""
    _ask(Request("revert", seen, event=event, lines=differences(seen.to_dict(), event.after)))


def _ask(request: Request) -> None:
    st.session_state["settings-request"] = request
    st.session_state.pop("settings-reason", None)
    st.session_state["decided_by"] = session.actor()


def _forget() -> None:
    st.session_state.pop("settings-request", None)


def open_dialog() -> bool:
    """Draw the dialog that was asked for. Called once a run, by the application; whether there is one."""
    draft: Draft | None = st.session_state.pop("settings-saving", None)
    if draft is not None:
        _ask(Request("save", draft.seen, draft=draft, lines=draft.differences()))
    return decision_dialog.draw("settings-request", VERBS, _decide, _forget)


def listed(lines: Sequence[Difference], most: int = MOST_LINES) -> str:
    """Differences as a list in Markdown."""
    more = [f"- … and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*(f"- {each.line()}" for each in lines[:most]), *more])


def _decide(request: Request) -> None:
    if request.event is not None:
        st.markdown(
            f"As they were after event {request.event.event_id}, {messages.when(request.event.at)}. This changes:"
        )
    st.markdown(listed(request.lines, 40) or "Nothing: these are the settings that hold now.")
    st.caption(" ".join(_reach(request)))
    problem = st.container()
    label, icon, _ = VERBS[request.verb]
    with st.form("settings-decision", border=False):
        reason = st.text_area(
            "Reason (required; it is kept with the change)",
            key="settings-reason",
            max_chars=2000,
            height=80,
            placeholder="What it is for, and who asked for it",
        )
        who = st.text_input("Your name (required)", key="decided_by", max_chars=100).strip()
        confirmed = st.form_submit_button(
            label, type="primary", icon=icon, disabled=bool(request.conflict) or not request.lines
        )
    if confirmed:
        request.failure = ""
        if not who:
            request.failure = "Say who decides: a name is required. Nothing was changed."
        elif not (reason or "").strip():
            request.failure = "Say why: a reason is required. Nothing was changed."
        else:
            with st.spinner("Saving, and scoring every version anew …"):
                _carry_out(request, str(reason).strip(), who)
    with problem:
        if request.conflict:
            messages.show(
                "warning",
                f"Somebody was faster: the settings were changed by {request.conflict}. Nothing was changed by you. "
                "What you typed is kept; look at theirs, then decide again.",
            )
            if st.button("Close and look", key="settings-look", icon=":material/refresh:"):
                _forget()
                st.rerun()
        if request.failure:
            messages.show("warning", request.failure)


def _reach(request: Request) -> list[str]:
    """Whom it is for, and what it does not do."""
    names = {each.model_name for each in request.lines}
    if request.draft is not None and request.draft.model_name is not None:
        whom = f"For {formatting.escaped(request.draft.model_name)} only."
    elif None in names:
        whom = "For all model names."
        own = request.draft.exceptions() if request.draft else []
        if own:
            shown = ", ".join(own[:6]) + (" …" if len(own) > 6 else "")
            whom += f" {formatting.escaped(shown)}: what is set there on its own stays."
    else:
        whom = f"For {formatting.escaped(', '.join(sorted(each for each in names if each)))}." if names else ""
    return [whom, "Nobody is promoted by it; scores and places follow at once. Undo, or the history, takes it back."]


def _carry_out(request: Request, reason: str, who: str) -> None:
    """Do it. A success starts the whole page anew; what goes wrong stays in the dialog, and so does the reason."""
    registry = session.open_registry()
    try:
        before = registry.events(kinds=KINDS, limit=1)
        if request.draft is not None:
            draft = request.draft
            saved = registry.configure(
                draft.model_name, actor=who, reason=reason, expected=request.seen, **draft.changes()
            )
        else:
            assert request.event is not None
            saved = registry.revert_configuration(
                request.event.event_id, actor=who, reason=reason, expected=request.seen
            )
    except RegistryError as error:
        if isinstance(error, Conflict) and not isinstance(error, StateConflict):
            last = registry.events(kinds=KINDS, limit=1)
            request.conflict = (
                f"{formatting.escaped(last[0].actor)}, {messages.when(last[0].at)}" if last else "somebody"
            )
            return
        request.failure = f"Nothing was changed. {formatting.escaped(formatting.sentence(str(error)))}"
        return
    _forget()
    forget_drafts()
    session.act_as(who)
    done = formatting.count(len(request.lines), "setting")
    text = f"Saved: {done} changed." if request.verb == "save" else f"Went back: {done} changed."
    undo = partial(_take_back, before[0].event_id, saved) if before else None
    messages.post("success", text, undo, "Undo: the settings before")
    st.rerun()


def _take_back(event_id: int, saved: Configuration) -> None:
    try:
        session.open_registry().revert_configuration(
            event_id, actor=session.actor(), reason="undo of the change", expected=saved
        )
    except Conflict:
        messages.post("warning", "Not undone: somebody has changed the settings again. Look at them, then decide.")
    except RegistryError as error:
        messages.post("error", f"Not undone: {formatting.escaped(str(error))}")
    else:
        forget_drafts()
        messages.post("success", "Undone: the settings are as they were, and both changes are on record.")


def forget_drafts() -> None:
    """Let the fields begin anew with the settings that hold."""
    for draft in st.session_state.get("settings-drafts", {}).values():
        draft.values, draft.back = {}, set()
        draft.edition += 1


def history(view: session.View) -> None:
    """Who changed the settings, when and why, newest first, each with the way back to it."""
    messages.section("History of the settings", "Of all model names. To go back is a change of its own.")
    total = view.count_events(kinds=list(KINDS))
    pages = max(1, -(-total // PAGE))
    rows = st.container()
    page = st.pagination(pages, key="changes", bind="query-params") if pages > 1 else 1
    seen = view.registry.configuration()
    with rows:
        for event in view.settings_events(PAGE, PAGE * (min(page, pages) - 1)):
            _event(event, seen)


def _event(event: Event, seen: Configuration) -> None:
    lines = differences(event.before, event.after) if event.kind == "configured" else []
    same = Configuration.from_dict(event.after).to_dict() == seen.to_dict()
    with st.container(border=True, key=f"settings-event-{event.event_id}"):
        left, right = st.columns([5, 1.4], vertical_alignment="center")
        with left:
            what = "Registry made" if event.kind == "created" else formatting.count(len(lines), "setting") + " changed"
            st.markdown(f"**{what}** by {formatting.escaped(event.actor)}, {messages.when(event.at)}")
            if event.reason:
                st.markdown(f"{formatting.escaped(event.reason)}")
            if lines:
                st.markdown(listed(lines, 6))
        with right:
            st.button(
                "Revert to this",
                key=f"revert-{event.event_id}",
                icon=VERBS["revert"][1],
                disabled=same,
                help="These are the settings that hold now." if same else None,
                on_click=ask_to_revert,
                args=(event, seen),
            )
