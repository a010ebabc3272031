"""Champions and challengers that give no answer, or none that can be used."""

from __future__ import annotations

import pytest

from registry_core import Registry
from tests.traffic import Astray, Mute, experiment, fitted, register, rows, trust


def kinds(registry: Registry) -> list[str]:
    return [each.kind for each in registry.alerts("Churn")]


def test_a_champion_nobody_can_stand_in_for_is_told_of(registry: Registry) -> None:
    trust(registry)
    register(registry, model=fitted(Mute))
    predictor = registry.predictor("Churn", log="sync")
    for _ in range(5):
        with pytest.raises(RuntimeError, match="no answer"):
            predictor.predict(rows()[0][:10])
    assert "champion_failing" in kinds(registry)
    assert any("no healthy earlier champion is left" in each.text for each in registry.alerts("Churn"))
    assert registry.performance_history("Churn")[0].failures == 5


def test_the_latest_predecessor_that_loads_stands_in(registry: Registry) -> None:
    trust(registry)
    first = register(registry, 0.8)
    lost = register(registry, 0.9)
    register(registry, 0.95, fitted(Mute))
    registry._context.store.remove(f"models/model_{lost}.pkl")
    answer = registry.predictor("Churn", log="sync").predict(rows()[0][:10])
    assert {*answer.model_ids} == {first}


def test_labels_that_are_no_classes_are_no_answer(registry: Registry) -> None:
    trust(registry)
    register(registry, 0.8)
    astray = register(registry, 0.9, fitted(Astray))
    assert registry.get_active_model_id("Churn") == astray
    answer = registry.predictor("Churn", log="sync").predict(rows()[0][:10])
    assert {*answer.values.tolist()} <= {0, 1}
    assert astray not in {*answer.model_ids}


@pytest.mark.parametrize("mode", ["shadow", "split"])
def test_a_challenger_astray_harms_neither_answer_nor_record(registry: Registry, mode: str) -> None:
    trust(registry)
    champion = register(registry, 0.9)
    astray = register(registry, 0.1, fitted(Astray))
    experiment(registry, astray, mode="shadow" if mode == "shadow" else "split")
    answer = registry.predictor("Churn", log="sync").predict(rows()[0])
    assert {*answer.model_ids} == {champion}
    assert answer.values.dtype.kind == "i"
    done = {(each.model_id, each.failures > 0): each.predictions for each in registry.performance_history("Churn")}
    assert done[astray, True] == 0
    assert done[champion, False] > 0


def test_an_alert_resolved_too_early_is_opened_again(registry: Registry) -> None:
    trust(registry)
    registry.configure(monitoring={"on_degradation": "suggest"}, reason="people decide")
    register(registry, 0.8)
    register(registry, 0.9, fitted(Mute))
    predictor = registry.predictor("Churn", log="sync")
    for _ in range(5):
        predictor.predict(rows()[0][:10])
    (alert,) = registry.alerts("Churn")
    registry.resolve_alert(alert.alert_id, reason="it was the network")
    for _ in range(5):
        predictor.predict(rows()[0][:10])
    assert kinds(registry) == ["champion_failing"]
