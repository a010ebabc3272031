"""Metrics are scikit-learn's to 1e-12; intervals are those of the books; nonsense is named."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from registry_core.errors import InvalidInput
from registry_core.evidence import Measured
from registry_core.rules.answers import class_codes
from registry_core.rules.evaluation_metrics import (
    MOST_SLICE_VALUES,
    measure_classification,
    measure_regression,
    slice_metrics,
)
from registry_core.rules.metrics import CLASSIFICATION, REGRESSION, checked

EXACT = 1e-12


def scikit_learns(
    truth: NDArray[Any], predicted: NDArray[Any], probabilities: NDArray[Any], classes: int
) -> dict[str, float]:
    """Every metric that scikit-learn defines on these rows."""
    labels = list(range(classes))
    single: dict[str, Any] = {"average": "binary"} if classes == 2 else {"average": "macro", "labels": labels}
    with warnings.catch_warnings():
        # Absent classes are the point of these tests.
        warnings.simplefilter("ignore")
        areas = [
            sk.roc_auc_score(truth == code, probabilities[:, code])
            for code in (labels[1:] if classes == 2 else labels)
            if 0 < (truth == code).sum() < len(truth)
        ]
        found = {
            "accuracy": sk.accuracy_score(truth, predicted),
            "auc": np.mean(areas) if areas else math.nan,
            "f1_score": sk.f1_score(truth, predicted, zero_division=np.nan, **single),
            "precision": sk.precision_score(truth, predicted, zero_division=np.nan, **single),
            "recall": sk.recall_score(truth, predicted, zero_division=np.nan, **single),
            "log_loss": sk.log_loss(truth, probabilities, labels=labels),
            "brier_score": sk.brier_score_loss(truth, probabilities, labels=labels),
        }
    return {name: float(value) for name, value in found.items() if not math.isnan(value)}


def same(measured: dict[str, Measured], expected: dict[str, float]) -> None:
    assert {name: each.value for name, each in measured.items()} == pytest.approx(expected, abs=EXACT, rel=EXACT)
    for name, each in measured.items():
        checked(name, each.value)
        if each.low is not None:
            assert each.high is not None
            assert each.low - EXACT <= each.value <= each.high + EXACT


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
@pytest.mark.parametrize("model", [LogisticRegression(max_iter=300), GaussianNB()])
def test_fitted_classifiers_have_scikit_learns_metrics(load: Any, model: Any) -> None:
    inputs, target = load(return_X_y=True)
    inputs = StandardScaler().fit_transform(inputs)
    model.fit(inputs[::2], target[::2])
    truth, predicted = target[1::2], model.predict(inputs[1::2])
    probabilities = model.predict_proba(inputs[1::2])
    classes = model.classes_.tolist()
    measured = measure_classification(truth, predicted, probabilities, classes)
    assert tuple(measured) == CLASSIFICATION
    same(measured, scikit_learns(truth, predicted, probabilities, len(classes)))
    average = "binary" if len(classes) == 2 else "macro"
    score = probabilities[:, 1] if len(classes) == 2 else probabilities
    # The same once more by scikit-learn's one-line calls, with no option that a reader might question.
    assert measured["auc"].value == pytest.approx(sk.roc_auc_score(truth, score, multi_class="ovr"), abs=EXACT)
    assert measured["f1_score"].value == pytest.approx(sk.f1_score(truth, predicted, average=average), abs=EXACT)
    assert measured["brier_score"].value == pytest.approx(sk.brier_score_loss(truth, probabilities), abs=EXACT)


def test_a_fitted_regression_has_scikit_learns_metrics() -> None:
    inputs, target = load_diabetes(return_X_y=True)
    predicted = LinearRegression().fit(inputs[::2], target[::2]).predict(inputs[1::2])
    truth = target[1::2]
    measured = measure_regression(truth, predicted)
    assert tuple(measured) == REGRESSION
    expected = (
        sk.r2_score(truth, predicted),
        sk.root_mean_squared_error(truth, predicted),
        sk.mean_absolute_error(truth, predicted),
    )
    same(measured, dict(zip(REGRESSION, expected, strict=True)))


@st.composite
def classified(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]:
    """Rows with ties, classes that never occur, one class only, probabilities of exactly 0 and 1."""
    classes = draw(st.integers(2, 5))
    rows = draw(st.integers(1, 40))
    codes = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    weights = st.lists(st.integers(0, 4), min_size=classes, max_size=classes)
    given_weights = np.array(draw(st.lists(weights, min_size=rows, max_size=rows)), float)
    given_weights[given_weights.sum(axis=1) == 0] = 1
    probabilities = given_weights / given_weights.sum(axis=1, keepdims=True)
    return np.array(draw(codes)), np.array(draw(codes)), probabilities, classes


@given(classified())
def test_any_classifier_has_scikit_learns_metrics(case: tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]) -> None:
    truth, predicted, probabilities, classes = case
    measured = measure_classification(truth, predicted, probabilities, range(classes))
    same(measured, scikit_learns(truth, predicted, probabilities, classes))
    without = measure_classification(truth, predicted, None, range(classes))
    assert set(without) == set(measured) - {"auc", "log_loss", "brier_score"}


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_any_regression_has_scikit_learns_metrics(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = np.array(pairs).T
    measured = measure_regression(truth, predicted)
    assert measured["rmse"].value == pytest.approx(sk.root_mean_squared_error(truth, predicted), rel=1e-12, abs=1e-12)
    assert measured["mae"].value == pytest.approx(sk.mean_absolute_error(truth, predicted), rel=1e-12, abs=1e-12)
    assert "r2" not in measured or np.ptp(truth) > 0
    if np.ptp(truth) > 1e-3:
        assert 1 - measured["r2"].value == pytest.approx(1 - sk.r2_score(truth, predicted), rel=1e-9, abs=1e-12)


def test_a_truth_that_hardly_varies_does_not_overflow() -> None:
    assert set(measure_regression(np.array([0.0, 2.5e-160, 0.0]), np.array([0.0, 1.0, 2.0]))) == {"rmse", "mae"}
    assert "r2" in measure_regression(np.array([0.0, 2.5e-140, 0.0]), np.array([0.0, 1.0, 2.0]))


def test_what_the_rows_do_not_define_is_left_out() -> None:
    negative = np.zeros(4, int)
    sure = np.tile([1.0, 0.0], (4, 1))
    assert set(measure_classification(negative, negative, sure, ["no", "yes"])) == {
        "accuracy",
        "log_loss",
        "brier_score",
    }
    assert set(measure_regression(np.full(3, 0.1), np.arange(3.0))) == {"rmse", "mae"}


def test_a_class_that_is_never_called_has_no_precision_and_no_recall_of_its_own() -> None:
    truth, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 0])
    measured = measure_classification(truth, predicted, None, "abc")
    assert measured["precision"].value == pytest.approx((2 / 4 + 1) / 2)  # of a and b
    assert measured["recall"].value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert measured["f1_score"].value == pytest.approx((4 / 6 + 2 / 3 + 0) / 3)


def test_slices() -> None:
    truth, predicted = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 0, 1])
    columns = {"region": np.array(["N", "S", "N", "S", "S"])}

    def measure(rows: NDArray[Any]) -> dict[str, Measured]:
        return measure_classification(truth[rows], predicted[rows], None, [0, 1])

    found = slice_metrics(columns, measure)
    assert list(found["region"]) == ["S", "N"]
    assert found["region"]["S"]["rows"] == Measured(3.0)
    assert found["region"]["S"]["accuracy"].value == 1.0
    assert found["region"]["N"]["accuracy"].value == 0.5
    with pytest.raises(InvalidInput, match="different lengths"):
        slice_metrics({**columns, "age": np.array(["old"])}, measure)


def test_rare_slices_are_one_group() -> None:
    column = np.array([f"v{place:03}" for place in range(80) for _ in range(80 - place)])
    found = slice_metrics({"c": column}, lambda rows: {})["c"]
    assert len(found) == MOST_SLICE_VALUES + 1
    assert found["other"]["rows"].value == sum(range(1, 31))
    assert sum(each["rows"].value for each in found.values()) == len(column)
    assert slice_metrics({"c": np.array([], str)}, lambda rows: {}) == {"c": {}}


TRUTH, GOOD = np.array([0, 1]), np.array([[0.4, 0.6], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("predicted", "probabilities", "message"),
    [
        ([0], GOOD, "1 predictions for 2 rows"),
        ([0, 2], GOOD, "class code 2 in row 1; there are 2 classes, 'no', 'yes'"),
        ([-1, -1], GOOD, r"class code -1 in row 0 \(and in 1 more\)"),
        ([0.5, 1], GOOD, "float64"),
        ([0, 1], [[0.4, 0.6]], "1 rows of probabilities for 2 rows"),
        ([0, 1], [0.4, 0.6], r"shape \(2,\); \(2, 2\) is required"),
        ([0, 1], [[0.4, math.nan], [1, 0]], "nan in row 0; probabilities have to be finite"),
        ([0, 1], [[0.4, 0.6], [math.inf, 0]], "inf in row 1"),
        ([0, 1], [[0.4, 0.6], [-0.1, 1.1]], r"probability -0.1 of 'no' in row 1 \(and in 1 more\)"),
        ([0, 1], [[0.4, 0.6], [0.5, 0.4]], "add up to 0.9 in row 1"),
        ([0, 1], [["a", "b"], ["c", "d"]], "not numbers"),
    ],
)
def test_nonsense_of_a_classifier_is_named(predicted: Any, probabilities: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        measure_classification(TRUTH, np.array(predicted), np.array(probabilities), ["no", "yes"])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([], [], "no rows"),
        ([1, 2], [1.0], "1 predictions for 2 rows"),
        ([1, 2], [1.0, math.nan], "the model returned nan in row 1"),
        ([1, math.inf], [1, 2], "the holdout set returned inf"),
        ([1, 2], [1, 1e200], "1e.200 in row 1"),
        ([1, 2], [[1, 2], [3, 4]], r"shape \(2, 2\); one number per row"),
        ([1, 2], 3.0, "1 predictions for 2 rows"),
    ],
)
def test_nonsense_of_a_regression_is_named(truth: Any, predicted: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        measure_regression(np.array(truth), np.array(predicted))


def test_a_column_of_predictions_is_taken() -> None:
    assert measure_regression(np.array([1.0, 2.0]), np.array([[1.0], [2.0]]))["mae"].value == 0


def test_one_class_is_no_classification() -> None:
    with pytest.raises(InvalidInput, match="classes has 1 entries"):
        measure_classification(TRUTH, TRUTH, None, ["only"])


@pytest.mark.parametrize("classes", [["no", "yes"], [False, True], [3, 7], [0.5, 1.5]])
def test_labels_become_codes(classes: list[Any]) -> None:
    assert class_codes(np.array(classes)[[1, 0, 1]], classes).tolist() == [1, 0, 1]


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"returned 'maybe' in row 2 \(and in 1 more\); the classes are 'no', 'yes'"):
        class_codes(["no", "yes", "maybe", "maybe"], ["no", "yes"])
