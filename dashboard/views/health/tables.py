"""Tables of live traffic: metrics beside their baseline, drift with its limits, resolved alerts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import formatting
from dashboard.ui.tables import number_format, plain


def metrics(frame: pd.DataFrame, *, key: str) -> None:
    """Live metrics beside their baseline."""
    form, width = number_format(pd.concat([frame["Live"], frame["Baseline"]]))
    gap, gap_width = number_format(frame["Difference"], difference=True)
    columns = {
        "Metric": st.column_config.TextColumn("Metric", width=92, pinned=True),
        "Live": st.column_config.NumberColumn("Live", format=form, width=max(76, width)),
        "Baseline": st.column_config.NumberColumn("Baseline", format=form, width=max(76, width)),
        "Difference": st.column_config.NumberColumn("Difference", format=gap, width=max(84, gap_width)),
    }
    plain(frame, key=key, alt="Live metrics beside their baseline", columns=columns)


def drift(frame: pd.DataFrame, *, key: str, critical: float) -> None:
    """Drift by feature. The bar is full at the critical limit."""
    columns = {
        "Feature": st.column_config.TextColumn("Feature", width=132, pinned=True),
        "State": st.column_config.TextColumn("State", width=108),
        "PSI": st.column_config.ProgressColumn(
            "PSI",
            format="%.3f",
            min_value=0.0,
            max_value=critical,
            width=120,
            help="Population stability index: 0 is no change. The bar is full at the limit of severe drift, "
            f"{formatting.number(critical)}",
        ),
        "Limits": st.column_config.TextColumn(
            "Limits",
            width=92,
            alignment="right",
            help="PSI from which a feature counts as drifted, and as severely drifted",
        ),
        "Largest change": st.column_config.TextColumn("Largest change", width=210, help="The bin that changed most"),
    }
    plain(frame, key=key, alt="Drift by feature, the worst first", columns=columns)


def past_alerts(frame: pd.DataFrame, *, key: str) -> None:
    """Resolved alerts, newest first."""
    columns = {
        "When": st.column_config.TextColumn("When", width=90, pinned=True),
        "What": st.column_config.TextColumn("What", width=200),
        "Lasted": st.column_config.TextColumn("Lasted", width=90),
        "Text": st.column_config.TextColumn("Text", width=430),
        "Resolution": st.column_config.TextColumn("Resolution", width=300),
        "At": st.column_config.TextColumn("At", width=192),
        "No.": st.column_config.NumberColumn("No.", width=60),
    }
    plain(frame, key=key, alt="Resolved alerts, newest first", columns=columns)
