"""How tables look: column widths, number formats, bars. Shared by the pages and the dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import wording

ROW_HEIGHT = 33
MOST_ROWS = 18
METRIC = "%.4f"
DIFFERENCE = "%+.4f"


def metrics(frame: pd.DataFrame, *, key: str, alt: str) -> None:
    """Metrics as rows, models as columns."""
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(name, format=METRIC, width="small")
        for name in frame.columns
        if name not in ("Metric", "Better", "Difference")
    }
    columns["Metric"] = st.column_config.TextColumn("Metric", width="medium", pinned=True)
    columns["Difference"] = st.column_config.NumberColumn("Difference", format=DIFFERENCE, width="small")
    columns["Better"] = st.column_config.TextColumn("Better", width="small")
    plain(frame, key=key, alt=alt, columns=columns)


def height(rows: int) -> int:
    """As high as its rows, up to a limit; never half a row."""
    return 3 + ROW_HEIGHT * (1 + min(max(1, rows), MOST_ROWS))


def plain(frame: pd.DataFrame, *, key: str, alt: str, columns: dict[str, Any] | None = None) -> None:
    """A table to read: as high as its rows, up to a limit."""
    with st.container(key=f"table-{key}"):
        st.dataframe(
            frame,
            hide_index=True,
            column_config=columns or {},
            placeholder=wording.MISSING,
            height=height(len(frame)),
            row_height=ROW_HEIGHT,
            alt=alt,
        )


def board_columns(frame: pd.DataFrame, metric_names: Sequence[str]) -> dict[str, Any]:
    """The leaderboard's columns. The score bar starts near the lowest score shown, or all bars would look alike."""
    number = {
        wording.metric(name): st.column_config.NumberColumn(wording.metric(name), format=METRIC, width=88)
        for name in metric_names
    }
    scores = frame["Score"].dropna()
    low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
    room = (high - low) * 0.25 or 0.01
    return {
        **number,
        "#": st.column_config.NumberColumn("#", width=44, pinned=True, help="Place in the order chosen above"),
        "Version": st.column_config.TextColumn("Version", width=76, pinned=True),
        "Status": st.column_config.TextColumn("Status", width=118),
        "Type": st.column_config.TextColumn("Type", width=140),
        "Score": st.column_config.ProgressColumn(
            "Score",
            format=METRIC,
            min_value=low - room,
            max_value=high,
            width=150,
            help=f"The bar begins at {low - room:.3f}, not at 0, so that differences show",
        ),
        "Difference": st.column_config.NumberColumn(
            "To champion", format=DIFFERENCE, width=98, help="Empty where both were measured on different sets"
        ),
        "Evaluation set": st.column_config.TextColumn("Evaluation set", width=140),
        "Comparable": st.column_config.TextColumn(
            "Set", width=112, help="Whether it was measured on the champion's evaluation set"
        ),
        "Registered": st.column_config.TextColumn("Registered", width=100),
        "By": st.column_config.TextColumn("By", width=90),
        "Note": st.column_config.TextColumn("Note", width="medium", help="Why there is no score"),
        "Model id": st.column_config.TextColumn("Model id", width="large"),
    }


def events(frame: pd.DataFrame, *, key: str, names: bool = True, ids: bool = True) -> None:
    """Events, newest first; columns that would say the same in every row are left out."""
    dropped = [column for column, wanted in (("Model name", names), ("Model id", ids)) if not wanted]
    columns = {
        "When": st.column_config.TextColumn("When", width=104, pinned=True),
        "At": st.column_config.TextColumn("At", width=192),
        "What": st.column_config.TextColumn("What", width=110),
        "Who": st.column_config.TextColumn("Who", width=122),
        "Model name": st.column_config.TextColumn("Model name", width=150),
        "Model id": st.column_config.TextColumn("Model id", width=330),
        "Reason": st.column_config.TextColumn("Reason", width=300),
        "Change": st.column_config.TextColumn("Change", width=420),
        "No.": st.column_config.NumberColumn("No.", width=60),
    }
    plain(frame.drop(columns=dropped, errors="ignore"), key=key, alt="Events, newest first", columns=columns)


def facts(values: dict[str, str], *, key: str) -> None:
    """Names with what they are below, as many beside each other as fit."""
    with st.grid(min_column_width=220, gap="small", key=key) as grid:
        for name, value in values.items():
            with grid.cell():
                st.caption(wording.escaped(name))
                st.text(value)


def changes(line: pd.DataFrame, label: str, now: datetime, where: tzinfo) -> None:
    """Every change of champion, newest first, with what it did to a metric."""
    steps = line[line["how"] != ""]
    frame = pd.DataFrame(
        {
            "When": [wording.ago(each.isoformat(), now) for each in steps["at"]],
            "At": [wording.exact(each.isoformat(), where) for each in steps["at"]],
            "How": steps["how"].map({"promoted": "▲ promoted", "rolled back": "✕ rolled back"}),
            "Version": steps["version"],
            label: steps["value"],
            "Change": steps["value"].diff(),
            "Who": steps["actor"],
            "Reason": steps["reason"],
        }
    ).iloc[::-1]
    columns = {
        "When": st.column_config.TextColumn("When", width=104, pinned=True),
        "At": st.column_config.TextColumn("At", width=192),
        "How": st.column_config.TextColumn("How", width=116),
        label: st.column_config.NumberColumn(label, format=METRIC, width=90),
        "Change": st.column_config.NumberColumn("Change", format=DIFFERENCE, width=90),
        "Reason": st.column_config.TextColumn("Reason", width="large"),
    }
    plain(frame, key="changes", alt="Changes of champion, newest first", columns=columns)
