"""Experiments -> figures, and the split and the ramp as HTML. No Streamlit here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.ui import charts
from dashboard.ui.figures import Figure
from dashboard.views.experiments import frames, sentences
from registry_core import Experiment

#: Under each other in a row of steps: done, now, to do.
SHAPES = {"done": "✓", "now": "●", "to do": "", "skipped": "–"}


def over_time(
    frame: pd.DataFrame, shade: str, unit: str, stages: Sequence[frames.Stage] = (), margin: float | None = None
) -> Figure:
    """The effect by labels compared, with its always-valid band and the zero line: above it the challenger is better.

    ``margin`` is what its lower bound has to be above before the next stage, in ``unit``.
    """
    rows = charts.thinned(frame)
    figure = charts.blank(250, hovermode="x")
    figure.add_scatter(x=rows["labels"], y=rows["high"], mode="lines", line={"width": 0}, hoverinfo="skip")
    figure.add_scatter(
        x=rows["labels"],
        y=rows["low"],
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=_faint(shade),
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=rows["labels"],
        y=rows["value"],
        mode="lines" if len(rows) > 1 else "markers",
        line={"color": shade, "width": 2.5},
        marker={"color": shade, "size": 9},
        error_y=None
        if len(rows) > 1
        else {"array": rows["high"] - rows["value"], "arrayminus": rows["value"] - rows["low"], "color": shade},
        customdata=[
            [
                _signed(value, unit),
                f"{_signed(low, unit)} to {_signed(high, unit)}",
                f"{labels:,}",
                f"{at:%d %b, %H:%M}",
            ]
            for value, low, high, labels, at in rows[["value", "low", "high", "labels", "at"]].itertuples(index=False)
        ],
        hovertemplate="%{customdata[0]} (%{customdata[1]})<br>%{customdata[2]} labels, predicted by %{customdata[3]}"
        "<extra></extra>",
    )
    figure.add_hline(y=0, line={"color": charts.NEUTRAL, "width": 1.5})
    low, high = extent(frame)
    last = rows.iloc[-1]
    value = _signed(last["value"], unit)
    end = f"<b>{value}</b><br>{_signed(last['low'], unit)} to<br>{_signed(last['high'], unit)}"
    for text, height, colour in ((end, last["value"], shade), ("equal", 0.0, charts.NEUTRAL)):
        if text == end or abs(last["value"]) > 0.2 * (high - low):
            figure.add_annotation(
                x=1, xref="paper", y=height, text=text, showarrow=False, xanchor="left", xshift=6, align="left",
                font={"color": colour, "size": 13},
            )  # fmt: skip
    if margin is not None and low < margin < high:
        figure.add_hline(y=margin, line={"color": charts.NEUTRAL, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=0, xref="paper", y=margin, text=f"lower bound required: {_signed(margin, unit)}", showarrow=False,
            xanchor="left", yanchor="top", xshift=4, font={"color": charts.NEUTRAL, "size": 12},
        )  # fmt: skip
    first = float(rows["labels"].iloc[0])
    for stage in stages:
        if first < stage.labels < float(last["labels"]):
            figure.add_vline(x=stage.labels, line={"color": charts.NEUTRAL, "width": 1, "dash": "dash"})
            figure.add_annotation(
                x=stage.labels, y=1, yref="paper", text=stage.name, showarrow=False, xanchor="left", yanchor="top",
                xshift=3, font={"color": charts.NEUTRAL, "size": 12},
            )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 72, "t": 8, "b": 8})
    figure.update_yaxes(title=f"{unit}, better ↑", range=[low, high], **ticks(low, high))
    figure.update_xaxes(title="labels compared", tickangle=0, **_label_ticks(rows))
    if len(rows) == 1:
        # A single point has no width of its own to draw an axis by.
        figure.update_xaxes(range=[0, 2 * first])
    return figure


def _signed(value: float, unit: str) -> str:
    return f"{value:+.1f}".replace("-", formatting.MINUS) if unit == "pp" else formatting.signed(value)


def _label_ticks(rows: pd.DataFrame) -> dict[str, Any]:
    """Round numbers of labels, each with the time by which so many had been predicted."""
    first, last = float(rows["labels"].iloc[0]), float(rows["labels"].iloc[-1])
    if len(rows) == 1:
        values = [first]
    else:
        step = _step((last - first) / 4)
        values = [step * place for place in range(math.ceil(first / step), math.floor(last / step) + 1)]
    whole_days = len(rows) > 1 and rows["at"].iloc[-1] - rows["at"].iloc[0] > pd.Timedelta(days=3)
    told = []
    for value in values:
        at = rows["at"].iloc[min(int(rows["labels"].searchsorted(value)), len(rows) - 1)]
        told.append(f"{value:,.0f}<br>{at.strftime('%d %b' if whole_days else '%d %b, %H:%M')}")
    return {"tickvals": values, "ticktext": told}


def _step(at_least: float) -> float:
    """The round number, a power of ten times 1, 2 or 5, that is at least so much."""
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least)


def ticks(low: float, high: float) -> dict[str, Any]:
    """Signed ticks at round numbers, zero among them and without a sign."""
    step = _step((high - low) / 5)
    values = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return {
        "tickvals": values,
        "ticktext": [f"{each:+.3g}".replace("-", formatting.MINUS) if each else "0" for each in values],
    }


def extent(frame: pd.DataFrame) -> tuple[float, float]:
    """An axis with zero on it that the later half fills: the first band is too wide to leave room for what follows."""
    later = frame.iloc[len(frame) // 2 :]
    low, high = min(0.0, float(later["low"].min())), max(0.0, float(later["high"].max()))
    room = 0.12 * (high - low) or 0.01
    return low - room, high + room


def now(frame: pd.DataFrame, shades: Sequence[str], unit: str) -> Figure:
    """Every challenger's effect as it stands, with its interval, beside the zero line."""
    rows = frame.iloc[::-1]
    figure = charts.blank(44 * len(rows) + 58)
    for (_, each), shade in zip(rows.iterrows(), list(shades)[::-1], strict=True):
        figure.add_scatter(
            x=[each["value"]],
            y=[each["version"]],
            mode="markers+text",
            marker={"color": shade, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [each["high"] - each["value"]],
                "arrayminus": [each["value"] - each["low"]],
                "color": shade,
                "thickness": 2,
                "width": 5,
            },
            text=[each["says"]],
            textposition="top center",
            cliponaxis=False,
            hovertemplate=f"{each['written']}<extra>{each['version']}</extra>",
        )
    figure.add_vline(x=0, line={"color": charts.NEUTRAL, "width": 1.5})
    low, high = min(0.0, float(frame["low"].min())), max(0.0, float(frame["high"].max()))
    room = 0.12 * (high - low) or 0.01
    figure.update_xaxes(
        range=[low - room, high + room], title=f"← worse    {unit}    better →", **ticks(low - room, high + room)
    )
    figure.update_yaxes(type="category", range=[-0.6, len(rows) - 0.35])
    return figure


def _faint(shade: str) -> str:
    red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def split(experiment: Experiment, versions: Mapping[str, str], shades: Mapping[str, str]) -> str:
    """Who answers how much of the traffic, as one bar; whoever only scores beside it is drawn below, hollow."""
    answering = [arm for arm in experiment.running if arm.share > 0 and experiment.status == "running"]
    waiting = [arm for arm in experiment.running if arm.share > 0 and experiment.status == "paused"]
    rest = 1 - sum(arm.share for arm in answering)
    parts = [(experiment.champion_id, rest)] if rest > 1e-9 else []
    parts += [(arm.challenger_id, arm.share) for arm in answering]
    bar = "".join(
        f'<span class="part" style="flex-grow:{part * 100:.4f};background:{shades[model_id]}"></span>'
        for model_id, part in parts
    )
    names = "".join(
        f'<li style="flex-grow:{part * 100:.4f}"><i style="background:{shades[model_id]}"></i>'
        f"<b>{escape(versions[model_id])}{' ★' if model_id == experiment.champion_id else ''}</b> "
        f"{sentences.share(part)}</li>"
        for model_id, part in parts
    )
    beside = [(arm.challenger_id, "scores the same rows; its predictions are not served") for arm in experiment.running]
    if experiment.mode == "split":
        beside = [
            (arm.challenger_id, f"served {sentences.share(arm.share)}; serves no requests while paused")
            for arm in waiting
        ]
    hollow = "".join(
        f'<div class="beside" style="border-color:{shades[model_id]}"></div>'
        f"<ul><li><b>{escape(versions[model_id])}</b> {said}</li></ul>"
        for model_id, said in beside
    )
    return f'<div class="split"><div class="bar">{bar}</div><ul>{names}</ul>{hollow}</div>'


def ramp(steps: Sequence[sentences.Step]) -> str:
    """The stages as steps from left to right, with the present one marked."""
    items = "".join(
        f'<li class="{step.state.replace(" ", "-")}"{" aria-current=step" if step.state == "now" else ""}>'
        f'<span class="dot">{SHAPES[step.state]}</span><b>{escape(step.name)}</b><small>{step.state}</small></li>'
        for step in steps
    )
    return f'<ol class="ramp">{items}</ol>'
