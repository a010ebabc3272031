"""The health page in its states, what it makes of live windows, and what the overview and the trends show of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from streamlit.testing.v1 import AppTest

from dashboard import formatting, live_queries, session
from dashboard.ui import charts, live_frames, live_text
from dashboard.views.health import charts as health_charts
from dashboard.views.health import frames as health_frames
from dashboard.views.health import sentences
from registry_core import (
    Deployment,
    DetectorState,
    Drift,
    FrozenBaseline,
    HealthReport,
    LivePerformance,
    MonitoringPolicy,
    Notification,
    Registry,
    StorageError,
    Window,
)
from tests.clock import Clock

from .conftest import register, validated
from .live_traffic import begin, degrade, reference, serve
from .test_pages import texts as raw_texts

Open = Callable[..., AppTest]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACCURACY = live_text.live("accuracy")


def _window(hours: float, value: float | None, labelled: int = 100, model_id: str = "a", **changes: Any) -> Window:
    start = (NOON + timedelta(hours=hours)).isoformat()
    metrics = {} if value is None else {"accuracy": value}
    intervals = {} if value is None else {"accuracy": (value - 0.01, value + 0.01)}
    fields: dict[str, Any] = {"role": "champion", "minutes": 60, "predictions": labelled + 10}
    fields |= {"metrics": metrics, "intervals": intervals}
    fields |= changes
    return Window("Churn", model_id, experiment_id=None, start=start, failures=0, labelled=labelled, **fields)


def _performance(accuracy: float, **metrics: float) -> LivePerformance:
    end = (NOON + timedelta(days=1)).isoformat()
    interval = {"accuracy": (accuracy - 0.01, accuracy + 0.01)}
    return LivePerformance(
        "Churn", "model-a", NOON.isoformat(), end, 600, 0, 500, {"accuracy": accuracy, **metrics}, interval
    )


def _report(accuracy: float = 0.93, **changes: Any) -> HealthReport:
    fields: dict[str, Any] = {
        "model_name": "Churn",
        "at": NOON.isoformat(),
        "state": "healthy",
        "sentence": "model-a: fine",
        "model_id": "model-a",
        "value": accuracy,
        "labelled": 500,
        "performance": _performance(accuracy),
        "baseline": FrozenBaseline("accuracy", 1000, 0.08, 0.07, "benchmark holdout"),
        "detector": DetectorState(1.0, 6.0, 0.11, "so and so", 500, 0, "No alarm"),
    }
    return HealthReport(**{**fields, **changes})


def texts(app: AppTest) -> str:
    """All the words on a page, as they are read."""
    return raw_texts(app).replace("\\", "").replace("\u2060", "")


# the page in its states


def test_without_a_champion_it_offers_to_choose_one(own: Registry, open_page: Open) -> None:
    own.configure(auto_select_best=False, actor="anna", reason="set up")
    register(own)
    app = open_page("health", model="Churn")
    assert not app.exception
    assert "Nothing serves yet" in texts(app)
    app.button(key="to-leaderboard").click().run()
    assert app.title[0].value == "Leaderboard"


def test_without_predictions_it_shows_how_they_come_about(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    app = open_page("health", model="Churn")
    assert not app.exception
    assert 'registry.predictor("Churn")' in app.code[0].value
    assert "record_outcomes" in app.code[0].value
    assert not app.get("plotly_chart")


def test_without_labels_it_says_what_cannot_be_told(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    serve(own, 600, labelled=0.0)
    app = open_page("health", model="Churn")
    assert not app.exception
    assert "600 predictions, and no label yet" in app.info[0].value
    assert "Accuracy of 1.0.0 is not known" in texts(app)
    assert "No feature drift" in texts(app)


def test_before_there_is_a_baseline_it_counts_its_labels(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    serve(own, 250)
    app = open_page("health", model="Churn")
    assert not app.exception
    assert "not yet: 250 of 400 labels" in texts(app)
    assert app.get("progress")
    assert "its baseline is being measured" in texts(app)


def test_slices_that_became_worse_are_listed_and_the_others_counted(
    own: Registry, clock: Clock, open_page: Open
) -> None:
    begin(own, clock, 12, slices=["visits", "country"], baseline_labels=120, overdispersion_icc=0.0, drift=False)
    predictor = own.predictor("Churn", log="sync")
    places = np.arange(400)
    for rate in [0.1] * 4 + [0.6] * 4:
        inputs = reference(400)
        inputs[:, 1] = places % 10 == 0
        said = predictor.predict(inputs)
        # Of the others one of ten, of these as many as told, evenly spread.
        wrong = np.where(places % 10 == 0, places // 10 % 10 < 10 * rate, places % 10 == 1)
        own.record_outcomes(prediction_ids=said.prediction_ids, labels=np.where(wrong, 1 - said.values, said.values))
        clock.tick(days=1)
    app = open_page("health", model="Churn")
    assert not app.exception
    page = texts(app)
    assert "slice degraded" in page
    assert "- visits = 1: Worse than its baseline: 60.0% wrong over the last " in page
    assert "of 6.5" in page  # three detectors share one guarantee
    assert "no prediction so far has the column 'country'" in page
    assert "- 1 slice: no sign of degradation" in page


def test_a_healthy_champion(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    serve(own, 500, wrong=0.02, seed=1)
    clock.tick(hours=5)
    serve(own, 400, wrong=0.02, labelled=0.5, seed=2)
    app = open_page("health", model="Churn")
    assert not app.exception
    said = texts(app)
    assert ":green[✓ Healthy]" in said
    assert "700 of 900 (77.8%)" in said
    assert "no healthy earlier champion to restore" in said
    assert "Degradation detector" in said
    assert "alert" not in said.split("On degradation")[0]
    assert app.session_state["range"] == "7 d"
    assert len(app.get("plotly_chart")) == 3


def test_drift_is_told_by_input(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock, days=9)
    clock.tick(days=7)
    serve(own, 900, shift=0.6)
    # A day is compared when it is over.
    clock.tick(days=1)
    own.check_health("Churn")
    app = open_page("health", model="Churn")
    assert not app.exception
    assert "1 of 2 features drifted: age" in texts(app)
    assert ":orange[▲ Warning]" in texts(app)


def test_a_rollback_is_told_and_its_alert_acknowledged(own: Registry, clock: Clock, open_page: Open) -> None:
    degrade(own, clock)
    app = open_page("health", model="Churn")
    assert not app.exception
    said = texts(app)
    assert ":red[✕ Critical]" in said
    assert "was rolled back to Churn 1.0.0" in said
    assert ":orange[✕ Rolled back]** to **1.0.0** instead of 1.0.1" in said
    assert "automatically: Churn 1.0.1: Worse than its baseline" in said
    assert "Churn_LogisticRegression" not in said
    (alert,) = own.alerts("Churn")

    app.button(key=f"acknowledge-{alert.alert_id}").click().run()
    assert "acknowledging resolves the alert" in texts(app)
    app.text_area(key="reason").set_value("the feed was broken")
    app.text_input(key="decided_by").set_value("")
    _confirm(app, "Acknowledge")
    assert "Enter your name" in app.warning[0].value
    app.text_input(key="decided_by").set_value("carla")
    _confirm(app, "Acknowledge")
    assert "The alert is acknowledged" in app.success[0].value
    assert own.alerts("Churn") == []
    assert own.alerts("Churn", resolved=True)[0].acknowledged_by == "carla"
    assert own.events("Churn", kinds=["alert_acknowledged"])[0].reason == "the feed was broken"
    assert ":red[✕ Critical]" not in texts(app)
    assert "1 resolved alert" not in texts(app)


def test_a_rollback_before_the_time_shown_is_told_as_well(own: Registry, clock: Clock, open_page: Open) -> None:
    degrade(own, clock)
    app = open_page("health", model="Churn", range="24 h")
    assert not app.exception
    assert "Last rollback: 1.0.1 was taken out, 1.0.0 restored" in texts(app)
    assert "cannot be promoted until it is reinstated" in texts(app)


def test_an_error_while_it_refreshes_is_explained(
    own: Registry, clock: Clock, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(own, clock)
    serve(own, 450)

    def broken(*_: Any, **__: Any) -> Any:
        raise StorageError(5, "the disk is gone")

    monkeypatch.setattr(live_queries, "alerts", broken)
    app = open_page("health", model="Churn")
    assert not app.exception
    assert "The disk is gone" in app.error[0].value


def _confirm(app: AppTest, label: str) -> None:
    next(each for each in app.button if each.label == label and each.proto.is_form_submitter).click().run()


def test_who_only_wants_to_be_told_is_offered_the_rollback(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock, on_degradation="suggest")
    second = register(own, 0.9)
    own.promote(second, actor="anna", reason="better")
    serve(own, 500)
    clock.tick(hours=2)
    serve(own, 400, wrong=0.5)
    (alert,) = own.alerts("Churn")
    app = open_page("health", model="Churn")
    assert "a person decides on the rollback" in texts(app)
    app.button(key=f"rollback-{alert.alert_id}").click().run()
    assert not app.exception
    assert "is disqualified" in texts(app)
    app.session_state["asked"] = None

    # resolving requires a reason, and whoever comes too late is told so
    app.button(key=f"resolve-{alert.alert_id}").click().run()
    _confirm(app, "Resolve")
    assert "Enter a reason" in app.warning[0].value
    own.resolve_alert(alert.alert_id, actor="bert", reason="it may stay")
    app.text_area(key="reason").set_value("it may stay")
    _confirm(app, "Resolve")
    assert "Nothing was changed" in app.warning[0].value
    assert "already resolved" in app.warning[0].value


def test_a_range_in_the_address_is_kept(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    serve(own, 450)
    app = open_page("health", model="Churn", range="All")
    assert app.session_state["range"] == "All"
    far = open_page("health", model="Churn", range="24 h")
    assert "No predictions in this period" in far.info[0].value


# the overview and the trends


def test_the_overview_shows_what_production_says(own: Registry, clock: Clock, open_page: Open) -> None:
    degrade(own, clock)
    clock.tick(hours=1)
    serve(own, 500, seed=5)
    register(own, 0.7)
    app = open_page("overview")
    assert not app.exception
    said = texts(app)
    assert ":orange[▲ 1 open alert]; 1 version awaiting review" in said
    (row,) = app.dataframe[0].value.to_dict("records")
    health = own.check_health("Churn", act=False)
    assert (row["Model name"], row["State"], row["Champion"]) == ("Churn", "✕ Critical", "1.0.0")
    assert (row["Metric"], row["Value"]) == ("Accuracy", formatting.number(health.value))
    assert health.baseline is not None
    assert row["Baseline"] == formatting.number(health.baseline.value)
    assert (row["Alerts"], row["Awaiting review"]) == ("▲ 1", 1)
    app.button(key="concern-0").click().run()
    assert app.title[0].value == "Health of Churn"


def test_running_experiments_are_counted(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    own.start_experiment("Churn", register(own, 0.9, reference=reference()), actor="anna", reason="try it")
    app = open_page("overview")
    assert not app.exception
    assert "1 experiment running" in texts(app)
    assert app.dataframe[0].value["Experiments"].tolist() == ["1"]


def test_trends_show_live_values_beside_offline_ones(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    serve(own, 450)
    app = open_page("trends", model="Churn", metric="Accuracy", axis="Time")
    assert not app.exception
    assert "Diamonds are live" in texts(app)
    assert "live, by day" in app.get("plotly_chart")[0].proto.spec
    assert "choose Time" in texts(open_page("trends", model="Churn", metric="Accuracy"))
    assert (
        "live" not in open_page("trends", model="Churn", metric="Score", axis="Time").get("plotly_chart")[0].proto.spec
    )


# figures of a page are those of all its rows


def _two_hours(registry: Registry, clock: Clock, first: Any, second: Any) -> None:
    """Two windows, each of (rows, labels), of the present champion."""
    clock.now = clock.now.replace(minute=5, second=0)
    predictor = registry.predictor("Churn", log="sync")
    for inputs, labels in (first, second):
        answer = predictor.predict(np.array(inputs, np.float64))
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)
        clock.tick(hours=1)


def test_precision_is_that_of_all_rows_not_the_mean_of_windows(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock)
    yes, no = [0.0, 1.0], [1.0, 0.0]
    assert own.load_active_model("Churn")[0].predict([yes, no]).tolist() == [0, 1]
    # Precision 1 of 1, then 50 of 99: 51% of all, and 75% on average.
    first = [no, *[yes] * 99], [1, *[0] * 99]
    second = [*[no] * 99, yes], [*[1] * 50, *[0] * 50]
    _two_hours(own, clock, first, second)
    app = open_page("health", model="Churn")
    assert not app.exception
    table = next(each.value for each in app.dataframe if "Live" in each.value)
    live = dict(zip(table["Metric"], table["Live"], strict=True))
    assert live["Precision"] == pytest.approx(0.51)
    assert live["Accuracy"] == pytest.approx(0.755)
    assert "over 200 labels" in texts(app)


def test_an_rmse_is_that_of_all_rows_not_the_mean_of_windows(own: Registry, clock: Clock, open_page: Open) -> None:
    begin(own, clock, loss="squared_error")
    inputs = np.random.default_rng(0).random((100, 2))
    model = register(own, model=LinearRegression().fit(inputs, inputs[:, 0]))
    own.promote(model, actor="anna", reason="numbers now", override=True)
    said = own.load_model(model)[0].predict(inputs)
    _two_hours(own, clock, (inputs, said + 1), (inputs, said + 7))
    card = open_page("overview")
    assert not card.exception
    row = card.dataframe[0].value.iloc[0]
    assert (row["Champion"], row["Metric"], row["Value"]) == ("1.0.1", "RMSE", "5.0000")
    health = open_page("health", model="Churn")
    assert not health.exception
    table = next(each.value for each in health.dataframe if "Live" in each.value)
    assert table["Live"].tolist() == pytest.approx([5.0])


# frames


@pytest.mark.parametrize(
    ("days", "minutes", "merged"),
    [(1, 60, "window"), (7, 60, "window"), (7, 1, "day"), (30, 60, "day"), (0, 60, "week")],
)
def test_a_long_range_is_asked_for_coarsely(days: int, minutes: int, merged: str) -> None:
    assert live_frames.merge_of(timedelta(days=days) if days else None, minutes) == merged


@pytest.mark.parametrize(("age", "chosen"), [(0.5, "24 h"), (3, "7 d"), (20, "30 d"), (80, "90 d")])
def test_the_usual_range_reaches_back_to_the_first_prediction(age: float, chosen: str) -> None:
    assert live_frames.range_for([_window(-24 * age, 0.9)], NOON) == chosen


def test_only_champions_are_drawn_and_gaps_stay_gaps() -> None:
    windows = [_window(0, 0.9), _window(1, 0.8), _window(1, 0.1, role="split"), _window(5, 0.7), _window(6, None, 0)]
    frame = live_frames.champions(windows, ACCURACY, {"a": "1.0.0"})
    assert frame["value"].tolist()[:3] == [0.9, 0.8, 0.7]
    assert frame["low"][0] < 0.9 < frame["high"][0]
    drawn = live_frames.with_gaps(frame)
    assert np.isnan(drawn["value"][2])
    assert len(drawn) == 5


def test_changes_of_champion_say_what_they_replaced() -> None:
    later = (NOON + timedelta(days=1)).isoformat()
    deployed = [
        Deployment(2, "Churn", "a", later, None, "auto", "worse"),
        Deployment(1, "Churn", "b", NOON.isoformat(), later, "anna", "first"),
    ]
    moves = live_frames.moves(deployed, {later}, {"a": "1.0.0", "b": "1.0.1"}, None)
    assert moves["how"].tolist() == ["rolled back", "promoted"]
    assert moves["before"].tolist() == ["1.0.1", ""]
    assert len(live_frames.moves(deployed, {later}, {}, NOON + timedelta(hours=1))) == 1


def test_metrics_stand_beside_their_baseline() -> None:
    frame = health_frames.metrics(_performance(0.9, auc=0.8), _report(), {"accuracy": 0.5, "auc": 0.7})
    assert frame["Metric"].tolist() == ["Accuracy", "AUC"]
    assert frame["Live"].tolist() == pytest.approx([0.9, 0.8])
    assert frame["Baseline"].tolist() == pytest.approx([0.92, 0.7])


def test_drift_names_its_state_and_what_moved() -> None:
    far = Drift("age", "critical", 0.6, 0.1, 0.25, 900, 800, None, None, "above 3", 0.1, 0.4)
    early = Drift("plan", "not enough", 0.4, 0.1, 0.25, 900, 800, whole=False)
    frame = health_frames.drift([far, Drift("visits", "not enough", None, 0.1, 0.25, 9, 800), early])
    assert frame["State"].tolist() == ["✕ severe drift", "○ too few rows", "○ no whole week yet"]
    assert frame["Largest change"].tolist() == ["above 3: 10.0% → 40.0%", "", ""]
    figure = validated(health_charts.moved([far]))
    assert figure.data[-1].x == (0.4,)


# charts


def _over_time(frame: pd.DataFrame, levels: list[health_charts.Level]) -> Any:
    moves = live_frames.moves([Deployment(1, "Churn", "a", NOON.isoformat(), None, "anna", "")], set(), {}, None)
    span = (NOON - timedelta(hours=1), NOON + timedelta(hours=9))
    return validated(health_charts.over_time(frame, "Accuracy", "a", levels, moves, span, UTC))


def test_the_chart_has_a_line_a_champion_bars_and_marks() -> None:
    windows = [_window(hour, 0.9 - hour / 100, model_id="a" if hour < 3 else "b") for hour in range(6)]
    frame = live_frames.champions(windows, ACCURACY, {"a": "1.0.0", "b": "1.0.1"})
    levels = [health_charts.Level(0.88, "baseline", "solid"), health_charts.Level(0.881, "allowed", "dash")]
    figure = _over_time(frame, [*levels, health_charts.Level(0.2, "threshold", "dot")])
    assert [trace.name for trace in figure.data] == [
        *("1.0.0", "1.0.1"),
        *("labels", "without label"),
        "changes of champion",
    ]
    words = {each.text: each for each in figure.layout.annotations}
    # What lies far off would press the values flat, and words never lie over each other.
    assert "threshold" not in words
    assert words["allowed"].yshift > words["baseline"].yshift
    low, high = figure.layout.yaxis.range
    assert low < 0.85 < 0.9 < high < 1


def test_a_chart_of_the_most_windows_is_small() -> None:
    windows = [_window(2 * hour, 0.9) for hour in range(live_frames.MOST_WINDOWS)]
    figure = _over_time(live_frames.champions(windows, ACCURACY, {}), [])
    assert max(len(trace.x) for trace in figure.data) <= 400


def test_without_any_label_only_what_was_asked_is_drawn() -> None:
    frame = live_frames.champions([_window(0, None, 0), _window(1, None, 0)], ACCURACY, {})
    figure = _over_time(frame, [])
    assert figure.layout.height == health_charts.LOW
    assert [trace.type for trace in figure.data] == ["bar", "bar", "scatter"]


@pytest.mark.parametrize(("value", "drawn"), [(None, -2.0), (-30.0, -2.0), (2.5, 2.5), (900.0, 7.0)])
def test_the_detector_stays_on_its_scale(value: float | None, drawn: float) -> None:
    figure = validated(health_charts.detector(DetectorState(value, 6.0, 0.1, "", 10, 0, "")))
    assert figure.data[1].x[1] == drawn
    assert (figure.data[1].line.color == charts.BAD) is (drawn >= 6)


# words


def test_states_are_told_by_colour_shape_and_word() -> None:
    assert len({live_text.STATES[state][1] for state in live_text.STATES}) == 4
    assert live_text.mark("critical") == ":red[✕ Critical]"


def test_the_finding_is_a_sentence_with_its_numbers() -> None:
    versions = {"model-a": "1.0.1", "model-b": "1.0.2"}
    assert sentences.finding(_report(), [], [], versions) == (
        "Accuracy of 1.0.1 is 0.9300 over 500 labels, 1.0 pp better than its baseline"
    )
    assert "below its baseline; that is worse than allowed" in sentences.finding(_report(0.8), [], [], versions)
    assert "0.50 pp below its baseline, within what is allowed" in sentences.finding(_report(0.915), [], [], versions)
    later = (NOON + timedelta(days=1)).isoformat()
    deployed = [
        Deployment(2, "Churn", "model-a", later, None, "auto", "worse"),
        Deployment(1, "Churn", "model-b", NOON.isoformat(), later, "anna", "first"),
    ]
    assert sentences.finding(_report(), deployed, {later}, versions).endswith("; 1.0.2 was rolled back")


def test_a_squared_loss_is_shown_as_its_root() -> None:
    detector = DetectorState(1.0, 6.0, 16.0, "so and so", 500, 0, "No alarm")
    baseline = FrozenBaseline("squared_error", 1000, 9.0, 0.07, "benchmark holdout")
    report = _report(metric="squared_error", baseline=baseline, detector=detector)
    metric = sentences.watched(report)
    assert (metric.key, baseline.value, report.allowed) == ("rmse", 3.0, 4.0)
    assert metric.apart(1.0, 4.0) == "25.0%"


def test_notifications_say_what_became_of_them() -> None:
    def said(**changes: Any) -> str:
        fields: dict[str, Any] = {"attempts": 0, "next_at": NOON.isoformat(), "sent_at": None, "failure": ""}
        return sentences.notification(Notification("https://hooks/...", **{**fields, **changes}), NOON)

    assert said() == "○ waits to be sent to https://hooks/..."
    assert said(attempts=1, sent_at=NOON.isoformat()).startswith("✓ sent to")
    failing = said(attempts=2, failure="the address answered 500")
    assert failing == "✕ not sent to https://hooks/... after 2 attempts: the address answered 500; it is tried again"
    assert "tried again" not in said(attempts=8, failure="refused; given up after 8 attempts")


def test_the_cooldown_is_told() -> None:
    until = (NOON + timedelta(hours=3)).isoformat()
    said = sentences.when_worse(_report(cooldown_until=until), MonitoringPolicy(), NOON, UTC)
    assert "Not during the next 3 h 0 min" in said
    said = sentences.when_worse(_report(predecessor="Churn_Ridge"), MonitoringPolicy(), NOON, UTC)
    assert "restores the last healthy champion once it is better on the same rows" in said


def test_all_sessions_share_an_answer_for_a_moment(own: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    register(own)
    asked: list[str] = []
    view = session.view()

    def ask(name: str, **_: Any) -> list[Window]:
        asked.append(name)
        return []

    monkeypatch.setattr(view.registry, "performance_history", ask)
    for _ in range(3):
        live_queries.windows(view, "Churn", NOON, "day")
    assert len(asked) == 1
    monkeypatch.setattr(view.shared, "_brief", {})
    live_queries.windows(view, "Churn", NOON, "day")
    assert len(asked) == 2
