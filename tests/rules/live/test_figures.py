"""Figures from merged sums are those of the rows themselves, however the rows were dealt to windows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from registry_core.rules.live.figures import figures
from registry_core.rules.live.sums import ZERO, Sums, of_outcomes, of_predictions, total

SEEDS = st.integers(0, 2**32 - 1)
#: Rows of each window; some have none.
WINDOWS = st.lists(st.integers(0, 60), min_size=1, max_size=8)


def dealt(sums: list[Sums], chance: np.random.Generator) -> Sums:
    """All added up, in an order and a grouping of chance."""
    order = [sums[place] for place in chance.permutation(len(sums))]
    cut = int(chance.integers(0, len(order) + 1))
    return total([total(order[:cut]), *order[cut:]])


@given(WINDOWS, SEEDS)
def test_figures_of_classes_are_scikit_learns_on_all_rows(sizes: list[int], seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
    sums = []
    for size in sizes:
        # Every window is of another kind: rare or frequent positives, scores that rank well, badly or not at all.
        truth = (chance.random(size) < chance.random()).astype(int)
        scores = 1 / (1 + np.exp(-chance.normal(size=size) * chance.choice([0.01, 1, 8]) - truth * chance.normal()))
        answered = (scores > chance.random()).astype(int)
        rows.append((truth, answered, scores))
        sums += [of_predictions(size, scores), of_outcomes(truth, answered, positive=1, scores=scores)]
    truth, answered, scores = (np.concatenate(each) for each in zip(*rows, strict=True))
    found = figures(dealt(sums, chance), "classification")
    if not len(truth):
        assert found == figures(ZERO, "classification")
        return
    wanted = {"accuracy": metrics.accuracy_score(truth, answered), "brier_score": np.mean((scores - truth) ** 2)}
    # Scikit-learn calls 0 what has no denominator; nothing is said of it here.
    if answered.any():
        wanted["precision"] = metrics.precision_score(truth, answered)
    if truth.any():
        wanted["recall"] = metrics.recall_score(truth, answered)
    if answered.any() or truth.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted["f1_score"] = metrics.f1_score(truth, answered)
    measured = {name: value for name, value in found.metrics.items() if name != "auc"}
    assert measured == pytest.approx(wanted, abs=1e-12, rel=1e-12)
    if 0 < truth.sum() < len(truth):
        assert found.auc_bracket is not None
        low, high = found.auc_bracket
        assert low - 1e-12 <= metrics.roc_auc_score(truth, scores) <= high + 1e-12
        assert low <= found.metrics["auc"] <= high
    else:
        assert "auc" not in found.metrics
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high


@given(WINDOWS, SEEDS, st.sampled_from(["absolute_error", "squared_error"]))
def test_figures_of_a_regression_are_scikit_learns_on_all_rows(sizes: list[int], seed: int, loss: Any) -> None:
    chance = np.random.default_rng(seed)
    rows = [(chance.normal(size=size) * 10.0 ** chance.integers(-3, 6), chance.normal(size=size)) for size in sizes]
    sums = [of_outcomes(truth, answered, task="regression", loss=loss) for truth, answered in rows]
    truth, answered = (np.concatenate(each) for each in zip(*rows, strict=True))
    found = figures(dealt(sums, chance), "regression", loss)
    if not len(truth):
        assert not found.metrics
        return
    wanted = {"rmse": metrics.root_mean_squared_error(truth, answered)}
    if loss == "absolute_error":
        wanted["mae"] = metrics.mean_absolute_error(truth, answered)
    assert found.metrics == pytest.approx(wanted, rel=1e-12)
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high


def test_a_mean_of_windows_is_another_number() -> None:
    small = of_outcomes(np.zeros(100), np.full(100, 1.0), task="regression")
    large = of_outcomes(np.zeros(100), np.full(100, 7.0), task="regression")
    each = [figures(sums, "regression", "absolute_error").metrics["rmse"] for sums in (small, large)]
    assert np.mean(each) == 4.0
    assert figures(small + large, "regression", "absolute_error").metrics == {"mae": 4.0, "rmse": 5.0}


def test_without_their_detail_sums_say_all_but_the_area() -> None:
    truth, scores = np.arange(50) % 2, np.linspace(0.1, 0.9, 50)
    sums = of_outcomes(truth, (scores > 0.5).astype(int), positive=1, scores=scores)
    core = Sums.from_bytes(sums.to_bytes()[0])
    whole, less = figures(sums, "classification"), figures(core, "classification")
    assert whole.metrics.keys() - less.metrics.keys() == {"auc"}
    assert less.auc_bracket is None
    assert {**whole.metrics, **less.metrics} == whole.metrics
