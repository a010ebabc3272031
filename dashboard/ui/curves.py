"""Evidence -> Plotly figures: differences with their intervals, and the curves of several models on one plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.ui.charts import CHAMPION, NEUTRAL, blank, legend_on_top
from dashboard.ui.figures import Figure
from registry_core import Curve

#: What each curve shows along its axes, and the line that a useless model follows.
CURVES: dict[str, tuple[str, str, str]] = {
    "roc": ("ROC", "false positive rate", "true positive rate"),
    "precision_recall": ("Precision and recall", "recall", "precision"),
    "calibration": ("Calibration", "predicted probability", "observed frequency"),
}


def differences(frame: pd.DataFrame, shade: str = CHAMPION) -> Figure:
    """Each metric's difference as a dot with its interval, beside the line of no difference; right is better.

    Of a metric of which less is better the difference is turned round.
    """
    rows = frame.iloc[::-1]
    signs = [-1.0 if turned else 1.0 for turned in rows["Turned"]]
    values = [value * sign for value, sign in zip(rows["Difference"], signs, strict=True)]
    ends = [sorted((low * sign, high * sign)) for low, high, sign in zip(rows["Low"], rows["High"], signs, strict=True)]
    clear = [not low <= 0 <= high for low, high in ends]
    figure = blank(34 * max(1, len(rows)) + 56)
    figure.add_scatter(
        x=values,
        y=rows["Metric"],
        mode="markers",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
            "color": NEUTRAL,
            "thickness": 2,
        },
        marker={"color": [shade if each else NEUTRAL for each in clear], "size": 11},
        customdata=[formatting.signed(value) for value in rows["Difference"]],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    reach = max((abs(end) for pair in ends for end in pair), default=0.0) or 0.01
    figure.update_xaxes(range=[-1.1 * reach, 1.1 * reach], zeroline=True, showgrid=False, title="← worse    better →")
    return figure


def overlaid(name: str, curves: Mapping[str, Sequence[Curve]], shades: Sequence[str], label: str | None) -> Figure:
    """One kind of curve for several models (by their label), of one class where there are many."""
    title, across, upwards = CURVES[name]
    figure = blank(320)
    diagonal: dict[str, Any] = {"color": NEUTRAL, "width": 1, "dash": "dot"}
    if name != "precision_recall":
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=diagonal, hoverinfo="skip", showlegend=False)
    for (model, found), shade in zip(curves.items(), shades, strict=True):
        for curve in found:
            if curve.name == name and (label is None or curve.details.get("class") == label):
                figure.add_scatter(
                    x=curve.x,
                    y=curve.y,
                    mode="lines+markers" if name == "calibration" else "lines",
                    line={"color": shade, "width": 2, "shape": "hv" if name == "roc" else "linear"},
                    name=model,
                    hovertemplate=f"{model}<br>{across} %{{x:.3f}}<br>{upwards} %{{y:.3f}}<extra></extra>",
                )
    figure.update_layout(showlegend=len(curves) > 1, legend=legend_on_top(), title=None)
    figure.update_xaxes(title=across, range=[-0.02, 1.02], tickformat=".1f")
    figure.update_yaxes(title=f"{title}: {upwards}", range=[-0.02, 1.02], tickformat=".1f")
    return figure


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """How often a class was called a class: lines are the truth; darker is a larger share of its line."""
    shares = [[value / (sum(line) or 1) for value in line] for line in counts]
    figure = blank(min(120 + 34 * len(classes), 460))
    figure.add_heatmap(
        z=shares,
        x=list(classes),
        y=list(classes),
        text=[[f"{value:,}" for value in line] for line in counts] if len(classes) <= 15 else None,
        texttemplate="%{text}" if len(classes) <= 15 else None,
        customdata=counts,
        # Opaque: the numbers are written dark or light by the colour below them.
        colorscale=[[0, "#e8f1fa"], [1, CHAMPION]],
        zmin=0,
        zmax=1,
        showscale=False,
        hovertemplate="is %{y}, called %{x}: %{customdata:,} rows<extra></extra>",
    )
    figure.update_xaxes(title="predicted", type="category", side="top", showgrid=False)
    figure.update_yaxes(title="actual", type="category", autorange="reversed", showgrid=False)
    return figure
