"""DataFrames -> Plotly figures. No Streamlit here; its theme brings fonts, grid and background, light or dark.

Each figure has one message, names its series in place of a legend where it can, and has few enough points to
come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import formatting
from dashboard.ui.figures import Figure

#: Legible on white and on near-black, and told apart by colour-blind readers. The champion's is nobody else's.
CHAMPION = "#0b7fd1"
OTHERS = ("#d55e00", "#1a9e78", "#b65f9b", "#9a861c", "#8673d6", "#8c6a5d", "#5d9db5")
NEUTRAL = "#8792a0"
BAD = "#d55e00"

#: More of them cost the browser a third of a second and show nothing more on a screen.
MOST_POINTS = 400
#: Versions named below an axis that counts them.
MOST_TICKS = 12


def colours(model_ids: Sequence[str], champion: str | None) -> list[str]:
    """A colour for each model: the champion's own, and for the others one that follows from the id.

    Where two would share one, the later takes the next that is free.
    """
    taken: list[str] = []
    for model_id in model_ids:
        if model_id == champion:
            taken.append(CHAMPION)
            continue
        start = crc32(model_id.encode()) % len(OTHERS)
        ring = OTHERS[start:] + OTHERS[:start]
        taken.append(next((colour for colour in ring if colour not in taken), ring[0]))
    return taken


def thinned(frame: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """At most so many rows, evenly spread, with the first, the last and the extremes among them."""
    if len(frame) <= most:
        return frame
    step = (len(frame) - 1) / (most - 3)
    kept = {round(place * step) for place in range(most - 2)}
    kept |= {int(frame["value"].to_numpy().argmax()), int(frame["value"].to_numpy().argmin())}
    return frame.iloc[sorted(place for place in kept if place < len(frame))]


def blank(height: int, **layout: Any) -> Figure:
    """An empty figure in the house's style."""
    axis = {"automargin": True, "zeroline": False}
    plain: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hoverlabel": {"align": "left"},
        "dragmode": False,
        "xaxis": axis,
        "yaxis": axis,
    }
    return Figure(**(plain | layout))


def score_parts(terms: pd.DataFrame, colour: str) -> Figure:
    """What each weighted metric brings to the score, largest first; the bars add up to it."""
    parts = terms[terms["Part"] != "Score"].dropna(subset=["Contribution"])
    parts = parts.sort_values("Contribution", key=abs)
    weights = [
        f"{weight:g} × {formatting.number(value)}" if pd.notna(weight) else ""
        for weight, value in zip(parts["Weight"], parts["Value"], strict=True)
    ]
    figure = blank(36 * len(parts) + 28)
    figure.add_bar(
        x=parts["Contribution"],
        y=parts["Part"],
        orientation="h",
        marker={"color": [NEUTRAL if part == "Ensemble bonus" else colour for part in parts["Part"]]},
        width=0.55,
        text=[formatting.number(value) for value in parts["Contribution"]],
        textposition="outside",
        cliponaxis=False,
        customdata=weights,
        hovertemplate="%{y}: %{text}<br>%{customdata}<extra></extra>",
    )
    low, high = min(0.0, *parts["Contribution"]), max(0.0, *parts["Contribution"])
    # Room for the numbers outside of the bars.
    room = 0.2 * (high - low) or 1.0
    figure.update_xaxes(visible=False, range=[low - room if low < 0 else 0.0, high + room])
    return figure


def metric_gains(frame: pd.DataFrame, colour: str) -> Figure:
    """By how much a model is better than the champion on each metric: bars to the right are better, to the left worse.

    Of a metric of which less is better (marked with an arrow) the difference is turned round.
    """
    rows = frame.dropna(subset=["Difference"]).iloc[::-1]
    turned = [-1 if metric.endswith("↓") else 1 for metric in rows["Metric"]]
    scales = rows.select_dtypes("number").drop(columns="Difference").abs().max(axis=1)
    gains = [float(gap) * sign for gap, sign in zip(rows["Difference"], turned, strict=True)]
    # Beside a difference of millions one of hundredths would not be seen: then each bar is a share of its own metric.
    sized = scales[scales > 0]
    shares = len(sized) > 0 and bool(sized.max() > 1000 * sized.min())
    if shares:
        gains = [gain / scale if scale else 0.0 for gain, scale in zip(gains, scales, strict=True)]
    figure = blank(34 * max(1, len(rows)) + 40)
    figure.add_bar(
        x=gains,
        y=rows["Metric"],
        orientation="h",
        width=0.55,
        marker={"color": [colour if gain > 0 else NEUTRAL for gain in gains]},
        text=[formatting.signed(float(gap), scale) for gap, scale in zip(rows["Difference"], scales, strict=True)],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    widest = max((abs(gain) for gain in gains), default=0.0) or 0.01
    figure.update_xaxes(
        showticklabels=False,
        showgrid=False,
        zeroline=True,
        range=[-1.5 * widest, 1.5 * widest],
        title="← worse    better →" + ("<br>each bar as a share of its metric" if shares else ""),
    )
    return figure


def side_by_side(frame: pd.DataFrame, labels: Sequence[str], shades: Sequence[str]) -> Figure:
    """Several models on every metric, one dot a model."""
    rows = frame.iloc[::-1]
    figure = blank(34 * max(1, len(rows)) + 56)
    for label, shade in zip(labels, shades, strict=True):
        figure.add_scatter(
            x=rows[label],
            y=rows["Metric"],
            customdata=[formatting.number(value) for value in rows[label]],
            mode="markers",
            name=label,
            marker={
                "color": shade,
                "size": 13 if label.endswith("★") else 11,
                "symbol": "star" if label.endswith("★") else "circle",
                "opacity": 0.9,
            },
            hovertemplate="%{y}: %{customdata}<extra>" + label + "</extra>",
        )
    figure.update_layout(showlegend=True, legend=legend_on_top())
    values = [value for label in labels for value in rows[label]]
    figure.update_xaxes(tickformat=_ticks(values, 2), range=_spread(values, 0.08))
    return figure


def trend(points: pd.DataFrame, line: pd.DataFrame, label: str, *, by_time: bool) -> Figure:
    """A metric over versions or time: a dot a version, the champion as steps, promotions and rollbacks marked."""
    dots = thinned(points)
    figure = blank(420, hovermode="closest")
    figure.add_scatter(
        x=dots["at"] if by_time else dots.index,
        y=dots["value"],
        mode="lines+markers" if len(dots) <= 60 and not by_time else "markers",
        line={"color": NEUTRAL, "width": 1},
        marker={"color": NEUTRAL, "size": 8 if len(dots) <= 120 else 5},
        customdata=dots[["version", "type", "set"]].assign(value=dots["value"].map(formatting.number)),
        hovertemplate="<b>%{customdata[0]}</b> %{customdata[1]}<br>%{customdata[3]} on %{customdata[2]}<extra></extra>",
        name="Version",
    )
    if len(line):
        steps = line if by_time else _on_versions(line, points)
        figure.add_scatter(
            x=steps["at" if by_time else "place"],
            y=steps["value"],
            mode="lines",
            line={"color": CHAMPION, "width": 2.5, "shape": "hv"},
            hoverinfo="skip",
            name="Champion",
        )
        for how, shape, shade in (("promoted", "triangle-up", CHAMPION), ("rolled back", "x", BAD)):
            marked = line[line["how"] == how]
            figure.add_scatter(
                x=marked["at" if by_time else "place"],
                y=marked["value"],
                mode="markers",
                marker={"color": shade, "size": 12, "symbol": shape},
                customdata=marked[["version", "actor"]],
                hovertemplate=f"{how} to <b>%{{customdata[0]}}</b> by %{{customdata[1]}}<extra></extra>",
                name=how.capitalize(),
            )
        last = line.iloc[-1]
        # Without it the present champion lacks the metric, or there is none.
        if pd.notna(last["value"]):
            figure.add_annotation(
                x=1,
                xref="paper",
                y=last["value"],
                text=f"{last['version']} ★",
                showarrow=False,
                xanchor="left",
                xshift=6,
                font={"color": CHAMPION, "size": 13},
            )
    figure.update_layout(showlegend=True, legend=legend_on_top(), margin={"l": 8, "r": 72, "t": 8, "b": 8})
    figure.update_yaxes(
        tickformat=_ticks(points["value"].tolist(), 3), title=label, range=_spread(points["value"].tolist(), 0.15)
    )
    if by_time:
        figure.update_xaxes(title="date of registration")
    else:
        # An axis of numbers with the versions' names: one of a thousand names takes the browser far longer.
        named = list(range(0, len(points), -(-len(points) // MOST_TICKS)))
        pad = max(0.5, 0.01 * len(points))
        figure.update_xaxes(
            title="version, in order of registration",
            tickvals=named,
            ticktext=points["version"].iloc[named].tolist(),
            range=[-pad, len(points) - 1 + pad],
        )
    return figure


def _on_versions(line: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """The same steps where the axis counts versions: the last reaches the newest version."""
    steps = line.copy()
    steps.loc[steps.index[-1], "place"] = len(points) - 1
    return steps


def legend_on_top() -> dict[str, Any]:
    """A legend in one line above the chart."""
    return {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None}


def _ticks(values: Sequence[float], digits: int) -> str | None:
    """So many decimals at the ticks of shares; None leaves it to Plotly where they would not tell values apart."""
    known = _known(values)
    room = known.max() - known.min() if len(known) else 0.0
    return f".{digits}f" if room >= 2 * 10**-digits and abs(known).max() < 1000 else None


def _known(values: Sequence[float]) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    return table[~np.isnan(table)]


def _spread(values: Sequence[float], room: float) -> list[float] | None:
    """An axis from the least to the greatest value with some room, so that differences show."""
    known = _known(values)
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    pad = (high - low) * room or abs(high) * 0.05 or 0.01
    return [low - pad, high + pad]
