"""Intervals are those of the books: by hand, by their own equations, and from the rows they sum up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry_core.evidence import Measured
from registry_core.rules import intervals
from registry_core.rules.evaluation_metrics import confusion, macro_f1_covariances, measure_classification
from registry_core.rules.roc_auc import area_under_roc
from tests.rules.test_evaluation_metrics import classified


def test_wilsons_interval_by_hand() -> None:
    # 81 of 263: Newcombe (1998), table I, method 3.
    low, high = intervals.wilson(81, 263)
    assert (round(float(low), 4), round(float(high), 4)) == (0.2553, 0.3662)
    assert intervals.wilson(0, 20)[0] == 0
    assert round(float(intervals.wilson(0, 20)[1]), 4) == 0.1611
    assert intervals.wilson(7, 7)[1] == 1


@pytest.mark.parametrize(("degrees", "expected"), [(5, 2.570582), (10, 2.228139), (29, 2.045230), (299, 1.967930)])
def test_quantiles_of_student(degrees: int, expected: float) -> None:
    assert intervals.t_quantile(degrees) == pytest.approx(expected, abs=5e-3 if degrees < 10 else 2e-4)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_f1_and_its_overlap(hits: int, false: int, missed: int) -> None:
    if hits + false + missed:
        overlap = hits / (hits + false + missed)
        assert intervals.f1_of_overlap(overlap) == pytest.approx(2 * hits / (2 * hits + false + missed))


def test_delong_by_hand() -> None:
    # Positives 3 and 1, negatives 2 and 0: three of four pairs are right. Placements: 1 and 1/2; 1/2 and 1.
    area = area_under_roc(np.array([True, True, False, False]), np.array([3, 1, 2, 0]))
    assert area is not None
    assert area.contributions is not None
    assert area.value == 0.75
    assert area.contributions @ area.contributions == pytest.approx(0.125 / 2 + 0.125 / 2)
    # Both sides vary alike and have one degree of freedom each.
    half = intervals.t_quantile(2) * math.sqrt(0.125) / (0.75 * 0.25)
    expected = [1 / (1 + math.exp(-(math.log(3) + sign * half))) for sign in (-1, 1)]
    assert area.interval == pytest.approx(tuple(expected))


@given(classified())
def test_delong_is_the_variance_of_the_placements(case: tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]) -> None:
    truth, _, probabilities, _ = case
    positive, score = truth == 1, probabilities[:, 1]
    area = area_under_roc(positive, score)
    if area is None or area.contributions is None:
        assert min(positive.sum(), (~positive).sum()) <= 1
        return
    above = np.sign(score[positive][:, None] - score[~positive][None, :]) / 2 + 0.5
    variance = above.mean(axis=1).var(ddof=1) / len(above) + above.mean(axis=0).var(ddof=1) / above.shape[1]
    assert area.contributions @ area.contributions == pytest.approx(variance, abs=1e-12)


def test_perfect_answers_keep_a_doubt() -> None:
    truth = np.repeat([0, 1, 2], 10)
    measured = measure_classification(truth, truth, np.eye(3)[truth], "abc")
    for name in ("accuracy", "auc", "f1_score", "precision", "recall"):
        assert (measured[name].value, measured[name].high) == (1.0, 1.0)
        assert 0.6 < (measured[name].low or 0) < 0.95
    # No row shows a loss, so nothing says how large one may be.
    assert measured["brier_score"] == Measured(0.0)


@given(classified())
def test_the_f1_of_classes_move_together_as_their_rows_say(
    case: tuple[NDArray[Any], NDArray[Any], NDArray[Any], int],
) -> None:
    truth, predicted, _, classes = case
    table = confusion(truth, predicted, classes)
    size = np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)
    f1 = 2 * np.diagonal(table) / size
    indicator = np.eye(classes)
    moves = (2 * indicator[truth] * indicator[predicted] - f1 * (indicator[truth] + indicator[predicted])) / size
    assert macro_f1_covariances(table) == pytest.approx(moves.T @ moves, abs=1e-12)


@given(st.lists(st.floats(0, 100), min_size=3, max_size=30))
def test_halls_interval_solves_his_equation(losses: list[float]) -> None:
    values = np.array(losses)
    spread = values.std()
    if spread < 1e-3:
        return
    rows, skewness = len(values), np.mean(((values - values.mean()) / spread) ** 3)
    if abs(skewness) < 1e-3:
        return
    low, high = intervals.of_mean(values)
    for limit, t in ((low, intervals.t_quantile(rows - 1)), (high, -intervals.t_quantile(rows - 1))):
        x = math.sqrt(rows - 1) * (values.mean() - limit) / spread
        corrected = x + skewness * x**2 / (3 * rows**0.5) + skewness**2 * x**3 / (27 * rows)
        if limit != values.mean():
            assert corrected + skewness / (6 * math.sqrt(rows)) == pytest.approx(t, abs=1e-6)
    # Few rows that lose much make the upper end the uncertain one, and the other way round.
    if limit != values.mean() and low != values.mean():
        assert (high - values.mean() > values.mean() - low) == (skewness > 0)


def test_without_skewness_halls_interval_is_students() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    half = intervals.t_quantile(5) * values.std(ddof=1) / math.sqrt(6)
    assert intervals.of_mean(values) == pytest.approx((3.5 - half, 3.5 + half))
    assert intervals.of_mean_either_way(values) == pytest.approx((3.5 - half, 3.5 + half))
    skewed = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    low, high = intervals.of_mean_either_way(skewed)
    assert low < 1.5 - intervals.t_quantile(5) * skewed.std(ddof=1) / math.sqrt(6) + 1e-9
    assert high == intervals.of_mean(skewed)[1]


def test_a_macro_interval_has_the_effective_number_of_trials() -> None:
    # Recalls 0.8 of 50 and 0.6 of 100, and 1 of 25: the variance of their mean is that of one share of 257 trials.
    table = np.array([[40, 10, 0], [20, 60, 20], [0, 0, 25]])
    truth, predicted = (np.repeat(side, table.reshape(-1)) for side in np.divmod(np.arange(9), 3))
    found = measure_classification(truth, predicted, None, "abc")["recall"]
    variance = (0.8 * 0.2 / 50 + 0.6 * 0.4 / 100) / 9
    low, high = intervals.wilson(0.8 * (0.16 / variance), 0.16 / variance)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, low, high))
