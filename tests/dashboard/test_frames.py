"""Records -> DataFrames."""

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from dashboard.ui import columns, frames, tables
from dashboard.views.leaderboard import frames as board_frames
from registry_core import Deployment, Registry, Score, ScoreTerm
from tests.clock import Clock

from .conftest import register

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def deployment(number: int, model_id: str, start: str, end: str | None) -> Deployment:
    return Deployment(number, "A", model_id, start, end, "anna", "why")


def rows(own: Registry) -> list[dict[str, object]]:
    return own.get_model_comparison(None, "Churn")


def test_leaderboard(several: dict[str, str], own: Registry, clock: Clock) -> None:
    champion = own.get_metadata(several["second"])
    frame = board_frames.leaderboard(rows(own), ["accuracy", "log_loss"], champion, clock.now, first_rank=51)
    assert frame["#"].iloc[0] == 51
    assert frame["metric:log_loss"].isna().all()
    by_id = frame.set_index("Model id")
    assert by_id.loc[several["second"], "Status"] == "★ champion"
    gaps = by_id["Difference"].isna()
    assert gaps[several["second"]]
    assert by_id.loc[several["third"], "Difference"] == pytest.approx(-0.012)
    assert gaps[several["elsewhere"]]
    assert by_id.loc[several["elsewhere"], "Comparable"] == "≠ other"
    assert by_id.loc[several["scoreless"], "Note"] == "no score: accuracy and f1_score are missing"
    assert by_id.loc[several["first"], "Registered"] == "14 d ago"


def test_leaderboard_without_rows_or_champion(several: dict[str, str], own: Registry, clock: Clock) -> None:
    assert board_frames.leaderboard([], ["accuracy"], None, clock.now).empty
    frame = board_frames.leaderboard(rows(own), [], None, clock.now)
    assert frame["Difference"].isna().all()


def test_export_holds_every_row_and_metric(several: dict[str, str], own: Registry) -> None:
    content = frames.csv(board_frames.export(rows(own), own.metric_names("Churn"))).decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(content)))
    assert len(table) == 7
    assert table[0]["accuracy"] == "0.99"
    assert "log_loss" not in table[0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|calc", "%0"])
def test_text_like_a_formula_is_defused(text: str) -> None:
    content = frames.csv(pd.DataFrame({"reason": [text]})).decode("utf-8-sig")
    assert next(iter(csv.DictReader(io.StringIO(content, newline=""))))["reason"] == f"'{text}"


UNSEEN = (
    "\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\u00a0", "\u3000", "\u202e", "\u180e", "\u034f", "\ufe0f",
    "\u3164", "\u115f", "\u2800", "\uffa0", "\x00", "\x1f", "\u2028", "\U000e0020",
)  # fmt: skip


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\u2212"]
)
def test_a_formula_behind_what_is_not_seen_is_defused(sign: str) -> None:
    texts = [f"{unseen}{sign}1" for unseen in ("", *UNSEEN, "".join(UNSEEN))]
    content = frames.csv(pd.DataFrame({"reason": texts, f"{sign}1": texts})).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(content, newline=""))
    assert rows.fieldnames == ["reason", f"'{sign}1"]
    assert [row["reason"] for row in rows] == [f"'{text}" for text in texts]


def test_numbers_and_plain_text_stay() -> None:
    frame = pd.DataFrame({"a": [-0.5], "b": ["plain"], "c": [None], "d": [-1]})
    assert frames.csv(frame).decode("utf-8-sig").splitlines() == ["a,b,c,d", "-0.5,plain,,-1"]


def test_score_terms_add_up() -> None:
    terms = (ScoreTerm("accuracy", 0.5, 0.8, 0.4, False), ScoreTerm("log_loss", 0.5, 0.2, -0.1, True))
    frame = frames.score_terms(Score(0.315, terms, 0.015, None))
    assert list(frame["Part"]) == ["Accuracy", "Log loss (lower is better)", "Ensemble bonus", "Score"]
    assert frame["Contribution"].iloc[:-1].sum() == pytest.approx(frame["Contribution"].iloc[-1])


def test_metric_comparison_marks_the_better(several: dict[str, str], own: Registry) -> None:
    comparison = own.compare([several["third"], several["second"]])
    frame = frames.metric_comparison(comparison, baseline=1).set_index("Metric")
    assert list(frame.columns) == ["1.2.0", "1.1.0 ★", "Difference", "Better"]
    assert frame.loc["Accuracy", "Better"] == "1.1.0 ★"
    assert frame.loc["Score", "Difference"] == pytest.approx(-0.012)
    assert frame.loc["AUC", "Better"] == ""


def test_different_sets_name_no_winner(several: dict[str, str], own: Registry) -> None:
    comparison = own.compare([several["elsewhere"], several["second"]])
    assert not frames.metric_comparison(comparison)["Better"].any()


def test_differences_and_hyperparameters(several: dict[str, str], own: Registry) -> None:
    comparison = own.compare([several["second"], several["first"]])
    frame = frames.differences(comparison).set_index("What")
    assert list(frame.loc["Hyperparameter C"]) == ["2", "–"]
    second, first = comparison.models
    assert list(frames.hyperparameters(first, second)["Differs"]) == [""]
    assert list(frames.hyperparameters(second, second).columns) == ["Hyperparameter", "Value"]
    signature = own.signature(first.model_id)
    assert frames.features_changed(signature, signature) == ([], [])
    assert frames.features(signature)["Kind"].unique().tolist() == ["number"]


def test_reigns_end_now_while_they_last() -> None:
    found = [
        deployment(2, "b", "2026-02-01T00:00:00+00:00", None),
        deployment(1, "a", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"),
    ]
    frame = frames.reigns(found, {"a": "1.0.0"}, NOW)
    assert list(frame["version"]) == ["1.0.0", "b"]
    assert list(frame["current"]) == [False, True]
    assert frame["end"].iloc[1] == NOW
    assert frames.reigns([], {}, NOW).empty


def test_the_champions_line(several: dict[str, str], own: Registry, clock: Clock) -> None:
    clock.tick(days=1)
    own.rollback("Churn", reason="fell")
    points = frames.trend(
        own.get_model_comparison(None, "Churn", order_by="registered_at", descending=False), "accuracy"
    )
    assert len(points) == 6  # the scoreless one has no accuracy
    rolled = [each.at for each in own.events("Churn", kinds=["rolled_back"])]
    line = frames.champion_line(points, own.deployments("Churn"), rolled, clock.now)
    assert list(line["version"]) == ["1.0.0", "1.1.0", "1.0.0", "1.0.0"]
    assert list(line["how"]) == ["promoted", "promoted", "rolled back", ""]
    assert line["place"].iloc[0] == 0
    assert "stayed at 0.8000" in frames.trend_sentence(points, line, "Accuracy", lower_is_better=False)


def test_events_for_a_table_and_a_file(several: dict[str, str], own: Registry, clock: Clock) -> None:
    found = own.events(limit=None)
    frame = columns.frame(frames.event_columns(clock.now, UTC, {}), found)
    assert len(frame) == len(found)
    assert set(frame["What"]) == {"Registry created", "Registered", "Promoted", "Rejected", "Archived"}
    assert list(frames.events_export(found)["event_id"]) == [each.event_id for each in found]
    assert frames.events_export([]).empty


ODD = {"F1": 0.2, "is_best": 0.3, "Status": 0.4, "Score": 0.5, "foo_bar": 0.6, "Foo_bar": 0.7}


def test_metrics_named_like_columns_take_no_place(own: Registry, clock: Clock) -> None:
    metrics = {"accuracy": 0.8, "auc": 0.85, "f1_score": 0.8, **ODD}
    model_id = register(own, performance_metrics=metrics)
    names = own.metric_names("Churn")
    frame = board_frames.leaderboard(rows(own), names, own.get_metadata(model_id), clock.now)
    assert frame["Status"].iloc[0] == "★ champion"
    assert frame["Version"].iloc[0] == "1.0.0"
    assert {name: frame[f"metric:{name}"].iloc[0] for name in ODD} == ODD
    columns = tables.board_columns(frame, names)
    labels = [columns[f"metric:{name}"]["label"] for name in names]
    assert len(set(labels)) == len(names)

    exported = board_frames.export(rows(own), names)
    assert exported.columns.is_unique
    assert exported["version"].iloc[0] == "1.0.0"
    assert exported["metric:is_best"].iloc[0] == 0.3

    other = register(own, performance_metrics=metrics)
    compared = frames.metric_comparison(own.compare([other, model_id]), baseline=1)
    assert compared["Metric"].is_unique
    assert compared["Metric"].iloc[0] == "Score"


def test_a_difference_between_different_sets_is_left_empty(several: dict[str, str], own: Registry) -> None:
    comparison = own.compare([several["elsewhere"], several["second"]])
    assert frames.metric_comparison(comparison, baseline=1)["Difference"].isna().all()


def test_inputs_nobody_said_are_no_difference(own: Registry) -> None:
    told = register(own, hyperparameters={"C": 2})
    silent = own.get_metadata(register(own, feature_names=None))
    frame = frames.hyperparameters(silent, own.get_metadata(told))
    assert list(frame["Value"]) == ["not recorded"]
    assert list(frame["Differs"]) == [""]


def test_the_line_breaks_where_the_champion_lacks_the_metric(
    several: dict[str, str], own: Registry, clock: Clock
) -> None:
    clock.tick(days=1)
    own.promote(several["scoreless"], reason="asked for")
    history = own.get_model_comparison(None, "Churn", order_by="registered_at", descending=False)
    points = frames.trend(history, "accuracy")
    versions = {row["model_id"]: row["version"] for row in history}
    line = frames.champion_line(points, own.deployments("Churn"), [], clock.now, versions)
    assert line["value"].isna().iloc[-1]
    assert line["version"].iloc[-1] == "1.3.1"
    assert list(line.loc[line["how"] != "", "version"]) == ["1.0.0", "1.1.0", "1.3.1"]
    assert line["value"].dropna().iloc[-1] == 0.85
    assert frames.trend_sentence(points, line, "Accuracy", lower_is_better=False).startswith("Best Accuracy on")
    clock.tick(days=1)
    own.promote(several["second"], reason="back")
    line = frames.champion_line(points, own.deployments("Churn"), [], clock.now, versions)
    assert line["value"].iloc[-1] == 0.85
    assert line["value"].isna().any()


def test_the_trend_compares_within_the_champions_set(several: dict[str, str], own: Registry, clock: Clock) -> None:
    points = frames.trend(rows(own), "accuracy")
    line = frames.champion_line(points, own.deployments("Churn"), [], clock.now)
    sentence = frames.trend_sentence(points, line, "Accuracy", lower_is_better=False)
    assert sentence == "The champion's accuracy on holdout-1 improved from 0.8000 to 0.8500"


@pytest.mark.parametrize(
    ("values", "difference", "form"),
    [
        ([0.5, 0.9, None], False, "%.4f"),
        ([0.0, None], False, "%.4f"),
        ([1e9, 2e9], False, "%.1f"),
        ([1e9, 0.01], False, "%.10g"),
        ([1e-7, 0.5], False, "%.4g"),
        ([0.0004, 0.01], True, "%+.4f"),
        ([1e-17], True, "%+.4f"),
        ([2e-7], True, "%+.4g"),
    ],
)
def test_a_columns_format_fits_its_numbers(values: list[float | None], difference: bool, form: str) -> None:
    assert tables.number_format(pd.Series(values, dtype="float64"), difference=difference)[0] == form
