"""The parts of one model's page: what it is, how it does, what went in, what happened to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import streamlit as st

from dashboard import charts, frames, notices, session, tables, upkeep_parts, wording
from registry_core import Comparison, ModelMetadata

#: The colour beside the word and the shape of a state.
BADGES: dict[str, Literal["blue", "green", "orange", "gray", "red"]] = {
    wording.CHAMPION: "blue",
    wording.QUARANTINED: "orange",
    wording.STATUS_WORDS["rejected"]: "red",
    wording.STATUS_WORDS["disqualified"]: "red",
    wording.STATUS_WORDS["trashed"]: "orange",
}


def choose(name: str, view: session.View) -> ModelMetadata | None:
    """The model of the address; without one, the champion, else the newest version."""
    wanted = st.query_params.get("id")
    if wanted:
        return view.metadata(wanted)
    champion = view.champion(name)
    if champion:
        return champion
    newest = view.history(name, 1)
    return view.metadata(newest[-1]["model_id"]) if newest else None


def title(model: ModelMetadata, now: datetime) -> None:
    """Name, version and state; the id to copy."""
    notices.heading(
        f"{model.model_name} {model.version}",
        f"{model.model_type}, registered {wording.ago(model.registered_at, now)} by "
        f"{wording.escaped(model.registered_by)}: what this version is, and whether it should go live.",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(wording.status(model), color=BADGES.get(wording.status(model), "gray"))
        if model.pinned:
            st.badge("pinned", icon=":material/keep:", color="gray")
        st.code(model.model_id, language=None, width="content", wrap_lines=True)
    if model.description:
        st.text(wording.visible(model.description))
    if model.tags:
        st.text(wording.visible("Tags: " + ", ".join(model.tags)))


def put_away(model: ModelMetadata, view: session.View) -> None:
    """Of a version in the trash or purged: since when, why, by whom, and what there still is."""
    if model.status not in wording.GONE:
        return
    kinds = {"trashed": "trashed", "purged": "purged"}
    found = view.recent_events(model.model_name, model.model_id)
    event = next((each for each in found if each.kind == kinds[model.status]), None)
    when = f"{notices.when(event.at)} by **{wording.escaped(event.actor)}**" if event else ""
    why = f": {wording.escaped(event.reason)}" if event and event.reason else ""
    if model.status == "purged":
        notices.show("warning", f"**Deleted for good** {when}{why}. Its files are gone; what is known of it stays.")
        return
    until = next(
        (each for each in upkeep_parts.trash_of(model.model_name, view) if each.model_id == model.model_id), None
    )
    goes = f" Its files go {wording.exact(until.purge_at, notices.viewer_zone())}." if until else ""
    notices.show("warning", f"**In the trash** since {when}{why}.{goes}")


def verdict(
    model: ModelMetadata, champion: ModelMetadata | None, comparison: Comparison | None, view: session.View
) -> None:
    """Should this one go live: by what was measured on the same rows where both were, else by what was reported."""
    paired = None
    if champion and champion.model_id != model.model_id and wording.why_not(model) is None:
        paired = view.paired(champion.model_id, model.model_id)
    if paired is not None and paired.differences:
        judged = wording.measured_verdict(model, paired)
    else:
        judged = wording.verdict(model, champion, comparison)
    notices.show(judged.tone, f"**{wording.escaped(judged.headline)}** {wording.escaped(judged.sentence)}")
    if paired is not None and champion is not None:
        st.button(
            f"Compare with {champion.version}: intervals, curves, slices, changed answers",
            key="compare",
            icon=":material/compare_arrows:",
            on_click=session.compare,
            args=(model.model_name, [champion.model_id, model.model_id]),
        )


def score(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """The score weight by weight."""
    explained = view.explain_score(model.model_id)
    if explained.value is None:
        notices.section("No score")
        because = wording.why_no_score(explained.note)
        notices.show("warning", wording.escaped(because[:1].upper() + because[1:]) + ".")
    else:
        notices.section(f"Score {wording.number(explained.value)}, weight by weight")
    terms = frames.score_terms(explained)
    if explained.value is not None:
        shade = charts.colours([model.model_id], champion.model_id if champion else None)[0]
        figure = charts.score_parts(terms, shade)
        st.plotly_chart(figure, config=charts.CONFIG, key="score-chart", alt="What each metric brings to the score")
    columns: dict[str, Any] = {
        "Part": st.column_config.TextColumn("Part", width=125, pinned=True),
        "Weight": st.column_config.NumberColumn("Weight", format="%.2f", width=66),
    }
    for name in ("Value", "Adds"):
        form, width = tables.number_format(terms[name])
        columns[name] = st.column_config.NumberColumn(name, format=form, width=max(74, width))
    tables.plain(terms, key="score", alt="The score taken apart", columns=columns)


def metrics(model: ModelMetadata, champion: ModelMetadata | None, comparison: Comparison | None) -> None:
    """Every metric, beside the champion's where there is another champion."""
    if comparison is None or champion is None:
        notices.section("As reported", f"On {wording.escaped(model.evaluation_set or wording.UNNAMED_SET)}.")
        known = model.all_metrics()
        if not known:
            st.markdown("No metric was reported.")
            return
        names = list(known)
        frame = frames.metric_list(known, names)
        tables.metrics(frame, key="metrics", alt="Metrics of this version")
        return
    notices.section(f"As reported, against champion {champion.version}", wording.escaped(comparison.note))
    frame = frames.metric_comparison(comparison, baseline=1)
    if comparison.comparable:
        shade = charts.colours([model.model_id], champion.model_id)[0]
        figure = charts.metric_gains(frame, shade)
        st.plotly_chart(figure, config=charts.CONFIG, key="gap-chart", alt="How much better or worse than the champion")
    tables.metrics(frame, key="against", alt="This version and the champion, metric by metric")


def made_of(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """What it takes and gives, and its hyperparameters, with what differs from the champion."""
    left, right = st.columns(2)
    other = champion if champion and champion.model_id != model.model_id else None
    with left:
        _signature(model, other, view)
    with right:
        notices.section("Hyperparameters")
        frame = frames.hyperparameters(model, champion)
        if len(frame):
            tables.plain(frame, key="hyperparameters", alt="Hyperparameters")
        else:
            st.caption("None were recorded.")


_ROWS_FROM = {
    "input_example": "given at registration",
    "reference": "of the training reference",
    "benchmark": "of the benchmark",
    "made": "made from the fitted object, since none were given",
}


def _signature(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """Features, task, classes, and the example rows it is asked before it goes live."""
    found = view.signature(model.model_id)
    if found.takes == "text":
        notices.section("Features: one text a row")
    elif not found.features:
        notices.section("Features: not recorded", "It takes rows of any width, or nobody said what it takes.")
    else:
        notices.section(wording.count(len(found.features), "feature"))
    if champion is not None and found.features:
        added, gone = frames.features_changed(found, view.signature(champion.model_id))
        if added:
            st.text(wording.visible(f"New against the champion: {wording.value(added)}"))
        if gone:
            st.text(wording.visible(f"Gone against the champion: {wording.value(gone)}"))
    if found.features:
        tables.plain(
            frames.features(found),
            key="features",
            alt="Features by name and kind",
            columns={
                "Feature": st.column_config.TextColumn("Feature", width="medium", pinned=True),
                "Kind": st.column_config.TextColumn("Kind", width=90),
                "Levels": st.column_config.TextColumn("Levels", width="medium"),
            },
        )
    classes = f"Classes ({found.class_type}): {wording.value(list(found.classes))}" if found.classes else "No classes"
    st.text(wording.visible(f"Task: {found.task or 'not recorded'}. {classes}."))
    proof = view.proof(model.model_id)
    if proof is None or not proof.count:
        because = f": {proof.because}" if proof and proof.because else ""
        st.caption(wording.escaped(f"No example rows{because}."))
    else:
        st.caption(f"{wording.count(proof.count, 'example row')}, {_ROWS_FROM[proof.rows_from]}.")


def origin(model: ModelMetadata) -> None:
    """When it was trained, on how much, with which libraries, and the files that came of it."""
    notices.section("Files and origin")
    zone = notices.viewer_zone()
    facts = {
        "Trained": f"{wording.exact(model.training_timestamp, zone)}",
        "Training samples": f"{model.training_samples:,}" if model.training_samples is not None else wording.MISSING,
        "Evaluation set": model.evaluation_set or wording.UNNAMED_SET,
        "Task": model.task or wording.MISSING,
        "Ensemble": "yes" if model.is_ensemble else "no",
        "Libraries": ", ".join(f"{name} {version}" for name, version in model.libraries.items()) or wording.MISSING,
        "Registered": wording.exact(model.registered_at, zone),
    }
    for key, value in model.training_info.items():
        label = key.replace("_", " ").capitalize()
        facts[key if label in facts else label] = wording.value(value)
    tables.facts(facts, key="origin")
    tables.plain(
        frames.files(model),
        key="files",
        alt="Files of this version",
        columns={
            "File": st.column_config.TextColumn("File", width=90),
            "Size": st.column_config.TextColumn("Size", width=90, alignment="right"),
            "sha256": st.column_config.TextColumn("sha256", width="large"),
        },
    )
    found = model.inspection
    if found:
        inside = str(found.get("estimator") or "nothing with a name").rpartition(".")[2]
        kind, said = (wording.escaped(str(found.get(key, ""))) for key in ("format", "verdict"))
        st.caption(f"Looked into, never run: {kind}, holds {wording.escaped(inside)}. Verdict when it came in: {said}.")


def timeline(model: ModelMetadata, view: session.View) -> None:
    """What happened to this model, newest first."""
    notices.section("What happened to it")
    found = view.recent_events(model.model_name, model.model_id)
    frame = frames.events(found, notices.now(), notices.viewer_zone())
    tables.events(frame, key="timeline", names=False, ids=False)
