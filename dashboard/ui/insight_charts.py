"""Insights -> Plotly figures: feature impact, values by threshold, rates by group, residuals. No Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard import formatting
from dashboard.ui.charts import BAD, CHAMPION, NEUTRAL, blank
from dashboard.ui.figures import Figure
from registry_core import Curve, Difference, Fairness, Group, ImpactComparison, LosingSlices, Measured, ValueCurve

#: Features and groups that a chart shows; tables have all.
MOST_FEATURES, MOST_GROUPS = 8, 5

#: Above a panel that is as narrow as a quarter of a phone.
_SHORT = {"selection_rate": "Selected", "true_positive_rate": "TPR", "false_positive_rate": "FPR"}


def losing_slices(found: LosingSlices) -> Figure:
    """The loss in each slice with its interval, the condition written above it; to the left is worse."""
    figure = blank(52 * len(found.slices) + 84)
    for place, each in enumerate(reversed(found.slices)):
        value, low, high = _turned(each.difference)
        figure.add_scatter(
            x=[value],
            y=[place],
            mode="markers",
            marker={"color": BAD, "size": 11},
            error_x=_ends(value, low, high, BAD),
            hovertemplate=f"{formatting.visible(each.sentence)}<extra></extra>",
        )
        figure.add_annotation(
            x=0,
            y=place + 0.36,
            xref="paper",
            xanchor="left",
            showarrow=False,
            text=_text(f"{each.condition} ({each.difference.rows:,} rows)", 72),
        )
    figure.update_yaxes(visible=False, range=[-0.5, len(found.slices) - 0.3])
    figure.update_xaxes(
        zeroline=True,
        zerolinecolor=NEUTRAL,
        title=f"{formatting.metric(found.metric)}: ← worse than the champion",
        rangemode="tozero",
    )
    return figure


def _turned(found: Difference) -> tuple[float, float, float]:
    """A difference whose right is better."""
    if not found.lower_is_better:
        return found.value, found.low, found.high
    return -found.value, -found.high, -found.low


def impact(found: ImpactComparison, version: str, shade: str) -> Figure:
    """The impact of the most telling features, a dot each with its interval, the champion's below the version's."""
    names = shown_features(found)
    figure = blank(34 * len(names) + 64)
    sources = [(version, found.impact.impacts, shade, 0.16)]
    if found.champion is not None:
        sources.append(("champion", found.champion.impacts, CHAMPION, -0.16))
    for label, impacts, colour, shift in sources:
        known = [(place, impacts[name]) for place, name in enumerate(reversed(names)) if name in impacts]
        figure.add_scatter(
            x=[each.value for _, each in known],
            y=[place + shift for place, _ in known],
            mode="markers",
            marker={"color": colour, "size": 9, "symbol": "star" if label == "champion" else "circle"},
            error_x=_many_ends([each for _, each in known], colour),
            name=label,
            customdata=[formatting.signed(each.value) for _, each in known],
            hovertemplate="%{customdata}<extra>" + label + "</extra>",
        )
        if known:
            figure.add_annotation(
                x=known[-1][1].value,
                y=known[-1][0] + shift,
                text=label,
                showarrow=False,
                font={"color": colour},
                yshift=13 if shift > 0 else -13,
            )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[_text(name) for name in reversed(names)],
        range=[-0.6, len(names) - 0.3],
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=NEUTRAL, title=f"loss of {found.impact.metric} when permuted")
    return figure


def shown_features(found: ImpactComparison) -> list[str]:
    """The features a chart shows: the largest, and those that gained or lost most."""
    moved = [*found.gained[:2], *found.lost[:2]]
    largest = list(found.impact.impacts)[: MOST_FEATURES - len(moved)]
    chosen = {*largest, *moved}
    return [name for name in found.impact.impacts if name in chosen]


def values(curves: Sequence[tuple[str, ValueCurve, str]]) -> Figure:
    """Value per 1,000 rows by threshold, a line with its band for each version, its best threshold marked and named."""
    figure = blank(280)
    for label, curve, colour in curves:
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=curve.thresholds, y=curve.high, **band)
        figure.add_scatter(x=curve.thresholds, y=curve.low, fill="tonexty", fillcolor=_faint(colour), **band)
        figure.add_scatter(
            x=curve.thresholds,
            y=curve.values,
            mode="lines",
            line={"color": colour, "width": 2},
            name=label,
            hovertemplate="threshold %{x:.3f}: %{y:,.1f}<extra>" + label + "</extra>",
        )
    for place, (label, curve, colour) in enumerate(curves):
        figure.add_scatter(
            x=[curve.best_threshold],
            y=[curve.best.value],
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": "diamond"},
            hoverinfo="skip",
        )
        figure.add_annotation(
            x=curve.best_threshold,
            y=curve.best.value,
            text=f"{label}: best at {curve.best_threshold:.3g}",
            showarrow=True,
            arrowcolor=colour,
            arrowhead=0,
            ax=70,
            ay=-24 if place == 0 else 34,
            xanchor="left",
            font={"color": colour},
        )
    figure.update_xaxes(title="threshold: positive from this probability on", range=[-0.02, 1.02])
    figure.update_yaxes(title="value per 1,000 rows", range=_telling(curves))
    return figure


def _telling(curves: Sequence[tuple[str, ValueCurve, str]]) -> list[float]:
    """Around what exceeds the better way of calling all rows alike: below that no threshold is worth a look."""
    low = max(max(curve.values[0], curve.values[-1]) for _, curve, _ in curves)
    high = max(max(curve.high) for _, curve, _ in curves)
    room = (high - low) or abs(high) or 1.0
    return [low - 0.4 * room, high + 0.25 * room]


def fairness(found: Fairness, shade: str) -> Figure:
    """Each rate by group with its interval, a panel a rate; a hollow dot has few rows."""
    groups = shown_groups(found)
    rates = list(groups[0].rates)
    figure = blank(34 * len(groups) + 76, margin={"l": 8, "r": 8, "t": 28, "b": 8})
    # Room for a tick of one panel beside that of the next.
    gap = 0.06
    width = (1 - gap * (len(rates) - 1)) / len(rates)
    names = [_text(group.name) for group in groups]
    for panel, rate in enumerate(rates):
        axis = f"x{panel + 1}" if panel else "x"
        begin = panel * (width + gap)
        known = [
            (name, group.rates[rate])
            for name, group in zip(names, groups, strict=True)
            if group.rates[rate].value is not None
        ]
        figure.add_scatter(
            x=[each.value for _, each in known],
            y=[name for name, _ in known],
            mode="markers",
            marker={
                "color": shade,
                "size": 10,
                "symbol": ["circle-open" if each.rows < found.least else "circle" for _, each in known],
            },
            error_x=_many_ends([Measured(each.value or 0.0, each.low, each.high) for _, each in known], NEUTRAL),
            customdata=[[f"{each.rows:,}"] for _, each in known],
            hovertemplate="%{y}: %{x:.3f}, %{customdata[0]} rows<extra></extra>",
            xaxis=axis,
        )
        figure.update_layout(**{axis.replace("x", "xaxis"): {"domain": [begin, begin + width], "anchor": "y"}})
        figure.add_annotation(
            x=begin + width / 2,
            y=1,
            xref="paper",
            yref="paper",
            xanchor="center",
            yanchor="bottom",
            text=_SHORT.get(rate, formatting.metric(rate)),
            showarrow=False,
            font={"size": 13},
        )
    figure.update_xaxes(tickformat=".0%", nticks=3, automargin=True, zeroline=False)
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def shown_groups(found: Fairness) -> list[Group]:
    """The groups a chart shows: those that are furthest apart in a rate, then the largest."""
    ends = dict.fromkeys(name for gap in found.gaps.values() for name in (gap.highest, gap.lowest))
    others = [group.name for group in found.groups if group.name not in ends]
    chosen = {*ends, *others[: max(0, MOST_GROUPS - len(ends))]}
    return [group for group in found.groups if group.name in chosen]


def residuals(curves: Sequence[tuple[str, Curve, str]], across: str) -> Figure:
    """The mean residual with its interval, by prediction or by slice, beside the line of none."""
    figure = blank(300)
    for place, (label, curve, colour) in enumerate(curves):
        ends = [
            Measured(value, low, high)
            for value, low, high in zip(curve.y, curve.details["low"], curve.details["high"], strict=True)
        ]
        by_slice = "labels" in curve.details
        figure.add_scatter(
            x=[x + 0.12 * (place - 0.5) for x in curve.x] if by_slice else curve.x,
            y=curve.y,
            mode="markers" if by_slice else "lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": 8, "symbol": "star" if colour == CHAMPION else "circle"},
            error_y=_many_ends(ends, colour),
            name=label,
            customdata=[f"{count:,}" for count in curve.details["counts"]],
            hovertemplate="mean residual %{y:.4g}, %{customdata} rows<extra>" + label + "</extra>",
        )
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=1.0 - 0.09 * place,
            yref="paper",
            text=label,
            showarrow=False,
            font={"color": colour},
        )
        if by_slice:
            figure.update_xaxes(tickvals=list(curve.x), ticktext=[_text(each) for each in curve.details["labels"]])
    figure.update_xaxes(title=across)
    figure.update_yaxes(title="label − prediction", zeroline=True, zerolinecolor=NEUTRAL)
    return figure


def _ends(value: float, low: float, high: float, colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
        "color": colour,
        "thickness": 2,
    }


def _many_ends(found: Sequence[Measured], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "color": colour,
        "thickness": 1.5,
        "width": 3,
        "array": [0.0 if each.high is None else each.high - each.value for each in found],
        "arrayminus": [0.0 if each.low is None else each.value - each.low for each in found],
    }


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _text(text: str, most: int = 48) -> str:
    """Somebody's text in a figure: never markup, and of a bounded length."""
    shown = formatting.visible(text)
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
