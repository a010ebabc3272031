"""Decisions: the buttons that ask for one, the dialog that shows what it changes, and what happens afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from dashboard import allowed, formatting, navigation, session
from dashboard.ui import decision_dialog, frames, gates, messages, tables
from registry_core import ChampionChanged, Comparison, ModelMetadata, RegistryError

#: verb -> (button, icon, dialog title, what it does)
VERBS: dict[str, tuple[str, str, str, str]] = {
    "promote": ("Promote", ":material/publish:", "Promote to production", ""),
    "rollback": ("Roll back", ":material/undo:", "Roll production back", ""),
    "undo_rollback": ("Undo the rollback", ":material/undo:", "Undo the rollback", ""),
    "reject": (
        "Reject",
        ":material/block:",
        "Reject this model",
        "It stays readable and comparable, and is never chosen. Restore takes it back.",
    ),
    "archive": (
        "Archive",
        ":material/archive:",
        "Archive this model",
        "It leaves the leaderboard's usual view and is never chosen. Its file stays. Restore takes it back.",
    ),
    "restore": (
        "Restore",
        ":material/settings_backup_restore:",
        "Restore this model",
        "It may be chosen again. It does not become champion by this.",
    ),
    "reinstate": (
        "Reinstate",
        ":material/verified:",
        "Reinstate this model",
        "It failed in production and was taken out. Reinstated, it may be chosen again; it does not become champion.",
    ),
    "delete": (
        "Delete",
        ":material/delete:",
        "Move this version to the trash",
        "It cannot be chosen or loaded there. Its files stay for {days:g} days, and until then Restore takes it back; "
        "then they go for good. Its metrics and history stay.",
    ),
    "pin": ("Pin", ":material/keep:", "Pin this version", "No cleanup reaches it, and it cannot be deleted."),
    "unpin": ("Unpin", ":material/keep_off:", "Unpin this version", "Cleanups may reach it again."),
}
DONE = {
    "reject": "rejected",
    "archive": "archived",
    "restore": "restored",
    "reinstate": "reinstated",
    "delete": "in the trash",
    "pin": "pinned",
    "unpin": "no longer pinned",
}
#: The decisions that change who serves.
CHAMPIONS = ("promote", "rollback", "undo_rollback")
#: What takes a decision back.
REVERSE = {
    "reject": "restore",
    "archive": "restore",
    "reinstate": "disqualify",
    "delete": "restore",
    "pin": "unpin",
    "unpin": "pin",
}


@dataclass
class Request:
    """A decision somebody is about to take, with the champion they saw when they asked for it."""

    verb: str
    model: ModelMetadata
    expected: str | None
    conflict: ChampionChanged | None = None
    failure: str | None = None
    override: bool = False


def ask(verb: str, model: ModelMetadata, expected: str | None) -> None:
    """Open the dialog of a decision in the next run."""
    st.session_state["request"] = Request(verb, model, expected)
    st.session_state.pop("experiment-request", None)
    for key in ("reason", "override"):
        st.session_state.pop(key, None)
    st.session_state["decided_by"] = session.actor()


def _forget() -> None:
    st.session_state.pop("request", None)


def button(
    verb: str, model: ModelMetadata, champion: ModelMetadata | None, *, because: str | None, primary: bool = False
) -> None:
    """A button that asks for a decision; where it is not possible it stays visible and says why."""
    label, icon, _, _ = VERBS[verb]
    st.button(
        label,
        key=f"{verb}-{model.model_id}",
        icon=icon,
        type="primary" if primary and because is None else "secondary",
        disabled=because is not None,
        help=None if because is None else formatting.escaped(because),
        on_click=ask,
        args=(verb, model, champion.model_id if champion else None),
    )


def main_decision(model: ModelMetadata, view: session.View) -> None:
    """The one decision that changes production: roll back a champion, promote any other."""
    champion = view.champion(model.model_name)
    if model.is_active:
        target = view.rollback_target(model.model_name)
        nothing = None if target else "There is no earlier champion that is still eligible. Promote another model."
        button("rollback", model, champion, because=nothing)
    else:
        button("promote", model, champion, because=allowed.why_not(model), primary=True)


def decisions(model: ModelMetadata, view: session.View) -> None:
    """The buttons for one model, those that fit its state."""
    champion = view.champion(model.model_name)
    if model.status == "purged":
        return
    if model.status == "trashed":
        button("restore", model, champion, because=None, primary=True)
        return
    with st.container(horizontal=True, gap="small"):
        main_decision(model, view)
        _challenge(model, champion, view)
        serving = "It is the champion: promote another model or roll back first." if model.is_active else None
        if model.status == "registered":
            button("reject", model, champion, because=serving)
        if model.status in ("registered", "rejected"):
            button("archive", model, champion, because=serving)
        if model.status in ("rejected", "archived"):
            button("restore", model, champion, because=None)
        if model.status == "disqualified":
            button("reinstate", model, champion, because=None)
        button("unpin" if model.pinned else "pin", model, champion, because=None)
        pinned = "It is pinned: unpin it first." if model.pinned else None
        button("delete", model, champion, because=serving or pinned)


def _challenge(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    because = allowed.may_not_start(model, champion, view.experiments(model.model_name))
    st.button(
        "Start experiment",
        key=f"experiment-with-{model.model_id}",
        icon=":material/call_split:",
        disabled=because is not None,
        help=None if because is None else formatting.escaped(because),
        on_click=navigation.challenge,
        args=(model.model_name, model.model_id),
    )


def open_dialog() -> bool:
    """Draw the dialog that was asked for. Called once a run, by the application; whether there is one."""
    return decision_dialog.draw("request", VERBS, _decide, _forget)


def _decide(request: Request) -> None:
    model, view = request.model, session.view()
    changes_champion = request.verb in CHAMPIONS
    failed = gates.told(view.gates(model.model_id).gates) if request.verb == "promote" else 0
    if changes_champion:
        target = _change_of_champion(request, view)
        if target is None:
            return
    else:
        st.markdown(f"**{model.model_name} {model.version}**, a {model.model_type}")
        st.code(model.model_id, language=None)
        days = view.registry.policy(model.model_name).retention_policy.trash_days
        st.markdown(VERBS[request.verb][3].format(days=days))
        target = model
    problem = st.container()
    with st.form("decision", border=False):
        over = failed > 0 and st.checkbox(
            f"Override {formatting.count(failed, 'failed gate')}: it stays marked with this version for ever",
            key="override",
        )
        reason = st.text_area(
            "Reason (required; it is kept with the decision)",
            key="reason",
            max_chars=2000,
            height=90,
            placeholder="What speaks for it, and where that can be looked up",
        )
        who = st.text_input(
            "Your name (required; it is recorded as who decided)", key="decided_by", max_chars=100
        ).strip()
        confirmed = st.form_submit_button(
            VERBS[request.verb][0], type="primary", icon=VERBS[request.verb][1], disabled=request.conflict is not None
        )
    if confirmed:
        request.failure = None
        if not who:
            request.failure = "Say who decides: a name is required. Nothing was changed."
        elif failed and not over:
            request.failure = "Gates failed. Tick the override and give its reason, or leave production as it is."
        elif reason and reason.strip():
            request.override = bool(over)
            with st.spinner("Verifying the file and loading it once …" if changes_champion else "Saving …"):
                _carry_out(request, target, reason.strip(), who, view)
        else:
            request.failure = "Say why: a reason is required. Nothing was changed."
    with problem:
        if request.conflict:
            _show_conflict(request, request.conflict)
        if request.failure:
            messages.show("warning", request.failure)


def _change_of_champion(request: Request, view: session.View) -> ModelMetadata | None:
    """What a change of champion brings, for whom, on what evidence; the model that comes in, if there is one."""
    name = request.model.model_name
    old = view.metadata(request.expected) if request.expected else None
    if request.verb != "rollback":
        new = request.model
    else:
        earlier = view.rollback_target(name)
        if earlier is None:
            messages.show(
                "error", f"{name} has no earlier champion that is still eligible. Promote another model instead."
            )
            return None
        new = view.metadata(earlier)
    before, after = st.columns(2)
    for place, label, which in ((before, "Now in production", old), (after, "Afterwards", new)):
        with place.container(border=True, key=f"dialog-{'now' if place is before else 'then'}"):
            st.metric(label, which.version if which else "none")
            if which:
                st.markdown(f"{which.model_type}, score **{formatting.number(which.composite_score)}**")
            else:
                st.markdown("There is no champion yet.")
    st.markdown(
        f"For everyone who uses **{name}**: the next call of `load_active_model` gets {new.version}"
        + (f" instead of {old.version}." if old else ".")
    )
    if old and old.model_id != new.model_id:
        change = view.registry.input_change(old.model_id, new.model_id)
        if change.changes:
            messages.show("warning", formatting.escaped(change.sentence))
        else:
            st.markdown(formatting.escaped(change.sentence))
        _evidence(view.compare([new.model_id, old.model_id]), view)
    if request.verb == "rollback" and old:
        st.markdown(
            f"{old.version} is disqualified: it is never chosen again until somebody reinstates it. "
            "The message afterwards offers to undo the rollback."
        )
    elif request.verb == "undo_rollback":
        st.markdown(
            f"{new.version} is reinstated and serves again, as before the rollback. Gates are not asked; experiments "
            "that the rollback ended stay ended."
        )
    elif old:
        st.markdown(f"To undo this, take the promotion back in the message afterwards: {old.version} serves again.")
    else:
        st.markdown("A first champion can be replaced, but there is no earlier one to go back to.")
    return new


def _evidence(comparison: Comparison, view: session.View) -> None:
    new, old = comparison.models
    paired = view.paired(old.model_id, new.model_id)
    if paired is not None and paired.differences:
        st.markdown(f"Measured: {formatting.escaped(paired.sentence)}.")
    if not comparison.comparable:
        messages.show("warning", formatting.escaped(comparison.note))
    frame = frames.metric_comparison(comparison, baseline=1)
    st.caption("As reported")
    tables.metrics(
        frame, key="evidence", alt="The incoming model and the present champion, metric by metric", narrow=True
    )


def _show_conflict(request: Request, conflict: ChampionChanged) -> None:
    """Somebody was faster: say who, when and what, and let the decision be taken again with open eyes."""
    now_serving = f"`{conflict.actual}`" if conflict.actual else "no model"
    who = f" by **{formatting.escaped(conflict.by)}**" if conflict.by else ""
    at = f", {messages.when(conflict.at)}" if conflict.at else ""
    messages.show(
        "warning",
        f"The champion has changed since you opened this: now {now_serving} serves, put there{who}{at}. "
        "Nothing was changed by you, and your reason is kept.",
    )
    if conflict.actual == request.model.model_id and request.verb == "promote":
        st.markdown("That is the very model you wanted to promote: there is nothing left to do.")
        if st.button("Close", key="conflict-close"):
            _forget()
            st.rerun()
    elif request.verb != "promote":
        st.markdown("Whom you wanted to take out is out of production already.")
        if st.button("Close", key="conflict-close"):
            _forget()
            st.rerun()
    else:
        st.button(
            "Decide again, against the new champion",
            key="conflict-again",
            icon=":material/refresh:",
            on_click=_decide_again,
            args=(request,),
        )


def _decide_again(request: Request) -> None:
    if request.conflict:
        request.expected, request.conflict = request.conflict.actual, None


def _carry_out(request: Request, target: ModelMetadata, reason: str, who: str, view: session.View) -> None:
    """Do it. A success starts the whole page anew; what goes wrong stays in the dialog, and so does the reason."""
    registry = view.registry
    try:
        if request.verb == "promote":
            registry.promote(
                target.model_id,
                actor=who,
                reason=reason,
                expected_champion=request.expected,
                override=request.override,
            )
        elif request.verb == "rollback":
            registry.rollback(
                target.model_name, target.model_id, actor=who, reason=reason, expected_champion=request.expected
            )
        elif request.verb == "undo_rollback":
            registry.undo_rollback(target.model_name, actor=who, reason=reason, expected_champion=request.expected)
        else:
            getattr(registry, request.verb)(target.model_id, actor=who, reason=reason)
    except ChampionChanged as conflict:
        request.conflict = conflict
        return
    except RegistryError as error:
        request.failure = f"Nothing was changed. {formatting.escaped(str(error))}"
        return
    _forget()
    session.act_as(who)
    messages.post("success", _told(request, target), *_undo(request, target))
    st.rerun()


def _told(request: Request, target: ModelMetadata) -> str:
    if request.verb == "promote":
        return f"**{target.version}** is now the champion of **{target.model_name}**."
    if request.verb == "rollback":
        return (
            f"**{target.model_name}** is rolled back: **{target.version}** serves again, "
            f"{request.model.version} is disqualified."
        )
    if request.verb == "undo_rollback":
        return f"The rollback is undone: **{target.version}** is the champion of **{target.model_name}** again."
    return f"**{target.model_name} {target.version}** is {DONE[request.verb]}."


def _undo(request: Request, target: ModelMetadata) -> tuple[Callable[[], None] | None, str]:
    """What takes the decision back, if it still finds the state it expects; None where nothing does."""
    old = request.expected
    if request.verb == "promote":
        if old is None:
            return None, ""
        verb = partial(session.open_registry().undo_promotion, target.model_name, expected_champion=target.model_id)
        return partial(_take_back, verb, "promotion"), "Undo: put the previous champion back"
    if request.verb == "rollback":
        # It changes who serves, perhaps with other features: the dialog says so before anything happens.
        return partial(ask, "undo_rollback", request.model, target.model_id), "Undo the rollback …"
    if request.verb in REVERSE:
        verb = partial(getattr(session.open_registry(), REVERSE[request.verb]), target.model_id)
        return partial(_take_back, verb, DONE[request.verb]), "Undo"
    return None, ""


def _take_back(verb: Callable[..., Any], what: str) -> None:
    try:
        verb(actor=session.actor(), reason=f"undo of the {what}")
    except ChampionChanged as conflict:
        who = f" by {formatting.escaped(conflict.by)}" if conflict.by else ""
        messages.post("warning", f"Not undone: the champion has been changed again{who}. Look at it, then decide.")
    except RegistryError as error:
        messages.post("error", f"Not undone: {formatting.escaped(str(error))}")
    else:
        messages.post("success", f"Undone: the {what} is taken back, and both are on record under Activity.")
