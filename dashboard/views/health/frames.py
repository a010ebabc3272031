"""Live metrics, drift and resolved alerts -> DataFrames. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

import pandas as pd

from dashboard import formatting
from dashboard.ui import live_frames, live_text
from dashboard.views.health import sentences
from registry_core import Alert, Drift, HealthReport, LivePerformance, ModelMetadata


def metrics(live: LivePerformance, report: HealthReport, offline: Mapping[str, float]) -> pd.DataFrame:
    """Every live metric of the champion beside its baseline, or else its offline value."""
    table = []
    for name in live_frames.METRICS:
        if name not in live.metrics:
            continue
        held = offline.get(name)
        if report.baseline is not None and name == report.shown_metric:
            held = report.baseline.value
        table.append(
            {
                "Metric": formatting.metric(name) + (" ↓" if name in live_text.LOWER else ""),
                "Live": live.metrics[name],
                "Baseline": held,
                "Difference": None if held is None else live.metrics[name] - held,
            }
        )
    frame = pd.DataFrame(table, columns=["Metric", "Live", "Baseline", "Difference"])
    return frame.astype({"Live": "float64", "Baseline": "float64", "Difference": "float64"})


def offline(champion: ModelMetadata, measured: Mapping[str, float] | None) -> tuple[Mapping[str, float], str]:
    """What is known of a champion from before it served: measured if it was, else as reported."""
    if measured:
        return measured, "measured on its benchmark"
    return {**champion.all_metrics()}, "reported at registration"


def drift(found: Sequence[Drift]) -> pd.DataFrame:
    """Drift by feature, the worst first as it comes. ``Of limit`` is 1 at the critical limit."""
    table = [
        {
            "Feature": formatting.visible(each.feature),
            "State": sentences.drift(each),
            "PSI": each.psi,
            "Largest change": moved(each),
            "Limits": f"{each.warn:.2f} / {each.critical:.2f}",
        }
        for each in found
    ]
    frame = pd.DataFrame(table, columns=["Feature", "State", "PSI", "Largest change", "Limits"])
    return frame.astype({"PSI": "float64"})


def moved(each: Drift) -> str:
    """The bin that changed most, with its share before and now."""
    if each.before is None or each.now is None or each.state == "none":
        return ""
    return f"{formatting.visible(each.moved)}: {each.before:.1%} → {each.now:.1%}"


def past_alerts(found: Sequence[Alert], now: datetime, where: tzinfo) -> pd.DataFrame:
    """Alerts that are over, newest first."""
    return pd.DataFrame(
        [
            {
                "When": formatting.ago(each.opened_at, now),
                "What": sentences.title(each),
                "Lasted": formatting.lasted(each.opened_at, each.resolved_at, now),
                "Text": sentences.plain(each.text),
                "Resolution": sentences.plain(each.resolution),
                "At": formatting.exact(each.opened_at, where),
                "No.": each.alert_id,
            }
            for each in found
        ],
        columns=["When", "What", "Lasted", "Text", "Resolution", "At", "No."],
    )
