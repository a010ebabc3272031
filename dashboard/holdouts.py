"""The parts of the Benchmarks page: those there are, and the form for a new one."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import evidence, measured, notices, queries, session, tables, wording
from registry_core import RegistryError


def known(name: str, view: session.View) -> None:
    """The benchmarks of a model name, and the button that measures every version on the one that counts."""
    found = view.benchmarks(name)
    counts = view.benchmark(name)
    if not found or counts is None:
        notices.show(
            "info",
            f"**{name} has no benchmark yet.** Add rows with the truth below: then every new version is measured on "
            "them in a sandbox before it may become champion, and versions are compared on the very same rows.",
        )
        return
    notices.section(f"Benchmarks of {name}", f"{wording.escaped(counts.name)} counts for ranking and gates.")
    tried = {each.fingerprint: view.registry.count_measured(each) for each in found}
    tables.benchmarks(measured.benchmarks(found, tried), key="benchmarks")
    evidence.measure_all(name, counts, view)
    if len(found) > 1:
        _choice(name, [each.name for each in found], counts.name, view)


def _choice(name: str, known: list[str], counts: str, view: session.View) -> None:
    """Which benchmark counts: a setting of the model name, with its reason."""
    with st.form("counts", border=True):
        left, right = st.columns(2)
        wanted = left.selectbox(
            "Which one counts for ranking and gates", known, index=known.index(counts), key="counts"
        )
        reason = right.text_input("Reason (required)", key="counts-reason", max_chars=2000)
        if not st.form_submit_button("Let it count", icon=":material/rule:"):
            return
    if not (reason or "").strip():
        notices.show("warning", "Say why: a reason is required. Nothing was changed.")
        return
    try:
        view.registry.configure(name, benchmark=wanted, actor=session.actor(), reason=reason.strip())
    except RegistryError as error:
        notices.show("error", f"Nothing was changed. {wording.escaped(str(error))}")
        return
    notices.post("success", f"**{wording.escaped(wanted)}** counts now. Measure the versions on it.")
    st.rerun()


def form(name: str, view: session.View) -> None:
    """Add a benchmark from a CSV or Parquet file; what it holds is shown before it is kept."""
    notices.section("Add a benchmark")
    given = st.file_uploader("Rows with the truth (CSV or Parquet)", type=["csv", "parquet"], key="holdout-file")
    if given is None:
        st.caption("One row for each case, a column for each input, and one with the truth.")
        return
    try:
        frame = _read(given)
    except (ValueError, OSError) as error:
        notices.show("error", f"{wording.escaped(given.name)} cannot be read: {wording.escaped(str(error))}")
        return
    columns = [str(each) for each in frame.columns]
    st.caption(f"{len(frame):,} rows, {wording.count(len(columns), 'column')}; the first five:")
    st.dataframe(frame.head(5), hide_index=True)
    with st.form("benchmark", border=True):
        left, right = st.columns(2)
        called = left.text_input("Name", placeholder="holdout-2026-01", key="holdout-name")
        target = right.selectbox("Column with the truth", columns, index=len(columns) - 1, key="holdout-target")
        slices = left.multiselect("Slices: columns to take metrics apart by", columns, key="holdout-slices")
        hidden = right.multiselect("Columns no model is shown, besides the truth", columns, key="holdout-hidden")
        thresholds = st.text_input(
            "Thresholds (JSON): what every version must reach on it before promotion",
            placeholder='{"accuracy": 0.9}',
            key="holdout-thresholds",
        )
        reason = st.text_input("Reason (kept with it)", key="holdout-reason", max_chars=2000)
        if not st.form_submit_button("Add benchmark", type="primary", icon=":material/add_chart:"):
            return
    shown = [each for each in columns if each not in (target, *hidden)]
    _add(name, view, frame, called or "", target, shown, slices, thresholds or "", (reason or "").strip())


def _read(given: UploadedFile) -> pd.DataFrame:
    data = io.BytesIO(given.getvalue())
    return pd.read_csv(data) if given.name.lower().endswith(".csv") else pd.read_parquet(data)


def _add(
    name: str,
    view: session.View,
    frame: pd.DataFrame,
    called: str,
    target: str,
    features: list[str],
    slices: list[str],
    thresholds: str,
    reason: str,
) -> None:
    try:
        asked: dict[str, Any] = queries.json_object(thresholds, "Thresholds") if thresholds.strip() else {}
        added = view.registry.add_benchmark(
            called.strip(), name, frame, target, features=features, slices=slices, thresholds=asked,
            actor=session.actor(), reason=reason,
        )  # fmt: skip
    except (RegistryError, ValueError) as error:
        notices.show("error", f"Nothing was kept. {wording.escaped(str(error))}")
        return
    told = f"Benchmark **{wording.escaped(added.name)}** is kept: {added.rows:,} rows."
    champion = view.champion(name)
    lacking = [each for each in champion.feature_names if each not in added.features] if champion else []
    if champion and lacking:
        shown = wording.escaped(", ".join(lacking[:3])) + (" …" if len(lacking) > 3 else "")
        told += f" It lacks inputs of the champion {champion.version} ({shown}), which cannot be measured on it."
        notices.post("warning", told)
    else:
        notices.post("success", f"{told} Measure the versions on it next.")
    st.rerun()
