"""Labelled rows in a file: how they are read, and which column holds the labels, before anything is kept."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, session
from dashboard.ui import messages
from registry_core import TableReading

FILES = ["csv", "tsv", "txt", "parquet", "arrow", "feather", "jsonl", "ndjson", "json", "gz", "bz2", "xz", "zip", "zst"]
HELP = "CSV or TSV with any delimiter, encoding and decimal sign, Parquet, Arrow, JSON lines; compressed or not"
#: In the session: how files were read, so that each is read once and not on every rerun.
_READINGS = "table-readings"
_MOST_READINGS = 4


def read(given: UploadedFile, name: str | None, target: str | None, view: session.View) -> TableReading:
    """How a file is read, for the versions of a model name.

    Raises:
        RegistryError: it cannot be read; the message says where.
    """
    known: dict[Any, TableReading] = st.session_state.setdefault(_READINGS, {})
    champion = None if name is None else view.champion(name)
    key = (given.file_id, name, target, champion.model_id if champion else None)
    if key not in known:
        with st.spinner(f"Reading {given.name} …"):
            found = view.registry.preview_table(given, name, target)
        while len(known) >= _MOST_READINGS:
            known.pop(next(iter(known)))
        known[key] = found
        given.seek(0)
    return known[key]


def summary(reading: TableReading) -> None:
    """Rows, columns and format, and the classes of the target."""
    parts = [f"{reading.rows:,} rows", formatting.count(len(reading.columns), "column"), reading.format]
    if reading.delimiter:
        sign = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "vertical bar"}
        parts += [f"delimiter {sign.get(reading.delimiter, reading.delimiter)}"]
        parts += [f"decimal {'comma' if reading.decimal == ',' else 'point'}"]
    parts += [reading.encoding] if reading.encoding else []
    parts += [f"compressed with {reading.compression}"] if reading.compression else []
    st.caption(formatting.escaped(" · ".join(parts)))


def classes(reading: TableReading) -> None:
    """How many rows have each label, and what deserves a look."""
    if reading.classes:
        counts = ", ".join(f"{label} ({count:,})" for label, count in reading.classes.items())
        st.caption(formatting.escaped(f"Classes of {reading.target}: {counts}"))
    if reading.kinds_from:
        st.caption(formatting.escaped(f"Column types come from the signature of {reading.kinds_from}."))
    for note in reading.notes:
        messages.show("warning", formatting.escaped(formatting.sentence(note)))


def columns(reading: TableReading) -> None:
    """Every column with its kind, its gaps and its first values."""
    shown = pd.DataFrame(
        [(each.name, each.kind, each.missing, ", ".join(each.examples)) for each in reading.columns],
        columns=["Column", "Kind", "Missing", "First values"],
    )
    with st.container(key="holdout-columns"):
        st.dataframe(shown, hide_index=True)
