"""The parts of the Benchmarks page: those there are, and the form for a new one."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, queries, session
from dashboard.ui import (
    change,
    controls,
    evaluating,
    evaluation_frames,
    labelled_rows,
    messages,
    protected_columns,
    tables,
    upload_fields,
)
from registry_core import RegistryError


def known(name: str, view: session.View) -> None:
    """The benchmarks of a model name, and the button that measures every version on the one that counts."""
    found = view.benchmarks(name)
    counts = view.benchmark(name)
    if not found or counts is None:
        messages.show(
            "info",
            f"**{name} has no benchmark yet.** Add a labelled holdout below: every new version is then evaluated on "
            "them in a sandbox before it may become champion, and versions are compared on the very same rows.",
        )
        return
    messages.section(f"Benchmarks of {name}", f"{formatting.escaped(counts.name)} is active for ranking and gates.")
    tried = {each.fingerprint: view.registry.count_measured(each) for each in found}
    tables.benchmarks(evaluation_frames.benchmarks(found, tried), key="benchmarks")
    evaluating.measure_all(name, counts, view)
    with st.expander("Protected columns", key="protected-of"):
        st.caption(f"Fairness compares the groups of these columns of {formatting.escaped(counts.name)}.")
        protected_columns.form(counts, view)
    if len(found) > 1:
        _choice(name, [each.name for each in found], counts.name, view)


def _choice(name: str, known: list[str], counts: str, view: session.View) -> None:
    """Which benchmark counts: a setting of the model name, with its reason."""
    with st.form("counts", border=True):
        left, right = st.columns(2)
        wanted = left.selectbox(
            "Active benchmark (for ranking and gates)", known, index=known.index(counts), key="counts"
        )
        reason = right.text_input("Reason (required)", key="counts-reason", max_chars=2000)
        if not controls.button("Set as active", "configure", name, view, submit=True, icon=":material/rule:"):
            return
    change.make(
        lambda why: view.registry.configure(name, benchmark=wanted, actor=session.actor(), reason=why),
        reason,
        f"**{formatting.escaped(wanted)}** is active now. Evaluate the versions on it.",
    )


def form(name: str, view: session.View) -> None:
    """Add a benchmark from a table in a file; how it is read is shown before it is kept."""
    messages.section("Add a benchmark")
    field = st.file_uploader(
        "Labelled holdout",
        type=labelled_rows.FILES,
        key="holdout-file",
        help=labelled_rows.HELP,
    )
    given = upload_fields.taken(field)
    if given is None:
        st.caption("A table with a row for each example, and a column with the label.")
        return
    try:
        reading = labelled_rows.read(given, name, None, view)
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return
    columns = [each.name for each in reading.columns]
    target = st.selectbox("Target column", columns, index=len(columns) - 1, key="holdout-target")
    try:
        reading = labelled_rows.read(given, name, target, view)
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return
    labelled_rows.summary(reading)
    labelled_rows.columns(reading)
    labelled_rows.classes(reading)
    with st.form("benchmark", border=True):
        called = st.text_input("Name", placeholder="holdout-2026-01", key="holdout-name")
        left, right = st.columns(2)
        slices = left.multiselect("Slice columns", columns, key="holdout-slices")
        hidden = right.multiselect("Excluded columns (the target is excluded already)", columns, key="holdout-hidden")
        protected = st.multiselect(
            "Protected columns",
            columns,
            key="holdout-protected",
            help="Columns by whose values fairness compares groups, such as sex or age group",
        )
        thresholds = st.text_input(
            "Thresholds (JSON): what every version must reach on it before promotion",
            placeholder='{"accuracy": 0.9}',
            key="holdout-thresholds",
        )
        reason = st.text_input("Reason (kept with it)", key="holdout-reason", max_chars=2000)
        if not controls.button(
            "Add benchmark", "add_benchmark", name, view, submit=True, type="primary", icon=":material/add_chart:"
        ):
            return
    shown = [each for each in columns if each not in (target, *hidden)]
    _add(name, view, given, called or "", target, shown, slices, protected, thresholds or "", (reason or "").strip())


def _add(
    name: str,
    view: session.View,
    given: UploadedFile,
    called: str,
    target: str,
    features: list[str],
    slices: list[str],
    protected: list[str],
    thresholds: str,
    reason: str,
) -> None:
    try:
        asked: dict[str, Any] = queries.json_object(thresholds, "Thresholds") if thresholds.strip() else {}
        given.seek(0)
        added = view.registry.add_benchmark(
            called.strip(), name, given, target, features=features, slices=slices, protected=protected,
            thresholds=asked, actor=session.actor(), reason=reason,
        )  # fmt: skip
    except (RegistryError, ValueError) as error:
        messages.show("error", f"Nothing was kept. {formatting.escaped(str(error))}")
        return
    told = f"Benchmark **{formatting.escaped(added.name)}** is kept: {added.rows:,} rows."
    champion = view.champion(name)
    lacking = [each for each in champion.feature_names if each not in added.features] if champion else []
    if champion and lacking:
        shown = formatting.escaped(", ".join(lacking[:3])) + (" …" if len(lacking) > 3 else "")
        told += f" It lacks features of the champion {champion.version} ({shown}), which cannot be evaluated on it."
        messages.post("warning", told)
    else:
        messages.post("success", f"{told} Evaluate the versions on it next.")
    st.rerun()
