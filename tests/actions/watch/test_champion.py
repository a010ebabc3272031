"""The watch over a champion: when somebody is told, when its predecessor is put back, and when not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from registry_core import Registry
from registry_core.actions.serve.failed_calls import Failing
from registry_core.catalog.telemetry import detectors
from registry_core.file_keys import model_files
from tests.actions.watch.live_traffic import Mistakes, champions, named, reading, register
from tests.clock import Clock
from tests.traffic import Mute, fitted, regression, rows, trust

# Few labels make a baseline here, and those of one day are taken as independent, so that tests are quick.
QUICK = {"baseline_labels": 500, "minimum_labels": 200, "overdispersion_icc": 0.0}


@pytest.fixture
def two(registry: Registry, clock: Clock) -> list[str]:
    """Two models that were champion one after the other."""
    registry.configure("Churn", monitoring=QUICK)
    return champions(registry, clock, 2)


def kinds(registry: Registry) -> list[str]:
    return [each.kind for each in registry.alerts("Churn")]


def until_it_says(registry: Registry, traffic: Mistakes, words: str, rate: float = 0.5, most: int = 20) -> str:
    """Serve until it did something that is told with these words."""
    for _ in range(most):
        for said in traffic(100, default=rate).acted:
            if words in said:
                return said
    raise AssertionError(registry.check_health("Churn"))


def until_it_acts(registry: Registry, traffic: Mistakes, rate: float = 0.5) -> str:
    return until_it_says(registry, traffic, "rolled back", rate)


def test_a_champion_that_becomes_worse_is_rolled_back(registry: Registry, clock: Clock, two: list[str]) -> None:
    first, second = two
    traffic = Mistakes(registry, clock)
    number = registry.start_experiment("Churn", register(registry, 0.5, reading(1))).experiment_id
    for _ in range(10):
        assert traffic(100).acted == ()
    health = registry.check_health("Churn")
    assert (health.state, health.alerts) == ("healthy", ())
    assert (health.labelled, health.coverage) == (1000, 1.0)
    assert health.value == pytest.approx(0.9)
    assert health.baseline is not None
    assert health.baseline.mean == pytest.approx(0.1)
    assert health.baseline.source == "its own 1,000 labels of 2 days"
    assert health.detector is not None
    assert health.detector.log10_value is not None
    assert health.detector.log10_value < health.detector.log10_alarm == pytest.approx(6)
    assert health.detector.notices.startswith("detects an error rate of 15.0% after about ")
    assert health.low is not None
    assert health.low < 0.9
    assert health.comparison is not None
    assert (health.comparison.standby, health.comparison.verdict, health.comparison.every_row) == (
        first, "not known", False,
    )  # fmt: skip
    # one of twenty rows is a sample
    assert 20 <= health.comparison.rows <= 90

    said = until_it_acts(registry, traffic)
    assert f"{named(registry, second)} was rolled back to {named(registry, first)}" in said
    assert "is allowed (predictions since 2025-08-01 " in said
    assert "labelled rows since the degradation began" in said
    assert re.search(rf"{named(registry, first)} was \d+\.\d pp more accurate than the champion \(e-value ", said)
    assert registry.get_active_model_id("Churn") == first
    assert registry.get_metadata(second).status == "disqualified"
    ended = registry.experiment(number)
    assert (ended.status, ended.ended_by) == ("stopped", "auto")
    recent = [each for each in registry.events(limit=9) if each.kind != "alert_resolved"][:4]
    assert [each.kind for each in reversed(recent)] == [
        "rolled_back",
        "experiment_stopped",
        "disqualified",
        "alert_opened",
    ]
    assert {each.actor for each in recent} == {"auto"}
    assert {each.at for each in recent} == {recent[0].at}
    assert len(registry.events(kinds=["comparison_began"])) == 1
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity, alert.model_id, alert.text) == ("rolled_back", "critical", second, said)
    health = registry.check_health("Churn")
    assert (health.state, health.model_id) == ("critical", first)
    assert health.last_rollback is not None
    assert (health.last_rollback.from_id, health.last_rollback.to_id) == (second, first)
    assert health.cooldown_until is not None
    assert registry.acknowledge(alert.alert_id, actor="anna").status == "resolved"
    assert registry.verify_events() is None


def test_where_every_version_gets_worse_nobody_is_put_back(registry: Registry, clock: Clock, two: list[str]) -> None:
    traffic = Mistakes(registry, clock)
    for _ in range(10):
        traffic(100)
    number = registry.start_experiment("Churn", register(registry, 0.5, reading(1))).experiment_id
    traffic.beside = 0.5
    said = until_it_says(registry, traffic, "Every version got worse: retrain")
    assert f"{named(registry, two[0])} is no better" in said
    assert sorted(kinds(registry)) == ["degradation", "every_version_worse"]
    assert registry.get_active_model_id("Churn") == two[1]
    assert registry.experiment(number).status == "running", "whoever is better may still show it"
    health = registry.check_health("Churn")
    assert health.state == "critical"
    assert health.comparison is not None
    assert (health.comparison.verdict, health.comparison.every_row) == ("no better", True)
    # the world is as it was, and so is the model
    traffic.beside = 0.1
    assert "the labels since then contradict the alarm" in until_it_says(registry, traffic, "contradict the alarm", 0.1)
    assert kinds(registry) == []
    assert registry.events(limit=9, kinds=["comparison_ended"])[0].after["standby"] == two[0]


def test_an_alarm_that_was_over_too_early_is_acted_on(registry: Registry, clock: Clock, two: list[str]) -> None:
    first, second = two
    traffic = Mistakes(registry, clock)
    for _ in range(10):
        traffic(100)
    traffic.beside = 0.5
    until_it_says(registry, traffic, "Worse than its baseline")
    # A lull within an hour ends the alarm; with the other labels of that hour it was none.
    hour = Mistakes(registry, beside=0.5)
    clock.tick(3600)
    assert any("contradict the alarm" in said for _ in range(4) for said in hour(100, default=0.0).acted)
    assert "degradation" not in kinds(registry)
    for _ in range(4):
        hour(200, default=0.5)
    assert "degradation" in kinds(registry)
    traffic.beside = 0.0
    assert f"{named(registry, second)} was rolled back to {named(registry, first)}" in until_it_acts(registry, traffic)


def test_a_predecessor_that_is_worse_still_is_no_way_back(registry: Registry, clock: Clock, two: list[str]) -> None:
    traffic = Mistakes(registry, clock, beside=0.6)
    for _ in range(10):
        traffic(100)
    until_it_says(registry, traffic, "Every version got worse", 0.35)
    assert registry.get_active_model_id("Churn") == two[1]


def test_who_wants_it_is_rolled_back_without_a_comparison(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "act_without_comparison": True})
    traffic = Mistakes(registry, clock, beside=0.6)
    for _ in range(10):
        traffic(100)
    assert f"was rolled back to {named(registry, two[0])}" in until_it_acts(registry, traffic)


@pytest.mark.parametrize("policy", ["suggest", "off"])
def test_nothing_is_done_where_nobody_wants_it(registry: Registry, clock: Clock, two: list[str], policy: str) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_degradation": policy})
    traffic = Mistakes(registry, clock)
    for rate in [0.1] * 6 + [0.5] * 6:
        traffic(100, default=rate)
    registry.check_health("Churn")
    assert registry.get_active_model_id("Churn") == two[1]
    assert sorted(kinds(registry)) == ([] if policy == "off" else ["degradation", "rollback_suggested"])
    if policy == "suggest":
        suggested, opened = registry.alerts("Churn")
        assert f"Roll back to {named(registry, two[0])}" in suggested.text
        for each in (suggested, opened):
            registry.resolve_alert(each.alert_id, actor="anna", reason="a holiday")
        traffic(100, default=0.5)
        assert kinds(registry) == [], "what was settled is not said again"
        for rate in [0.1] * 8 + [0.5] * 8:
            traffic(100, default=rate)
        assert "degradation" in kinds(registry), "unless it was well in between"
        registry.promote(register(registry, 0.5), reason="another one")
        (old, new) = [each for each in registry.alerts("Churn", resolved=True) if each.kind == "degradation"]
        assert (old.status, "became champion" in old.resolution) == ("resolved", True)
        assert new.resolution == "resolved by anna: a holiday"


def test_too_few_labels_do_nothing(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "minimum_labels": 1500})
    traffic = Mistakes(registry, clock)
    for rate in [0.1] * 5 + [0.5] * 9:
        assert traffic(100, default=rate).acted == ()
    assert registry.check_health("Churn").state == "unknown"
    assert "was rolled back" in until_it_acts(registry, traffic)


def test_there_is_a_pause_between_two_rollbacks(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={**QUICK, "cooldown_hours": 40})
    first, second, third = champions(registry, clock, 3)
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    until_it_acts(registry, traffic)
    assert registry.get_active_model_id("Churn") == second
    for _ in range(6):
        traffic(100)
    said = until_it_says(registry, traffic, "It is not rolled back, since the last automatic rollback was less than")
    assert named(registry, second) in said
    assert registry.get_active_model_id("Churn") == second
    clock.tick(hours=50)
    (said,) = registry.check_health("Churn").acted
    assert f"{named(registry, second)} was rolled back to {named(registry, first)}" in said
    assert kinds(registry) == ["rolled_back", "rolled_back"], "both have to be seen"
    assert registry.get_metadata(third).status == registry.get_metadata(second).status == "disqualified"


def test_an_alarm_that_is_over_does_nothing_after_the_pause(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={**QUICK, "cooldown_hours": 40})
    _, second, _ = champions(registry, clock, 3)
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    until_it_acts(registry, traffic)
    for _ in range(6):
        traffic(100)
    until_it_says(registry, traffic, "not rolled back")
    for _ in range(12):
        traffic(100)
    clock.tick(hours=50)
    assert registry.check_health("Churn").acted == ()
    assert registry.get_active_model_id("Churn") == second


def test_without_a_healthy_predecessor_it_stays_and_says_so(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring=QUICK)
    first, second, last = champions(registry, clock, 3)
    registry.reject(first, reason="leak")
    registry.disqualify(second, reason="failed elsewhere")
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    said = until_it_says(registry, traffic, "no healthy earlier champion has the same features: retrain, or promote")
    assert f"{named(registry, last)}: " in said
    assert registry.get_active_model_id("Churn") == last
    assert kinds(registry) == ["degradation"]
    revision = registry.revision()
    assert registry.check_health("Churn").acted == ()
    assert registry.revision() == revision
    # once there is one again, it is compared
    registry.reinstate(second, reason="it was the network")
    assert f"{named(registry, last)} was rolled back to {named(registry, second)}" in until_it_acts(registry, traffic)


def test_a_predecessor_that_does_not_load_is_no_way_back(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring=QUICK)
    first, last = champions(registry, clock, 2)
    registry._context.store.write(model_files(first)[0], b"damaged")
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    until_it_says(registry, traffic, "Worse than its baseline")
    for _ in range(5):
        traffic(100, default=0.5)
    assert registry.get_active_model_id("Churn") == last
    health = registry.check_health("Churn")
    assert health.comparison is not None
    assert (health.comparison.rows, health.comparison.verdict) == (0, "not known")


def test_a_predecessor_with_other_inputs_is_no_way_back(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring=QUICK, gates={"same_inputs": False})
    register(registry, 0.8, feature_names=["age", "height"])
    clock.tick(60)
    second = register(registry, 0.9)
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    assert registry.check_health("Churn").comparison is None
    until_it_says(registry, traffic, "no healthy earlier champion has the same features")
    assert registry.get_active_model_id("Churn") == second


def test_a_version_that_became_worse_is_no_healthy_one_later(registry: Registry, clock: Clock, two: list[str]) -> None:
    traffic = Mistakes(registry, clock, beside=0.1)
    for _ in range(6):
        traffic(100)
    traffic.beside = 0.5
    until_it_says(registry, traffic, "Every version got worse")
    third = register(registry, 0.95, reading(0), description="0")
    if registry.get_active_model_id("Churn") != third:
        registry.promote(third, reason="retrained")
    assert registry.check_health("Churn").predecessor == two[0], "not the one that had an alarm"


def test_a_baseline_comes_from_the_labels_on_which_it_won(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_rollout": "suggest"})
    challenger = register(registry, 0.5, reading(1), description="1")
    started = registry.start_experiment("Churn", challenger, "split", 0.5)
    traffic = Mistakes(registry, clock)
    for _ in range(12):
        traffic(100, {challenger: 0.05})
    registry.promote_challenger(started.experiment_id, reason="better")
    health = registry.check_health("Churn")
    assert health.baseline is not None
    assert health.baseline.source.startswith("its own ")
    assert health.baseline.mean == pytest.approx(0.05, abs=0.005)
    assert health.detector is not None
    assert "No labels yet" in health.detector.sentence
    assert health.predecessor == two[1]


def test_what_another_release_had_worked_out_is_begun_anew(registry: Registry, clock: Clock, two: list[str]) -> None:
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    before = registry.check_health("Churn").detector
    deployment = registry.deployments("Churn")[0].deployment_id
    with registry._context.telemetry.transaction() as transaction:
        detectors.store(transaction, deployment, "Churn", {"metric": "accuracy", "labels": 5, "detector": None})
    assert registry.check_health("Churn").detector == before
    (event,) = registry.events(kinds=["watch_begun_anew"])
    assert (event.actor, event.after) == ("auto", {"deployment": deployment})
    registry.check_health("Churn")
    assert len(registry.events(kinds=["watch_begun_anew"])) == 1


def told_in_parts(told: list[tuple[int, int]], way: str) -> list[list[tuple[int, int]]]:
    """The same outcomes in other calls."""
    if way == "shuffled":
        told = [told[place] for place in np.random.default_rng(1).permutation(len(told))]
    elif way == "backwards":
        told = told[::-1]
    size = {"in order": 37, "shuffled": 499, "backwards": 211, "at once": len(told)}[way]
    return [told[place : place + size] for place in range(0, len(told), size)]


def test_the_state_is_the_same_however_labels_are_told(tmp_path: Path, clock: Clock) -> None:
    folder, told = tmp_path / "first", list[tuple[int, int]]()
    with Registry(folder, clock=clock) as registry:
        registry.configure("Churn", monitoring={"baseline_labels": 500, "on_degradation": "suggest"})
        champions(registry, clock, 2)
        traffic = Mistakes(registry)
        for number in range(64):
            answer, labels = traffic.serve(40, {}, 0.1 if number < 40 else 0.4)
            told += list(zip(answer.prediction_ids.tolist(), labels, strict=True))
            clock.tick(hours=3)
    found = []
    for way in ("in order", "shuffled", "backwards", "at once"):
        copied = tmp_path / way
        shutil.copytree(folder, copied)
        with Registry(copied, clock=clock) as registry:
            for part in told_in_parts(told, way):
                registry.record_outcomes(prediction_ids=[each for each, _ in part], labels=[each for _, each in part])
            health = registry.check_health("Churn", act=False)
            state = detectors.state(registry._context.telemetry, health.deployment_id or 0)
            assert state is not None
            found.append((state["days"], state["last"], health.detector, health.comparison))
    assert found[0][2] is not None
    assert found[0][2].alarm
    assert found[0] == found[1] == found[2] == found[3]


def test_thresholds_alert_and_are_over_by_themselves(registry: Registry, two: list[str]) -> None:
    thresholds = {"thresholds": {"accuracy": 0.8, "auc": 0.1}, "threshold_labels": 200, "window_minutes": 1}
    registry.configure("Churn", monitoring={**QUICK, **thresholds, "on_degradation": "suggest"})
    traffic = Mistakes(registry)
    traffic(100, default=0.3)
    limit = registry.check_health("Churn").limits[0]
    assert (limit.state, limit.labels) == ("not enough", 100)
    registry._context.clock.tick(60)  # pyrefly: ignore[missing-attribute]
    said = traffic(200, default=0.3).acted
    assert len(said) == 1
    assert "accuracy is 0.700 over the last 200 labels (predictions since 2025-07-31 14:01 UTC), below 0.800" in said[0]
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity) == ("threshold", "warning")
    health = registry.check_health("Churn")
    assert (health.state, health.limits[0].state) == ("warning", "beyond")
    assert health.limits[0].value == pytest.approx(0.7)
    registry._context.clock.tick(60)  # pyrefly: ignore[missing-attribute]
    (back,) = traffic(300).acted
    assert "at least" in back
    (over,) = registry.alerts("Churn", resolved=True)
    assert over.resolution == back
    assert registry.get_active_model_id("Churn") == two[1]


def test_health_without_a_champion_or_a_name(registry: Registry) -> None:
    register(registry, 0.9, performance_metrics={})
    health = registry.check_health("Churn")
    assert (health.state, health.model_id) == ("unknown", None)
    with pytest.raises(KeyError, match="has the name"):
        registry.check_health("Nobody")


def test_a_regression_is_watched_by_its_loss(registry: Registry, clock: Clock) -> None:
    registry.configure("Price", monitoring=QUICK)
    ids = []
    for column, r2 in enumerate((0.8, 0.9)):
        model = LinearRegression().fit(rows()[0], rows()[0][:, column])
        ids.append(register(registry, model=model, model_name="Price", performance_metrics={"r2": r2}))
        clock.tick(60)
    predictor = registry.predictor("Price", log="sync")
    truth = np.arange(100) / 10

    def outcomes(error: float) -> tuple[str, ...]:
        clock.tick(3600)
        off = 1 + np.arange(100) % 3
        answer = predictor.predict(np.column_stack([truth + 0.1 * off[::-1], truth + error * off]))
        return registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth.tolist()).acted

    for _ in range(12):
        assert outcomes(0.1) == ()
    health = registry.check_health("Price")
    assert health.metric == "absolute_error"
    assert health.value == pytest.approx(0.2, abs=0.01)
    for _ in range(30):
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


def test_health_tells_how_it_stands_by_now(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_degradation": "suggest"})
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    until_it_says(registry, traffic, "Worse than its baseline")
    first = registry.check_health("Churn")
    assert first.predecessor == two[0]
    for _ in range(10):
        traffic(100, default=0.7)
    health = registry.check_health("Churn")
    assert health.detector is not None
    assert (health.detector.alarm, health.detector.alarms) == (True, 1)
    assert health.detector.sentence in health.sentence
    assert health.sentence != first.sentence, "figures of now, not of when the alert was opened"
    assert f"{named(registry, two[0])} was " in health.sentence
    assert health.sentence.count(named(registry, two[1])) == 1


def test_a_champion_that_answers_again_is_not_rolled_back_later(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={"on_degradation": "suggest", "window_minutes": 1})
    champions(registry, clock, 2)
    current = registry.deployments("Churn")[0]
    predictor = registry.predictor("Churn", log="sync")
    context = registry._context
    Failing("Churn", current.model_id, "nobody", 5, "no answer").tell(context)
    assert kinds(registry) == ["champion_failing"]
    clock.tick(120)
    predictor.predict(rows(19)[0])
    registry.check_health("Churn")
    assert kinds(registry) == ["champion_failing"], "too few answers to say so"
    predictor.predict(rows(10)[0])
    registry.configure("Churn", monitoring={"on_degradation": "act", "window_minutes": 1})
    (said,) = registry.check_health("Churn").acted
    assert "it serves predictions again: 29 since" in said
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
    assert "failed 5 requests in a row (RuntimeError: no answer)" in alert.text
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
    assert "drift is judged over whole weeks" in first.sentence
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
    assert registry.alerts("Churn")[0].text == alert.text, "as it was opened"
    assert later.alerts[0].text == later.sentence
    assert later.drift[0].sentence in later.sentence
    assert later.sentence != health.sentence, "figures of now, not of when the alert was opened"
    assert registry.get_active_model_id("Churn") == third
    clock.tick(days=8)
    for _ in range(4):
        predictor.predict_proba(inputs)
    assert registry.check_health("Churn").acted == (), "nothing is known of these days yet"
    clock.tick(days=1)
    (said,) = registry.check_health("Churn").acted
    assert "match the training data again" in said
    assert registry.alerts("Churn") == []
    registry.configure("Churn", monitoring={"drift": False})
    assert registry.check_health("Churn").drift == ()
