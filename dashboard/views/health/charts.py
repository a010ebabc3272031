"""Live traffic -> figures: the champion's metric over time, its detector on a scale, what moved in its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from dashboard import formatting
from dashboard.ui import live_frames
from dashboard.ui.charts import BAD, CHAMPION, NEUTRAL, blank, colours
from dashboard.ui.figures import Figure
from registry_core import DetectorState, Drift

#: Heights of the chart over time: all of it, and the share that is the metric's.
HEIGHT, UPPER = 430, 0.74
#: Its height while no label is known.
LOW = 190
#: How near two words at the right margin may stand, in pixels.
LINE = 17
#: The detector's value falls without end while all goes well; below this the scale says no more.
FLOOR = -2.0
MOST_DRIFTS = 12


@dataclass(frozen=True)
class Level:
    """A line across the chart with its word at the right: the baseline, what is allowed, a threshold."""

    value: float
    word: str
    dash: str
    since: datetime | None = None
    bad: bool = False


def over_time(
    frame: pd.DataFrame,
    label: str,
    champion: str | None,
    levels: Sequence[Level],
    moves: pd.DataFrame,
    span: tuple[datetime, datetime],
    where: tzinfo,
) -> Figure:
    """A metric per window, a line for each champion with its interval, over bars of how many labels are behind it."""
    values = [value for value in frame["value"] if pd.notna(value)]
    figure = blank(HEIGHT if values else LOW, hovermode="closest", barmode="stack", bargap=0)
    if not values:
        return _without_labels(figure, frame, moves, span, where)
    levels = _near(levels, values)
    ids = list(dict.fromkeys(frame["model_id"]))
    for model_id, shade in zip(ids, colours(ids, champion), strict=True):
        _line(figure, frame[frame["model_id"] == model_id], shade, label, where)
    _bars(figure, frame, where)
    low, high = _room([*values, *(level.value for level in levels)])
    begin, end = (_local(moment, where) for moment in span)
    for level in levels:
        _level(figure, level, begin, end, where)
    _moves(figure, moves, high, begin, end, where)
    _words_at_right(figure, levels, low, high)
    figure.update_layout(
        margin={"l": 8, "r": 100, "t": 26, "b": 8},
        yaxis={"domain": [1 - UPPER, 1], "range": [low, high], "title": label},
        yaxis2={"domain": [0, 1 - UPPER - 0.09], "rangemode": "tozero", "nticks": 3, "title": "rows"},
        xaxis={"range": [begin, end], "anchor": "y2", "type": "date"},
    )
    figure.update_yaxes(automargin=True, zeroline=False, fixedrange=True)
    figure.update_xaxes(fixedrange=True)
    for place, text, shade in ((0.02, "■ with label", NEUTRAL), (0.1, "■ no label yet", _faint(NEUTRAL))):
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place, yref="paper", yanchor="bottom", showarrow=False,
            text=f'<span style="color:{shade}">■</span>{text[1:]}', font={"size": 12, "color": NEUTRAL},
        )  # fmt: skip
    return figure


def _without_labels(
    figure: Figure, frame: pd.DataFrame, moves: pd.DataFrame, span: tuple[datetime, datetime], where: tzinfo
) -> Figure:
    """Only how much was asked: an empty chart above it would say nothing."""
    _bars(figure, frame, where, axis="y")
    begin, end = (_local(moment, where) for moment in span)
    _moves(figure, moves, float(frame["predictions"].max()), begin, end, where)
    figure.update_layout(margin={"l": 8, "r": 24, "t": 26, "b": 8}, xaxis={"range": [begin, end], "type": "date"})
    figure.update_yaxes(rangemode="tozero", nticks=3, title="predictions", fixedrange=True)
    figure.update_xaxes(fixedrange=True)
    return figure


def _local(moment: Any, where: tzinfo) -> Any:
    """A moment as the viewer's clock shows it, for an axis that knows no zones."""
    return pd.Timestamp(moment).tz_convert(where).tz_localize(None)


def _locals(moments: pd.Series[Any], where: tzinfo) -> list[Any]:
    return [_local(each, where) for each in moments]


def _line(figure: Figure, own: pd.DataFrame, shade: str, label: str, where: tzinfo) -> None:
    rows = live_frames.with_gaps(own)
    known = rows["low"].notna().any()
    up, down = (rows["high"] - rows["value"]), (rows["value"] - rows["low"])
    said = [
        f"<b>{version}</b>, {start.tz_convert(where):%d %b %H:%M} to {end.tz_convert(where):%d %b %H:%M}<br>"
        f"{label} {formatting.number(value) if pd.notna(value) else 'not known'}"
        + (f" ({formatting.number(low)} to {formatting.number(high)}, one look)" if pd.notna(low) else "")
        + f"<br>{labelled:,} labels of {predictions:,} predictions"
        for version, start, end, value, low, high, labelled, predictions in zip(
            *(rows[name] for name in ("version", "start", "end", "value", "low", "high", "labelled", "predictions")),
            strict=True,
        )
    ]
    figure.add_scatter(
        x=_locals(live_frames.middles(rows), where),
        y=rows["value"],
        mode="lines+markers",
        connectgaps=False,
        line={"color": shade, "width": 1.6},
        marker={"color": shade, "size": 6 if len(rows) <= 100 else 4},
        error_y={
            "type": "data",
            "array": up.fillna(0),
            "arrayminus": down.fillna(0),
            "color": _faint(shade),
            "thickness": 1.2,
            "width": 0,
        }
        if known
        else None,
        text=said,
        hovertemplate="%{text}<extra></extra>",
        name=str(own["version"].iloc[0]),
    )


def _faint(shade: str) -> str:
    red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


def _bars(figure: Figure, frame: pd.DataFrame, where: tzinfo, axis: str = "y2") -> None:
    widths = (frame["end"] - frame["start"]).dt.total_seconds() * 1000
    waiting = frame["predictions"] - frame["labelled"]
    for counts, shade, word in ((frame["labelled"], NEUTRAL, "labels"), (waiting, _faint(NEUTRAL), "without label")):
        figure.add_bar(
            x=_locals(live_frames.middles(frame), where),
            y=counts,
            width=widths * 0.82,
            marker={"color": shade, "line": {"width": 0}},
            yaxis=axis,
            hovertemplate="%{y:,} " + word + "<extra></extra>",
            name=word,
        )


def _near(levels: Sequence[Level], values: Sequence[float]) -> list[Level]:
    """Without the lines that lie so far off that the values would be pressed flat."""
    if not values:
        return list(levels)
    low, high = min(values), max(values)
    reach = 2 * max(high - low, 0.01 * abs(high))
    return [level for level in levels if low - reach <= level.value <= high + reach]


def _room(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    pad = (high - low) * 0.12 or abs(high) * 0.02 or 0.01
    return low - pad, high + 1.6 * pad


def _level(figure: Figure, level: Level, begin: Any, end: Any, where: tzinfo) -> None:
    start = begin if level.since is None else max(begin, _local(level.since, where))
    figure.add_shape(
        type="line",
        x0=start,
        x1=end,
        y0=level.value,
        y1=level.value,
        line={"color": BAD if level.bad else NEUTRAL, "width": 1.4, "dash": level.dash},
        layer="below",
    )


def _words_at_right(figure: Figure, levels: Sequence[Level], low: float, high: float) -> None:
    """Each line's word beside its end; where two would touch, they are moved apart."""
    scale = HEIGHT * UPPER * 0.9 / (high - low)
    free = float("-inf")
    for level in sorted(levels, key=lambda each: each.value):
        place = max((level.value - low) * scale, free)
        free = place + LINE
        figure.add_annotation(
            x=1,
            xref="paper",
            y=level.value,
            yshift=round(place - (level.value - low) * scale),
            text=level.word,
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"size": 12, "color": BAD if level.bad else NEUTRAL},
        )


def _moves(figure: Figure, moves: pd.DataFrame, top: float, begin: Any, end: Any, where: tzinfo) -> None:
    """Promotions and rollbacks as lines from top to bottom, each with its shape and, where there is room, its words."""
    if not len(moves):
        return
    last, room = None, (end - begin) / 9
    for row in moves.iloc[::-1].to_dict("records"):
        at = _local(row["at"], where)
        back = row["how"] == "rolled back"
        shade = BAD if back else NEUTRAL
        figure.add_shape(
            type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", layer="below",
            line={"color": shade, "width": 1.2, "dash": "dot"},
        )  # fmt: skip
        crowded = last is not None and at - last < room
        if back or not crowded:
            last = at
            right = end - at < room
            figure.add_annotation(
                x=at, y=1, yref="paper", yanchor="bottom", yshift=3, showarrow=False,
                xanchor="right" if right else "left", xshift=8 if right else -6,
                text=f"{'✕' if back else '▲'} {row['version']}",
                font={"size": 12, "color": shade},
            )  # fmt: skip
    figure.add_scatter(
        x=_locals(moves["at"], where),
        y=[top] * len(moves),
        mode="markers",
        marker={
            "color": [BAD if how == "rolled back" else NEUTRAL for how in moves["how"]],
            "symbol": ["x" if how == "rolled back" else "triangle-up" for how in moves["how"]],
            "size": 9,
        },
        cliponaxis=False,
        customdata=moves[["how", "version", "actor"]].map(formatting.visible),
        hovertemplate="%{customdata[0]} to <b>%{customdata[1]}</b> by %{customdata[2]}<extra></extra>",
        name="changes of champion",
    )


def detector(state: DetectorState) -> Figure:
    """The detector's evidence on a scale that ends beyond its alarm."""
    figure = blank(84)
    alarm = state.log10_alarm
    value = FLOOR if state.log10_value is None else min(max(state.log10_value, FLOOR), alarm + 1)
    figure.add_scatter(
        x=[FLOOR, alarm + 1], y=[0, 0], mode="lines", line={"color": _faint(NEUTRAL), "width": 8}, hoverinfo="skip"
    )
    raised = value >= alarm
    figure.add_scatter(
        x=[FLOOR, value],
        y=[0, 0],
        mode="lines",
        line={"color": BAD if raised else CHAMPION, "width": 8},
        hoverinfo="skip",
    )
    if state.log10_value is not None:
        figure.add_scatter(
            x=[value],
            y=[0],
            mode="markers",
            marker={"color": BAD if raised else CHAMPION, "size": 15, "symbol": "x" if raised else "circle"},
            hovertemplate=f"evidence {state.log10_value:.2f} of {round(alarm, 1):g}<extra></extra>",
        )
    figure.add_shape(type="line", x0=alarm, x1=alarm, y0=-0.6, y1=0.6, line={"color": BAD, "width": 2.5})
    figure.add_annotation(x=alarm, y=0.62, text="alarm", showarrow=False, yanchor="bottom", font={"color": BAD})
    figure.update_yaxes(visible=False, range=[-0.8, 1.7])
    ticks = [FLOOR, 0, 2, 4, alarm]
    figure.update_xaxes(
        range=[FLOOR - 0.2, alarm + 1],
        tickvals=ticks,
        ticktext=[f"≤ {formatting.MINUS}{-FLOOR:g}", *(f"{tick:g}" for tick in ticks[1:])],
        showgrid=False,
        fixedrange=True,
    )
    figure.update_layout(margin={"l": 8, "r": 8, "t": 0, "b": 4})
    return figure


def moved(found: Sequence[Drift]) -> Figure:
    """The bin that moved most of each input: its share in training, and now."""
    rows = [
        (f"{formatting.visible(each.feature)}<br>{formatting.visible(each.moved)}", each.before, each.now)
        for each in found
        if each.before is not None and each.now is not None
    ][:MOST_DRIFTS][::-1]
    figure = blank(46 * max(1, len(rows)) + 58)
    for name, before, now in rows:
        figure.add_scatter(
            x=[before, now], y=[name, name], mode="lines", line={"color": NEUTRAL, "width": 2}, hoverinfo="skip"
        )
    training = [(name, before, now) for name, before, now in rows]
    present = [(name, now, before) for name, before, now in rows]
    for ends, word, symbol, shade in (
        (training, "in training", "circle-open", NEUTRAL),
        (present, "now", "circle", CHAMPION),
    ):
        figure.add_scatter(
            x=[here for _, here, _ in ends],
            y=[name for name, _, _ in ends],
            mode="markers+text",
            marker={"color": shade, "size": 11, "symbol": symbol, "line": {"width": 2, "color": shade}},
            text=[f"{here:.1%} {word}" for _, here, _ in ends],
            textposition=["middle right" if here >= there else "middle left" for _, here, there in ends],
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
            name=word,
        )
    shares = [share for _, before, now in rows for share in (before, now)] or [0.0, 1.0]
    low, high = min(shares), max(shares)
    room = max(0.35 * (high - low), 0.02)
    figure.update_xaxes(range=[low - room, high + room], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure
