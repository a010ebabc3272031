"""Experiments on live traffic: what their reports say, and the steps that are taken by themselves."""

from __future__ import annotations

import pytest

from registry_core import GatesFailed, InvalidInput, Registry, StateConflict
from registry_core.actions.serve import answering
from registry_core.catalog.telemetry import streams
from registry_core.catalog.telemetry import windows as stored
from registry_core.rules.live.sums import Sums, of_predictions
from tests.actions.watch.live_traffic import Mistakes, named, register
from tests.clock import Clock
from tests.traffic import Late, Mute, Picky, fitted, regression, trust

QUICK = {"window_minutes": 1}


@pytest.fixture
def two(registry: Registry, clock: Clock) -> list[str]:
    """A champion and a challenger."""
    registry.configure("Churn", monitoring=QUICK)
    ids = []
    for accuracy in (0.9, 0.8):
        ids.append(register(registry, accuracy))
        clock.tick(60)
    return ids


def test_a_report_on_a_split(registry: Registry, clock: Clock, two: list[str]) -> None:
    champion, challenger = two
    number = registry.start_experiment("Churn", challenger, "split", 0.5).experiment_id
    report = registry.experiment_report(number)
    (arm,) = report.challengers
    assert (report.sample_ratio, report.coverage, report.next_stage) == (None, None, None)
    assert (arm.effect.enough, arm.effect.verdict, arm.points) == (False, "not enough", ())
    assert report.verdict == "Not enough labels yet: 0 of 100 for the challenger and 0 of 100 for the champion"
    traffic = Mistakes(registry)
    for _ in range(10):
        traffic(200, {champion: 0.3, challenger: 0.1})
        clock.tick(60)
    report = registry.experiment_report(number)
    (arm,) = report.challengers
    assert arm.champion.predictions + arm.challenger.predictions == 2000
    assert (arm.champion.role, arm.challenger.role, arm.challenger.failures) == ("champion", "split", 0)
    assert arm.challenger.coverage == 1.0
    assert arm.challenger.value == pytest.approx(0.9, abs=0.01)
    assert (arm.effect.kind, arm.effect.verdict, arm.step) == ("split", "better", "promote")
    assert arm.effect.value == pytest.approx(0.2, abs=0.02)
    assert report.verdict.startswith("Challenger is better by 20")
    assert len(arm.points) == 10
    assert arm.points[-1].value == arm.effect.value
    assert [point.start for point in arm.points] == sorted(point.start for point in arm.points)
    assert report.sample_ratio is not None
    assert report.sample_ratio.state == "as planned"
    assert report.coverage is not None
    assert report.coverage.state == "alike"
    assert registry.get_active_model_id("Churn") == champion, "without stages a person promotes"


def test_a_report_on_a_shadow(registry: Registry, clock: Clock, two: list[str]) -> None:
    number = registry.start_experiment("Churn", two[1]).experiment_id
    traffic = Mistakes(registry)
    traffic(500)
    report = registry.experiment_report(number)
    (arm,) = report.challengers
    assert (arm.effect.kind, arm.effect.challenger_labels, arm.effect.value) == ("shadow", 500, 0.0)
    assert (arm.champion.predictions, arm.challenger.predictions, arm.challenger.role) == (500, 500, "shadow")
    assert (report.sample_ratio, arm.step) == (None, "wait")


def test_only_old_enough_predictions_are_compared(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "maturity_hours": 2})
    number = registry.start_experiment("Churn", two[1], "split", 0.5).experiment_id
    answer, labels = Mistakes(registry).serve(1000, {})
    registry.record_outcomes(prediction_ids=answer.prediction_ids[:900], labels=labels[:900])
    report = registry.experiment_report(number)
    assert not report.challengers[0].effect.enough
    assert report.warnings[0] == (
        "1 window is not compared yet, since its outcomes are still arriving: 2 hours, set by monitoring.maturity_hours"
    )
    clock.tick(hours=3)
    report = registry.experiment_report(number)
    assert report.challengers[0].effect.enough
    assert report.warnings == ()


def test_where_all_outcomes_are_in_nobody_waits(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "maturity_hours": 2})
    number = registry.start_experiment("Churn", two[1], "split", 0.5).experiment_id
    Mistakes(registry)(1000)
    assert registry.experiment_report(number).challengers[0].effect.enough


def test_the_whole_way_to_production(registry: Registry, clock: Clock, two: list[str]) -> None:
    champion, challenger = two
    started = registry.start_experiment("Churn", challenger, stages=["shadow", 0.05, 0.5, 1.0])
    assert (started.mode, started.stage, started.arms[0].share) == ("shadow", 0, 0.0)
    with pytest.raises(GatesFailed, match="cannot advance yet"):
        registry.advance_experiment(started.experiment_id)
    with pytest.raises(StateConflict, match="has rollout stages"):
        registry.set_share(started.experiment_id, 0.5)
    traffic = Mistakes(registry)
    said: list[str] = []
    for _ in range(40):
        said += traffic(500, {champion: 0.2, challenger: 0.1}).acted
        clock.tick(days=1)
        if registry.get_active_model_id("Churn") == challenger:
            break
    ended = registry.experiment(started.experiment_id)
    assert (ended.status, ended.ended_by, ended.arms[0].status) == ("promoted", "auto", "promoted")
    kinds = [each.kind for each in reversed(registry.events("Churn")) if each.event_id > started.experiment_id]
    assert kinds == ["experiment_advanced", "experiment_advanced", "promoted", "experiment_promoted"]
    assert "From shadow to 5%" in said[0]
    assert "From 5% to 50%" in said[1]
    assert "was promoted: Passed the last stage, 50%" in said[-1]
    assert "clearly better" in said[-1]
    report = registry.experiment_report(started.experiment_id)
    assert report.challengers[0].shadow_effect is not None
    assert report.challengers[0].shadow_effect.kind == "shadow"
    assert report.verdict.startswith("Ended: ")
    health = registry.check_health("Churn")
    assert health.baseline is not None
    assert health.baseline.source.startswith("its own ")
    assert registry.alerts("Churn") == []


def test_a_clearly_better_challenger_is_spared_stages(registry: Registry, clock: Clock, two: list[str]) -> None:
    champion, challenger = two
    number = registry.start_experiment("Churn", challenger, stages=[1 / 3, 0.4, 0.45, 0.5, 1.0]).experiment_id
    traffic = Mistakes(registry)
    said: list[str] = []
    for _ in range(12):
        said += traffic(150, {champion: 0.3, challenger: 0.05}).acted
        clock.tick(days=1)
        if registry.get_active_model_id("Churn") == challenger:
            break
    assert len(said) == 2
    assert "From 33.3333% to 50%: " in said[0]
    assert "clearly better, +2" in said[0]
    assert "was promoted: Passed the last stage, 50%: " in said[1]
    (arm,) = registry.experiment_report(number).challengers
    assert arm.effect.challenger_labels < 1_000
    moves = [each.after["stage"] for each in registry.events("Churn") if each.kind == "experiment_advanced"]
    assert moves == [3]


def test_where_steps_are_only_suggested(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_rollout": "suggest"})
    number = registry.start_experiment("Churn", two[1], stages=["shadow", 0.5]).experiment_id
    traffic = Mistakes(registry)
    said: tuple[str, ...] = ()
    for _ in range(8):
        said += traffic(300, default=0.2).acted
        clock.tick(days=1)
    assert len(said) == 1
    assert "Next step: advance the experiment" in said[0]
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.evidence["experiment"]) == ("stage_reached", number)
    advanced = registry.advance_experiment(number, actor="anna", reason="go on")
    assert (advanced.mode, advanced.stage, advanced.arms[0].share) == ("split", 1, 0.5)
    assert registry.alerts("Churn") == []
    for _ in range(7):
        traffic(300, {two[0]: 0.2, two[1]: 0.1})
        clock.tick(days=1)
    (alert,) = registry.alerts("Churn")
    assert "Next step: promote the winner" in alert.text
    with pytest.raises(StateConflict, match="no further stage"):
        registry.advance_experiment(number)
    registry.promote_challenger(number, reason="yes")
    assert registry.alerts("Churn") == []


def test_a_stage_can_be_taken_by_override(registry: Registry, two: list[str]) -> None:
    number = registry.start_experiment("Churn", two[1], stages=[0.1, 0.5, 1.0]).experiment_id
    with pytest.raises(InvalidInput, match="requires a reason"):
        registry.advance_experiment(number, override=True)
    registry.pause_experiment(number)
    with pytest.raises(StateConflict, match="is paused"):
        registry.advance_experiment(number, override=True, reason="hurry")
    registry.resume_experiment(number)
    registry.advance_experiment(number, override=True, reason="hurry", actor="anna")
    event = registry.events(limit=1)[0]
    assert event.after["overridden"].keys() == {"labels", "lower bound"}
    registry.advance_experiment(number, override=True, reason="in a great hurry")
    assert registry.get_active_model_id("Churn") == two[1]
    assert registry.experiment(number).status == "promoted"


@pytest.mark.parametrize("policy", ["act", "suggest"])
def test_a_harmful_challenger_is_stopped(registry: Registry, clock: Clock, two: list[str], policy: str) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_rollout": policy})
    number = registry.start_experiment("Churn", two[1], "split", 0.3).experiment_id
    traffic = Mistakes(registry)
    said: list[str] = []
    for _ in range(10):
        said += traffic(200, {two[1]: 0.4}).acted
        clock.tick(60)
    found = registry.experiment(number)
    (alert,) = registry.alerts("Churn")
    assert f"{named(registry, two[1])} is harmful: Challenger -" in said[0]
    assert "e-value of harm" in said[0]
    assert ", limit 20" in said[0]
    assert "no clear difference" not in said[0].lower()
    assert alert.text == said[0]
    if policy == "suggest":
        assert (found.status, alert.kind, alert.severity) == ("running", "challenger_harm", "critical")
        registry.stop_experiment(number)
        assert registry.alerts("Churn") == []
        return
    assert (found.status, found.ended_by, found.arms[0].status, found.arms[0].share) == (
        "refused",
        "auto",
        "refused",
        0,
    )
    assert (alert.kind, alert.severity) == ("challenger_stopped", "warning")
    assert set(registry.predictor("Churn", log="off").predict([[0.0, 0.0]] * 50).model_ids) == {two[0]}
    assert registry.get_metadata(two[1]).status == "registered"


def test_one_of_several_challengers_is_stopped_and_the_other_goes_on(
    registry: Registry, clock: Clock, two: list[str]
) -> None:
    other = register(registry, 0.7)
    number = registry.start_experiment("Churn", [two[1], other], "split", 0.6).experiment_id
    traffic = Mistakes(registry)
    for _ in range(10):
        traffic(300, {other: 0.4})
        clock.tick(60)
    found = registry.experiment(number)
    assert [(arm.status, arm.share) for arm in found.arms] == [("running", 0.3), ("refused", 0.0)]
    report = registry.experiment_report(number)
    assert [each.status for each in report.challengers] == ["running", "refused"]
    assert report.challengers[0].effect.alpha == pytest.approx(0.025)
    assert "2 challengers share one error rate" in report.warnings[0]
    assert report.sample_ratio is not None
    assert report.sample_ratio.state == "as planned"
    assert len(report.sample_ratio.counts) == 3


def test_a_challenger_in_shadow_that_fails_is_told_of(registry: Registry, clock: Clock, two: list[str]) -> None:
    trust(registry)
    mute = register(registry, 0.7, fitted(Mute))
    number = registry.start_experiment("Churn", [two[1], mute]).experiment_id
    traffic = Mistakes(registry)
    calls, said = 0, list[str]()
    while not said and calls < 200:
        calls += 20
        answers = [traffic.serve(1, {}) for _ in range(20)]
        said += registry.record_outcomes({int(told.prediction_ids[0]): labels[0] for told, labels in answers}).acted
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity, alert.model_id) == ("challenger_failing", "warning", mute)
    assert (
        f"{named(registry, mute)} fails too often. A challenger fails significantly more often than the "
        "champion: champion 0.00%" in said[0]
    )
    report = registry.experiment_report(number)
    assert report.failures.state == "more"
    assert report.failures.more == (False, True)
    assert report.failures.counts == ((calls, 0), (calls, 0), (calls, calls))
    assert report.challengers[1].verdict == report.failures.sentence
    # Somebody who resolves it has seen it.
    registry.resolve_alert(alert.alert_id, reason="its feature store is down")
    for _ in range(3):
        traffic(30)
    assert registry.alerts("Churn") == []


def test_a_challenger_that_answers_late_goes_no_further(
    registry: Registry, clock: Clock, two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.configure("Churn", monitoring={**QUICK, "slow_call_ms": 50}, reason="what its users wait for")
    trust(registry)
    number = registry.start_experiment(
        "Churn", register(registry, 0.7, fitted(Late)), stages=[0.5, 0.6, 1.0]
    ).experiment_id
    monkeypatch.setattr(answering, "perf_counter", lambda: Late.clock)
    traffic, said = Mistakes(registry), list[str]()
    for _ in range(24):
        for _ in range(10):
            said += traffic(1, {}, default=0.1).acted
        clock.tick(hours=1)
    report = registry.experiment_report(number)
    assert report.slow_calls is not None
    assert (report.failures.state, report.slow_calls.state) == ("not more", "more")
    (champion, challenger), (calls, late_calls) = report.slow_calls.counts[0], report.slow_calls.counts[1]
    assert (champion > 50, challenger, calls) == (True, 0, late_calls)
    assert "A challenger takes more than 50 ms significantly more often than the champion" in report.slow_calls.sentence
    assert [alert.kind for alert in registry.alerts("Churn")] == ["challenger_slow"]
    assert len([each for each in said if "is slow too often" in each]) == 1
    assert registry.experiment(number).stage == 0
    assert registry.verify().clean


def test_failures_count_against_an_arm(registry: Registry, clock: Clock, two: list[str]) -> None:
    trust(registry)
    picky = register(registry, 0.7, fitted(Picky))
    number = registry.start_experiment("Churn", picky, stages=[0.5, 0.6, 1.0]).experiment_id
    traffic = Mistakes(registry)
    predictor = registry.predictor("Churn", log="sync")
    said: list[str] = []
    for hour in range(24):
        said += traffic(100, {picky: 0.0}, default=0.1).acted
        # Above 100 it raises, and the champion answers.
        answers = [predictor.predict_proba([[101.0, 0.0]], units=[f"high {hour} {call}"]) for call in range(10)]
        ids = [int(each.prediction_ids[0]) for each in answers]
        said += registry.record_outcomes(prediction_ids=ids, labels=[1] * 10).acted
        clock.tick(hours=1)
    report = registry.experiment_report(number)
    (arm,) = report.challengers
    (_, champion_failed), (_, failed) = report.failures.counts
    assert (champion_failed, report.failures.state) == (0, "more")
    assert 80 <= failed <= 160
    assert arm.challenger.failures == failed
    assert [gate.name for gate in arm.gates if not gate.passed][-1] == "guardrails"
    assert any("counts as wrong predictions of the model that failed" in each for each in report.warnings)
    assert [alert.kind for alert in registry.alerts("Churn")] == ["challenger_failing"]
    assert len([each for each in said if "fails too often" in each]) == 1
    assert registry.experiment(number).stage == 0


def test_a_row_an_hour_is_compared(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={"window_minutes": 60})
    number = registry.start_experiment("Churn", two[1], "split", 0.5).experiment_id
    traffic = Mistakes(registry)
    for _ in range(11):
        answers = []
        for _ in range(24):
            answers.append(traffic.serve(1, {two[1]: 0.6}))
            clock.tick(hours=1)
        registry.record_outcomes({int(answer.prediction_ids[0]): labels[0] for answer, labels in answers})
    (arm,) = registry.experiment_report(number).challengers
    assert arm.effect.challenger_labels >= 100
    assert arm.status == "refused", (arm.effect, arm.verdict)


def test_several_challengers_are_asked_for_more_evidence(registry: Registry, two: list[str]) -> None:
    others = [two[1], *(register(registry, 0.7 - place / 100) for place in range(7))]
    number = registry.start_experiment("Churn", others, stages=["shadow", 0.5]).experiment_id
    Mistakes(registry)(200)
    report = registry.experiment_report(number)
    assert [each.gates[2].because for each in report.challengers] == ["e-value of harm 1, limit 160"] * 8


def test_a_split_that_is_not_as_planned_is_noticed(registry: Registry, clock: Clock, two: list[str]) -> None:
    number = registry.start_experiment("Churn", two[1], "split", 0.5).experiment_id
    predictor = registry.predictor("Churn", log="sync")
    # All of one unit: whoever it belongs to gets everything.
    for _ in range(3):
        answer = predictor.predict([[0.1, 0.2]] * 1000)
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=answer.values)
    assert registry.alerts("Churn") == []
    context = registry._context
    there = streams.listed(context.telemetry, "Churn", two[1], number)
    with context.telemetry.transaction() as transaction:
        for row in stored.read(transaction, "windows", list(there), detail=True):
            sums = Sums.from_bytes(bytes(row[6]), bytes(row[7])) + of_predictions(1500)
            stored.store(
                transaction, "windows", (row[0], row[1]), (sums.predictions, 0, sums.labelled), None, sums.to_bytes()
            )
    (said,) = registry.check_health("Churn").acted
    assert "Sample-ratio mismatch" in said
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.severity) == ("sample_ratio", "warning")
    assert registry.experiment_report(number).warnings[0] in alert.text


def test_a_regression_whose_champion_is_new_is_compared_in_shadow(registry: Registry, clock: Clock) -> None:
    """Nobody knows yet how much the champion's loss varies: its first labels in the experiment tell it."""
    registry.configure("Price", monitoring=QUICK)
    ids = [
        register(registry, model=regression(), model_name="Price", performance_metrics={"r2": r2}) for r2 in (0.9, 0.8)
    ]
    started = registry.start_experiment("Price", ids[1])
    predictor = registry.predictor("Price", log="sync")
    for _ in range(6):
        answer = predictor.predict([[number / 100, 1.0] for number in range(100)])
        labels = [value + 0.1 * (1 + number % 3) for number, value in enumerate(answer.values)]
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)
        clock.tick(3600)
    report = registry.experiment_report(started.experiment_id)
    (arm,) = report.challengers
    # Two windows of a hundred labels tell how much it varies, and are not compared.
    assert (arm.effect.kind, arm.effect.enough, arm.effect.challenger_labels) == ("shadow", True, 400)
    assert "estimate the variance of absolute_error" in " ".join(map(str, report.warnings))


def test_a_regression_is_compared_by_its_loss(registry: Registry, clock: Clock) -> None:
    registry.configure("Price", monitoring=QUICK)
    ids = [
        register(registry, model=regression(), model_name="Price", performance_metrics={"r2": r2}) for r2 in (0.9, 0.8)
    ]
    started = registry.start_experiment("Price", ids[1], "split", 0.5)
    assert started.metric == "absolute_error"
    predictor = registry.predictor("Price", log="sync")
    for minute in range(12):
        units = [f"unit {minute} {number}" for number in range(200)]
        answer = predictor.predict([[number / 100, 1.0] for number in range(200)], units=units)
        labels = [
            value + (0.1 if model_id == ids[1] else 0.2) * (1 + number % 3)
            for number, (value, model_id) in enumerate(zip(answer.values, answer.model_ids, strict=True))
        ]
        registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)
        clock.tick(60)
    report = registry.experiment_report(started.experiment_id)
    (arm,) = report.challengers
    assert "estimate the variance of absolute_error" in report.warnings[0]
    assert arm.effect.value == pytest.approx(0.2, abs=0.03)
    assert (arm.effect.metric, arm.effect.verdict) == ("loss", "better")
    assert arm.challenger.value == pytest.approx(0.2, abs=0.01)
