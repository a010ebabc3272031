"""What may be done now, and the reason where it may not: the one place where pages ask. No Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from registry_core import (
    Experiment,
    ModelMetadata,
)

#: The usual way from shadow to production, as the core knows it by ``"default"``.
USUAL_STAGES = "shadow, 1, 5, 25, 50, 100"


def blocked(verb: str, experiment: Experiment, others: Collection[Experiment] = ()) -> str | None:
    """Why something may not be done to an experiment now; None when it may. ``others`` are those of its name."""
    if experiment.ended_at is not None:
        return "It has ended. Start another one."
    if verb == "share":
        if experiment.stages:
            return "It follows stages: advance it, or stop it and start one without stages."
        splitting = [each for each in others if each.mode == "split" and each.ended_at is None]
        other = next((each for each in splitting if each.experiment_id != experiment.experiment_id), None)
        if experiment.mode == "shadow" and other is not None:
            return f"Experiment {other.experiment_id} deals the traffic already: stop that one first."
    if verb == "advance":
        if not experiment.stages:
            return "It has no stages: its share is set by hand."
        if experiment.status == "paused":
            return "It is paused: resume it first."
        following = experiment.stages[experiment.stage + 1 :]
        if not following:
            return "It is at its last stage: promote a challenger, or stop it."
        if following[0] == 1.0 and len(experiment.running) > 1:
            return "The next stage is the promotion, and several challengers take part: promote the winner."
    return None


def may_not_start(model: ModelMetadata, champion: ModelMetadata | None, running: Iterable[Experiment]) -> str | None:
    """Why a model may not become a challenger; None when it may, as far as can be seen without loading it."""
    if champion is None:
        return "There is no champion to challenge: promote a model first."
    if model.model_id == champion.model_id:
        return "It is the champion: a challenger is another version."
    if because := why_not(model):
        return because
    for each in running:
        if each.ended_at is None and any(arm.challenger_id == model.model_id for arm in each.running):
            return f"It takes part in experiment {each.experiment_id} already."
    return None


#: What is put away, in a sentence about it.
GONE = {
    "trashed": "in the trash: put it back before anything else",
    "purged": "purged: its files are gone, its metrics and history stay",
}
#: What quarantine means, and the way to take part all the same.
QUARANTINE = (
    "A quarantined file imports code that is not trusted: it is stored, and not loaded or chosen until a person has "
    "reviewed that code and allowed the imports on the model's page."
)


def why_not(model: ModelMetadata) -> str | None:
    """Why a model may not be promoted, or None when it may."""
    if model.is_active:
        return "It is the champion already."
    if model.artifact == "quarantined":
        return f"Its file is quarantined. {QUARANTINE}"
    if model.status in GONE:
        return f"It is {GONE[model.status]}."
    if model.status != "registered":
        because = f" ({model.status_reason})" if model.status_reason else ""
        return f"It is {model.status}{because}."
    return None
