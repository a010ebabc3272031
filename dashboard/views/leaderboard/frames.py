"""Records -> DataFrames of the leaderboard: one page of it, and all of a filter for a spreadsheet. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.ui.frames import NAMED, metric_column, metric_of, numbers
from registry_core import Difference, Measured, ModelMetadata, PromotionVerdict


def leaderboard(
    rows: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    champion: ModelMetadata | None,
    now: datetime,
    first_rank: int = 1,
    verdicts: Mapping[str, PromotionVerdict] | None = None,
) -> pd.DataFrame:
    """One page of the leaderboard, in the order of its rows.

    A version that cannot be promoted has no rank. The difference to the champion is left empty where the two were
    measured on different sets: it would say nothing.
    The column "Note" is there when any row has one.
    """
    best = champion.composite_score if champion else None
    gaps = [
        row["composite_score"] - best
        if row["comparable"] and not row["is_active"] and row["composite_score"] is not None and best is not None
        else None
        for row in rows
    ]
    notes = [formatting.visible(row["override_note"] or row["score_note"] or "") for row in rows]
    # Column by column, each of its type: from a dict for every row it takes pandas five times as long.
    columns: dict[str, Any] = {
        "#": pd.array(
            [
                row.get("rank", first_rank + place)
                if row["status"] == "registered" and row["artifact"] == "trusted"
                else None
                for place, row in enumerate(rows)
            ],
            dtype="Int64",
        ),
        "Version": [row["version"] for row in rows],
        "Status": [formatting.status(row) for row in rows],
        **_verdicts(rows, verdicts or {}),
        "Type": [formatting.visible(row["model_type"]) for row in rows],
        "Score": numbers(row["composite_score"] for row in rows),
        "Difference": numbers(gaps),
        **{metric_column(name): numbers(metric_of(row, name) for row in rows) for name in metrics},
        "Ranked on": [formatting.visible(row["ranked_on"] or formatting.UNNAMED_SET) for row in rows],
        "Comparable": [_comparable(row, champion) for row in rows],
        "Registered": [formatting.ago(row["registered_at"], now) for row in rows],
        "By": [formatting.visible(row["registered_by"]) for row in rows],
        **({"Note": notes} if any(notes) else {}),
        "Model id": [row["model_id"] for row in rows],
    }
    return pd.DataFrame(columns)


def _verdicts(rows: Sequence[Mapping[str, Any]], verdicts: Mapping[str, PromotionVerdict]) -> dict[str, list[str]]:
    """Of each version the verdict, what was evaluated, how it differs from the champion, and what stands in the way."""
    known = [verdicts[row["model_id"]] for row in rows if row["model_id"] in verdicts]
    if len(known) < len(rows):
        return {}
    columns = {
        "Verdict": [f"{formatting.VERDICTS[each.word]} {each.word}" for each in known],
        "Evaluated": [_with_interval(each.evaluated) for each in known],
        "Δ evaluated": [_with_ends(each.difference) for each in known],
        "Gates": [f"{len(each.gates) - len(each.failures)} of {len(each.gates)}" for each in known],
        "Worst slice": [formatting.visible(next(iter(each.worse_slices), "")) or formatting.MISSING for each in known],
    }
    # What no version has would only push aside what they have.
    return {name: cells for name, cells in columns.items() if {*cells} != {formatting.MISSING}}


def _with_interval(evaluated: Measured | None) -> str:
    if evaluated is None:
        return formatting.MISSING
    if evaluated.low is None or evaluated.high is None:
        return formatting.number(evaluated.value)
    low, high = formatting.number(evaluated.low), formatting.number(evaluated.high)
    return f"{formatting.number(evaluated.value)} ({low} to {high})"


def _with_ends(found: Difference | None) -> str:
    if found is None:
        return formatting.MISSING
    value, low, high = (formatting.signed(each, 1.0) for each in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _comparable(row: Mapping[str, Any], champion: ModelMetadata | None) -> str:
    if champion is None:
        return formatting.MISSING
    return "= same" if row["comparable"] else "≠ other"


def export(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> pd.DataFrame:
    """Every model of a filter for a spreadsheet: plain values, nothing rounded."""
    before = ("model_id", "model_name", "version", "model_type", "composite_score", "score_note")
    after = (
        *("evaluation_set", "comparable", "status", "artifact", "eligible", "is_active", "is_best", "is_ensemble"),
        *("training_samples", "training_date", "registered_at", "registered_by", "description", "tags"),
    )
    # A metric called like another column gets a name of its own.
    further = {
        name: metric_column(name) if name in (*before, *after) else name for name in metrics if name not in NAMED
    }
    table = [
        {
            **{name: row[name] for name in (*before, *NAMED, *after)},
            **{column: metric_of(row, name) for name, column in further.items()},
            "tags": " ".join(row["tags"]),
        }
        for row in rows
    ]
    return pd.DataFrame(table, columns=[*before, *NAMED, *further.values(), *after])
