"""Downloads of a version: its files and its metadata, read only when somebody asks for them."""

from __future__ import annotations

import json
from functools import partial

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import ModelMetadata


def offer(model: ModelMetadata, view: session.View) -> None:
    """Buttons for the files and the metadata; what is missing or altered is said instead."""
    kept = [which for which, digest in (("model", model.model_sha256), ("scaler", model.scaler_sha256)) if digest]
    # A download cannot say why it fails, so it is said before.
    if model.status == "purged":
        messages.show("info", "The files were deleted permanently, so there is nothing to download but the metadata.")
        kept = []
    problems = {which: view.file_problem(model, which) for which in kept}
    for which, problem in problems.items():
        if problem:
            messages.show("error", f"**The {which} cannot be downloaded.** {formatting.escaped(problem)}")
    with st.container(horizontal=True, gap="small"):
        for which in kept:
            if problems[which] is None:
                st.download_button(
                    f"Download {which}",
                    data=partial(view.registry.read_artifact, model.model_id, which),
                    file_name=f"{which}_{model.model_id}.pkl",
                    mime="application/octet-stream",
                    icon=":material/download:",
                    on_click="ignore",
                    key=f"download-{which}",
                )
        st.download_button(
            "Metadata (JSON)",
            data=json.dumps(model.to_dict(), indent=2),
            file_name=f"{model.model_id}.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key="download-metadata",
        )
