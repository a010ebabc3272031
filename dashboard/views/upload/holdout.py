"""The second step of an upload: labelled rows to evaluate the version on, or the benchmark that is there already."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, session
from dashboard.ui import labelled_rows, messages, upload_fields
from dashboard.views.upload.files import Files, number_of_round
from registry_core import Benchmark, RegistryError


@dataclass(frozen=True)
class Holdout:
    """What the version is evaluated on: a file with its target column, the active benchmark, or nothing.

    ``rows`` is their number; ``ready``: nothing about them is left to be said.
    """

    file: UploadedFile | None = None
    target: str | None = None
    benchmark: Benchmark | None = None
    rows: int = 0
    ready: bool = True

    @property
    def evaluates(self) -> bool:
        """Whether there is anything to evaluate the version on."""
        return self.file is not None or self.benchmark is not None


def choose(files: Files, name: str, view: session.View) -> Holdout:
    """The field for the rows, unless the model name, which a metadata file may say otherwise, has a benchmark."""
    benchmark = view.benchmark(name) if name else None
    if benchmark is not None:
        st.markdown(
            f"{formatting.escaped(name)} has labelled rows already: its active benchmark "
            f"**{formatting.escaped(benchmark.name)}**, {benchmark.rows:,} rows."
        )
        st.caption("For a model of something else with rows of its own, type a new model name above.")
        st.page_link("../pages/benchmarks.py", label="Benchmarks", icon=":material/add_chart:")
        return Holdout(benchmark=benchmark, rows=benchmark.rows)
    field = st.file_uploader(
        "Labelled rows (a table)", type=labelled_rows.FILES, key=f"rows-file-{number_of_round()}",
        help=labelled_rows.HELP,
    )  # fmt: skip
    given = upload_fields.taken(field)
    if given is None:
        st.caption(
            "Rows that no model was trained on, with a column of labels. Without them, the version is stored with "
            "self-reported metrics (unverified) only."
        )
        return Holdout()
    known = name if name in view.names() else None
    try:
        reading = labelled_rows.read(given, known, None, view)
        labelled_rows.summary(reading)
        candidates = reading.targets(files.feature_names, files.inputs)
        guess = candidates[0] if len(candidates) == 1 else None
        names = [each.name for each in reading.columns]
        target = st.selectbox(
            "Target column (the labels)",
            names,
            index=None if guess is None else names.index(guess),
            placeholder="Which column holds the labels?",
            # Another guess, after another model file, is another field.
            key=f"rows-target-{given.file_id}-{guess}",
        )
        if target is None:
            return Holdout(given, ready=False)
        labelled_rows.classes(labelled_rows.read(given, known, target, view))
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return Holdout(given, ready=False)
    return Holdout(given, target, rows=reading.rows)
