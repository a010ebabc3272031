"""Evidence -> DataFrames: measured metrics with their intervals, slices, differences. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard import formatting
from registry_core import Benchmark, Difference, Evaluation, Measured, ModelMetadata, Review


def interval(low: float | None, high: float | None) -> str:
    """An interval as ``0.9012 to 0.9345``."""
    return (
        formatting.MISSING if low is None or high is None else f"{formatting.number(low)} to {formatting.number(high)}"
    )


def metrics(evaluation: Evaluation, reported: Mapping[str, float], lower: Mapping[str, bool]) -> pd.DataFrame:
    """What was measured, with its interval, beside what was reported."""
    labels = formatting.metric_labels(evaluation.metrics)
    return pd.DataFrame(
        {
            "Metric": [labels[name] + (" ↓" if lower.get(name) else "") for name in evaluation.metrics],
            "Measured": [each.value for each in evaluation.metrics.values()],
            "95% interval": [interval(each.low, each.high) for each in evaluation.metrics.values()],
            "Reported": [reported.get(name) for name in evaluation.metrics],
        }
    ).astype({"Measured": "float64", "Reported": "float64"})


def slices(evaluation: Evaluation, metric: str) -> pd.DataFrame:
    """One metric in every slice, with the rows it is made of, the worst first."""
    table = [
        {
            "Slice": formatting.visible(f"{column} = {value}"),
            "Rows": int(found["rows"].value),
            "Value": found[metric].value,
            "95% interval": interval(found[metric].low, found[metric].high),
        }
        for column, values in evaluation.slices.items()
        for value, found in values.items()
        if metric in found
    ]
    frame = pd.DataFrame(table, columns=["Slice", "Rows", "Value", "95% interval"])
    return frame.astype({"Value": "float64"}).sort_values("Value", kind="stable").reset_index(drop=True)


def differences(found: Mapping[str, Difference]) -> pd.DataFrame:
    """The second model minus the first, metric by metric, with the interval and what it says."""
    labels = formatting.metric_labels(found)
    words = {"better": "▲ better", "worse": "▼ worse", "no clear difference": "≈ no clear difference"}
    return pd.DataFrame(
        {
            "Metric": [labels[name] + (" ↓" if each.lower_is_better else "") for name, each in found.items()],
            "Says": [words[each.verdict] for each in found.values()],
            "Difference": [each.value for each in found.values()],
            "Low": [each.low for each in found.values()],
            "High": [each.high for each in found.values()],
            "Turned": [each.lower_is_better for each in found.values()],
        }
    )


def slice_differences(found: Mapping[str, Mapping[str, Difference]], metric: str) -> pd.DataFrame:
    """The difference of one metric in every slice, worst first."""
    rows = {name: each[metric] for name, each in found.items() if metric in each}
    frame = differences(rows)
    frame["Metric"] = [formatting.visible(name) for name in rows]
    frame["Rows"] = [each.rows for each in rows.values()]
    turned = frame["Difference"].where(~frame["Turned"].astype(bool), -frame["Difference"])
    return frame.iloc[turned.argsort(kind="stable")].reset_index(drop=True)


def side_by_side(models: Sequence[ModelMetadata], found: Sequence[Evaluation | None]) -> pd.DataFrame:
    """Measured metrics as rows, models as columns."""
    names = list(dict.fromkeys(name for each in found if each for name in each.metrics))
    labels = formatting.metric_labels(names)
    columns: dict[str, Any] = {"Metric": [labels[name] for name in names]}
    for label, each in zip(labels_of(models), found, strict=True):
        columns[label] = [_with_interval(each.metrics.get(name)) if each else formatting.MISSING for name in names]
    return pd.DataFrame(columns)


def _with_interval(value: Measured | None) -> str:
    if value is None:
        return formatting.MISSING
    return formatting.number(value.value) + ("" if value.low is None else f"  ({interval(value.low, value.high)})")


def labels_of(models: Sequence[ModelMetadata]) -> list[str]:
    """The versions, the champion's with its star."""
    return [f"{each.version} ★" if each.is_active else each.version for each in models]


def benchmarks(found: Sequence[Benchmark], measured: Mapping[str, int]) -> pd.DataFrame:
    """Benchmarks for a table; ``measured`` is how many versions were tried on each, by fingerprint."""
    return pd.DataFrame(
        {
            "Benchmark": [formatting.visible(each.name) for each in found],
            "Rows": [each.rows for each in found],
            "Target": [formatting.visible(each.target) for each in found],
            "Features": [len(each.features) for each in found],
            "Slices": [formatting.visible(", ".join(each.slices)) or formatting.MISSING for each in found],
            "Protected": [formatting.visible(", ".join(each.protected)) or formatting.MISSING for each in found],
            "Thresholds": [_thresholds(each.thresholds) for each in found],
            "Versions evaluated": [measured.get(each.fingerprint, 0) for each in found],
            "Added by": [formatting.visible(each.added_by) for each in found],
            "SHA-256": [each.fingerprint for each in found],
        }
    )


def _thresholds(thresholds: Mapping[str, float]) -> str:
    return ", ".join(f"{formatting.metric(name)} {value:g}" for name, value in thresholds.items()) or formatting.MISSING


def reviews(found: Sequence[Review]) -> list[tuple[str, str, str, str]]:
    """Verdict with its shape, who, when (as recorded) and the words, newest first."""
    shapes = {"approved": "✓ approved", "rejected": "✕ rejected", "comment": "○ comment"}
    return [
        (
            f"○ approval lapsed ({each.lapsed})" if each.lapsed else shapes[each.verdict],
            each.actor,
            each.at,
            each.text,
        )
        for each in reversed(found)
    ]
