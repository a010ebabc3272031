"""What one version is made of, where its files come from, and its history."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import frames, messages, tables
from dashboard.views.model import downloads
from registry_core import Comparison, ModelMetadata


def changed(comparison: Comparison | None) -> None:
    """What differs from the champion besides the metrics: code, libraries, data, features, hyperparameters."""
    if comparison is None:
        return
    champion = comparison.models[1]
    messages.section("What changed since the champion", f"Between {champion.version} and this version; nothing else.")
    frame = frames.differences(comparison)
    if len(frame):
        tables.plain(frame, key="changed", alt="What changed since the champion")
    else:
        st.caption("Type, features, classes, hyperparameters, code and libraries are the same.")


def made_of(model: ModelMetadata, champion: ModelMetadata | None, view: session.View) -> None:
    """What it takes and gives, and its hyperparameters, with what differs from the champion."""
    other = champion if champion and champion.model_id != model.model_id else None
    left, right = st.columns(2)
    with left:
        _signature(model, other, view)
    with right:
        messages.section("Hyperparameters")
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
        messages.section("Features: one text a row")
    elif not found.features:
        messages.section("Features: not recorded", "Neither its file nor its registration names them.")
    else:
        messages.section(formatting.count(len(found.features), "feature"))
    if champion is not None and found.features:
        added, gone = frames.features_changed(found, view.signature(champion.model_id))
        if added:
            st.text(formatting.visible(f"New against the champion: {formatting.value(added)}"))
        if gone:
            st.text(formatting.visible(f"Gone against the champion: {formatting.value(gone)}"))
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
    classes = (
        f"Classes ({found.class_type}): {formatting.value(list(found.classes))}" if found.classes else "No classes"
    )
    st.text(formatting.visible(f"Task: {found.task or 'not recorded'}. {classes}."))
    proof = view.proof(model.model_id)
    if proof is None or not proof.count:
        because = f": {proof.because}" if proof and proof.because else ""
        st.caption(formatting.escaped(f"No example rows{because}."))
    else:
        st.caption(f"{formatting.count(proof.count, 'example row')}, {_ROWS_FROM[proof.rows_from]}.")


def artifacts(model: ModelMetadata, view: session.View) -> None:
    """Where the version comes from, and its files to download."""
    origin(model)
    downloads.offer(model, view)


def origin(model: ModelMetadata) -> None:
    """When it was trained, on how much, with which libraries, and the files that came of it."""
    messages.section("Artifacts and lineage")
    zone = messages.viewer_zone()
    facts = {
        "Trained": f"{formatting.exact(model.training_timestamp, zone)}",
        "Training samples": f"{model.training_samples:,}" if model.training_samples is not None else formatting.MISSING,
        "Evaluation set": model.evaluation_set or formatting.UNNAMED_SET,
        "Task": model.task or formatting.MISSING,
        "Ensemble": "yes" if model.is_ensemble else "no",
        "Libraries": ", ".join(f"{name} {version}" for name, version in model.libraries.items()) or formatting.MISSING,
        "Registered": formatting.exact(model.registered_at, zone),
    }
    for key, value in model.training_info.items():
        label = key.replace("_", " ").capitalize()
        facts[key if label in facts else label] = formatting.value(value)
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
        kind, said = (formatting.escaped(str(found.get(key, ""))) for key in ("format", "verdict"))
        st.caption(
            f"Static scan, not executed: {kind}, holds {formatting.escaped(inside)}. Verdict when it came in: {said}."
        )


def timeline(model: ModelMetadata, view: session.View) -> None:
    """What happened to this model, newest first."""
    messages.section("Version history")
    found = view.recent_events(model.model_name, model.model_id)
    tables.events(found, messages.now(), messages.viewer_zone(), key="timeline", names=False)
