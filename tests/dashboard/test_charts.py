"""DataFrames -> figures."""

import pandas as pd
import pytest

from dashboard.ui import charts, frames
from registry_core import Registry, Score, ScoreTerm
from tests.clock import Clock

from .conftest import register, validated


def test_a_model_keeps_its_colour_and_the_champion_has_its_own() -> None:
    alone = charts.colours(["a"], "b")
    assert charts.colours(["b", "a"], "b") == [charts.CHAMPION, *alone]
    five = charts.colours(["a", "b", "c", "d", "e"], None)
    assert len(set(five)) == 5
    assert charts.CHAMPION not in five


@pytest.mark.parametrize("count", [1, 400, 401, 30_000])
def test_no_chart_grows_beyond_its_points(count: int) -> None:
    frame = pd.DataFrame({"value": range(count)})
    frame.loc[count // 3, "value"] = -5
    thinned = charts.thinned(frame)
    assert len(thinned) <= charts.MOST_POINTS
    assert thinned["value"].iloc[-1] == frame["value"].iloc[-1]
    assert thinned["value"].min() == -5


def test_score_parts_leave_the_sum_out() -> None:
    terms = (ScoreTerm("accuracy", 0.5, 0.8, 0.4, False), ScoreTerm("rmse", 0.5, 0.2, -0.1, True))
    figure = validated(charts.score_parts(frames.score_terms(Score(0.3, terms, 0.0, None)), "#123456"))
    assert list(figure.data[0].x) == [-0.1, 0.4]
    low, high = figure.layout.xaxis.range
    assert low < -0.1
    assert high > 0.4


@pytest.mark.parametrize("by_time", [True, False])
def test_trend_has_dots_steps_and_marks(several: dict[str, str], own: Registry, clock: Clock, *, by_time: bool) -> None:
    rows = own.get_model_comparison(None, "Churn", order_by="registered_at", descending=False)
    points = frames.trend(rows, "composite_score")
    line = frames.champion_line(points, own.deployments("Churn"), [], clock.now)
    figure = validated(charts.trend(points, line, "Score", by_time=by_time))
    assert [trace.name for trace in figure.data] == ["Version", "Champion", "Promoted", "Rolled back"]
    assert figure.data[1].line.shape == "hv"
    assert len(figure.data[2].x) == 2
    low, high = figure.layout.yaxis.range
    assert low < points["value"].min() < points["value"].max() < high
    if not by_time:
        named = dict(zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True))
        assert named == dict(enumerate(points["version"]))
        assert figure.data[1].x[-1] == len(points) - 1
    without = validated(charts.trend(points, line.iloc[:0], "Score", by_time=by_time))
    assert len(without.data) == 1


def test_side_by_side_and_gaps(several: dict[str, str], own: Registry) -> None:
    comparison = own.compare([several["third"], several["second"]])
    frame = frames.metric_comparison(comparison, baseline=1)
    labels = frames.column_labels(comparison.models)
    assert len(validated(charts.side_by_side(frame, labels, ["#111111", "#222222"])).data) == 2
    gains = validated(charts.metric_gains(frame, "#111111")).data[0]
    assert dict(zip(gains.y, gains.x, strict=True))["Accuracy"] == pytest.approx(-0.03)
    assert set(gains.marker.color) == {charts.NEUTRAL}


def test_ticks_tell_values_apart() -> None:
    assert charts._ticks([0.1, 0.9], 3) == ".3f"
    assert charts._ticks([1e-7, 2e-7], 3) is None
    assert charts._ticks([1e9, 2e9], 3) is None


def test_gains_of_very_different_metrics_are_drawn_as_shares(own: Registry) -> None:
    made = [
        register(own, performance_metrics={"accuracy": accuracy, "auc": 0.8, "f1_score": 0.8, "revenue": revenue})
        for accuracy, revenue in ((0.8, 1e9), (0.9, 1.1e9))
    ]
    frame = frames.metric_comparison(own.compare(made[::-1]), baseline=1)
    gains = validated(charts.metric_gains(frame, "#111111")).data[0]
    drawn = dict(zip(gains.y, gains.x, strict=True))
    assert drawn["Accuracy"] == pytest.approx(0.1 / 0.9)
    assert drawn["Revenue"] == pytest.approx(0.1 / 1.1)
