"""The Trends page: a metric over versions or time, with the champion's line, beside what production says of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import formatting, live_queries, session
from dashboard.live_queries import Every, versions
from dashboard.ui import live_frames, messages, tables
from dashboard.ui.charts import OTHERS
from dashboard.ui.columns import Column
from dashboard.ui.figures import Figure
from registry_core import Window

#: How a deployment began, by word and shape.
BEGAN = {"promoted": "▲ promoted", "rolled back": "✕ rolled back"}
#: Live values beside offline ones.
LIVE = OTHERS[1]


def beside_offline(figure: Figure, frame: pd.DataFrame, every: str) -> Figure:
    """Put live values into a trend over time: another colour, other marks, a broken line."""
    word = f"live, by {every}"
    first = True
    for model_id in dict.fromkeys(frame["model_id"]):
        own = live_frames.with_gaps(frame[frame["model_id"] == model_id])
        figure.add_scatter(
            x=live_frames.middles(own),
            y=own["value"],
            mode="lines+markers",
            connectgaps=False,
            line={"color": LIVE, "width": 1.4, "dash": "dot"},
            marker={"color": LIVE, "size": 7, "symbol": "diamond-open"},
            customdata=[
                (version, formatting.number(value) if pd.notna(value) else "", f"{labels:,}")
                for version, value, labels in zip(own["version"], own["value"], own["labelled"], strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b> in production: %{customdata[1]}<br>%{customdata[2]} labels"
            "<extra></extra>",
            name=word,
            legendgroup=word,
            showlegend=first,
        )
        first = False
    low, high = figure.layout["yaxis"]["range"]
    known = frame["value"].dropna()
    pad = 0.1 * (max(high, known.max()) - min(low, known.min()))
    figure.update_yaxes(range=[min(low, known.min() - pad), max(high, known.max() + pad)])
    figure.update_xaxes(title="date of registration; for live values, time of prediction")
    return figure


def live_in_trend(
    figure: Figure, name: str, metric: str, points: pd.DataFrame, view: session.View, *, by_time: bool
) -> None:
    """Put what production says of a metric beside what was known before, where labels have come."""
    live = live_frames.live_metric(metric)
    if live is None:
        return
    every = live_frames.every_for(points, messages.now())
    windows = live_queries.windows(view, name, None, every, live_frames.MOST_WINDOWS)
    frame = live_frames.champions(windows, live, versions(name, view))
    if not len(frame) or frame["value"].isna().all():
        return
    if not by_time:
        st.caption("This metric also has live values from production: choose Time to show them.")
        return
    beside_offline(figure, frame, _length(windows, every))
    st.caption(
        "Diamonds are live values of each champion, from production labels. Dots and steps are offline values from "
        "other data: the levels may differ."
    )


def _length(windows: list[Window], every: Every) -> str:
    """How long a window is that was drawn, in words."""
    merged = round(windows[0].minutes / (1440 if every == "day" else 7 * 1440))
    return every if merged == 1 else f"{merged} {every}s"


def deployments(line: pd.DataFrame, label: str) -> None:
    """Every change of champion, newest first, with what it did to a metric; ``line`` is the champion's.

    Two champions measured on different sets have no difference.
    """
    steps = line[line["how"] != ""]
    steps = steps.assign(difference=steps["value"].diff().where(steps["set"] == steps["set"].shift()))
    now, zone = messages.now(), messages.viewer_zone()
    columns: tuple[Column[dict[Hashable, Any]], ...] = (
        Column("When", lambda step: formatting.ago(step["at"].isoformat(), now), 104, pinned=True),
        Column("At", lambda step: formatting.exact(step["at"].isoformat(), zone), 192),
        Column("What", lambda step: BEGAN[step["how"]], 116),
        Column("Version", lambda step: step["version"], 76),
        Column("Value", lambda step: step["value"], 90, "number", label=formatting.visible(label)),
        Column("Difference", lambda step: step["difference"], 90, "difference"),
        Column(
            "Evaluation set",
            lambda step: formatting.visible(step["set"]) if isinstance(step["set"], str) else None,
            150,
        ),
        Column("Who", lambda step: formatting.visible(step["actor"]), 92),
        Column("Reason", lambda step: formatting.visible(step["reason"]), 400),
    )
    rows = steps.iloc[::-1].to_dict("records")
    tables.records(columns, rows, key="changes", alt="Deployment history, newest first")
