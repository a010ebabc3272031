"""Decisions: what somebody is about to change, the one dialog that asks for reason and name, and the way back.

A view describes a decision as a ``Decision`` and asks for it with ``ask``; the application draws it after the page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import ChampionChanged, Conflict, RegistryError

#: Where the decision lies in the session.
ASKED = "asked"
#: What was typed into the dialog, beside the fields of a decision itself.
FIELDS = ("reason", "override", "sure")


@dataclass(frozen=True)
class Choice:
    """How a decision is carried out as it was chosen: called with the actor, the reason and the override of gates.

    Attributes:
        act: the verb of the registry.
        failed: how many gates failed; above 0, only an override carries it out.
        final: nothing takes it back, so that somebody has to say that they know.
        possible: whether there is anything to carry out.
    """

    act: Callable[[str, str, bool], Any]
    failed: int = 0
    final: bool = False
    possible: bool = True


@dataclass(frozen=True)
class Clash:
    """Somebody was faster: what changed, and the button that goes on from there. Without ``again`` it closes."""

    text: str
    button: str = "Close"
    again: Callable[[], None] | None = None


@dataclass(frozen=True)
class Done:
    """What was done, in Markdown, and what takes it back."""

    text: str
    undo: Callable[[], None] | None = None
    undo_label: str = "Undo"


@dataclass
class Decision(ABC):
    """A decision somebody is about to take, on what they saw. Each kind describes itself by ``describe``.

    Attributes:
        button: the label of the button that confirms.
        icon: the icon of that button and of the dialog.
        title: the dialog's title.
        model_name: whose pages tell of it afterwards; None for all.
        model_id: the version whose page tells of it afterwards; None for all of the name.
        clash: what somebody else changed meanwhile; nothing can be confirmed until it is looked at.
        failure: why the last attempt changed nothing.
    """

    button: str
    icon: str
    title: str
    model_name: str | None = None
    model_id: str | None = None
    clash: Clash | None = None
    failure: str = ""

    reason_label: ClassVar[str] = "Reason (required, recorded permanently)"
    placeholder: ClassVar[str] = "Rationale and links"
    reason_required: ClassVar[bool] = True
    working: ClassVar[str] = "Saving …"
    #: What an error of the registry means for what was asked.
    unchanged: ClassVar[str] = "Nothing was changed."
    #: How the keys of its own fields begin: they start empty for each decision.
    fields: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def describe(self, view: session.View) -> Choice | None:
        """Draw the consequences, the evidence and the fields; None where there is nothing to decide any more."""

    @abstractmethod
    def done(self, result: Any) -> Done:
        """What the verb did, and what takes it back."""

    def clashed(self, error: Conflict) -> Clash | None:
        """What a conflict means; None where it is an error like any other."""
        return None


def ask(decision: Decision) -> None:
    """Open the dialog of a decision in the next run of the application.

    Within a part that refreshes itself, ask for that run with ``st.rerun(scope="app")``: a dialog belongs to the whole
    application, and one of a part would go with the part's next refresh.
    """
    forget()
    for key in list(st.session_state):
        if key in FIELDS or str(key).startswith(decision.fields or ("\0",)):
            del st.session_state[key]
    st.session_state[ASKED] = decision
    st.session_state["decided_by"] = session.actor()


def forget() -> None:
    """Close the dialog."""
    st.session_state.pop(ASKED, None)


def draw() -> None:
    """Draw the dialog that was asked for, if one was. Called once a run, by the application, after the page."""
    decision: Decision | None = st.session_state.get(ASKED)
    if decision is not None:
        st.dialog(decision.title, width="medium", icon=decision.icon, on_dismiss=forget)(_dialog)(decision)


def _dialog(decision: Decision) -> None:
    choice = decision.describe(session.view())
    if choice is None:
        _trouble(decision)
        if st.button("Close", key="decision-close"):
            forget()
            st.rerun()
        return
    trouble = st.container()
    # Always in sight, however long the evidence above is.
    with st.container(key="decision-form"), st.form("decision", border=False):
        override = choice.failed > 0 and st.checkbox(
            f"Override {formatting.count(choice.failed, 'failed gate')} (recorded permanently)", key="override"
        )
        sure = not choice.final or st.checkbox("I understand that this cannot be undone", key="sure")
        reason = st.text_area(
            decision.reason_label, key="reason", max_chars=2000, height=68, placeholder=decision.placeholder
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            actor = session.actor() if session.signed_in() else _name()
            confirmed = st.form_submit_button(
                decision.button,
                type="primary",
                icon=decision.icon,
                disabled=decision.clash is not None or not choice.possible,
            )
            cancelled = st.form_submit_button("Cancel", key="decision-cancel")
    if cancelled:
        forget()
        st.rerun()
    if confirmed:
        reason, actor = (reason or "").strip(), (actor or "").strip()
        decision.failure = _missing(decision, choice, reason, actor, override=bool(override), sure=bool(sure))
        if not decision.failure:
            _carry_out(decision, choice, reason, actor, override=bool(override))
    with trouble:
        _trouble(decision)


def _name() -> str:
    """Where nobody signs in, the name is what somebody says it is."""
    return st.text_input("Your name (required, recorded)", key="decided_by", max_chars=100, width=220) or ""


def _missing(decision: Decision, choice: Choice, reason: str, actor: str, *, override: bool, sure: bool) -> str:
    """What has to be filled in before the decision can be taken; empty when nothing has."""
    if not actor:
        return "Enter your name. Nothing was changed."
    if choice.failed and not override:
        return "Gates failed. Tick the override and enter a reason, or cancel."
    if not sure:
        return "Confirm that this cannot be undone. Nothing was changed."
    if decision.reason_required and not reason:
        return "Enter a reason. Nothing was changed."
    return ""


def _carry_out(decision: Decision, choice: Choice, reason: str, actor: str, *, override: bool) -> None:
    """Do it. A success starts the whole page anew; what goes wrong stays in the dialog, and so does what was typed."""
    try:
        with st.spinner(decision.working):
            result = choice.act(actor, reason, override)
    except (RegistryError, ValueError) as error:
        decision.clash = decision.clashed(error) if isinstance(error, Conflict) else None
        if decision.clash is None:
            decision.failure = f"{decision.unchanged} {formatting.escaped(formatting.sentence(str(error)))}"
        return
    forget()
    if not session.signed_in():
        session.act_as(actor)
    done = decision.done(result)
    messages.post(
        "success",
        done.text,
        done.undo,
        done.undo_label,
        model_id=decision.model_id,
        everywhere=decision.model_name is None,
    )
    st.rerun()


def _trouble(decision: Decision) -> None:
    if decision.clash is not None:
        messages.show("warning", decision.clash.text)
        if st.button(decision.clash.button, key="decision-again", icon=":material/refresh:"):
            _again(decision, decision.clash)
            # The whole page: what changed meanwhile stands behind the dialog, too.
            st.rerun()
    if decision.failure:
        messages.show("warning", decision.failure)


def _again(decision: Decision, clash: Clash) -> None:
    decision.clash, decision.failure = None, ""
    if clash.again is None:
        forget()
        return
    try:
        clash.again()
    except RegistryError as error:
        decision.failure = formatting.escaped(str(error))


def undo(verb: Callable[..., Any], what: str, done: Callable[[], None] | None = None) -> Callable[[], None]:
    """What takes a decision back, as a button's ``on_click``; it says what came of it.

    Args:
        verb: the verb of the registry, called with ``actor`` and ``reason``.
        what: what is taken back, as in "undo of the promotion".
        done: called when it worked.
    """
    return partial(_take_back, verb, what, done)


def _take_back(verb: Callable[..., Any], what: str, done: Callable[[], None] | None) -> None:
    try:
        verb(actor=session.actor(), reason=f"undo of the {what}")
    except Conflict as conflict:
        changed = "the champion has changed" if isinstance(conflict, ChampionChanged) else "it was changed"
        faster = conflict.by if isinstance(conflict, ChampionChanged) else None
        by = f", by {formatting.escaped(faster)}" if faster else ""
        messages.post("warning", f"Not undone: {changed} again{by}. Review the change, then decide.")
    except RegistryError as error:
        messages.post("error", f"Not undone: {formatting.escaped(formatting.sentence(str(error)))}")
    else:
        if done is not None:
            done()
        messages.post("success", f"Undone: the {what} is reverted. Activity records both changes.")
