"""Records of maintenance -> tables and the figure of storage use. No Streamlit here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.ui import charts
from dashboard.ui.columns import Column
from dashboard.ui.figures import Figure
from registry_core import CleanupItem, CleanupPlan, Finding, OrphanedFile, SpaceReport, Trashed

PAGE = 50
#: Model names drawn one by one; the others are put together.
MOST_BARS = 10
OTHERS = "all other names"
WHOLE = "whole registry"

#: What happens, by word and shape.
ACTIONS = {"trash": "▽ to trash", "purge": "✕ delete", "keep": "○ kept"}
SWEPT = "✕ delete"
UNTOUCHABLE = "● protected"
SEVERITIES = {"error": "✕ error", "warning": "▲ warning", "note": "○ note"}

#: kind -> (its word, its colour). Eight kinds told apart by colour-blind readers, and always by a word as well.
KINDS: Mapping[str, tuple[str, str]] = {
    "models": ("models", "#1a9e78"),
    "trash": ("in the trash", "#d55e00"),
    "archive": ("old predictions", "#5d9db5"),
    "benchmarks": ("benchmarks", "#b65f9b"),
    "evaluations": ("evaluations", "#9a861c"),
    "catalog": ("catalog", "#8673d6"),
    "metadata": ("metadata", charts.NEUTRAL),
    "unclaimed": ("orphaned", "#8c6a5d"),
    "other": ("other", "#c3cad3"),
}
WHICH = ("To remove", "Kept", "Protected")
ORDERS = ("Oldest first", "Largest first", "By reason")


@dataclass(frozen=True)
class Line:
    """One line of a plan: a version, or a file nothing claims. ``key`` is what a cleanup knows it by."""

    key: str
    version: str
    model_name: str
    what: str
    why: str
    bytes: int
    at: str
    score: float | None
    status: str


def lines(plan: CleanupPlan, which: str, order: str) -> list[Line]:
    """The lines of a plan that are asked for, in their order."""
    found = [_line(item) for item in plan.items if _belongs(item, which)]
    if which == "To remove":
        found += [_file(each) for each in plan.unclaimed]
    if order == "Largest first":
        found.sort(key=lambda each: (-each.bytes, each.at))
    elif order == "By reason":
        found.sort(key=lambda each: (each.what, each.why, each.at))
    else:
        found.sort(key=lambda each: each.at)
    return found


def _belongs(item: CleanupItem, which: str) -> bool:
    if which == "To remove":
        return item.action != "keep"
    return item.action == "keep" and (item.untouchable or which == "Kept")


def _line(item: CleanupItem) -> Line:
    what = UNTOUCHABLE if item.action == "keep" and item.untouchable else ACTIONS[item.action]
    return Line(
        item.model_id,
        item.version,
        item.model_name,
        what,
        formatting.sentence(item.reason).rstrip("."),
        item.bytes,
        item.registered_at,
        item.composite_score,
        formatting.STATUS_WORDS.get(item.status, item.status),
    )


def _file(each: OrphanedFile) -> Line:
    return Line(
        each.key,
        "–",
        "–",
        SWEPT,
        f"Orphaned: {each.key} belongs to no version",
        each.bytes,
        each.modified_at,
        None,
        "file",
    )


def plan(now: datetime, *, names: bool) -> tuple[Column[Line], ...]:
    """The columns of a cleanup plan; with ``names`` also of whom."""
    name = Column[Line]("Model name", lambda each: formatting.visible(each.model_name), 150)
    return (
        Column("Version", lambda each: each.version, 76, pinned=True),
        *((name,) if names else ()),
        Column("Action", lambda each: each.what, 116),
        Column("Reason", lambda each: formatting.visible(each.why), 400),
        Column("Size", lambda each: formatting.size(each.bytes), 80, right=True),
        Column("Registered", lambda each: formatting.ago(each.at, now), 96),
        Column("Score", lambda each: each.score, 80, "number"),
        Column("Status", lambda each: each.status, 112),
    )


def trash(now: datetime, where: tzinfo, *, names: bool) -> tuple[Column[Trashed], ...]:
    """The columns of the trash; with ``names`` also of whom."""
    name = Column[Trashed]("Model name", lambda each: formatting.visible(each.model_name), 150)
    return (
        Column("Version", lambda each: each.version, 76, pinned=True),
        *((name,) if names else ()),
        Column("Size", lambda each: formatting.size(each.bytes), 80, right=True),
        Column("Purge", lambda each: until(each.purge_at, now), 104),
        Column("Purge date", lambda each: formatting.exact(each.purge_at, where), 180),
        Column("Moved", lambda each: formatting.ago(each.trashed_at, now), 92),
        Column("Who", lambda each: formatting.visible(each.actor), 96),
        Column("Reason", lambda each: formatting.visible(each.reason), 260),
        Column("Status before", lambda each: formatting.STATUS_WORDS.get(each.was, each.was), 112),
    )


def until(text: str, now: datetime) -> str:
    """How long it is until then."""
    moment = formatting.parsed(text)
    if moment is None:
        return formatting.MISSING
    seconds = (moment - now).total_seconds()
    if seconds <= 0:
        return "with the next cleanup"
    days = seconds / 86400
    return f"in {int(days)} d" if days >= 1 else f"in {max(1, int(seconds // 3600))} h"


def space(report: SpaceReport) -> pd.DataFrame:
    """What takes the space, the largest first: ``name``, ``kind``, ``files``, ``bytes``, ``share``."""
    total = report.bytes or 1
    rows = [
        {
            "name": use.model_name or WHOLE,
            "kind": KINDS.get(use.kind, KINDS["other"])[0],
            "files": use.files,
            "bytes": use.bytes,
            "share": use.bytes / total,
        }
        for use in sorted(report.uses, key=lambda use: -use.bytes)
        if use.files or use.bytes
    ]
    return pd.DataFrame(rows, columns=["name", "kind", "files", "bytes", "share"])


#: The columns of the same.
SPACE: tuple[Column[dict[str, Any]], ...] = (
    Column("Model name", lambda use: formatting.visible(use["name"]), 180, pinned=True),
    Column("Kind", lambda use: use["kind"], 130),
    Column("Files", lambda use: use["files"], 80, "count"),
    Column("Size", lambda use: formatting.size(use["bytes"]), 90, right=True),
    Column("Share", lambda use: use["share"] * 100, 80, "percent"),
)


def bars(frame: pd.DataFrame) -> Figure:
    """Bytes by model name, in parts by kind; each bar says its sum."""
    by_name = frame.groupby("name")["bytes"].sum().sort_values(ascending=False)
    shown = list(by_name.index[:MOST_BARS])
    merged = frame.assign(name=frame["name"].where(frame["name"].isin(shown), OTHERS))
    order = [*shown, *([OTHERS] if len(by_name) > MOST_BARS else [])][::-1]
    figure = charts.blank(34 * len(order) + 56, barmode="stack")
    for word, colour in KINDS.values():
        part = merged[merged["kind"] == word].groupby("name")["bytes"].sum()
        if part.empty:
            continue
        figure.add_bar(
            x=[int(part.get(name, 0)) for name in order],
            y=order,
            orientation="h",
            width=0.6,
            name=word,
            marker={"color": colour},
            customdata=[formatting.size(int(part.get(name, 0))) for name in order],
            hovertemplate="%{y}, " + word + ": %{customdata}<extra></extra>",
        )
    sums = merged.groupby("name")["bytes"].sum()
    for name in order:
        figure.add_annotation(
            x=int(sums[name]), y=name, text=formatting.size(int(sums[name])), showarrow=False, xanchor="left", xshift=6
        )
    figure.update_layout(showlegend=True, legend=charts.legend_on_top() | {"traceorder": "normal"})
    figure.update_xaxes(visible=False, range=[0, max(1, float(sums.max())) * 1.16])
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=order)
    return figure


#: The columns of what verify found.
FINDINGS: tuple[Column[Finding], ...] = (
    Column("Severity", lambda each: "✓ repaired" if each.repaired else SEVERITIES[each.severity], 92, pinned=True),
    Column("Kind", lambda each: each.label, 120),
    Column("Subject", lambda each: formatting.visible(each.subject), 250),
    Column("Description", lambda each: formatting.visible(formatting.sentence(each.text)), 380),
    Column("Remedy", lambda each: formatting.visible(each.remedy), 320),
)


def findings(found: Collection[Finding]) -> list[Finding]:
    """What was found, the worst first."""
    return sorted(found, key=lambda each: (each.repaired, list(SEVERITIES).index(each.severity), each.subject))
