from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from registry_core import InvalidInput, RecordedOutcomes, Registry
from registry_core.actions import timestamps, windows
from registry_core.catalog.telemetry import streams
from registry_core.rules.live.sums import total
from tests.clock import Clock
from tests.traffic import experiment, fitted, register, regression, rows

INPUTS, TRUTH = rows()
UNITS = [f"customer {n % 50}" for n in range(len(INPUTS))]


def test_an_outcome_is_counted_once_whatever_is_told(registry: Registry) -> None:
    register(registry)
    ids = registry.predictor(log="sync").predict_proba(INPUTS[:4]).prediction_ids.tolist()
    assert registry.record_outcomes({ids[0]: 1, ids[1]: 0}) == RecordedOutcomes(2)
    assert registry.record_outcomes({ids[0]: 1}) == RecordedOutcomes(0, repeated=1)
    assert registry.record_outcomes({ids[1]: 1}) == RecordedOutcomes(0, contradictory=(ids[1],))
    assert registry.record_outcomes({12: 1, ids[2]: 1}) == RecordedOutcomes(1, unknown=(12,))
    twice = registry.record_outcomes(prediction_ids=[ids[3], ids[3], ids[3]], labels=[1, 1, 0])
    assert twice == RecordedOutcomes(1, repeated=1, contradictory=(ids[3],))
    assert registry.record_outcomes({}) == RecordedOutcomes(0)
    (window,) = registry.performance_history()
    assert (window.predictions, window.labelled) == (4, 4)
    history = registry.prediction_history("Churn")
    assert history["truth"].tolist() == [1, 0, 1, 1]


def test_outcomes_by_unit_and_time(registry: Registry, clock: Clock) -> None:
    register(registry)
    register(registry, model_name="Fraud")
    predictor = registry.predictor("Churn", log="sync")
    start = clock.now
    first = predictor.predict(INPUTS[:2], ["anna", 17]).prediction_ids
    clock.tick(60)
    second = predictor.predict(INPUTS[:1], ["anna"]).prediction_ids
    registry.predictor("Fraud", log="sync").predict(INPUTS[:2], ["anna", "bert"])
    clock.tick(60)
    told = registry.record_outcomes(
        units=["anna", "17", "bert", "anna"], at=[start, start, clock.now, start.replace(year=2020)],
        labels=[1, 0, 1, 1], model_name="Churn",
    )  # fmt: skip
    assert told == RecordedOutcomes(2, unknown=(2, 3))
    assert registry.record_outcomes(units=["anna"], labels=np.array([0]), model_name="Churn") == RecordedOutcomes(1)
    history = registry.prediction_history("Churn").set_index("prediction_id")["truth"]
    assert history.loc[[*first.tolist(), *second.tolist()]].tolist() == [1, 0, 0]
    with pytest.raises(InvalidInput, match="2 model names"):
        registry.record_outcomes(units=["anna"], labels=[1])
    with pytest.raises(InvalidInput, match="is not a time"):
        registry.record_outcomes(units=["anna"], labels=[1], at="soon", model_name="Churn")
    with pytest.raises(InvalidInput, match="2 times for 1"):
        registry.record_outcomes(units=["anna"], labels=[1], at=[start, start], model_name="Churn")


def test_late_outcomes_land_in_the_window_of_the_predictions_time(registry: Registry, clock: Clock) -> None:
    register(registry)
    predictor = registry.predictor(log="sync")
    answers = []
    for _ in range(3):
        answers.append(predictor.predict_proba(INPUTS[:100]))
        clock.tick(3600)
    clock.tick(days=20)
    told = registry.record_outcomes(prediction_ids=answers[1].prediction_ids, labels=TRUTH[:100])
    assert told.recorded == 100
    found = registry.performance_history("Churn")
    assert [(each.predictions, each.labelled) for each in found] == [(100, 0), (100, 100), (100, 0)]
    assert [each.start[11:16] for each in found] == ["12:00", "13:00", "14:00"]
    right = (answers[1].values.argmax(axis=1) == TRUTH[:100]).mean()
    assert found[1].metrics["accuracy"] == pytest.approx(right)
    (day,) = registry.performance_history("Churn", every="day")
    assert (day.predictions, day.labelled, day.metrics) == (300, 100, found[1].metrics)
    (week,) = registry.performance_history("Churn", every="week")
    assert (week.start[:10], week.minutes) == ("2025-07-28", 7 * 1440)
    assert len(registry.performance_history(since="2025-07-31T13:30:00")) == 2
    assert registry.performance_history("Fraud") == []
    with pytest.raises(InvalidInput, match="'window', 'day' and 'week'"):
        registry.performance_history(every="year")  # pyrefly: ignore[bad-argument-type]


def test_metrics_are_those_of_all_rows_however_they_came_in(registry: Registry, clock: Clock) -> None:
    from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

    register(registry)
    predictor = registry.predictor(log="sync")
    chance = np.random.default_rng(3)
    scores: list[NDArray[Any]] = []
    ids: list[int] = []
    for part in np.array_split(INPUTS, 7):
        answer = predictor.predict_proba(part, None if len(ids) % 2 else [f"c{n}" for n in range(len(part))])
        scores.append(answer.values[:, 1])
        ids.extend(answer.prediction_ids.tolist())
        clock.tick(4000)
    order = chance.permutation(len(ids))
    for some in np.array_split(order, 5):
        registry.record_outcomes(prediction_ids=np.array(ids)[some], labels=TRUTH[some])
    found, said = np.concatenate(scores), np.concatenate(scores) > 0.5
    (week,) = registry.performance_history(every="week")
    wanted = {
        "accuracy": (said == TRUTH).mean(),
        "precision": precision_score(TRUTH, said),
        "recall": recall_score(TRUTH, said),
        "f1_score": f1_score(TRUTH, said),
        "auc": roc_auc_score(TRUTH, found),
        "brier_score": brier_score_loss(TRUTH, found),
    }
    assert week.metrics == pytest.approx(wanted, abs=1e-3)
    assert week.metrics["brier_score"] == pytest.approx(wanted["brier_score"], abs=1e-12)
    # The sums by day are the sums of the windows, to the last bit.
    telemetry = registry._context.telemetry
    among = streams.listed(telemetry)
    totals = [
        total([each[3] for each in windows.read(telemetry, among, table="windows", detail=True)]),
        total([each[3] for each in windows.read(telemetry, among, table="days", detail=True)]),
    ]
    assert totals[0] == totals[1]
    assert totals[0].predictions == totals[0].labelled == len(INPUTS)


def test_pairs_of_champion_and_shadow(registry: Registry) -> None:
    champion, shadow = register(registry), register(registry, 0.8, fitted(sign=-1))
    experiment(registry, shadow, mode="shadow")
    answer = registry.predictor(log="sync").predict_proba(INPUTS, UNITS)
    registry.record_outcomes(prediction_ids=answer.prediction_ids[:300], labels=TRUTH[:300])
    telemetry = registry._context.telemetry
    among = streams.listed(telemetry, model_id=shadow)
    ((_, stream, start, pairs),) = windows.read_pairs(telemetry, among)
    assert (stream.role, start % (60 * timestamps.MINUTE)) == ("shadow", 0)
    other = registry.load_model(shadow)[0].predict(INPUTS[:300]) == TRUTH[:300]
    right = answer.values[:300].argmax(axis=1) == TRUTH[:300]
    assert pairs.rows == 300
    assert (pairs.n10, pairs.n01) == ((right & ~other).sum(), (~right & other).sum())
    assert pairs.clusters is not None
    assert sum(pairs.clusters.rows) == 300
    history = registry.prediction_history("Churn")
    assert set(zip(history["model_id"], history["role"], strict=True)) == {(champion, "champion"), (shadow, "shadow")}
    assert len(history) == 2 * len(INPUTS)


def test_labels_are_found_however_they_are_spelt(registry: Registry) -> None:
    register(registry, model=fitted(labels=("no", "yes")))
    ids = registry.predictor(log="sync").predict_proba(INPUTS[:5]).prediction_ids.tolist()
    assert registry.record_outcomes({ids[0]: np.str_("yes"), ids[1]: "no"}).recorded == 2
    assert registry.record_outcomes({ids[1]: "no"}).repeated == 1
    for label, words in (
        (1, "'no'"),
        ("perhaps", "cannot predict: their classes are 'no' and 'yes'"),
        (None, "without a label"),
        (float("nan"), "without a label"),
        ([], "list"),
    ):
        with pytest.raises(InvalidInput, match=words):
            registry.record_outcomes({ids[2]: "yes", ids[3]: label})
    (window,) = registry.performance_history()
    assert window.labelled == 2
    assert registry.prediction_history("Churn")["truth"].tolist()[:2] == ["yes", "no"]


def test_numbers_told_as_text_are_the_same_labels(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    ids = sqlite_registry.predictor(log="sync").predict(INPUTS[:3]).prediction_ids.tolist()
    assert sqlite_registry.record_outcomes({ids[0]: "1", ids[1]: 1.0, ids[2]: True}).recorded == 3
    assert sqlite_registry.record_outcomes({ids[0]: 1, ids[1]: "1"}).repeated == 2


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (float("inf"), "not finite"),
        (-np.inf, "not finite"),
        (np.float64("inf"), "not finite"),
        (np.float32("nan"), "not finite"),
        (2**63, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (10**400, "64 bits"),
        (10**5000, "64 bits"),
    ],
    ids=["inf", "-inf", "numpy inf", "numpy nan", "2**63", "-2**63-1", "10**400", "10**5000"],
)
def test_numbers_that_are_no_labels(sqlite_registry: Registry, label: Any, words: str) -> None:
    register(sqlite_registry)
    ids = sqlite_registry.predictor(log="sync").predict(INPUTS[:2]).prediction_ids.tolist()
    with pytest.raises(InvalidInput, match=f"Churn.*{words}.*(leave out|give the label)"):
        sqlite_registry.record_outcomes({ids[0]: 1, ids[1]: label})
    with pytest.raises(InvalidInput, match="cannot predict: their classes are 0 and 1"):
        sqlite_registry.record_outcomes({ids[0]: 1, ids[1]: 2**63 - 1})
    assert sqlite_registry.record_outcomes({ids[0]: 1, ids[1]: 0}).recorded == 2


@pytest.mark.parametrize("label", [float("inf"), 10**400, 10**5000], ids=["inf", "huge", "unwritable"])
def test_numbers_that_are_no_truth_of_a_regression(sqlite_registry: Registry, label: Any) -> None:
    register(sqlite_registry, model=regression(), performance_metrics={"r2": 0.9}, training_info={})
    ids = sqlite_registry.predictor(log="sync").predict(INPUTS[:1]).prediction_ids.tolist()
    with pytest.raises(InvalidInput, match=r"outcome of a regression is .*omit"):
        sqlite_registry.record_outcomes({ids[0]: label})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "in one of three ways"),
        ({"outcomes": {1: 1}, "units": ["a"]}, "in one of three ways"),
        ({"outcomes": {1: 1}, "at": "2025-01-01"}, "apply to units"),
        ({"prediction_ids": [1, 2], "labels": [1]}, "1 labels for 2"),
        ({"prediction_ids": [1.5], "labels": [1]}, "integers"),
        ({"prediction_ids": [1]}, "one label for each"),
        ({"outcomes": {"one": 1}}, "integers"),
    ],
)
def test_what_cannot_be_understood(sqlite_registry: Registry, given: dict[str, Any], words: str) -> None:
    register(sqlite_registry)
    with pytest.raises(InvalidInput, match=words):
        sqlite_registry.record_outcomes(**given)


def test_windows_of_several_lengths_stay_apart(sqlite_registry: Registry, clock: Clock) -> None:
    register(sqlite_registry)
    predictor = sqlite_registry.predictor(log="sync")
    first = predictor.predict(INPUTS[:10]).prediction_ids
    sqlite_registry.configure("Churn", monitoring={"window_minutes": 10}, reason="closer")
    clock.tick(minutes=15)
    second = predictor.predict(INPUTS[:10]).prediction_ids
    sqlite_registry.record_outcomes(prediction_ids=[*first.tolist(), *second.tolist()], labels=[1] * 20)
    found = [(each.minutes, each.start[11:16], each.labelled) for each in sqlite_registry.performance_history()]
    assert found == [(60, "12:00", 10), (10, "12:10", 10)]
    (day,) = sqlite_registry.performance_history(every="day")
    assert day.labelled == 20
