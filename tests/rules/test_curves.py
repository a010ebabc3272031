"""Curves are scikit-learn's, thinned out without losing their shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from registry_core.errors import InvalidInput
from registry_core.rules.curves import (
    MOST_CLASSES,
    MOST_POINTS,
    calibration,
    classification_curves,
    confusion_matrix,
    most_telling,
    precision_recall,
    roc,
)


def scored(rows: int, seed: int = 0) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    chance = np.random.default_rng(seed)
    positive = chance.random(rows) < 0.3
    return positive, 1 / (1 + np.exp(-(chance.normal(size=rows) + 1.5 * positive - 1.2)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
def test_small_curves_are_scikit_learns(rows: list[tuple[bool, int]]) -> None:
    positive, score = np.array([each[0] for each in rows]), np.array([each[1] / 8 for each in rows])
    if positive.all() or not positive.any():
        return
    curve = roc(positive, score)
    x, y, thresholds = sk.roc_curve(positive, score, drop_intermediate=False)
    known = {(round(a, 12), round(b, 12)): t for a, b, t in zip(x, y, thresholds, strict=True)}
    points = list(zip(curve.x, curve.y, curve.details["thresholds"], strict=True))
    assert points[0] == (0.0, 0.0, None)
    assert points[-1][:2] == (1.0, 1.0)
    assert all(known[round(a, 12), round(b, 12)] == t for a, b, t in points[1:])
    # What was left out lies on a straight line.
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(sk.roc_auc_score(positive, score), abs=1e-12)

    curve = precision_recall(positive, score)
    precision, recall, _ = sk.precision_recall_curve(positive, score)
    all_points = {(round(a, 12), round(b, 12)) for a, b in zip(recall, precision, strict=True)}
    assert {(round(a, 12), round(b, 12)) for a, b in zip(curve.x, curve.y, strict=True)} <= all_points
    assert (curve.x[0], curve.y[0]) == (0.0, 1.0)
    expected = sk.average_precision_score(positive, score)
    assert curve.details["average_precision"] == pytest.approx(expected, abs=1e-12)


def test_a_long_curve_keeps_its_shape_in_few_points() -> None:
    positive, score = scored(20_000)
    curve = roc(positive, score)
    assert len(curve.x) == MOST_POINTS
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(sk.roc_auc_score(positive, score), abs=1e-3)
    x, y, _ = sk.roc_curve(positive, score, drop_intermediate=False)
    beside, above = np.abs(np.interp(x, curve.x, curve.y) - y), np.abs(np.interp(y, curve.y, curve.x) - x)
    assert np.minimum(beside, above).max() < 0.003
    best = (y - x).max()
    assert max(b - a for a, b in zip(curve.x, curve.y, strict=True)) == pytest.approx(best, abs=0.005)

    curve = precision_recall(positive, score)
    assert len(curve.x) == MOST_POINTS
    assert curve.x[-1] == 1.0
    assert curve.y[-1] == curve.details["positive_share"] == positive.mean()


def test_the_points_that_tell_most() -> None:
    x = np.linspace(0, 1, 101)
    assert most_telling(x, 2 * x).tolist() == [0, 100]
    bent = np.minimum(x, 0.3)
    assert most_telling(x, bent).tolist() == [0, 30, 100]
    spike = np.where(np.arange(101) == 70, 1.0, bent)
    assert {0, 69, 70, 71, 100} <= set(most_telling(x, spike, 7).tolist())
    assert len(most_telling(x, np.sin(20 * x), 12)) == 12


def test_calibration_is_scikit_learns_by_quantiles() -> None:
    positive, score = scored(1_003)
    curve = calibration(positive, score)
    shares, means = calibration_curve(positive, score, n_bins=10, strategy="quantile")
    assert curve.y == pytest.approx(shares, abs=1e-12)
    assert curve.x == pytest.approx(means, abs=1e-12)
    assert sum(curve.details["counts"]) == 1_003
    assert max(curve.details["counts"]) - min(curve.details["counts"]) <= 1
    for low, value, high in zip(curve.details["low"], curve.y, curve.details["high"], strict=True):
        assert 0 <= low < value < high <= 1


def test_calibration_of_few_different_scores() -> None:
    positive = np.array([True, False, True, True])
    curve = calibration(positive, np.array([0.2, 0.2, 0.8, 0.8]))
    assert (curve.x, curve.y) == ((0.2, 0.8), (0.5, 1.0))
    assert curve.details["counts"] == (2, 2)
    assert curve.details["expected_error"] == pytest.approx((0.3 + 0.2) / 2)


def test_confusion_matrix_by_hand() -> None:
    found = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), ["a", "b", 3])
    assert found.classes == ("a", "b", "3")
    assert found.counts == ((1, 1, 0), (0, 1, 0), (1, 0, 0))


def test_curves_of_two_classes_are_those_of_the_second() -> None:
    positive, score = scored(300)
    curves = classification_curves(positive.astype(int), np.stack([1 - score, score], axis=1), ["no", "yes"])
    assert [(each.name, each.details["class"]) for each in curves] == [
        ("roc", "yes"),
        ("precision_recall", "yes"),
        ("calibration", "yes"),
    ]
    assert curves[0].x == roc(positive, score).x


def test_curves_of_many_classes_are_of_each_that_occurs() -> None:
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 25, 500)
    truth[truth == 3] = 4
    curves = classification_curves(truth, chance.dirichlet(np.ones(25), 500), range(25))
    shown = {each.details["class"] for each in curves}
    assert len(shown) == MOST_CLASSES
    assert len(curves) == 3 * MOST_CLASSES
    assert "3" not in shown
    assert "4" in shown
    one_class = classification_curves(np.zeros(3, int), np.full((3, 2), 0.5), ["no", "yes"])
    assert one_class == ()


def test_nonsense_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"add up to 0\.6 in row 0"):
        classification_curves(np.array([0, 1]), np.full((2, 2), 0.3), ["no", "yes"])
