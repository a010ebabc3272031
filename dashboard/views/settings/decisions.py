"""Settings are saved and reverted here: what changes, for whom, and the history below the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, decision_dialog, messages
from dashboard.ui.decision_dialog import Choice, Clash, Decision, Done
from dashboard.views.settings.draft import Draft
from dashboard.views.settings.schema import Difference, differences
from registry_core import Configuration, Conflict, Event, StateConflict

KINDS = ("created", "configured")
REVERT_ICON = ":material/history:"
#: In the session: the draft that is to be saved, until the page has read its fields.
SAVING = "settings-saving"
PAGE = 8
MOST_LINES = 12


@dataclass(kw_only=True)
class SettingsDecision(Decision):
    """Settings somebody is about to save (``draft``) or to go back to (``event``), with those they saw."""

    seen: Configuration
    draft: Draft | None = None
    event: Event | None = None
    lines: Sequence[Difference] = field(default_factory=list)
    before: Event | None = None

    placeholder: ClassVar[str] = "Rationale and links"
    working: ClassVar[str] = "Saving, and updating all scores …"

    def describe(self, view: session.View) -> Choice | None:
        """What changes, and for which model names."""
        if self.event is not None:
            st.markdown(f"Settings after event {self.event.event_id}, {messages.when(self.event.at)}. Changes:")
        st.markdown(listed(self.lines, 40) or "No change: these settings are in effect already.")
        st.caption(" ".join(_reach(self)))
        return Choice(self._save, possible=bool(self.lines))

    def _save(self, actor: str, reason: str, _: bool) -> Configuration:
        registry = session.registry()
        self.before = next(iter(registry.events(kinds=KINDS, limit=1)), None)
        if self.draft is not None:
            changes = self.draft.changes()
            return registry.configure(self.draft.model_name, actor=actor, reason=reason, expected=self.seen, **changes)
        assert self.event is not None
        return registry.revert_configuration(self.event.event_id, actor=actor, reason=reason, expected=self.seen)

    def clashed(self, error: Conflict) -> Clash | None:
        """Who changed the settings meanwhile."""
        if isinstance(error, StateConflict):
            return None
        last = next(iter(session.registry().events(kinds=KINDS, limit=1)), None)
        by = f"{formatting.escaped(last.actor)}, {messages.when(last.at)}" if last else "another person"
        return Clash(
            f"The settings were changed meanwhile by {by}. Your changes are not saved, but kept in the form: review "
            "the new settings, then save again.",
            "Close and review",
        )

    def done(self, result: Any) -> Done:
        """How many settings changed; Undo goes back to those before."""
        forget_drafts()
        changed = formatting.count(len(self.lines), "setting")
        text = f"Saved: {changed} changed." if self.draft is not None else f"Reverted: {changed} changed."
        if self.before is None:
            return Done(text)
        undo = partial(session.registry().revert_configuration, self.before.event_id, expected=result)
        return Done(
            text, decision_dialog.undo(undo, "change of settings", forget_drafts), "Undo: restore the previous settings"
        )


def ask_to_save(draft: Draft) -> None:
    """Open the dialog that saves a draft, once the page has taken over what was typed last."""
    st.session_state[SAVING] = draft


def follow_save() -> None:
    """Open the dialog that was asked for by ``ask_to_save``. Called by the page below its fields."""
    draft: Draft | None = st.session_state.pop(SAVING, None)
    if draft is not None:
        decision_dialog.ask(
            SettingsDecision(
                "Save",
                ":material/save:",
                "Save these settings",
                draft.model_name,
                seen=draft.seen,
                draft=draft,
                lines=draft.differences(),
            )
        )


def ask_to_revert(event: Event, seen: Configuration) -> None:
    """Open the dialog that goes back to the settings after an event."""
    lines = differences(seen.to_dict(), event.after)
    decision_dialog.ask(
        SettingsDecision("Revert", REVERT_ICON, "Revert to these settings", seen=seen, event=event, lines=lines)
    )


def listed(lines: Sequence[Difference], most: int = MOST_LINES) -> str:
    """Differences as a list in Markdown."""
    more = [f"- … and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*(f"- {each.line()}" for each in lines[:most]), *more])


def _reach(decision: SettingsDecision) -> list[str]:
    """Whom it is for, and what it does not do."""
    names = {each.model_name for each in decision.lines}
    if decision.draft is not None and decision.draft.model_name is not None:
        whom = f"For {formatting.escaped(decision.draft.model_name)} only."
    elif None in names:
        whom = "For all model names."
        own = decision.draft.exceptions() if decision.draft else []
        if own:
            shown = ", ".join(own[:6]) + (" …" if len(own) > 6 else "")
            whom += f" {formatting.escaped(shown)}: overrides stay."
    else:
        whom = f"For {formatting.escaped(', '.join(sorted(each for each in names if each)))}." if names else ""
    return [whom, "Scores and ranks change at once; no version is promoted. Undo or the history reverts the change."]


def forget_drafts() -> None:
    """Let the fields begin anew with the settings that hold."""
    for draft in st.session_state.get("settings-drafts", {}).values():
        draft.values, draft.back = {}, set()
        draft.edition += 1


def history(view: session.View) -> None:
    """Who changed the settings, when and why, newest first, each with the way back to it."""
    messages.section("History of the settings", "Changes of all model names. A revert is recorded as a new change.")
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
            what = (
                "Registry created" if event.kind == "created" else formatting.count(len(lines), "setting") + " changed"
            )
            st.markdown(f"**{what}** by {formatting.escaped(event.actor)}, {messages.when(event.at)}")
            if event.reason:
                st.markdown(f"{formatting.escaped(event.reason)}")
            if lines:
                st.markdown(listed(lines, 6))
        with right:
            controls.button(
                "Revert to this",
                "revert_configuration",
                None,
                session.view(),
                key=f"revert-{event.event_id}",
                icon=REVERT_ICON,
                disabled=same,
                help="These settings are in effect." if same else None,
                on_click=ask_to_revert,
                args=(event, seen),
            )
