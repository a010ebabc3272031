"""Decisions about one version: the buttons that ask for one, what each changes, and what takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import streamlit as st

from dashboard import formatting, navigation, permissions, session
from dashboard.ui import controls, decision_dialog, evaluating, frames, gates, messages, promotion_verdict, tables
from dashboard.ui.decision_dialog import Choice, Clash, Decision, Done
from registry_core import ChampionChanged, Comparison, Conflict, ModelMetadata, PromotionVerdict

#: verb -> (button, icon, dialog title, what it does)
VERBS: dict[str, tuple[str, str, str, str]] = {
    "promote": ("Promote", ":material/publish:", "Promote to production", ""),
    "rollback": ("Roll back", ":material/undo:", "Roll production back", ""),
    "undo_rollback": ("Undo the rollback", ":material/undo:", "Undo the rollback", ""),
    "reject": (
        "Reject",
        ":material/block:",
        "Reject this model",
        "The model stays readable and comparable, but is not eligible. Restore reverses this.",
    ),
    "archive": (
        "Archive",
        ":material/archive:",
        "Archive this model",
        "The model is hidden from the leaderboard by default and not eligible. Its file is kept. Restore reverses "
        "this.",
    ),
    "restore": (
        "Restore",
        ":material/settings_backup_restore:",
        "Restore this model",
        "The model is eligible again. It does not become champion.",
    ),
    "reinstate": (
        "Reinstate",
        ":material/verified:",
        "Reinstate this model",
        "The model was disqualified after a failure in production. Reinstated, it is eligible again; it does not "
        "become champion.",
    ),
    "delete": (
        "Delete",
        ":material/delete:",
        "Move this version to the trash",
        "The version can no longer be promoted or loaded. Restore reverses this for {days:g} days; then its files are "
        "deleted. Metrics and history are kept.",
    ),
    "pin": ("Pin", ":material/keep:", "Pin this version", "Cleanups keep the version, and it cannot be deleted."),
    "unpin": ("Unpin", ":material/keep_off:", "Unpin this version", "Cleanups may remove the version again."),
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


@dataclass(kw_only=True)
class ModelDecision(Decision):
    """A decision about one version that leaves the champion where it is."""

    verb: str
    model: ModelMetadata

    def describe(self, view: session.View) -> Choice | None:
        """Which version it is, and what its new state means."""
        model = self.model
        st.markdown(f"**{model.model_name} {model.version}**, a {formatting.escaped(model.model_type)}")
        st.code(model.model_id, language=None)
        days = view.registry.policy(model.model_name).retention_policy.trash_days
        st.markdown(VERBS[self.verb][3].format(days=days))
        verb = getattr(view.registry, self.verb)
        return Choice(lambda actor, reason, _: verb(model.model_id, actor=actor, reason=reason))

    def done(self, result: Any) -> Done:
        """The new state; Undo restores the old one."""
        model = self.model
        text = f"**{model.model_name} {model.version}** is {DONE[self.verb]}."
        if self.verb not in REVERSE:
            return Done(text)
        reverse = getattr(session.registry(), REVERSE[self.verb])
        return Done(text, decision_dialog.undo(partial(reverse, model.model_id), f"decision: {DONE[self.verb]}"))


@dataclass(kw_only=True)
class ChampionDecision(Decision):
    """A decision that changes who serves, with the champion that was seen when it was asked for."""

    verb: str
    model: ModelMetadata
    expected: str | None

    working: ClassVar[str] = "Verifying the file and loading it once …"

    def describe(self, view: session.View) -> Choice | None:
        """Who serves now and afterwards, on what evidence, and whether gates hold."""
        new = _incoming(self, view)
        if new is None:
            return None
        failed = 0
        if self.verb == "promote":
            verdict = promotion_verdict.of_version(new, view)
            promotion_verdict.show(verdict)
            failed = gates.told(verdict.gates)
        _change_of_champion(self, new, view)
        registry, name, expected = view.registry, new.model_name, self.expected

        def act(actor: str, reason: str, override: bool) -> Any:
            if self.verb == "promote":
                return registry.promote(
                    new.model_id, actor=actor, reason=reason, expected_champion=expected, override=override
                )
            if self.verb == "rollback":
                return registry.rollback(name, new.model_id, actor=actor, reason=reason, expected_champion=expected)
            return registry.undo_rollback(name, actor=actor, reason=reason, expected_champion=expected)

        return Choice(act, failed)

    def clashed(self, error: Conflict) -> Clash | None:
        """Who was faster, when and with what; a promotion may be decided again with open eyes."""
        if not isinstance(error, ChampionChanged):
            return None
        serving = session.view().metadata(error.actual).display_name if error.actual else "no model"
        by = f" by **{formatting.escaped(error.by)}**" if error.by else ""
        at = f", {messages.when(error.at)}" if error.at else ""
        text = (
            f"The champion has changed since you opened this dialog: {serving} serves now, promoted{by}{at}. You "
            "changed nothing, and your reason is kept."
        )
        if self.verb != "promote":
            return Clash(f"{text} The version you wanted to replace is no longer in production.")
        if error.actual == self.model.model_id:
            return Clash(f"{text} This is the version you wanted to promote: no action is needed.")

        def again() -> None:
            self.expected = error.actual

        return Clash(text, "Decide again, with the new champion", again)

    def done(self, result: Any) -> Done:
        """Who serves now, and the way back."""
        name, new = self.model.model_name, session.view().metadata(result.model_id)
        registry = session.registry()
        if self.verb == "promote":
            text = f"**{new.version}** is now the champion of **{name}**."
            if self.expected is None:
                return Done(text)
            undo = partial(registry.undo_promotion, name, expected_champion=new.model_id)
            return Done(text, decision_dialog.undo(undo, "promotion"), "Undo: restore the previous champion")
        if self.verb == "rollback":
            text = f"**{name}** is rolled back: **{new.version}** serves again, {self.model.version} is disqualified."
            # It changes who serves, perhaps with other features: the dialog says so before anything happens.
            return Done(text, partial(ask, "undo_rollback", self.model, new.model_id), "Undo the rollback …")
        return Done(f"The rollback is undone: **{new.version}** is the champion of **{name}** again.")


def ask(verb: str, model: ModelMetadata, expected: str | None) -> None:
    """Open the dialog of a decision about a version; ``expected`` is the champion that is seen."""
    label, icon, title, _ = VERBS[verb]
    if verb in CHAMPIONS:
        decision_dialog.ask(
            ChampionDecision(label, icon, title, model.model_name, None, verb=verb, model=model, expected=expected)
        )
    else:
        decision_dialog.ask(ModelDecision(label, icon, title, model.model_name, model.model_id, verb=verb, model=model))


def _incoming(decision: ChampionDecision, view: session.View) -> ModelMetadata | None:
    """The version that comes in; None where a rollback has nobody to return to, which is said."""
    if decision.verb != "rollback":
        return decision.model
    name = decision.model.model_name
    earlier = view.rollback_target(name)
    if earlier is None:
        messages.show(
            "error", f"{name} has no earlier champion that is still eligible. Promote another version instead."
        )
        return None
    return view.metadata(earlier)


def button(
    verb: str,
    model: ModelMetadata,
    champion: ModelMetadata | None,
    *,
    because: str | None,
    primary: bool = False,
    label: str | None = None,
) -> None:
    """A button that asks for a decision; where it is not possible it stays visible and says why."""
    usual, icon, _, _ = VERBS[verb]
    st.button(
        label or usual,
        key=f"{verb}-{model.model_id}",
        icon=icon,
        type="primary" if primary and because is None else "secondary",
        disabled=because is not None,
        help=None if because is None else formatting.escaped(because),
        on_click=ask,
        args=(verb, model, champion.model_id if champion else None),
    )


def main_decision(model: ModelMetadata, verdict: PromotionVerdict, view: session.View) -> None:
    """The one decision that changes production: roll back a champion, promote any other."""
    champion = view.champion(model.model_name)
    if model.is_active:
        known = permissions.of(model.model_name, view)["rollback"]
        button("rollback", model, champion, because=permissions.refusal(known))
        return
    known = permissions.of(model.model_id, view)["promote"]
    if known.overridable:
        with st.container(key="override-gates", width="content"):
            button("promote", model, champion, because=None, label="Override gates …")
    else:
        because = permissions.refusal(known)
        button("promote", model, champion, because=because, primary=verdict.action == "promote")


def decisions(model: ModelMetadata, view: session.View, verdict: PromotionVerdict | None = None) -> None:
    """The buttons for one model, those that fit its state; the main one is what its verdict asks for."""
    champion = view.champion(model.model_name)
    if model.status == "purged":
        return
    if model.status == "trashed":
        button("restore", model, champion, because=None, primary=True)
        return
    assert verdict is not None
    evaluate = False
    with st.container(horizontal=True, gap="small", key="actions"):
        if verdict.evaluate is not None and verdict.benchmark is not None:
            label = f"Evaluate on {verdict.benchmark}"
            if verdict.evaluate != model.model_id:
                label = f"Evaluate champion {view.version_of(verdict.evaluate)} on {verdict.benchmark}"
            evaluate = controls.button(
                label, "evaluate", model.model_name, view, key="evaluate-first", icon=":material/speed:", type="primary"
            )
        main_decision(model, verdict, view)
        _challenge(model, view, primary=verdict.action == "experiment")
        known = permissions.of(model.model_id, view)
        shown = {"registered": ("reject", "archive"), "rejected": ("archive", "restore"), "archived": ("restore",)}
        shown["disqualified"] = ("reinstate",)
        for verb in (*shown.get(model.status, ()), "unpin" if model.pinned else "pin", "delete"):
            button(verb, model, champion, because=permissions.refusal(known[verb]))
    if evaluate and verdict.evaluate is not None and verdict.benchmark is not None:
        evaluating.measure(view.metadata(verdict.evaluate), verdict.benchmark, view)


def _challenge(model: ModelMetadata, view: session.View, *, primary: bool) -> None:
    because = permissions.refusal(permissions.of(model.model_id, view)["start_experiment"])
    st.button(
        "Start experiment",
        key=f"experiment-with-{model.model_id}",
        icon=":material/call_split:",
        type="primary" if primary and because is None else "secondary",
        disabled=because is not None,
        help=None if because is None else formatting.escaped(because),
        on_click=navigation.challenge,
        args=(model.model_name, model.model_id),
    )


def _change_of_champion(decision: ChampionDecision, new: ModelMetadata, view: session.View) -> None:
    """What a change of champion brings, for whom, on what evidence, and how it is undone."""
    name = new.model_name
    old = view.metadata(decision.expected) if decision.expected else None
    with st.container(border=True, key="dialog-change"):
        for label, which in (("Now in production", old), ("Afterwards", new)):
            said = "There is no champion yet."
            if which:
                kind = formatting.escaped(which.model_type)
                said = f"**{which.display_name}**, {kind}, score {formatting.number(which.composite_score)}"
            st.markdown(f":gray[{label}]  \n{said}")
    st.markdown(
        f"For all users of **{name}**: the next call of `load_active_model` returns {new.version}"
        + (f" instead of {old.version}." if old else ".")
    )
    if old and old.model_id != new.model_id:
        gates.feature_change(old.model_id, new.model_id, view)
        _evidence(view.compare([new.model_id, old.model_id]))
    if decision.verb == "rollback" and old:
        st.markdown(
            f"{old.version} is disqualified: it is not chosen again until it is reinstated. "
            "The message afterwards offers to undo the rollback."
        )
    elif decision.verb == "undo_rollback":
        st.markdown(
            f"{new.version} is reinstated and serves again, as before the rollback. Gates are not checked; "
            "experiments ended by the rollback stay ended."
        )
    elif old:
        st.markdown(f"To undo this, use Undo in the message afterwards: {old.version} serves again.")
    else:
        st.markdown("A first champion can be replaced, but there is no earlier champion to roll back to.")


def _evidence(comparison: Comparison) -> None:
    if not comparison.comparable:
        messages.show("warning", formatting.escaped(comparison.note))
    frame = frames.metric_comparison(comparison, baseline=1)
    with st.expander("Self-reported metrics (unverified)", key="dialog-self-reported"):
        tables.metrics(
            frame, key="evidence", alt="The new model and the present champion, metric by metric", narrow=True
        )
