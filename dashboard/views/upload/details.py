"""What may be said of an upload besides its name and type: by fields, or by a JSON file."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import formatting, queries, session
from dashboard.ui import messages, upload_fields
from dashboard.views.upload.files import Files, number_of_round

METRICS = ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score")
Metadata = dict[str, Any]


def metadata(files: Files, view: session.View) -> Metadata | None:
    """The metadata of the upload; None while it cannot be read."""
    with st.expander("Optional: self-reported metrics, version, description, a metadata file"):
        way = st.segmented_control(
            "Metadata", ["Fill in a form", "Upload JSON"], default="Fill in a form", required=True, key="way"
        )
        try:
            if way == "Upload JSON":
                return _from_json(files)
            return _form(files, view)
        except ValueError as error:
            messages.show("error", formatting.escaped(str(error)))
            return None


def _from_json(files: Files) -> Metadata:
    field = st.file_uploader(
        "Metadata (JSON)",
        type="json",
        key=f"json-{number_of_round()}",
        help="A metadata file as the registry writes it, or the arguments of `register_model` by name. A name and a "
        "type in it count before the fields above.",
    )
    given = upload_fields.taken(field)
    said = {} if given is None else queries.json_object(given.getvalue())
    return {"model_name": files.name, "model_type": files.kind, **said}


def _form(files: Files, view: session.View) -> Metadata:
    left, right = st.columns(2)
    version = left.text_input("Version", placeholder="The next one when left empty", key="upload-version")
    sets = view.evaluation_sets(files.name) if files.name in view.names() else []
    measured = right.selectbox(
        "Evaluation set",
        sets,
        index=None,
        accept_new_options=True,
        placeholder="holdout-2026-01",
        key="upload-set",
        help="What the reported metrics were measured on. Only models measured on the same set are ranked against each "
        "other.",
    )
    st.markdown(
        "**Self-reported metrics** as fractions: 0.93, not 93. What is left empty stays unknown; it never counts as 0."
    )
    cells = st.columns(3)
    metrics = {
        each: cells[place % 3].number_input(
            formatting.metric(each), value=None, format="%.4f", step=0.01, placeholder="unknown", key=f"upload-{each}"
        )
        for place, each in enumerate(METRICS)
    }
    inputs = st.text_area(
        "Features, one per line in order",
        key="upload-inputs",
        height=112,
        placeholder="\n".join(files.feature_names[:3]) or "speed\nweight\nbox",
        help="Only for files that do not name their features.",
    )
    classes = st.text_input(
        "Classes, separated by commas",
        placeholder="Only for files that know them by number: XGBoost, LightGBM",
        key="upload-classes",
        help="The labels the model answers, in its own order, such as 1, 2, 3",
    )
    further = st.text_area("Further metrics (JSON)", key="upload-further", placeholder='{"log_loss": 0.31}', height=68)
    parameters = st.text_area(
        "Hyperparameters (JSON)", key="upload-parameters", placeholder='{"max_depth": 8}', height=68
    )
    samples = st.number_input(
        "Training samples", value=None, min_value=0, step=1, placeholder="unknown", key="upload-samples"
    )
    ensemble = st.checkbox("It is an ensemble", key="upload-ensemble")
    description = st.text_area("Description", key="upload-description", height=68)
    tags = st.text_input("Tags, separated by commas", key="upload-tags")
    return queries.upload_metadata(
        name=files.name,
        kind=files.kind,
        measured=measured,
        version=version,
        metrics=metrics,
        further=further,
        inputs=inputs,
        classes=classes,
        parameters=parameters,
        samples=samples,
        is_ensemble=ensemble,
        description=description,
        tags=tags,
    )
