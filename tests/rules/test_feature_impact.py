"""Feature impact: scikit-learn's values, with intervals that hold, and what moved against the champion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from benchmarks import insights
from registry_core.actions.feature_impact import permutations
from registry_core.evidence import Measured
from registry_core.insights import FeatureImpact
from registry_core.rules import feature_impact
from registry_core.rules.answers import Answers
from registry_core.rules.influence import influence

#: A metric and scikit-learn's scorer of it.
BINARY = {
    "accuracy": "accuracy",
    "auc": "roc_auc",
    "f1_score": "f1",
    "precision": "precision",
    "recall": "recall",
    "log_loss": "neg_log_loss",
    "brier_score": "neg_brier_score",
}
MANY = {"accuracy": "accuracy", "auc": "roc_auc_ovr", "f1_score": "f1_macro", "log_loss": "neg_log_loss"}
NUMBERS = {"r2": "r2", "mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error"}


def asked(model: Any, inputs: Any) -> Answers:
    return Answers(model.predict(inputs), model.predict_proba(inputs) if hasattr(model, "predict_proba") else None)


@pytest.mark.parametrize(
    ("load", "model", "scorers"),
    [
        (load_breast_cancer, RandomForestClassifier(5, random_state=0), BINARY),
        (load_wine, RandomForestClassifier(5, random_state=0), MANY),
        (load_diabetes, LinearRegression(), NUMBERS),
    ],
)
def test_impacts_are_scikit_learns_own(load: Any, model: Any, scorers: dict[str, str]) -> None:
    inputs, truth = load(return_X_y=True)
    inputs = inputs[:, :4]
    model.fit(inputs[::2], truth[::2])
    inputs, truth = inputs[1::2], truth[1::2]
    theirs = permutation_importance(model, inputs, truth, scoring=list(scorers.values()), n_repeats=3, random_state=7)
    task: Any = "regression" if load is load_diabetes else "classification"
    classes = () if task == "regression" else tuple(range(len(model.classes_)))
    orders, base = permutations(len(inputs), 3, 7), asked(model, inputs)
    for place in range(4):
        answers = [asked(model, insights.exchanged(inputs, place, order)) for order in orders]
        for metric, scorer in scorers.items():
            mine = feature_impact.impact(metric, task, truth, base, answers, [*orders], classes)
            assert mine.value == pytest.approx(theirs[scorer].importances_mean[place], abs=1e-12), (metric, place)
            assert mine.low is not None
            assert mine.high is not None
            assert mine.low <= mine.value <= mine.high


@pytest.mark.parametrize("metric", ["accuracy", "auc", "f1_score", "precision", "recall", "log_loss", "brier_score"])
@pytest.mark.parametrize("classes", [2, 3])
def test_influences_have_mean_zero_and_predict_what_a_row_less_does(metric: str, classes: int) -> None:
    chance = np.random.default_rng(5)
    truth = chance.integers(classes, size=300)
    shares = chance.dirichlet(np.ones(classes), 300)
    shares[np.arange(300), truth] += 0.8
    shares /= shares.sum(axis=1, keepdims=True)
    answers = Answers(shares.argmax(axis=1), shares)
    value, moves = influence(metric, "classification", truth, answers, tuple(range(classes)))
    assert moves.mean() == pytest.approx(0.0, abs=1e-9)
    rows = np.arange(1, 300)
    without, _ = influence(metric, "classification", truth[rows], answers.of_rows(rows), tuple(range(classes)))
    assert value - without == pytest.approx(moves[0] / 300, abs=3e-5)


@pytest.mark.parametrize("metric", ["r2", "rmse", "mae"])
def test_influences_of_numbers(metric: str) -> None:
    chance = np.random.default_rng(6)
    truth = chance.normal(size=400)
    answers = Answers(truth + chance.normal(size=400))
    value, moves = influence(metric, "regression", truth, answers)
    rows = np.arange(1, 400)
    without, _ = influence(metric, "regression", truth[rows], answers.of_rows(rows))
    assert moves.mean() == pytest.approx(0.0, abs=1e-9)
    assert value - without == pytest.approx(moves[0] / 400, abs=1e-4)


@pytest.mark.parametrize(
    ("task", "metric"), [("classification", "auc"), ("classification", "log_loss"), ("regression", "r2")]
)
def test_intervals_hold(task: Any, metric: str) -> None:
    assert sum(insights.impact_covers(seed, task, metric, 0) for seed in range(80)) >= 70


def found(**impacts: tuple[float, float, float]) -> FeatureImpact:
    measured = {name: Measured(*values) for name, values in impacts.items()}
    return FeatureImpact("m", "holdout", "f", "", "", "accuracy", 0.9, 1_000, 1_000, 5, 0, measured)


def test_what_gained_and_lost_is_named() -> None:
    version = found(delay=(0.12, 0.10, 0.14), wind=(0.02, 0.01, 0.03), age=(0.0, -0.001, 0.001), new=(0.01, 0.0, 0.02))
    champion = found(delay=(0.03, 0.02, 0.04), wind=(0.09, 0.08, 0.10), age=(0.0, -0.001, 0.001))
    differences = feature_impact.differences(version, champion)
    assert list(differences) == ["delay", "wind", "age"]
    assert feature_impact.moved(differences) == (("delay",), ("wind",))
    said = feature_impact.sentence(version, champion, "the champion Late 1.0.0", differences)
    assert "the most important feature is delay: 12.0 pp accuracy worse without it" in said
    assert "delay gained most against the champion Late 1.0.0, from 3.0 pp accuracy to 12.0 pp accuracy" in said
    assert "wind lost most" in said
    assert said.endswith("new is new")


def test_without_a_clear_difference_the_sentence_says_so() -> None:
    version = found(delay=(0.001, -0.01, 0.012))
    said = feature_impact.sentence(
        version, version, "the champion Late 1.0.0", feature_impact.differences(version, version)
    )
    assert "no single feature matters clearly" in said
    assert "no feature's impact differs clearly from the champion Late 1.0.0's" in said
