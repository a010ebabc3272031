"""Decisions about experiments: the buttons that ask for one, what each does, and what takes it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import streamlit as st

from dashboard import formatting, navigation, permissions, session
from dashboard.ui import decision_dialog, messages
from dashboard.ui.decision_dialog import Choice, Clash, Decision, Done
from dashboard.views.experiments import forms, sentences
from registry_core import ChampionChanged, Conflict, Deployment, Experiment, ExperimentReport, Permission

#: verb -> (button, icon, dialog title, what it asks and explains)
VERBS: dict[str, tuple[str, str, str, Callable[[forms.Experimenting, session.View], Choice | None]]] = {
    "start": ("Start experiment", ":material/call_split:", "Start an experiment", forms.start),
    "share": ("Share", ":material/tune:", "Share of the traffic", forms.share),
    "pause": ("Pause", ":material/pause:", "Pause the experiment", forms.pause),
    "resume": ("Resume", ":material/play_arrow:", "Resume the experiment", forms.resume),
    "advance": ("Advance", ":material/skip_next:", "Advance to the next stage", forms.advance),
    "promote": ("Promote", ":material/publish:", "Promote to production", forms.promote),
    "stop": ("Stop", ":material/stop:", "Stop the experiment", forms.stop),
}

#: The verbs as the core calls them.
ALLOWED_AS = {
    "share": "set_share",
    "pause": "pause_experiment",
    "resume": "resume_experiment",
    "advance": "advance_experiment",
    "promote": "promote_challenger",
    "stop": "stop_experiment",
}


@dataclass(kw_only=True)
class ExperimentDecision(Decision):
    """A decision about an experiment, with the experiment and the champion that were seen when it was asked for."""

    verb: str
    name: str
    experiment: Experiment | None
    expected: str | None

    fields: ClassVar[tuple[str, ...]] = ("share", "winner", "start-")
    working: ClassVar[str] = "Verifying the files and loading them once …"

    @property
    def seen(self) -> Experiment:
        """The experiment as it was seen; every verb but ``start`` has one."""
        assert self.experiment is not None
        return self.experiment

    def describe(self, view: session.View) -> Choice | None:
        """Which experiment it is, and what the verb asks and explains; or why it is not possible any more."""
        if self.experiment is not None:
            versions = view.versions([self.experiment])
            challengers = sentences.listed([versions[arm.challenger_id] for arm in self.experiment.arms])
            st.caption(
                f"{formatting.escaped(self.name)}, experiment {self.experiment.experiment_id}: {challengers} against "
                f"{versions[self.experiment.champion_id]}, {sentences.state(self.experiment)}"
            )
            if because := self._no_longer():
                messages.show("info", because)
                return None
        return VERBS[self.verb][3](self, view)

    def _no_longer(self) -> str | None:
        """Why what was asked for is not possible any more, after somebody else was faster."""
        if self.verb == "pause" and self.seen.status == "paused":
            return "It is paused already: there is nothing left to do."
        if self.verb == "resume" and self.seen.status == "running":
            return "It runs already: there is nothing left to do."
        view = session.view()
        if view.experiment(self.seen.experiment_id) != self.seen:
            # The core says who was faster once it is decided, and the reason is kept.
            return None
        return permissions.refusal(permissions.of(self.seen.experiment_id, view)[ALLOWED_AS[self.verb]])

    def clashed(self, error: Conflict) -> Clash | None:
        """Somebody changed the experiment or the champion: look again, then decide."""
        if self.experiment is None and not isinstance(error, ChampionChanged):
            return None
        text = f"The experiment changed in the meantime. {formatting.escaped(str(error))} Your reason is kept."
        return Clash(text, "Look again, then decide", self._look_again)

    def _look_again(self) -> None:
        registry = session.registry()
        if self.experiment is not None:
            self.experiment = registry.experiment(self.experiment.experiment_id)
        self.expected = registry.get_active_model_id(self.name)

    def done(self, result: Any) -> Done:
        """The new state, and what takes the decision back, checked against the state it left."""
        before = self.experiment
        number = before.experiment_id if before is not None else result.experiment_id
        # The address keeps what was decided on, also where it has ended and another one would be shown.
        st.query_params["experiment"] = str(number)
        return Done(_told(self, result), *_undo(self, result))


def ask(verb: str, name: str, experiment: Experiment | None, expected: str | None) -> None:
    """Open the dialog of a decision about an experiment; ``expected`` is the champion that is seen."""
    label, icon, title, _ = VERBS[verb]
    decision_dialog.ask(
        ExperimentDecision(label, icon, title, name, verb=verb, name=name, experiment=experiment, expected=expected)
    )
    if experiment is not None:
        # The page keeps showing it, also when it ends in the meantime and would make room for another one.
        st.query_params["experiment"] = str(experiment.experiment_id)


def _judged(name: str, view: session.View) -> dict[str, dict[str, Permission]]:
    return permissions.of_many([each.model_id for each in view.candidates(name)], view)


def start(name: str, view: session.View, *, primary: bool) -> None:
    """The button that starts an experiment of a model name."""
    champion = view.champion(name)
    because = None
    if champion is None:
        because = "There is no champion to challenge: promote a model first."
    elif not any(each["start_experiment"].allowed for each in _judged(name, view).values()):
        because = (
            "No version can challenge the champion: register another one, or stop the experiment it takes part in."
        )
    st.button(
        "Start experiment",
        key="experiment-start",
        icon=VERBS["start"][1],
        type="primary" if primary and because is None else "secondary",
        disabled=because is not None,
        help=because,
        on_click=ask,
        args=("start", name, None, champion.model_id if champion else None),
    )


def challenge(view: session.View) -> None:
    """Open the dialog for the version that a model's page sent here, if it sent one."""
    model_id = st.session_state.pop(navigation.CHALLENGER, None)
    if model_id is not None:
        name = view.metadata(model_id).model_name
        champion = view.champion(name)
        ask("start", name, None, champion.model_id if champion else None)
        st.session_state["start-challengers"] = [model_id]


def buttons(found: Experiment, report: ExperimentReport, view: session.View) -> None:
    """What may be done to an experiment; what may not be done now is there too, and says why."""
    if found.ended_at is not None:
        return
    known = permissions.of(found.experiment_id, view)
    better = any(each.step == "promote" for each in report.challengers)
    goes_on = any(each.step == "advance" for each in report.challengers)
    # What was better beside the champion has to be so in answering, too.
    best = "share" if found.mode == "shadow" and not found.stages else "promote"
    first = "advance" if goes_on else best if better else ""
    if all(each.step == "stop" for each in report.challengers if each.status == "running"):
        first = "stop"
    if report.next_stage == 1.0 and first == "promote":
        first = "advance" if permissions.refusal(known["advance_experiment"]) is None else "promote"
    with st.container(horizontal=True, gap="small", key="experiment-buttons"):
        verbs = ["advance", "share", "promote", "resume" if found.status == "paused" else "pause", "stop"]
        # What is recommended comes first.
        for verb in sorted(verbs, key=lambda each: each != first):
            because = permissions.refusal(known[ALLOWED_AS[verb]])
            asked = st.button(
                sentences.next_stage(report.next_stage) if verb == "advance" else VERBS[verb][0],
                key=f"experiment-{verb}",
                icon=VERBS[verb][1],
                type="primary" if verb == first and because is None else "secondary",
                disabled=because is not None,
                help=because,
            )
            if asked:
                ask(verb, found.model_name, found, found.champion_id)
                # A dialog belongs to the whole application, not to the part that refreshes itself.
                st.rerun(scope="app")


def _told(decision: ExperimentDecision, done: Experiment | Deployment) -> str:
    name = formatting.escaped(decision.name)
    if isinstance(done, Deployment) or done.status == "promoted":
        winner = (
            done.model_id
            if isinstance(done, Deployment)
            else next(arm.challenger_id for arm in done.arms if arm.status == "promoted")
        )
        return f"**{session.view().version_of(winner)}** is now the champion of **{name}**; the experiment has ended."
    words = {"start": "has started", "pause": "is paused", "resume": "goes on", "stop": "has ended"}
    if decision.verb in words:
        return f"Experiment {done.experiment_id} of **{name}** {words[decision.verb]}."
    return f"Challengers serve {sentences.share(sentences.answered(done))} of the requests of **{name}** now."


Undo = tuple[Callable[[], None] | None, str]


def _undo(decision: ExperimentDecision, result: Experiment | Deployment) -> Undo:
    registry, before, verb = session.registry(), decision.experiment, decision.verb
    promoted = (
        result.model_id
        if isinstance(result, Deployment)
        else next((arm.challenger_id for arm in result.arms if arm.status == "promoted"), None)
    )
    if promoted is not None:
        undo = partial(registry.undo_promotion, decision.name, expected_champion=promoted)
        return decision_dialog.undo(undo, "promotion"), "Undo: restore the previous champion"
    assert isinstance(result, Experiment)
    number = result.experiment_id
    if verb == "start":
        undo_start = partial(registry.stop_experiment, number, expected=result)
        return decision_dialog.undo(undo_start, "start"), "Undo: stop it"
    if verb == "pause":
        return decision_dialog.undo(partial(registry.resume_experiment, number, expected=result), verb), "Undo: resume"
    if verb == "resume":
        return decision_dialog.undo(partial(registry.pause_experiment, number, expected=result), verb), "Undo: pause"
    if verb == "share" and before is not None and before.mode == "split":
        old = {arm.challenger_id: arm.share for arm in before.running}
        undo_share = partial(registry.set_share, number, old, expected=result)
        return decision_dialog.undo(undo_share, "new share"), "Undo: the old share"
    return None, ""
