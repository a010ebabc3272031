"""One stretch of production has one set of figures: those of its rows, not the mean of its windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from registry_core import InvalidInput, ModelNotFound, NoModelAvailable, Registry
from tests.clock import Clock
from tests.traffic import register, regression, rows

INPUTS, TRUTH = rows()


def served(registry: Registry, clock: Clock, minutes: list[int]) -> list[tuple[datetime, Any, Any]]:
    """Batches of predictions with their outcomes, so many minutes apart: when, truth and scores."""
    chance, predictor, said = np.random.default_rng(2), registry.predictor("Churn", log="sync"), []
    for step in minutes:
        clock.tick(60 * step)
        chosen = chance.integers(0, len(INPUTS), int(chance.integers(5, 60)))
        # Each batch is of another difficulty, so that a mean of windows would be wrong.
        truth = np.where(chance.random(len(chosen)) < chance.random() / 2, 1 - TRUTH[chosen], TRUTH[chosen])
        answer = predictor.predict_proba(INPUTS[chosen])
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth)
        said.append((clock.now, truth, answer.values[:, 1]))
    return said


def test_the_figures_are_those_of_the_rows(registry: Registry, clock: Clock) -> None:
    register(registry)
    began = clock.now
    said = served(registry, clock, [7, 50, 3, 300, 400, 5, 1000, 1440, 20, 2000, 1])
    for since, until in product((None, 0, 61, 600, 2000, 3500, 9000), (None, 30, 700, 2900, 5000)):
        begin, end = (None if each is None else began + timedelta(minutes=each) for each in (since, until))
        _check(registry, said, clock.now, begin, end)


def _check(registry: Registry, said: list[Any], now: datetime, begin: datetime | None, end: datetime | None) -> None:
    found = registry.live_performance("Churn", since=begin, until=end)
    hour = timedelta(minutes=60)
    chosen = [
        (truth, scores)
        for at, truth, scores in said
        if (begin is None or at.replace(minute=0, second=0, microsecond=0) + hour > begin)
        and (end is None or at.replace(minute=0, second=0, microsecond=0) < end)
    ]
    assert found.labelled == found.predictions == sum(len(truth) for truth, _ in chosen)
    if not chosen:
        assert not found.metrics
        return
    truth, scores = (np.concatenate(each) for each in zip(*chosen, strict=True))
    answered = scores > 0.5
    wanted = {
        "accuracy": metrics.accuracy_score(truth, answered),
        "precision": metrics.precision_score(truth, answered),
        "recall": metrics.recall_score(truth, answered),
        "f1_score": metrics.f1_score(truth, answered),
        "brier_score": metrics.brier_score_loss(truth, scores),
    }
    assert {name: found.metrics[name] for name in wanted} == pytest.approx(wanted, abs=1e-12)
    assert found.auc_bracket is not None
    assert found.auc_bracket[0] - 1e-12 <= metrics.roc_auc_score(truth, scores) <= found.auc_bracket[1] + 1e-12
    assert found.since <= found.until <= now.isoformat(timespec="microseconds")
    assert begin is None or datetime.fromisoformat(found.until) >= begin


def test_it_is_of_the_present_deployment_unless_a_model_is_named(registry: Registry, clock: Clock) -> None:
    first = register(registry)
    served(registry, clock, [5, 90])
    second = register(registry, 0.95)
    assert registry.get_active_model_id("Churn") == second
    nothing = registry.live_performance("Churn")
    assert (nothing.model_id, nothing.labelled, nothing.metrics) == (second, 0, {})
    said = served(registry, clock, [5, 90])
    found = registry.live_performance("Churn")
    assert (found.model_id, found.labelled) == (second, sum(len(truth) for _, truth, _ in said))
    assert found.since >= registry.deployments("Churn")[0].started_at
    assert registry.check_health("Churn").performance is not None
    assert registry.check_health("Churn").performance.metrics == found.metrics  # pyrefly: ignore[missing-attribute]
    assert registry.live_performance("Churn", first).model_id == first
    assert registry.live_performance("Churn", first).labelled > 0
    with pytest.raises(ModelNotFound, match="no model has the name"):
        registry.live_performance("Nobody")
    register(registry, model_name="Fraud")
    with pytest.raises(ModelNotFound, match="is not a version of Fraud"):
        registry.live_performance("Fraud", first)
    with pytest.raises(InvalidInput, match="is not a time"):
        registry.live_performance("Churn", since="soon")


def test_without_a_champion_there_is_nothing_to_say(registry: Registry) -> None:
    registry.configure(auto_select_best=False)
    register(registry)
    with pytest.raises(NoModelAvailable, match="promote a model"):
        registry.live_performance("Churn")


@pytest.mark.parametrize("loss", ["absolute_error", "squared_error"])
def test_a_regressions_figures(registry: Registry, clock: Clock, loss: str) -> None:
    registry.configure(monitoring={"loss": loss})
    registry.promote(register(registry, model=regression()), override=True, reason="of the first input, twice")
    predictor = registry.predictor("Churn", log="sync")
    for error in (1.0, 7.0):
        answer = predictor.predict(INPUTS[:100])
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=answer.values + error)
        clock.tick(3600)
    found = registry.live_performance("Churn")
    wanted = {"rmse": 5.0, **({"mae": 4.0} if loss == "absolute_error" else {})}
    assert found.metrics == pytest.approx(wanted, rel=1e-9)
    assert [each.metrics["rmse"] for each in registry.performance_history()] == pytest.approx([1.0, 7.0], rel=1e-9)
    report = registry.check_health("Churn")
    assert report.performance is not None
    assert report.performance.metrics[report.shown_metric] == pytest.approx(wanted[report.shown_metric], rel=1e-9)


def test_windows_are_pooled_to_fewer_and_wider_ones(registry: Registry, clock: Clock) -> None:
    register(registry)
    said = served(registry, clock, [70] * 30)
    single = registry.performance_history("Churn")
    assert len(single) == 30
    for most in (30, 12, 7, 1):
        merged = registry.performance_history("Churn", at_most=most)
        assert len(merged) <= most
        assert sum(each.labelled for each in merged) == sum(each.labelled for each in single)
        assert len({each.minutes for each in merged}) == 1
        for window in merged:
            begin = datetime.fromisoformat(window.start)
            chosen = [
                (truth, scores) for at, truth, scores in said if begin <= at < begin + timedelta(minutes=window.minutes)
            ]
            truth, scores = (np.concatenate(each) for each in zip(*chosen, strict=True))
            assert window.metrics["precision"] == pytest.approx(metrics.precision_score(truth, scores > 0.5), abs=1e-12)
            assert window.metrics["auc"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=5e-4)
    assert registry.performance_history("Churn", at_most=30) == single
    (weeks,) = registry.performance_history("Churn", every="week", at_most=1)
    assert weeks.labelled == sum(each.labelled for each in single)
    with pytest.raises(InvalidInput, match="of 1 or more"):
        registry.performance_history("Churn", at_most=0)
