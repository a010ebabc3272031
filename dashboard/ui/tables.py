"""How tables look: column widths, number formats, bars. Shared by the pages and the dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from dashboard import formatting
from dashboard.queries import ORDERS
from dashboard.ui import frames
from dashboard.ui.columns import Column
from dashboard.ui.columns import frame as frame_of
from registry_core import Event

T = TypeVar("T")

ROW_HEIGHT = 33
MOST_ROWS = 18
METRIC = "%.4f"
DIFFERENCE = "%+.4f"
#: The formats of the kinds of numbers that need no look at the values.
_FORMATS = {"count": "localized", "ordinal": "%d", "percent": "%.1f %%"}


def number_format(values: pd.Series[float], *, difference: bool = False) -> tuple[str, int]:
    """A column's format and the least width its numbers need: four decimals, unless that would hide or drown them."""
    # Plain numbers: asked of pandas, this took a sixth of a rerun of the leaderboard.
    sizes = [abs(value) for value in values.tolist() if value and value == value]
    sign = "+" if difference else ""
    if not sizes:
        return f"%{sign}.4f", 0
    low, high = float(min(sizes)), float(max(sizes))
    if high >= 1e12:
        return f"%{sign}.4e", 120
    if high >= 1000:
        # One decimal would hide what is small beside it.
        form = f"%{sign}.1f" if low >= 0.1 else f"%{sign}.10g"
        return form, 40 + 8 * max(len(f"{high:.1f}"), 6 if low >= 0.1 else 12)
    # The last bits of a sum are no difference.
    if (1e-12 < high < 0.001) if difference else low < 0.001:
        return f"%{sign}.4g", 100
    return f"%{sign}.4f", 0


def metrics(frame: pd.DataFrame, *, key: str, alt: str, narrow: bool = False) -> None:
    """Metrics as rows, models as columns. ``narrow`` is for dialogs, which a phone shows too."""
    numbers = [name for name in frame.columns if name not in ("Metric", "Better", "Difference")]
    known = frame[[*numbers]].abs().to_numpy().ravel()
    usual = all(not 0 < value < 0.001 and not value >= 1000 for value in known if pd.notna(value))
    frame = frame.assign(Metric=frame["Metric"].map(formatting.visible))
    small: Any = 64 if narrow else "small"
    columns: dict[str, Any] = {}
    if usual:
        columns |= {name: st.column_config.NumberColumn(name, format=METRIC, width=small) for name in numbers}
        gap_width: Any = 84 if narrow else "small"
        columns["Difference"] = st.column_config.NumberColumn("Difference", format=DIFFERENCE, width=gap_width)
    else:
        # Every row has its own size: one format for a column would hide some of them.
        scales = frame[numbers].abs().max(axis=1)
        shown = {name: [formatting.number(_or_none(value)) for value in frame[name]] for name in numbers}
        if "Difference" in frame:
            shown["Difference"] = [
                formatting.signed(_or_none(value), scale)
                for value, scale in zip(frame["Difference"], scales, strict=True)
            ]
        frame = frame.assign(**shown)
        columns |= {name: st.column_config.TextColumn(name, width=110, alignment="right") for name in shown}
    columns["Metric"] = st.column_config.TextColumn("Metric", width=94 if narrow else "medium", pinned=True)
    columns["Better"] = st.column_config.TextColumn("Better", width=small)
    plain(frame, key=key, alt=alt, columns=columns)


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def height(rows: int, most: int = MOST_ROWS) -> int:
    """As high as its rows, up to a limit; never half a row."""
    return 3 + ROW_HEIGHT * (1 + min(max(1, rows), most))


def plain(
    frame: pd.DataFrame, *, key: str, alt: str, columns: dict[str, Any] | None = None, most: int = MOST_ROWS
) -> None:
    """A table to read: as high as its rows, up to ``most`` of them."""
    with st.container(key=f"table-{key}"):
        st.dataframe(
            frame,
            hide_index=True,
            column_config=columns or {},
            placeholder=formatting.MISSING,
            height=height(len(frame), most),
            row_height=ROW_HEIGHT,
            alt=alt,
        )


def formats(columns: Sequence[Column[Any]], frame: pd.DataFrame) -> dict[str, Any]:
    """How the columns of a specification are shown, as Streamlit takes it."""
    shown: dict[str, Any] = {}
    for column in columns:
        label = column.label or column.name
        common: dict[str, Any] = {"pinned": column.pinned or None, "help": column.help, "width": column.width}
        if column.kind == "text":
            common |= {"alignment": "right"} if column.right else {}
            shown[column.name] = st.column_config.TextColumn(label, **common)
        elif column.kind in _FORMATS:
            shown[column.name] = st.column_config.NumberColumn(label, format=_FORMATS[column.kind], **common)
        else:
            alike = [each.name for each in columns if each is column or (each.scale and each.scale == column.scale)]
            values = pd.concat([frame[name] for name in alike])
            form, width = number_format(values, difference=column.kind == "difference")
            common["width"] = max(column.width, width)
            shown[column.name] = st.column_config.NumberColumn(label, format=form, **common)
    return shown


def records(columns: Sequence[Column[T]], rows: Sequence[T], *, key: str, alt: str, most: int = MOST_ROWS) -> None:
    """A table to read, of some records by its specification."""
    frame = frame_of(columns, rows)
    plain(frame, key=key, alt=alt, columns=formats(columns, frame), most=most)


def board_columns(
    frame: pd.DataFrame, metric_names: Sequence[str], order_by: str = "", *, descending: bool = True
) -> dict[str, Any]:
    """The leaderboard's columns, with an arrow at the one it is ordered by.

    The score bar starts near the lowest score shown, or all bars would look alike.
    """
    number = {}
    for name, label in formatting.metric_labels(
        metric_names, taken=[*frame.columns, "Δ vs champion", "Δ score", "Set"]
    ).items():
        column = frames.metric_column(name)
        form, width = number_format(frame[column])
        label = formatting.visible(label)
        wide = max(88, width, 7 * len(label) + 22)
        number[column] = st.column_config.NumberColumn(label, format=form, width=wide, help=_raw(name, label))
    scores = frame["Score"].dropna()
    score_format, score_width = number_format(scores)
    gap_format, gap_width = number_format(frame["Difference"], difference=True)
    low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
    room = (high - low) * 0.25 or 0.01
    columns: dict[str, Any] = {
        **number,
        "#": st.column_config.NumberColumn("#", width=44, pinned=True, help="Rank in the chosen order"),
        "Version": st.column_config.TextColumn("Version", width=76, pinned=True),
        "Status": st.column_config.TextColumn("Status", width=112),
        "Verdict": st.column_config.TextColumn(
            "Verdict", width=116, help="Compared with the champion, from evaluations on the active benchmark only"
        ),
        "Evaluated": st.column_config.TextColumn(
            "Evaluated", width=172, help="The primary metric as the registry evaluated it, with its 95% interval"
        ),
        "Δ evaluated": st.column_config.TextColumn(
            "Δ vs champion",
            width=190,
            help="The primary metric minus the champion's on the same rows, with its 95% interval",
        ),
        "Gates": st.column_config.TextColumn("Gates", width=72, help="Promotion gates passed"),
        "Worst slice": st.column_config.TextColumn(
            "Worst slice", width=110, help="The slice in which the version is significantly worse than the champion"
        ),
        "Type": st.column_config.TextColumn("Type", width=136),
        "Score": st.column_config.ProgressColumn(
            "Score",
            format=score_format,
            min_value=low - room,
            max_value=high,
            width=max(150, score_width + 60),
            help=f"The bar starts at {formatting.number(low - room)}, not at 0, to show differences",
        ),
        "Difference": st.column_config.NumberColumn(
            "Δ score",
            format=gap_format,
            width=max(98, gap_width),
            help="Empty if the two have different evaluation sets",
        ),
        "Ranked on": st.column_config.TextColumn(
            "Ranked on", width=150, help="The data behind the score: an evaluation set or a benchmark"
        ),
        "Comparable": st.column_config.TextColumn(
            "Set", width=112, help="Whether the version and the champion are ranked on the same data"
        ),
        "Registered": st.column_config.TextColumn("Registered", width=100),
        "By": st.column_config.TextColumn("By", width=90),
        "Note": st.column_config.TextColumn(
            "Note", width="medium", help="Reason for a missing score, or overridden gates (⚑)"
        ),
        "Model id": st.column_config.TextColumn("Model id", width="large"),
    }
    ordered = _ordered(order_by)
    if ordered in columns:
        columns[ordered]["label"] += " ↓" if descending else " ↑"
    return columns


def order_in_view(frame: pd.DataFrame, order_by: str) -> pd.DataFrame:
    """The leaderboard with the column it is ordered by behind the status, where nobody has to scroll for it."""
    names = list(frame.columns)
    ordered, behind = _ordered(order_by), names.index("Status")
    if ordered not in names[behind + 1 :]:
        return frame
    names.remove(ordered)
    return frame[[*names[: behind + 1], ordered, *names[behind + 1 :]]]


def _ordered(order_by: str) -> str:
    labels = {column: label for label, column in ORDERS.items()}
    return labels.get(order_by, frames.metric_column(order_by))


def _raw(name: str, label: str) -> str | None:
    """A metric's own name, where its column shows another."""
    return None if formatting.visible(name) == label else formatting.escaped(name)


def measured(frame: pd.DataFrame, *, key: str) -> None:
    """Evaluated metrics with 95% intervals, beside what was reported."""
    columns: dict[str, Any] = {"95% interval": st.column_config.TextColumn("95% interval", width=150)}
    for name in ("Measured", "Reported"):
        form, width = number_format(frame[name])
        columns[name] = st.column_config.NumberColumn(name, format=form, width=max(84, width))
    plain(frame, key=key, alt="Evaluated metrics with 95% intervals", columns=columns)


def slices(frame: pd.DataFrame, label: str, *, key: str, most: int = MOST_ROWS) -> None:
    """One metric, slice by slice."""
    form, width = number_format(frame["Value"])
    columns: dict[str, Any] = {
        "Slice": st.column_config.TextColumn("Slice", width=126, pinned=True),
        "Rows": st.column_config.NumberColumn("Rows", format="localized", width=58),
        "Value": st.column_config.NumberColumn(formatting.visible(label), format=form, width=max(80, width)),
        "95% interval": st.column_config.TextColumn("95% interval", width=136),
    }
    plain(frame, key=key, alt=f"{label} by slice", columns=columns, most=most)


def differences(frame: pd.DataFrame, *, key: str, rows: bool = False) -> None:
    """Differences with their intervals and what they say; ``rows`` where each has a number of its own."""
    form, width = number_format(frame["Difference"], difference=True)
    low, low_width = number_format(pd.concat([frame["Low"], frame["High"]]), difference=True)
    columns: dict[str, Any] = {
        "Metric": st.column_config.TextColumn("Slice" if rows else "Metric", width=104, pinned=True),
        "Difference": st.column_config.NumberColumn("Difference", format=form, width=max(92, width)),
        "Low": st.column_config.NumberColumn("from", format=low, width=max(80, low_width)),
        "High": st.column_config.NumberColumn("to", format=low, width=max(80, low_width)),
        "Says": st.column_config.TextColumn("Result", width=140),
        "Rows": st.column_config.NumberColumn("Rows", format="localized", width=70),
    }
    plain(frame.drop(columns="Turned"), key=f"differences-{key}", alt="Differences with intervals", columns=columns)


def moved(largest: Sequence[tuple[int, float]], *, key: str) -> None:
    """The rows whose answers moved most."""
    frame = pd.DataFrame(largest[:8], columns=["Row", "Change"])
    form, width = number_format(frame["Change"])
    columns = {
        "Row": st.column_config.NumberColumn("Row", format="%d", width=80),
        "Change": st.column_config.NumberColumn("Change", format=form, width=max(90, width)),
    }
    plain(frame, key=key, alt="Predictions with the largest change", columns=columns)


def benchmarks(frame: pd.DataFrame, *, key: str) -> None:
    """The benchmarks of a model name."""
    columns = {
        "Benchmark": st.column_config.TextColumn("Benchmark", width=170, pinned=True),
        "Rows": st.column_config.NumberColumn("Rows", format="localized", width=80),
        "Features": st.column_config.NumberColumn("Features", width=70),
        "Versions evaluated": st.column_config.NumberColumn("Versions evaluated", width=130),
        "SHA-256": st.column_config.TextColumn("SHA-256", width="medium", help="SHA-256 of the content"),
    }
    plain(frame, key=key, alt="Benchmarks", columns=columns)


def events(
    found: Sequence[Event],
    now: datetime,
    where: tzinfo,
    *,
    key: str,
    versions: formatting.Versions | None = None,
    names: bool = True,
) -> None:
    """Events, newest first; what would say the same in every row is left out: model names, and without versions whose
    they are."""
    columns = frames.event_columns(now, where, versions, names=names)
    records(columns, found, key=key, alt="Events, newest first")
    if long := in_full(frame_of(columns, found)):
        with st.expander(f"Full event details ({formatting.count(len(long), 'event')})"):
            st.text("\n\n".join(long))


def in_full(frame: pd.DataFrame) -> list[str]:
    """The events whose reason or change does not fit into its cell, with all their words."""
    return [
        f"No. {row['No.']}, {row['What']} by {row['Who']}, {row['At']}"
        + (f"\nReason: {row['Reason']}" if row["Reason"] else "")
        + (f"\nChange: {row['Change']}" if row["Change"] else "")
        for row in frame.to_dict("records")
        if len(row["Reason"]) > 34 or len(row["Change"]) > 38
    ]


def facts(values: dict[str, str], *, key: str) -> None:
    """Names with what they are below, as many beside each other as fit."""
    with st.grid(min_column_width=220, gap="small", key=key) as grid:
        for name, value in values.items():
            with grid.cell():
                st.caption(formatting.escaped(name))
                st.text(formatting.visible(value))
