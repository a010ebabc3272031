"""Slices in which a version loses: what is searched, what is confirmed, how a condition is written."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import insights
from registry_core.rules.answers import Answers
from registry_core.rules.losing_slices import Condition, compared_metric, halves, losing_slices, search, shortest


def test_a_planted_slice_is_named_and_chance_alone_names_none() -> None:
    assert not any(insights.draw(seed, 0.0).named() for seed in range(4))
    assert all(insights.draw(seed, insights.LOSS).found() for seed in range(4, 7))


def test_a_regression_is_compared_by_absolute_errors_and_texts_by_equality() -> None:
    chance = np.random.default_rng(0)
    region = chance.choice(["N", "S", "W"], 3_000)
    truth = chance.normal(size=3_000)
    champion = truth + chance.normal(size=3_000)
    version = np.where(region == "W", truth + 3 * chance.normal(size=3_000), champion)
    (found,) = losing_slices("regression", truth, Answers(champion), Answers(version), {"region": region}, metric="mae")
    assert found.condition == "region = W"
    assert found.difference.metric == "mae"
    assert found.difference.verdict == "worse"
    # Only rows of the half that was not searched are counted.
    assert found.difference.rows == int((region[halves(3_000)[1]] == "W").sum())


def named_where_worse_everywhere(seed: int) -> bool:
    chance = np.random.default_rng(seed)
    truth = chance.integers(2, size=1_500)
    champion = Answers(np.where(chance.random(1_500) < 0.1, 1 - truth, truth))
    version = Answers(np.where(chance.random(1_500) < 0.3, 1 - truth, truth))
    columns = {f"n{at}": chance.normal(size=1_500) for at in range(3)}
    return bool(losing_slices("classification", truth, champion, version, columns, (0, 1), metric="accuracy"))


def test_a_version_that_is_worse_everywhere_alike_loses_in_no_slice() -> None:
    assert sum(named_where_worse_everywhere(seed) for seed in range(20)) <= 2


def test_missing_numbers_are_a_condition_of_their_own() -> None:
    chance = np.random.default_rng(2)
    values = chance.normal(size=1_000)
    values[:200] = np.nan
    loss = np.where(np.isnan(values), 1.0, 0.0) * (chance.random(1_000) < 0.7)
    # Only a cut elsewhere opens the column, so there is one.
    loss += np.where(values > 0.5, 0.2, 0.0)
    conditions = {str(path[-1]) for path in search(loss, {"age": values})}
    assert "age is missing" in conditions


def test_rows_that_are_too_few_name_nothing() -> None:
    loss = np.ones(50)
    assert search(loss, {"x": np.arange(50.0)}) == []
    tiny = np.zeros(3, np.intp)
    assert (
        losing_slices(
            "classification", tiny, Answers(tiny), Answers(tiny), {"x": np.arange(3.0)}, (0, 1), metric="accuracy"
        )
        == ()
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(39.87, 40.31, 40.0), (-0.261, -0.24, -0.26), (0.0, 1.0, 0.0), (1e-7, 1.01e-7, 1e-7)]
)
def test_a_cut_has_as_few_digits_as_part_the_rows(low: float, high: float, expected: float) -> None:
    assert shortest(low, high) == pytest.approx(expected, rel=1e-12)
    assert low <= shortest(low, high) < high


def test_a_condition_is_written_as_it_is_meant() -> None:
    assert str(Condition("delay", ">", 40.0)) == "delay > 40"
    assert str(Condition("region", "≠", "N")) == "region ≠ N"
    assert Condition("x", "≤", 1.0).holds(np.array([0.0, 2.0, np.nan])).tolist() == [True, False, False]


def test_losses_are_compared_in_the_primary_metric_where_it_is_a_mean() -> None:
    assert compared_metric("regression", "r2", False) == "mae"
    assert compared_metric("classification", "log_loss", True) == "log_loss"
    assert compared_metric("classification", "log_loss", False) == "accuracy"
    assert compared_metric("classification", "auc", True) == "accuracy"


def test_the_simulation_prints_shares_with_their_bounds() -> None:
    equal, planted = insights.slice_rows(2)
    assert equal[1:] == ["2", "0.0% (<= 77.6%)", "<= 5%", "met"]
    assert planted[1:] == ["2", "100.0% (>= 22.4%)", ">= 80%", "met"]
