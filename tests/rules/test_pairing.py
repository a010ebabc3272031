"""Two models on the same rows: differences with intervals, and where they disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import populations
from registry_core.errors import InvalidInput
from registry_core.evidence import Difference, Disagreements, Measured, Task
from registry_core.rules.answers import Answers
from registry_core.rules.evaluation_metrics import measure_classification, measure_regression
from registry_core.rules.pairing import disagreements, paired_differences, slice_differences

POPULATIONS = populations(1_200)


def width(measured: Measured) -> float:
    assert measured.low is not None
    assert measured.high is not None
    return measured.high - measured.low


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
def test_values_are_the_differences_of_the_metrics(population: Any) -> None:
    if population.task == "regression":
        one, two = (
            measure_regression(population.truth, each.predicted) for each in (population.first, population.second)
        )
    else:
        one, two = (
            measure_classification(population.truth, each.predicted, each.probabilities, population.classes)
            for each in (population.first, population.second)
        )
    found = population.differences(resamples=200)
    assert list(found) == list(one)
    for name, each in found.items():
        assert each.value == pytest.approx(two[name].value - one[name].value, abs=1e-12)
        assert each.low < each.value < each.high
        assert each.rows == 1_200
        assert each.lower_is_better == (name in {"log_loss", "brier_score", "rmse", "mae"})
        # Pairing is what makes it worthwhile: narrower than two intervals beside each other.
        assert each.high - each.low < width(one[name]) + width(two[name])


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
def test_a_model_does_not_differ_from_itself(population: Any) -> None:
    same = paired_differences(
        population.task, population.truth, population.first, population.first, population.classes, resamples=100
    )
    assert same
    for each in same.values():
        assert (each.value, each.low, each.high) == (0.0, 0.0, 0.0)
        assert each.verdict == "no clear difference"


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
def test_the_seed_decides_and_the_order_turns_the_sign(population: Any) -> None:
    assert population.differences(7, 100) == population.differences(7, 100)
    assert population.differences(7, 100) != population.differences(8, 100)
    turned = paired_differences(
        population.task, population.truth, population.second, population.first, population.classes, seed=7
    )
    for name, each in population.differences(7).items():
        assert turned[name].value == pytest.approx(-each.value, abs=1e-12)
        assert turned[name].low == pytest.approx(-each.high, abs=0.2 * (each.high - each.low))
        assert {each.verdict, turned[name].verdict} in ({"better", "worse"}, {"no clear difference"})


def only(truth: list[int], first: list[int], second: list[int]) -> Difference:
    found = paired_differences(
        "classification", np.array(truth), Answers(np.array(first)), Answers(np.array(second)), ["no", "yes"]
    )
    return found["accuracy"]


def test_a_handful_of_rows_is_no_proof() -> None:
    truth = [0] * 500
    four, twelve = ([0] * (500 - wrong) + [1] * wrong for wrong in (4, 12))
    # McNemar's exact test: 4 to 0 has p = 0.125, 12 to 0 has p = 0.0005.
    assert only(truth, four, truth).verdict == "no clear difference"
    assert only(truth, twelve, truth).verdict == "better"
    assert only(truth, truth, twelve).verdict == "worse"


def test_the_interval_of_a_mean_is_the_one_of_the_books() -> None:
    population = POPULATIONS[2]
    loss = np.abs(population.truth - population.second.predicted) - np.abs(
        population.truth - population.first.predicted
    )
    found = population.differences(3)["mae"]
    half = 1.96 * loss.std(ddof=1) / np.sqrt(len(loss))
    assert (found.low, found.high) == pytest.approx((loss.mean() - half, loss.mean() + half), abs=0.1 * half)


def test_many_rows_are_drawn_in_groups_without_another_width() -> None:
    large = populations(40_000)[2]
    errors = np.stack([large.truth - each.predicted for each in (large.first, large.second)])
    # In this order neighbours are alike: groups of neighbours would be twice as uncertain as rows dealt at random.
    large = large.rows(np.argsort(np.square(errors[1]) - np.square(errors[0])))
    found = large.differences(resamples=1_000)["rmse"]
    rmse = np.sqrt(np.square(errors).mean(axis=1))
    influence = np.square(errors[1]) / (2 * rmse[1]) - np.square(errors[0]) / (2 * rmse[0])
    assert found.value == pytest.approx(rmse[1] - rmse[0], abs=1e-12)
    assert found.high - found.low == pytest.approx(2 * 1.96 * influence.std() / np.sqrt(40_000), rel=0.12)


def test_two_perfect_opposites_keep_a_doubt() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1])
    right, flat = np.stack([1 - truth, truth], axis=1).astype(float), np.full((6, 2), 0.5)
    found = paired_differences(
        "classification", truth, Answers(truth, flat), Answers(truth, right), ["no", "yes"], resamples=100
    )
    assert found["auc"].value == 0.5
    assert found["auc"].low < 0.5


def test_metrics_that_one_model_lacks_are_left_out() -> None:
    truth = np.array([0, 1, 0, 1])
    probabilities = np.full((4, 2), 0.5)
    never = Answers(np.zeros(4, int), probabilities)
    found = paired_differences("classification", truth, never, Answers(truth), ["no", "yes"], resamples=50)
    assert list(found) == ["accuracy", "f1_score", "recall"]


@given(st.data(), st.integers(1, 12), st.integers(2, 4))
def test_any_rows_give_ordered_finite_intervals(data: st.DataObject, rows: int, classes: int) -> None:
    codes = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    truth, first, second = (np.array(data.draw(codes)) for _ in range(3))
    one, two = (np.eye(classes)[each] * 0.5 + 0.5 / classes for each in (first, second))
    for task, answers in (
        ("classification", (Answers(first, one), Answers(second, two))),
        ("regression", (Answers(first.astype(float)), Answers(second.astype(float)))),
    ):
        kind: Task = "regression" if task == "regression" else "classification"
        found = paired_differences(kind, truth, *answers, range(classes), resamples=40)
        assert rows > 1 or not found
        for each in found.values():
            assert np.isfinite([each.low, each.high]).all()
            assert each.low <= each.value <= each.high


def test_disagreements_by_hand() -> None:
    truth = np.array([0, 1, 2, 0, 1])
    first, second = np.array([0, 1, 0, 1, 2]), np.array([1, 1, 2, 0, 0])
    shares = np.full((5, 3), 1 / 3)
    moved = shares.copy()
    moved[2] = [0, 0, 1]
    moved[4] = [0.5, 0.3, 0.2]
    found = disagreements("classification", truth, Answers(first, shares), Answers(second, moved), "abc")
    assert (found.changed, found.only_first_right, found.only_second_right) == ((0, 2, 3, 4), 1, 2)
    assert [row for row, _ in found.largest] == [2, 4]
    assert found.largest[0][1] == pytest.approx(2 / 3)
    without = disagreements("classification", truth, Answers(first), Answers(second), "abc")
    assert without == Disagreements((0, 2, 3, 4), 1, 2, ())


def test_disagreements_of_a_regression() -> None:
    truth = np.array([1.0, 2.0, 3.0])
    found = disagreements("regression", truth, Answers(np.array([1.0, 2.5, 3.0])), Answers(np.array([1.0, 2.1, 9.0])))
    assert found == Disagreements((1, 2), 1, 1, ((2, 6.0), (1, 0.3999999999999999)))


def test_slices_are_compared_by_themselves() -> None:
    truth = np.zeros(200, int)
    first, second = truth.copy(), truth.copy()
    first[:30], second[100:130] = 1, 1
    region = np.repeat(["N", "S", "tiny"], [100, 90, 10])
    found = slice_differences(
        "classification", truth, Answers(first), Answers(second), {"region": region}, ["no", "yes"], resamples=300
    )
    assert {name: each["accuracy"].verdict for name, each in found.items()} == {
        "region=N": "better",
        "region=S": "worse",
    }


def test_nonsense_is_named() -> None:
    with pytest.raises(InvalidInput, match="the model returned nan in row 1"):
        paired_differences(
            "regression", np.array([1.0, 2.0]), Answers(np.array([1.0, 2.0])), Answers(np.array([1.0, np.nan]))
        )
    with pytest.raises(InvalidInput, match="no rows"):
        paired_differences("regression", np.array([]), Answers(np.array([])), Answers(np.array([])))
