from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidMetric
from registry_core.policies import SEED_WEIGHTS
from registry_core.rules.metrics import EVALUATED, canonical, checked
from registry_core.rules.scoring import composite_score, evaluated_score

UNIT = st.floats(0, 1)
METRICS = st.fixed_dictionaries(dict.fromkeys(("accuracy", "auc", "f1_score", "data_quality_score"), UNIT))


@given(METRICS, st.booleans())
def test_it_is_the_seeds_formula(metrics: dict[str, float], is_ensemble: bool) -> None:
    expected = (
        metrics["accuracy"] * 0.4
        + metrics["auc"] * 0.3
        + metrics["f1_score"] * 0.2
        + metrics["data_quality_score"] * 0.1
    )
    if is_ensemble:
        expected *= 1.05
    assert composite_score(metrics, SEED_WEIGHTS, is_ensemble=is_ensemble).value == pytest.approx(expected, abs=1e-12)


@given(METRICS, st.sampled_from(["accuracy", "auc", "f1_score", "data_quality_score"]), UNIT)
def test_a_better_metric_never_lowers_the_score(metrics: dict[str, float], name: str, value: float) -> None:
    better = {**metrics, name: max(metrics[name], value)}
    before, after = (composite_score(each, SEED_WEIGHTS).value for each in (metrics, better))
    assert before is not None
    assert after is not None
    assert after >= before - 1e-12


@given(METRICS, st.booleans())
def test_the_terms_and_the_bonus_add_up(metrics: dict[str, float], is_ensemble: bool) -> None:
    score = composite_score(metrics, SEED_WEIGHTS, is_ensemble=is_ensemble)
    parts = [term.contribution for term in score]
    assert all(part is not None for part in parts)
    assert score.value == pytest.approx(sum(part or 0 for part in parts) + score.ensemble_bonus, abs=1e-12)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -0.1, 1.1])
def test_a_weighted_metric_that_is_no_metric_leaves_no_score(value: float | None) -> None:
    metrics = {"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9, "data_quality_score": 1.0}
    score = composite_score({**metrics, "auc": value}, SEED_WEIGHTS)  # pyrefly: ignore[bad-assignment]
    assert score.value is None
    assert score.note is not None
    assert "auc" in score.note


def test_of_an_error_less_is_better_and_the_bonus_stays_a_bonus() -> None:
    low, high = (composite_score({"rmse": rmse}, {"rmse": 1.0}).value for rmse in (40.0, 55.0))
    assert (low, high) == (-40.0, -55.0)
    ensemble = composite_score({"rmse": 40.0}, {"rmse": 1.0}, is_ensemble=True)
    assert ensemble.value == pytest.approx(-38.0)


def test_an_unknown_metric_can_be_declared_lower_is_better() -> None:
    assert composite_score({"wape": 0.25}, {"wape": 2.0}, declared_lower=["wape"]).value == -0.5
    assert composite_score({"wape": 0.25}, {"wape": 2.0}).value == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", math.nan),
        ("accuracy", math.inf),
        ("accuracy", -math.inf),
        ("accuracy", 93.0),
        ("accuracy", -0.01),
        ("accuracy", True),
        ("accuracy", "0.9"),
        ("accuracy", [0.9]),
        ("r2", 1.01),
        ("rmse", -1.0),
        ("", 0.5),
        ("a metric", 0.5),
        ("x" * 65, 0.5),
        ("<script>", 0.5),
        ("composite_score", 0.5),
        ("version", 1.0),
    ],
)
def test_a_metric_that_cannot_be_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidMetric, match=r"metric"):
        checked(name, value)


@given(st.floats(-1e308, 1))
def test_r2_may_be_negative(value: float) -> None:
    assert checked("r2", value) == ("r2", value)


WEIGHTS = st.dictionaries(
    st.sampled_from(["accuracy", "auc", "f1_score", "recall", "data_quality", "profit", "latency_ms"]),
    st.floats(0.01, 10),
    min_size=1,
)


@given(METRICS, WEIGHTS)
def test_an_evaluated_score_is_made_of_what_evaluations_give(
    metrics: dict[str, float], weights: dict[str, float]
) -> None:
    known = {**metrics, "recall": 0.5}
    score = evaluated_score(known, weights)
    kept = {name: weight for name, weight in weights.items() if name in known and name in EVALUATED}
    if not kept:
        assert score.value is None
        assert score.note is not None
        assert "no evaluation gives" in score.note
        return
    # As a mean it is the mean of what is left, and the sum of the weights stays.
    assert sum(term.weight for term in score) == pytest.approx(sum(weights.values()))
    mean = sum(weight * known[name] for name, weight in kept.items()) / sum(kept.values())
    assert score.value == pytest.approx(mean * sum(weights.values()))
    assert {canonical(name) for name in weights} == {*kept, *score.left_out}
    assert bool(score.rule) == bool(score.left_out)


@given(METRICS)
def test_without_anything_to_leave_out_it_is_the_same_score(metrics: dict[str, float]) -> None:
    weights = {"accuracy": 0.5, "auc": 0.3, "f1_score": 0.2}
    assert evaluated_score(metrics, weights) == composite_score(metrics, weights)


def test_a_metric_that_this_version_lacks_still_leaves_no_score() -> None:
    score = evaluated_score({"accuracy": 0.9, "f1_score": 0.9, "data_quality_score": 1.0}, SEED_WEIGHTS)
    assert score.value is None
    assert score.note == "no score: auc is missing"
