"""The watch over a champion: when somebody is told, when its predecessor is put back, and when not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry_core import Registry
from registry_core.actions.serve.failing import Failing
from tests.actions.watch.live_traffic import Mistakes, champions, register
from tests.clock import Clock
from tests.traffic import Mute, fitted, regression, rows, trust

# Few labels make a baseline here, so that tests are quick.
QUICK = {"baseline_labels": 500, "minimum_labels": 200}


@pytest.fixture
def two(registry: Registry, clock: Clock) -> list[str]:
    """Two models that were champion one after the other."""
    registry.configure("Churn", monitoring=QUICK)
    return champions(registry, clock, 2)


def kinds(registry: Registry) -> list[str]:
    return [each.kind for each in registry.alerts("Churn")]


def until_it_acts(registry: Registry, traffic: Mistakes, rate: float = 0.5, most: int = 20) -> str:
    for _ in range(most):
        done = traffic(100, default=rate)
        if done.acted:
            return done.acted[0]
    raise AssertionError(registry.check_health("Churn"))


def test_a_champion_that_becomes_worse_is_rolled_back(registry: Registry, clock: Clock, two: list[str]) -> None:
    first, second = two
    traffic = Mistakes(registry)
    number = registry.start_experiment("Churn", register(registry, 0.5)).experiment_id
    for _ in range(5):
        assert traffic(100).acted == ()
    health = registry.check_health("Churn")
    assert health.baseline is not None
    assert health.baseline.source == "its first 500 labelled predictions in production"
    assert health.baseline.mean == pytest.approx(0.1)
    assert (health.labelled, health.coverage) == (500, 1.0)
    for _ in range(5):
        assert traffic(100).acted == ()
    health = registry.check_health("Churn")
    assert (health.state, health.alerts) == ("healthy", ())
    assert health.value == pytest.approx(0.9)
    assert health.detector is not None
    assert health.detector.log10_value is not None
    assert health.detector.log10_value < health.detector.log10_alarm == pytest.approx(6)
    assert health.low is not None
    assert health.low < 0.9

    said = until_it_acts(registry, traffic)
    assert f"{second} was rolled back to {first}" in said
    assert "was allowed for" in said
    assert registry.get_active_model_id("Churn") == first
    assert registry.get_metadata(second).status == "disqualified"
    ended = registry.experiment(number)
    assert (ended.status, ended.ended_by) == ("stopped", "auto")
    recent = registry.events(limit=4)
    assert [each.kind for each in reversed(recent)] == [
        "rolled_back",
        "experiment_stopped",
        "disqualified",
        "alert_opened",
    ]
    assert {each.actor for each in recent} == {"auto"}
    assert {each.at for each in recent} == {recent[0].at}
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity, alert.model_id, alert.text) == ("rolled_back", "critical", second, said)
    health = registry.check_health("Churn")
    assert (health.state, health.model_id) == ("critical", first)
    assert health.last_rollback is not None
    assert (health.last_rollback.from_id, health.last_rollback.to_id) == (second, first)
    assert health.cooldown_until is not None
    assert registry.acknowledge(alert.alert_id, actor="anna").status == "resolved"
    assert registry.verify_events() is None


@pytest.mark.parametrize("policy", ["suggest", "off"])
def test_nothing_is_done_where_nobody_wants_it(registry: Registry, clock: Clock, two: list[str], policy: str) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_degradation": policy})
    traffic = Mistakes(registry)
    traffic(500)
    for _ in range(4):
        traffic(200, default=0.5)
    registry.check_health("Churn")
    assert registry.get_active_model_id("Churn") == two[1]
    assert kinds(registry) == ([] if policy == "off" else ["degradation"])
    if policy == "suggest":
        (alert,) = registry.alerts("Churn")
        assert "roll Churn back" in alert.text
        registry.resolve_alert(alert.alert_id, actor="anna", reason="a holiday")
        registry.check_health("Churn")
        assert kinds(registry) == [], "what was settled is not said again"
        clock.tick(60)
        for _ in range(8):
            traffic(200, default=0.5)
        assert kinds(registry) == ["degradation"], "unless there is new evidence"
        registry.promote(register(registry, 0.5), reason="another one")
        (old, new) = [each for each in registry.alerts("Churn", resolved=True) if each.kind == "degradation"]
        assert (old.status, "became champion" in old.resolution) == ("resolved", True)
        assert new.resolution == "resolved by anna: a holiday"


def test_too_few_labels_do_nothing(registry: Registry, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "minimum_labels": 1500})
    traffic = Mistakes(registry)
    traffic(500)
    for _ in range(9):
        assert traffic(100, default=0.5).acted == ()
    assert registry.check_health("Churn").state == "unknown"
    assert "was rolled back" in until_it_acts(registry, traffic)


def test_there_is_a_pause_between_two_rollbacks(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={**QUICK, "cooldown_hours": 10})
    first, second, third = champions(registry, clock, 3)
    traffic = Mistakes(registry)
    for _ in range(5):
        traffic(100)
    until_it_acts(registry, traffic)
    assert registry.get_active_model_id("Churn") == second
    traffic(500)
    said = until_it_acts(registry, traffic)
    assert "not rolled back, since there was an automatic rollback shortly before" in said
    assert registry.get_active_model_id("Churn") == second
    assert kinds(registry) == ["degradation", "rolled_back"]
    clock.tick(hours=9)
    assert registry.check_health("Churn").acted == ()
    clock.tick(hours=2)
    (said,) = registry.check_health("Churn").acted
    assert f"{second} was rolled back to {first}" in said
    assert kinds(registry) == ["rolled_back", "rolled_back"], "both have to be seen"
    assert registry.get_metadata(third).status == registry.get_metadata(second).status == "disqualified"


def test_without_a_healthy_predecessor_it_stays_and_says_so(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring=QUICK)
    first, second, third, last = champions(registry, clock, 4)
    registry.reject(first, reason="leak")
    registry.disqualify(second, reason="failed elsewhere")
    Path(registry.get_metadata(third).model_file_path).write_bytes(b"damaged")
    traffic = Mistakes(registry)
    for _ in range(5):
        traffic(100)
    said = until_it_acts(registry, traffic)
    assert f"{last}: " in said
    assert "no healthy earlier champion is left; passed over" in said
    assert f"{third} does not load" in said
    assert registry.get_active_model_id("Churn") == last
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.evidence["passed_over"]) == ("degradation", [third])
    revision = registry.revision()
    assert registry.check_health("Churn").acted == ()
    assert registry.revision() == revision
    registry.reinstate(second, reason="it was the network")
    (said,) = registry.check_health("Churn").acted
    assert f"{last} was rolled back to {second}; passed over: {third} did not load" in said


def test_a_predecessor_with_other_inputs_is_no_way_back(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring=QUICK, gates={"same_inputs": False})
    first = register(registry, 0.8, feature_names=["age", "height"])
    clock.tick(60)
    second = register(registry, 0.9)
    traffic = Mistakes(registry)
    for _ in range(5):
        traffic(100)
    said = until_it_acts(registry, traffic)
    assert f"{first} takes other inputs" in said
    assert registry.get_active_model_id("Churn") == second


def test_a_baseline_is_frozen_where_something_is_known(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_rollout": "suggest"})
    challenger = register(registry, 0.5)
    started = registry.start_experiment("Churn", challenger, "split", 0.5)
    traffic = Mistakes(registry)
    traffic(1000, {challenger: 0.05})
    registry.promote_challenger(started.experiment_id, reason="better")
    health = registry.check_health("Churn")
    assert health.baseline is not None
    assert health.baseline.source.endswith("labelled predictions it answered as a challenger")
    assert health.baseline.mean == pytest.approx(0.05, abs=0.005)
    assert health.detector is not None
    assert "No labels yet" in health.detector.sentence
    registry.rollback("Churn", reason="only a drill")
    registry.reinstate(challenger)
    registry.promote(challenger, reason="again")
    again = registry.check_health("Churn").baseline
    assert again == health.baseline


def test_thresholds_alert_and_are_over_by_themselves(registry: Registry, two: list[str]) -> None:
    thresholds = {"thresholds": {"accuracy": 0.8, "auc": 0.1}, "threshold_labels": 200, "window_minutes": 1}
    registry.configure("Churn", monitoring={**QUICK, **thresholds, "on_degradation": "suggest"})
    traffic = Mistakes(registry)
    traffic(100, default=0.3)
    limit = registry.check_health("Churn").limits[0]
    assert (limit.state, limit.labels) == ("not enough", 100)
    registry._rooms.clock.tick(60)  # type: ignore[attr-defined]
    said = traffic(200, default=0.3).acted
    assert len(said) == 1
    assert "accuracy is 0.700 over the last 200 labels (predictions since 2025-07-31 14:01 UTC), below 0.800" in said[0]
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity) == ("threshold", "warning")
    health = registry.check_health("Churn")
    assert (health.state, health.limits[0].state) == ("warning", "beyond")
    assert health.limits[0].value == pytest.approx(0.7)
    registry._rooms.clock.tick(60)  # type: ignore[attr-defined]
    (back,) = traffic(300).acted
    assert "at least" in back
    (over,) = registry.alerts("Churn", resolved=True)
    assert over.resolution == back
    assert registry.get_active_model_id("Churn") == two[1]


def test_health_without_a_champion_or_a_name(registry: Registry) -> None:
    register(registry, 0.9, performance_metrics={})
    health = registry.check_health("Churn")
    assert (health.state, health.model_id) == ("unknown", None)
    with pytest.raises(KeyError, match="carries the name"):
        registry.check_health("Nobody")


def test_a_regression_is_watched_by_its_loss(registry: Registry, clock: Clock) -> None:
    registry.configure("Price", monitoring=QUICK)
    ids = []
    for r2 in (0.8, 0.9):
        ids.append(register(registry, model=regression(), model_name="Price", performance_metrics={"r2": r2}))
        clock.tick(60)
    predictor = registry.predictor("Price", log="sync")
    inputs: Any = [[number / 10, 1.0] for number in range(100)]

    def outcomes(error: float) -> tuple[str, ...]:
        answer = predictor.predict(inputs)
        labels = [value + error * (1 + number % 3) for number, value in enumerate(answer.values.tolist())]
        return registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels).acted

    for _ in range(8):
        assert outcomes(0.1) == ()
    health = registry.check_health("Price")
    assert health.metric == "absolute_error"
    assert health.value == pytest.approx(0.2, abs=0.01)
    for _ in range(20):
        if registry.get_active_model_id("Price") == ids[0]:
            break
        outcomes(0.2)
    assert registry.get_active_model_id("Price") == ids[0]


def test_losses_of_two_kinds_are_never_held_against_each_other(registry: Registry, clock: Clock) -> None:
    registry.configure("Price", monitoring={**QUICK, "loss": "squared_error"})
    for r2 in (0.8, 0.9):
        last = register(registry, model=regression(), model_name="Price", performance_metrics={"r2": r2})
        clock.tick(60)
    predictor = registry.predictor("Price", log="sync")
    inputs: Any = [[number / 10, 1.0] for number in range(500)]

    def outcomes(answer: Any) -> tuple[str, ...]:
        labels = [value + 10 * (1 + number % 3) for number, value in enumerate(answer.values.tolist())]
        return registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels).acted

    early, late = predictor.predict(inputs), predictor.predict(inputs)
    outcomes(early)
    squared = registry.check_health("Price")
    assert (squared.labelled, squared.metric) == (500, "squared_error")
    registry.configure("Price", monitoring={**QUICK, "loss": "absolute_error"})
    nothing = registry.check_health("Price")
    assert (nothing.value, nothing.baseline, nothing.labelled) == (None, None, 0)
    for _ in range(2):
        assert outcomes(predictor.predict(inputs)) == ()
    assert outcomes(late) == ()
    health = registry.check_health("Price")
    assert (health.model_id, health.labelled) == (last, 1000)
    assert health.value == pytest.approx(20, abs=0.1)
    assert health.baseline is not None
    assert health.baseline.mean == pytest.approx(20, abs=0.1)


def test_health_tells_the_newest_alarm(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_degradation": "suggest"})
    traffic = Mistakes(registry)
    traffic(500)
    until_it_acts(registry, traffic)
    first = registry.check_health("Churn")
    assert first.predecessor == two[0]
    assert "(alarm 1 at " in first.sentence
    assert first.sentence.endswith("roll Churn back, or resolve the alert if it may stay")
    clock.tick(hours=1)
    for _ in range(10):
        traffic(100, default=0.7)
    health = registry.check_health("Churn")
    assert health.detector is not None
    assert health.detector.alarms > 1
    assert f"(alarm {health.detector.alarms} at " in health.sentence
    assert health.sentence.count(two[1]) == 1
    assert "Evidence is counted anew since then" in health.detector.sentence


def test_a_champion_that_answers_again_is_not_rolled_back_later(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={"on_degradation": "suggest", "window_minutes": 1})
    champions(registry, clock, 2)
    current = registry.deployments("Churn")[0]
    predictor = registry.predictor("Churn", log="sync")
    rooms = registry._rooms
    Failing("Churn", current.model_id, "nobody", 5, "no answer").tell(rooms)
    assert kinds(registry) == ["champion_failing"]
    clock.tick(120)
    predictor.predict(rows(19)[0])
    registry.check_health("Churn")
    assert kinds(registry) == ["champion_failing"], "too few answers to say so"
    predictor.predict(rows(10)[0])
    registry.configure("Churn", monitoring={"on_degradation": "act", "window_minutes": 1})
    (said,) = registry.check_health("Churn").acted
    assert "it answers again: 29 predictions" in said
    assert kinds(registry) == []
    assert registry.get_active_model_id("Churn") == current.model_id


def test_a_champion_that_does_not_answer_is_rolled_back(registry: Registry, clock: Clock) -> None:
    trust(registry)
    registry.configure(monitoring={"on_degradation": "act"})
    first = register(registry, 0.8)
    clock.tick(60)
    second = register(registry, 0.9, fitted(Mute))
    predictor = registry.predictor("Churn", log="sync")
    inputs, _ = rows(10)
    for _ in range(5):
        assert registry.get_active_model_id("Churn") == second
        assert set(predictor.predict(inputs).model_ids) == {first}
    assert registry.get_active_model_id("Churn") == first
    assert registry.get_metadata(second).status == "disqualified"
    (alert,) = registry.alerts("Churn")
    assert alert.kind == "rolled_back"
    assert "failed to answer 5 calls in a row (RuntimeError: no answer)" in alert.text
    assert [each.kind for each in registry.alerts("Churn", resolved=True)] == ["rolled_back", "champion_failing"]


def test_who_is_not_rolled_back_although_it_does_not_answer(registry: Registry, clock: Clock) -> None:
    trust(registry)
    registry.configure("Churn", monitoring={"on_degradation": "suggest"})
    register(registry, 0.8)
    clock.tick(60)
    second = register(registry, 0.9, fitted(Mute))
    predictor = registry.predictor("Churn", log="sync")
    for _ in range(6):
        predictor.predict(rows(10)[0])
    assert kinds(registry) == ["champion_failing"]
    registry.configure("Churn", monitoring={"cooldown_hours": 1})
    clock.tick(hours=-1)
    registry.check_health("Churn")
    assert registry.get_active_model_id("Churn") != second


def test_drift_warns_and_never_rolls_back(registry: Registry, clock: Clock, two: list[str]) -> None:
    inputs, _ = rows(400)
    third = register(registry, 0.95, reference=np.tile(inputs, (3, 1)))
    predictor = registry.predictor("Churn", log="sync")
    predictor.predict_proba(np.tile(inputs, (2, 1)))
    clock.tick(hours=2)
    health = registry.check_health("Churn")
    assert {each.feature: each.state for each in health.drift} == dict.fromkeys(["first", "second", "score"], "none")
    for _ in range(5):
        predictor.predict_proba(inputs + np.array([3.0, 0.0]))
    clock.tick(hours=2)
    health = registry.check_health("Churn")
    (first,) = (each for each in health.drift if each.feature == "first")
    assert (health.alerts, first.state) == ((), "not enough"), "before there is a whole week"
    assert "it is judged by whole weeks" in first.sentence
    # A day begun is none of a whole week.
    clock.tick(days=8)
    predictor.predict_proba(inputs)
    clock.tick(days=-1)
    for _ in range(5):
        predictor.predict_proba(inputs + np.array([3.0, 0.0]))
    clock.tick(days=1)
    health = registry.check_health("Churn")
    assert health.drift[0].state == "critical"
    assert {each.feature: each.state for each in health.drift}["second"] == "none"
    (alert,) = health.alerts
    assert (alert.kind, alert.severity, health.state) == ("drift", "warning", "warning")
    assert "first" in alert.evidence["features"]
    for _ in range(5):
        predictor.predict_proba(inputs + np.array([3.0, 0.0]))
    clock.tick(days=1)
    later = registry.check_health("Churn")
    assert later.alerts[0].text == alert.text
    assert later.drift[0].sentence in later.sentence
    assert later.sentence != health.sentence, "figures of now, not of when the alert was opened"
    assert registry.get_active_model_id("Churn") == third
    clock.tick(days=8)
    for _ in range(4):
        predictor.predict_proba(inputs)
    assert registry.check_health("Churn").acted == (), "nothing is known of these days yet"
    clock.tick(days=1)
    (said,) = registry.check_health("Churn").acted
    assert "look again like" in said
    assert registry.alerts("Churn") == []
    registry.configure("Churn", monitoring={"drift": False})
    assert registry.check_health("Churn").drift == ()


def test_an_alarm_names_the_labels_it_is_of_and_when_they_came(
    registry: Registry, clock: Clock, two: list[str]
) -> None:
    registry.configure("Churn", monitoring={"on_degradation": "suggest"})
    traffic = Mistakes(registry)
    traffic(600)
    for _ in range(4):
        clock.tick(3600)
        traffic(100, default=0.05)
    clock.tick(3600)
    begun = clock.now
    said: tuple[str, ...] = ()
    while not said:
        clock.tick(60)
        said = traffic(50, default=0.5).acted
    assert f"(recorded {begun:%Y-%m-%d} {begun.hour}:01 to {clock.now:%Y-%m-%d %H:%M} UTC)" in said[0]
