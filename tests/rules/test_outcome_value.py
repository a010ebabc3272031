"""What decisions are worth, by threshold."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import insights
from registry_core.insights import OUTCOMES
from registry_core.rules import outcome_value
from registry_core.rules.intervals import of_counts, of_mean_either_way

VALUES = {"hit": 10.0, "miss": -50.0, "false_alarm": -3.0}


def test_a_curve_adds_up_what_every_row_is_worth() -> None:
    positive, _, score = insights.scores(400, np.random.default_rng(0))
    grid = np.array([0.0, 0.1, 0.5, 1.0])
    found = outcome_value.curve("m", positive, score, score >= 0.5, grid, VALUES)
    for at, value in zip(grid, found.values, strict=True):
        called = score >= at
        counts = [
            (positive & called).sum(),
            (positive & ~called).sum(),
            (~positive & called).sum(),
            (~positive & ~called).sum(),
        ]
        expected = sum(VALUES.get(name, 0.0) * count for name, count in zip(OUTCOMES, counts, strict=True)) / 400
        assert value == pytest.approx(1000 * expected, abs=1e-9)
    assert found.best.value == max(found.values)
    assert found.best_threshold == grid[int(np.argmax(found.values))]
    assert found.predicted.value == pytest.approx(found.values[2], abs=1e-9)
    assert all(low <= value <= high for low, value, high in zip(found.low, found.values, found.high, strict=True))


def test_intervals_from_counts_are_those_of_the_rows() -> None:
    counts = np.array([[300, 40, 900, 8_000]])
    values = np.array([10.0, -50.0, -3.0, 0.0])
    low, high = of_mean_either_way(np.repeat(values, counts[0]))
    mean, counted_low, counted_high = of_counts(values, counts)
    assert mean[0] == pytest.approx(float(np.repeat(values, counts[0]).mean()), abs=1e-12)
    # Half a row is added to each value, which widens it a little.
    assert counted_low[0] == pytest.approx(low, rel=0.1)
    assert counted_high[0] == pytest.approx(high, rel=0.1)


def test_equal_scores_are_worth_the_same_at_every_threshold() -> None:
    positive, _, score = insights.scores(300, np.random.default_rng(1))
    found = outcome_value.difference(positive, score, score, outcome_value.thresholds(score), VALUES)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_better_score_is_worth_more() -> None:
    positive, first, second = insights.scores(20_000, np.random.default_rng(2))
    grid = outcome_value.thresholds(first, second)
    assert outcome_value.difference(positive, first, second, grid, insights.VALUES).verdict == "better"


def test_drawing_rows_or_kinds_of_rows_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    positive, first, second = insights.scores(1_500, np.random.default_rng(4))
    grid = outcome_value.thresholds(first, second)
    by_row = outcome_value.difference(positive, first, second, grid, VALUES)
    monkeypatch.setattr(outcome_value, "MOST_DRAWN", 0)
    by_kind = outcome_value.difference(positive, first, second, grid, VALUES)
    assert by_row.value == by_kind.value
    width = by_row.high - by_row.low
    assert by_kind.low == pytest.approx(by_row.low, abs=0.1 * width)
    assert by_kind.high == pytest.approx(by_row.high, abs=0.1 * width)


def test_rare_scores_have_thresholds_of_their_own() -> None:
    grid = outcome_value.thresholds(np.full(50, 0.00012345))
    assert np.any((grid > 0.00012) & (grid <= 0.00012345))
    assert grid[0] == 0.0
    assert grid[-1] == 1.0


def test_the_band_and_the_difference_hold() -> None:
    assert np.mean([insights.curve_coverage(seed) for seed in range(60)]) >= 0.9
    assert sum(insights.value_covers(seed) for seed in range(40)) >= 35


def test_the_sentence_names_threshold_value_and_difference() -> None:
    positive, first, second = insights.scores(2_000, np.random.default_rng(3))
    grid = outcome_value.thresholds(first, second)
    curves = [outcome_value.curve("m", positive, each, each >= 0.5, grid, VALUES) for each in (first, second)]
    change = outcome_value.difference(positive, first, second, grid, VALUES)
    said = outcome_value.sentence(curves[1], curves[0], "the champion Churn 1.0.0", change)
    assert "the champion Churn 1.0.0" in said
    assert "per 1,000 rows" in said
    assert f"{curves[1].best_threshold:.4g}" in said
