"""Decisions about experiments: the buttons that ask for one, its dialog, and what happens afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

import streamlit as st

from dashboard import allowed, formatting, navigation, session
from dashboard.ui import decision_dialog, messages
from dashboard.views.experiments import forms, sentences
from dashboard.views.experiments.forms import Choice, Request
from registry_core import (
    ChampionChanged,
    Conflict,
    Deployment,
    Experiment,
    ExperimentReport,
    RegistryError,
)

#: verb -> (button, icon, dialog title, what it asks and explains)
VERBS: dict[str, tuple[str, str, str, Callable[[Request, session.View], Choice | None]]] = {
    "start": ("Start experiment", ":material/call_split:", "Start an experiment", forms.start),
    "share": ("Share", ":material/tune:", "Share of the traffic", forms.share),
    "pause": ("Pause", ":material/pause:", "Pause the experiment", forms.pause),
    "resume": ("Resume", ":material/play_arrow:", "Resume the experiment", forms.resume),
    "advance": ("Advance", ":material/skip_next:", "Advance to the next stage", forms.advance),
    "promote": ("Promote", ":material/publish:", "Promote to production", forms.promote),
    "stop": ("Stop", ":material/stop:", "Stop the experiment", forms.stop),
}
#: Fields of the dialogs that must not keep what was typed for another decision.
FIELDS = {"experiment-reason", "experiment-override", "share", "share-how", "winner"}
FIELDS |= {"start-challengers", "start-way", "start-share", "start-stages", "start-metric"}


def _ask(verb: str, name: str, experiment: Experiment | None, expected: str | None, live: bool = False) -> None:
    """Open a dialog in the next run of the whole page; a button that is redrawn by itself has to ask for that run."""
    for key in list(st.session_state):
        if key in FIELDS or str(key).startswith("share-"):
            del st.session_state[key]
    st.session_state.pop("request", None)
    st.session_state["experiment-request"] = Request(verb, name, experiment, expected)
    st.session_state["experiment-asked"] = live
    st.session_state["experiment-by"] = session.actor()
    if experiment is not None:
        # The page keeps showing it, also when it ends in the meantime and would make room for another one.
        st.query_params["experiment"] = str(experiment.experiment_id)


def _forget() -> None:
    st.session_state.pop("experiment-request", None)


def start(name: str, view: session.View, *, primary: bool) -> None:
    """The button that starts an experiment of a model name."""
    champion = view.champion(name)
    because = None
    if champion is None:
        because = "There is no champion to challenge: promote a model first."
    elif all(allowed.may_not_start(each, champion, view.experiments(name)) for each in view.candidates(name)):
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
        on_click=_ask,
        args=("start", name, None, champion.model_id if champion else None),
    )


def challenge(view: session.View) -> None:
    """Open the dialog for the version that a model's page sent here, if it sent one."""
    model_id = st.session_state.pop(navigation.CHALLENGER, None)
    if model_id is not None:
        name = view.metadata(model_id).model_name
        champion = view.champion(name)
        _ask("start", name, None, champion.model_id if champion else None)
        st.session_state["start-challengers"] = [model_id]


def buttons(
    found: Experiment, report: ExperimentReport, others: Collection[Experiment], versions: Mapping[str, str]
) -> None:
    """What may be done to an experiment; what may not be done now is there too, and says why."""
    if found.ended_at is not None:
        return
    better = any(each.step == "promote" for each in report.challengers)
    goes_on = any(each.step == "advance" for each in report.challengers)
    # What was better beside the champion has to be so in answering, too.
    best = "share" if found.mode == "shadow" and not found.stages else "promote"
    first = "advance" if goes_on else best if better else ""
    if report.next_stage == 1.0 and first == "promote":
        first = "advance" if allowed.blocked("advance", found) is None else "promote"
    with st.container(horizontal=True, gap="small", key="experiment-buttons"):
        for verb in ("advance", "share", "promote", "resume" if found.status == "paused" else "pause", "stop"):
            because = allowed.blocked(verb, found, others)
            st.button(
                sentences.next_stage(report.next_stage) if verb == "advance" else VERBS[verb][0],
                key=f"experiment-{verb}",
                icon=VERBS[verb][1],
                type="primary" if verb == first and because is None else "secondary",
                disabled=because is not None,
                help=because,
                on_click=_ask,
                args=(verb, found.model_name, found, found.champion_id, True),
            )


def open_dialog() -> bool:
    """Draw the dialog that was asked for. Called once a run, by the application; whether there is one."""
    return decision_dialog.draw("experiment-request", VERBS, _decide, _forget)


def _decide(request: Request) -> None:
    view = session.view()
    label, icon, _, ask = VERBS[request.verb]
    if request.experiment is not None:
        versions = view.versions([request.experiment])
        who = sentences.listed([versions[arm.challenger_id] for arm in request.experiment.arms])
        st.caption(
            f"{formatting.escaped(request.name)}, experiment {request.experiment.experiment_id}: "
            f"{who} against {versions[request.experiment.champion_id]}, {sentences.state(request.experiment)}"
        )
        if because := _no_longer(request):
            _trouble(request)
            messages.show("info", because)
            if st.button("Close", key="experiment-close"):
                _forget()
                st.rerun()
            return
    choice = ask(request, view)
    if choice is None:
        return
    problem = st.container()
    with st.form("experiment", border=False):
        over = choice.failed > 0 and st.checkbox(
            f"Override {formatting.count(choice.failed, 'failed gate')}: it stays visible for ever, with the reason",
            key="experiment-override",
        )
        reason = st.text_area(
            "Reason (required; it is kept with the decision)",
            key="experiment-reason",
            max_chars=2000,
            height=80,
            placeholder="What speaks for it, and where that can be looked up",
        )
        who = st.text_input(
            "Your name (required; it is recorded as who decided)", key="experiment-by", max_chars=100
        ).strip()
        confirmed = st.form_submit_button(label, type="primary", icon=icon, disabled=bool(request.conflict))
    if confirmed:
        request.failure = ""
        if not who:
            request.failure = "Say who decides: a name is required. Nothing was changed."
        elif choice.failed and not over:
            request.failure = "Gates do not hold. Tick the override and give its reason, or wait."
        elif reason and reason.strip():
            loads = request.verb in ("start", "advance", "promote")
            with st.spinner("Verifying the files and loading them once …" if loads else "Saving …"):
                _carry_out(request, choice, reason.strip(), who, bool(over))
        else:
            request.failure = "Say why: a reason is required. Nothing was changed."
    with problem:
        _trouble(request)


def _no_longer(request: Request) -> str | None:
    """Why what was asked for is not possible any more, after somebody else was faster."""
    found = request.seen
    if request.verb == "pause" and found.status == "paused":
        return "It is paused already: there is nothing left to do."
    if request.verb == "resume" and found.status == "running":
        return "It runs already: there is nothing left to do."
    return allowed.blocked(request.verb, found)


def _trouble(request: Request) -> None:
    if request.conflict:
        messages.show("warning", f"Somebody was faster. {formatting.escaped(request.conflict)} Your reason is kept.")
        st.button(
            "Look again, then decide",
            key="experiment-again",
            icon=":material/refresh:",
            on_click=_again,
            args=(request,),
        )
    if request.failure:
        messages.show("warning", request.failure)


def _again(request: Request) -> None:
    registry = session.open_registry()
    request.conflict = request.failure = ""
    try:
        if request.experiment is not None:
            request.experiment = registry.experiment(request.experiment.experiment_id)
        request.expected = registry.get_active_model_id(request.name)
    except RegistryError as error:
        request.failure = formatting.escaped(str(error))


def _carry_out(request: Request, choice: Choice, reason: str, who: str, override: bool) -> None:
    """Do it. A success starts the whole page anew; what goes wrong stays in the dialog, and so does the reason."""
    before = request.experiment
    try:
        done = choice.act(who, reason, override)
    except Conflict as conflict:
        if before is not None or isinstance(conflict, ChampionChanged):
            request.conflict = _readable(str(conflict), request)
        else:
            request.failure = f"Nothing was changed. {formatting.escaped(_readable(str(conflict), request))}."
        return
    except (RegistryError, ValueError) as error:
        request.failure = f"Nothing was changed. {formatting.escaped(_readable(str(error), request))}"
        return
    _forget()
    session.act_as(who)
    number = before.experiment_id if before is not None else done.experiment_id if isinstance(done, Experiment) else 0
    # The address keeps what was decided on, also where it has ended and another one would be shown.
    st.query_params["experiment"] = str(number)
    messages.post("success", _told(request, done), *_undo(request, done))
    st.rerun()


def _readable(text: str, request: Request) -> str:
    """The core's words with versions in place of the ids of this model name."""
    view = session.view()
    known = {each.model_id: each.version for each in view.candidates(request.name)}
    champion = view.champion(request.name)
    return formatting.named(text, known | ({champion.model_id: champion.version} if champion else {}))


def _told(request: Request, done: Experiment | Deployment) -> str:
    name = formatting.escaped(request.name)
    if isinstance(done, Deployment) or done.status == "promoted":
        winner = (
            done.model_id
            if isinstance(done, Deployment)
            else next(arm.challenger_id for arm in done.arms if arm.status == "promoted")
        )
        return f"**{session.view().version_of(winner)}** is now the champion of **{name}**; the experiment has ended."
    words = {"start": "has started", "pause": "is paused", "resume": "goes on", "stop": "has ended"}
    if request.verb in words:
        return f"Experiment {done.experiment_id} of **{name}** {words[request.verb]}."
    return f"Challengers answer {sentences.share(sentences.answered(done))} of **{name}** now."


def _undo(request: Request, done: Experiment | Deployment) -> tuple[Callable[[], None] | None, str]:
    """What takes the decision back, checked against the state it left; None where nothing does."""
    registry, before = session.open_registry(), request.experiment
    if isinstance(done, Deployment):
        undo = partial(registry.undo_promotion, done.model_name, expected_champion=done.model_id)
        return partial(_take_back, undo, "promotion"), "Undo: put the previous champion back"
    if done.status == "promoted":
        winner = next(arm.challenger_id for arm in done.arms if arm.status == "promoted")
        undo = partial(registry.undo_promotion, done.model_name, expected_champion=winner)
        return partial(_take_back, undo, "promotion"), "Undo: put the previous champion back"
    number = done.experiment_id
    if request.verb == "start":
        return partial(_take_back, partial(registry.stop_experiment, number, expected=done), "start"), "Undo: stop it"
    if request.verb == "pause":
        return partial(_take_back, partial(registry.resume_experiment, number, expected=done), "pause"), "Undo: resume"
    if request.verb == "resume":
        return partial(_take_back, partial(registry.pause_experiment, number, expected=done), "resume"), "Undo: pause"
    if request.verb == "share" and before is not None and before.mode == "split":
        old = {arm.challenger_id: arm.share for arm in before.running}
        undo_share = partial(registry.set_share, number, old, expected=done)
        return partial(_take_back, undo_share, "new share"), "Undo: the old share"
    return None, ""


def _take_back(undo: Callable[..., object], what: str) -> None:
    try:
        undo(actor=session.actor(), reason=f"undo of the {what}")
    except Conflict:
        messages.post("warning", "Not undone: somebody has changed it again. Look at it, then decide.")
    except RegistryError as error:
        messages.post("error", f"Not undone: {formatting.escaped(str(error))}")
    else:
        messages.post("success", f"Undone: the {what} is taken back, and both are on record.")
