"""Figures as plain documents: what Plotly makes of them."""

import numpy as np
import pandas as pd
import pytest

from dashboard.ui.figures import Figure

from .conftest import validated


def test_tables_titles_and_what_is_missing() -> None:
    figure = Figure(xaxis={"title": "label", "range": None}, yaxis={})
    table = pd.DataFrame({"version": ["1.0.0", "1.0.1"], "value": [0.5, 0.6]})
    figure.add_scatter(x=table["value"], y=np.array([1, 2]), customdata=table, error_y=None)
    figure.add_bar(x=[1], y=[2])
    figure.add_heatmap(z=[[1, 2]])
    made = validated(figure)
    assert [trace.type for trace in made.data] == ["scatter", "bar", "heatmap"]
    assert made.data[0].x == (0.5, 0.6)
    assert made.data[0].y == (1, 2)
    assert [list(row) for row in made.data[0].customdata] == [["1.0.0", 0.5], ["1.0.1", 0.6]]
    assert made.layout.xaxis.title.text == "label"
    assert made.layout.xaxis.range is None


def test_a_change_keeps_what_it_does_not_name() -> None:
    figure = Figure(margin={"l": 8, "r": 8}, xaxis={"zeroline": False}, xaxis2={}, yaxis={})
    figure.update_layout(margin={"r": 72}, xaxis={"range": [0, 1]})
    figure.update_xaxes(title="time")
    made = validated(figure).layout
    assert (made.margin.l, made.margin.r) == (8, 72)
    assert (made.xaxis.zeroline, made.xaxis.range) == (False, (0, 1))
    assert (made.xaxis.title.text, made.xaxis2.title.text, made.yaxis.title.text) == ("time", "time", None)


def test_lines_reach_from_end_to_end() -> None:
    figure = Figure(xaxis={}, yaxis={})
    figure.add_hline(y=3, line={"width": 1})
    figure.add_vline(x=4)
    across, upwards = validated(figure).layout.shapes
    assert (across.xref, across.x0, across.x1, across.y0, across.y1) == ("x domain", 0, 1, 3, 3)
    assert (upwards.yref, upwards.y0, upwards.y1, upwards.x0, upwards.x1) == ("y domain", 0, 1, 4, 4)
    assert across.line.width == 1


def test_the_theme_reaches_the_browser() -> None:
    assert validated(Figure(xaxis={}, yaxis={})).layout.template.layout.colorway


def test_what_plotly_does_not_know_fails_in_tests() -> None:
    figure = Figure(xaxis={"ticksuffixes": "%"}, yaxis={})
    with pytest.raises(ValueError, match="ticksuffixes"):
        validated(figure)
