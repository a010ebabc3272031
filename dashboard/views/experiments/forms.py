"""What the dialogs of experiments ask for and explain: what changes, for whom, on what evidence, and how to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import charts, gates, messages
from dashboard.ui.decision_dialog import Choice
from dashboard.views.experiments import charts as experiment_charts
from dashboard.views.experiments import sentences
from registry_core import Experiment, Gate, ModelMetadata

#: The usual way from shadow to production, as the core knows it by ``"default"``.
USUAL_STAGES = "shadow, 1, 5, 25, 50, 100"
WAYS = {
    "Shadow": "It scores the same rows as the champion. Its predictions are not served.",
    "Split": "It serves a share of the traffic.",
    "Staged rollout": "From shadow to production in stages, each with its gates.",
}


class Experimenting(Protocol):
    """What a form reads of its decision: the model name, the champion and the experiment as they were seen."""

    name: str
    expected: str | None

    @property
    def seen(self) -> Experiment:
        """The experiment; every verb but ``start`` has one."""


def start(decision: Experimenting, view: session.View) -> Choice | None:
    """Which challengers, how, and by which metric."""
    champion = view.metadata(decision.expected) if decision.expected else None
    if champion is None:
        messages.show("error", "There is no champion to challenge: promote a model first.")
        return None
    candidates = view.candidates(decision.name)
    known = permissions.of_many([each.model_id for each in candidates], view)
    judged = [(each, permissions.refusal(known[each.model_id]["start_experiment"])) for each in candidates]
    models = {each.model_id: each for each, because in judged if because is None}
    chosen = st.multiselect(
        "Challengers",
        list(models),
        format_func=lambda model_id: _described(models[model_id]) if model_id in models else str(model_id),
        key="start-challengers",
        max_selections=16,
        placeholder="Choose one, or several",
    )
    _refusals([(each.version, because) for each, because in judged if because is not None])
    way = st.radio("How", list(WAYS), captions=list(WAYS.values()), key="start-way")
    names = sentences.listed([models[each].version for each in chosen]) if chosen else "The challenger"
    share, stages = 0.05, "default"
    if way == "Split":
        share = _per_cent("Total share of the traffic, in %", 5.0, "start-share") / 100
    if way == "Staged rollout":
        stages = st.text_input(
            "Stages: “shadow” and shares in %, 100 is the promotion",
            value=USUAL_STAGES,
            key="start-stages",
            max_chars=200,
        )
    metric = _metric(champion, view)
    plural = len(chosen) > 1
    users = f"who use **{formatting.escaped(decision.name)}**"
    if way == "Shadow":
        changes = (
            f"{names} {'score' if plural else 'scores'} beside {champion.version}. Nothing changes for those {users}."
        )
    elif way == "Split":
        changes = (
            f"{names} {'serve' if plural else 'serves'} {sentences.share(share)} of those {users} instead of "
            f"{champion.version}, from the next request on. A unit keeps its version."
        )
    else:
        alone = view.registry.policy(decision.name).monitoring_policy.on_rollout == "act"
        changes = f"{names} {'advance' if plural else 'advances'} from stage to stage when all gates passed, " + (
            "automatically: the registry takes each step, including the promotion, and stops a harmful challenger."
            if alone
            else "each time by decision of a person."
        )
    st.markdown(f"{changes} To undo this, stop the experiment: {champion.version} then serves all requests.")

    def act(who: str, why: str, _: bool) -> Experiment:
        if not chosen:
            raise ValueError("Choose at least one challenger.")
        steps = None
        if way == "Staged rollout":
            own = " ".join((stages or "").split())
            steps = "default" if own in ("default", USUAL_STAGES) else sentences.stages_from(own)
        return view.registry.start_experiment(
            decision.name,
            list(chosen),
            None if steps is not None else "split" if way == "Split" else "shadow",
            share if way == "Split" else None,
            steps,
            metric=metric,
            expected_champion=decision.expected,
            actor=who,
            reason=why,
        )

    return Choice(act)


def _described(model: ModelMetadata) -> str:
    return f"{model.version}, {formatting.visible(model.model_type)}, score {formatting.number(model.composite_score)}"


def _refusals(refused: Sequence[tuple[str, str]]) -> None:
    if refused:
        told = "; ".join(f"{version}: {because.rstrip('.')}" for version, because in refused[:6])
        st.caption(f"Not offered: {formatting.escaped(told)}.")


def _metric(champion: ModelMetadata, view: session.View) -> str | None:
    loss = view.registry.policy(champion.model_name).monitoring_policy.loss
    known: dict[str, list[str]] = {"classification": ["accuracy", "brier_score"], "regression": [loss]}
    offered = known.get(champion.task or "", ["accuracy", "brier_score", loss])
    if len(offered) == 1:
        st.caption(f"Decided by the {sentences.METRICS[offered[0]]}.")
        return None
    return st.selectbox(
        "Decided by", offered, format_func=lambda each: sentences.METRICS[each].capitalize(), key="start-metric"
    )


def _per_cent(label: str, value: float, key: str) -> float:
    return st.number_input(label, min_value=0.1, max_value=100.0, value=value, step=1.0, format="%.4g", key=key)


def share(decision: Experimenting, view: session.View) -> Choice | None:
    """How much of the traffic the challengers serve."""
    found = decision.seen
    versions = view.versions([found])
    running = found.running
    now = 100 * sentences.answered(found)
    shares: float | dict[str, float]
    if len(running) == 1:
        only = running[0].challenger_id
        shares = _per_cent(f"Share of the traffic that {versions[only]} serves, in %", now or 5.0, "share") / 100
        parts = {only: shares}
    else:
        how = st.radio("Shares", ["Equal", "Individual"], horizontal=True, key="share-how")
        if how == "Equal":
            shares = _per_cent("Total share of the traffic, in %", now or 5.0, "share") / 100
            parts = {arm.challenger_id: shares / len(running) for arm in running}
        else:
            shares = parts = {
                arm.challenger_id: _per_cent(
                    f"Share of {versions[arm.challenger_id]}, in %",
                    100 * arm.share or 5.0,
                    f"share-{arm.challenger_id}",
                )
                / 100
                for arm in running
            }
    if sum(parts.values()) > 1 + 1e-9:
        messages.show("warning", "The shares exceed 100% in total.")
    else:
        ids = [found.champion_id, *(arm.challenger_id for arm in found.arms)]
        shades = dict(zip(ids, charts.colours(ids, found.champion_id), strict=True))
        arms = tuple(replace(arm, share=parts.get(arm.challenger_id, 0.0)) for arm in found.arms)
        st.caption("Now")
        st.html(experiment_charts.split(found, versions, shades))
        st.caption("Afterwards")
        st.html(experiment_charts.split(replace(found, arms=arms, mode="split"), versions, shades))
    begins = ""
    if found.mode == "shadow":
        begins = "This begins the split: "
        shown = formatting.escaped(view.experiment_report(found.experiment_id).verdict)
        messages.show(
            "info",
            f"In shadow so far: {shown} The split compares other units and starts without results; the results of the "
            "shadow stay on the page.",
        )
    st.markdown(
        f"{begins}{_everyone(decision)} from the next request on, the traffic is split as drawn above. A unit that a "
        "challenger serves keeps it when the share grows. To undo this, set the old share again, pause, or stop."
    )
    return Choice(
        lambda who, why, _: view.registry.set_share(found.experiment_id, shares, actor=who, reason=why, expected=found)
    )


def _everyone(decision: Experimenting) -> str:
    return f"For everyone who uses **{formatting.escaped(decision.name)}**:"


def pause(decision: Experimenting, view: session.View) -> Choice | None:
    """Pause: the champion serves all requests for a while."""
    found = decision.seen
    champion = view.version_of(found.champion_id)
    what = "no challenger scores rows" if found.mode == "shadow" else "no challenger serves any"
    st.markdown(
        f"{_everyone(decision)} from the next request on, {champion} serves all requests, and {what}. The results "
        "so far are kept. To undo this, resume."
    )
    verb = view.registry.pause_experiment
    return Choice(lambda who, why, _: verb(found.experiment_id, actor=who, reason=why, expected=found))


def resume(decision: Experimenting, view: session.View) -> Choice | None:
    """Go on where it stood."""
    found = decision.seen
    versions = view.versions([found])
    parts = [f"{versions[arm.challenger_id]} {sentences.share(arm.share)}" for arm in found.running]
    goes_on = "the challengers score beside it again" if found.mode == "shadow" else f"{sentences.listed(parts)} again"
    st.markdown(
        f"{_everyone(decision)} the experiment continues, {goes_on}; a unit that had a challenger gets the same one. "
        "To undo this, pause."
    )
    verb = view.registry.resume_experiment
    return Choice(lambda who, why, _: verb(found.experiment_id, actor=who, reason=why, expected=found))


def stop(decision: Experimenting, view: session.View) -> Choice | None:
    """End it without a winner."""
    found = decision.seen
    report = view.experiment_report(found.experiment_id)
    st.markdown(f"So far: {formatting.escaped(sentences.headline(report, view.versions([found])))}.")
    st.markdown(
        f"{_everyone(decision)} it ends without a winner, and {view.version_of(found.champion_id)} serves all "
        "requests. The results are kept. An ended experiment cannot be resumed: a new one starts without results."
    )
    verb = view.registry.stop_experiment
    return Choice(lambda who, why, _: verb(found.experiment_id, actor=who, reason=why, expected=found))


def advance(decision: Experimenting, view: session.View) -> Choice | None:
    """The next stage, with the gates of the present one."""
    found = decision.seen
    versions = view.versions([found])
    report = view.experiment_report(found.experiment_id)
    running = [each for each in report.challengers if each.status == "running"]
    asked: list[Gate] = []
    for each in running:
        whose = f" of {versions[each.challenger_id]}" if len(running) > 1 else ""
        asked += [replace(gate, name=f"{gate.name}{whose}") for gate in each.gates]
    following = report.next_stage
    if following == 1.0:
        asked += view.gates(running[0].challenger_id).gates
    failed = gates.told(asked)
    if following == 1.0:
        gates.feature_change(found.champion_id, running[0].challenger_id, view)
        st.markdown(
            f"{_everyone(decision)} {versions[running[0].challenger_id]} becomes champion instead of "
            f"{versions[found.champion_id]}, and the experiment ends. Undo in the message afterwards restores "
            f"{versions[found.champion_id]}; the experiment stays ended."
        )
    else:
        now = sentences.steps(found)[found.stage].name
        then = sentences.share(float(following or 0))
        serve = "serve" if len(running) > 1 else "serves"
        names = sentences.listed([versions[each.challenger_id] for each in running])
        st.markdown(
            f"{_everyone(decision)} from the next request on, {names} {serve} {then} of the traffic ({now} now) "
            f"instead of {versions[found.champion_id]}. An earlier stage cannot be restored: pause or stop the "
            "experiment to remove the traffic."
        )
    verb = view.registry.advance_experiment
    return Choice(
        lambda who, why, over: verb(found.experiment_id, actor=who, reason=why, expected=found, override=over), failed
    )


def promote(decision: Experimenting, view: session.View) -> Choice | None:
    """The winner, what it has shown, and the gates of a promotion."""
    found = decision.seen
    versions = view.versions([found])
    report = view.experiment_report(found.experiment_id)
    running = sorted(
        (each for each in report.challengers if each.status == "running"),
        key=lambda each: -(each.effect.value if each.effect.value is not None else -1e9),
    )
    winner = running[0].challenger_id
    if len(running) > 1:
        ids = [each.challenger_id for each in running]
        winner = st.radio("The winner", ids, format_func=lambda each: versions[each], horizontal=True, key="winner")
    won = next(each for each in running if each.challenger_id == winner)
    new, old = versions[winner], versions[found.champion_id]
    tones: dict[str, messages.Tone] = {"better": "success", "worse": "error"}
    messages.show(
        tones.get(won.effect.verdict, "warning"), f"{formatting.escaped(sentences.finding(won, found, versions))}."
    )
    failed = gates.told(view.gates(winner).gates)
    gates.feature_change(found.champion_id, winner, view)
    others = " The other challengers are withdrawn." if len(running) > 1 else ""
    st.markdown(
        f"{_everyone(decision)} {new} becomes champion instead of {old} from the next request on, and the experiment "
        f"ends with it as the winner.{others} Undo in the message afterwards restores {old}; the experiment stays "
        "ended."
    )
    verb = view.registry.promote_challenger
    return Choice(
        lambda who, why, over: verb(
            found.experiment_id,
            winner,
            actor=who,
            reason=why,
            expected_champion=decision.expected,
            expected=found,
            override=over,
        ),
        failed,
    )
