"""Windows of live traffic and changes of champion -> DataFrames. No Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.live_queries import Every
from dashboard.ui import live_text
from dashboard.ui.live_text import Watched
from registry_core import Deployment, Window

#: What the address says of a range: how far back.
RANGES: dict[str, timedelta | None] = {
    "24 h": timedelta(hours=24),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    "90 d": timedelta(days=90),
    "All": None,
}
#: More windows than these are put together: a screen shows no more.
MOST_WINDOWS = 180
#: In the order of the table; those that are not there are left out.
METRICS = ("accuracy", "precision", "recall", "f1_score", "auc", "brier_score", "mae", "rmse")
COLUMNS = ["model_id", "version", "start", "end", "predictions", "failures", "labelled", "value", "low", "high"]


def merge_of(span: timedelta | None, window_minutes: int) -> Every:
    """How finely a range is asked for, so that it is read at once and a screen can show it."""
    if span is None or span > timedelta(days=400):
        return "week"
    if span >= timedelta(days=30) or span.total_seconds() / 60 / window_minutes > 8 * MOST_WINDOWS:
        return "day"
    return "window"


def range_for(daily: Sequence[Window], now: datetime, incident: datetime | None = None) -> str:
    """The range that shows what there is: the shortest one that reaches back to the first prediction.

    With an incident, the shortest one that shows as much before it began as after it, where there is so much.
    """
    first = next((formatting.parsed(each.start) for each in daily if each.predictions), None)
    if first is None:
        return "All" if not daily else "24 h"
    # Days begin before their first prediction.
    age = now - first if incident is None else min(now - first, 2 * (now - incident))
    for name, limit in (("24 h", 1.0), ("7 d", 7.5), ("30 d", 31.0)):
        if age <= timedelta(days=limit):
            return name
    return "90 d"


def champions(windows: Sequence[Window], metric: Watched, versions: Mapping[str, str]) -> pd.DataFrame:
    """The windows of champions, oldest first; ``value`` is missing where no label is known."""
    table = []
    for each in windows:
        if each.role != "champion":
            continue
        start = formatting.parsed(each.start)
        assert start is not None
        value = each.metrics.get(metric.key)
        low, high = each.intervals.get(metric.key, (None, None))
        table.append(
            {
                "model_id": each.model_id,
                "version": versions.get(each.model_id, each.model_id),
                "start": start,
                "end": ended(each),
                "predictions": each.predictions,
                "failures": each.failures,
                "labelled": each.labelled,
                "value": value,
                "low": low,
                "high": high,
            }
        )
    frame = pd.DataFrame(table, columns=COLUMNS)
    kinds = {"start": "datetime64[us, UTC]", "end": "datetime64[us, UTC]"}
    return frame.astype({**kinds, "value": "float64", "low": "float64", "high": "float64"})


def ended(each: Window) -> datetime:
    """When a window ends."""
    start = formatting.parsed(each.start)
    assert start is not None
    return start + timedelta(minutes=each.minutes)


def with_gaps(own: pd.DataFrame) -> pd.DataFrame:
    """One model's windows with an empty row wherever time passed between them, so that a line is broken there."""
    rows: list[dict[str, Any]] = []
    for found in own.to_dict("records"):
        row = {str(name): value for name, value in found.items()}
        if rows and row["start"] - rows[-1]["end"] > (row["end"] - row["start"]) / 2:
            middle = rows[-1]["end"] + (row["start"] - rows[-1]["end"]) / 2
            rows.append({**row, "start": middle, "end": middle, "value": None, "low": None, "high": None})
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(own.columns))
    return frame.astype({"value": "float64", "low": "float64", "high": "float64"})


def moves(
    deployments: Sequence[Deployment], rollbacks: Collection[str], versions: Mapping[str, str], since: datetime | None
) -> pd.DataFrame:
    """Every change of champion in a range, newest first; ``how`` is ``promoted`` or ``rolled back``."""
    ended = {each.ended_at: each.model_id for each in deployments if each.ended_at}
    table = []
    for each in deployments:
        at = formatting.parsed(each.started_at)
        assert at is not None
        if since is not None and at < since:
            continue
        before = ended.get(each.started_at)
        table.append(
            {
                "at": at,
                "started_at": each.started_at,
                "how": "rolled back" if each.started_at in rollbacks else "promoted",
                "version": versions.get(each.model_id, each.model_id),
                "before": versions.get(before, before) if before else "",
                "actor": each.actor,
                "reason": each.reason,
            }
        )
    columns = ["at", "started_at", "how", "version", "before", "actor", "reason"]
    return pd.DataFrame(table, columns=columns).astype({"at": "datetime64[us, UTC]"})


def live_metric(name: str) -> Watched | None:
    """The live metric of the same name as an offline one, where labels of production give it."""
    plain = name.removeprefix(formatting.MEASURED)
    return live_text.live(plain) if plain in METRICS else None


def every_for(points: pd.DataFrame, now: datetime) -> Every:
    """How live windows are merged beside versions registered so long ago: by day, beyond three months by week."""
    return "day" if len(points) and now - points["at"].min() <= timedelta(days=92) else "week"


def middles(frame: pd.DataFrame) -> pd.Series[Any]:
    """The middle of each window."""
    return frame["start"] + (frame["end"] - frame["start"]) / 2
