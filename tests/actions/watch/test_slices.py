"""A slice that becomes worse: somebody is told, nothing is rolled back, and nobody else seems to have answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_core import RecordedOutcomes, Registry
from registry_core.catalog.telemetry import detectors
from registry_core.rules.live import rollout
from tests.clock import Clock
from tests.traffic import register, rows

from .live_traffic import reading

WATCH = {"slices": ["region"], "baseline_labels": 100, "minimum_labels": 50, "overdispersion_icc": 0.0}


class Regions:
    """Serves rows of two regions, a day each, one of ten from the north; of each region a share is answered wrong."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self.registry, self.clock = registry, clock
        self.predictor = registry.predictor("Churn", log="sync")

    def __call__(self, north: float, south: float = 0.1) -> RecordedOutcomes:
        self.clock.tick(days=1)
        inputs, _ = rows(400)
        region = np.where(np.arange(400) % 10 == 0, "north", "south")
        answer = self.predictor.predict(pd.DataFrame(inputs, columns=["first", "second"]).assign(region=region))
        wrong = np.zeros(400, bool)
        for name, rate in (("north", north), ("south", south)):
            places = np.flatnonzero(region == name)
            count = np.arange(len(places))
            wrong[places] = ((count + 1) * rate).astype(int) > (count * rate).astype(int)
        labels = np.where(wrong, 1 - answer.values, answer.values)
        return self.registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)


def test_a_slice_that_becomes_worse(catalog_url: dict[str, Any], clock: Clock) -> None:
    with Registry(**catalog_url, clock=clock, actor="anna") as registry:
        registry.configure("Churn", monitoring=WATCH)
        register(registry, 0.8)
        clock.tick(hours=1)
        champion = register(registry, 0.9)
        traffic = Regions(registry, clock)
        for _ in range(3):
            assert traffic(0.1).acted == ()
        health = registry.check_health("Churn")
        assert health.state == "healthy"
        assert [(each.name, each.labels, each.state) for each in health.slices] == [
            ("region = north", 120, "well"),
            ("region = south", 1080, "well"),
        ]
        assert [each.value for each in health.slices] == [pytest.approx(0.9), pytest.approx(0.9)]
        assert health.slice_sentences == ("2 slices: no sign of degradation",)
        # The guarantee is shared by the champion's detector and those of two slices.
        assert health.detector is not None
        assert health.detector.log10_alarm == pytest.approx(np.log10(3e6))
        said = [text for _ in range(4) for text in traffic(0.6).acted]
        (alert,) = registry.alerts("Churn")
        assert said == [alert.text]
        assert alert.text.startswith("region = north: Worse than its baseline: 60.0% wrong over the last ")
        assert (alert.kind, alert.severity, alert.model_id) == ("slice_degradation", "warning", champion)
        assert alert.key.startswith("slice:")
        assert alert.key.endswith(":region=north")
        health = registry.check_health("Churn")
        assert (health.model_id, health.state) == (champion, "warning")
        assert health.sentence.startswith("Churn 1.0.1: region = north: Worse")
        assert health.slices[0].name == "region = north"
        assert health.slices[0].alarm
        assert not health.slices[1].alarm
        # Whoever asks who answered what sees each row once.
        roles = registry.prediction_history("Churn")["role"].value_counts()
        assert roles["champion"] == 2800
        assert set(roles.index) == {"champion", "shadow"}  # the model before, beside it
        windows = registry.performance_history("Churn", every="day")
        assert [each.labelled for each in windows if each.role == "champion"] == [400] * 7
        assert {each.role for each in windows} == {"champion", "shadow"}
        assert registry.live_performance("Churn", champion).labelled == 2800
        assert not registry.verify().findings
        for _ in range(6):
            traffic(0.1)
        (over,) = registry.alerts("Churn", resolved=True)
        assert over.status == "resolved"
        assert "contradict the alarm" in (over.resolution or "")
        assert registry.check_health("Churn").state == "healthy"


@pytest.fixture
def worse(registry: Registry, clock: Clock) -> Regions:
    """A registry with an open alert about the north."""
    registry.configure("Churn", monitoring=WATCH)
    register(registry)
    traffic = Regions(registry, clock)
    for rate in (0.1, 0.1, 0.1, 0.6, 0.6, 0.6):
        traffic(rate)
    assert [each.kind for each in registry.alerts("Churn")] == ["slice_degradation"]
    return traffic


def test_what_somebody_resolved_is_not_told_again(registry: Registry, worse: Regions) -> None:
    registry.resolve_alert(registry.alerts("Churn")[0].alert_id, reason="the north has another season")
    assert worse(0.6).acted == ()
    assert registry.alerts("Churn") == []
    assert registry.check_health("Churn").slices[0].alarm


def test_a_slice_that_is_no_longer_declared_is_no_trouble(registry: Registry, worse: Regions) -> None:
    registry.configure("Churn", monitoring={**WATCH, "slices": []})
    assert registry.check_health("Churn").acted == ("region = north: the slice is no longer monitored",)
    assert registry.alerts("Churn") == []
    assert registry.check_health("Churn").slices == ()


def test_the_state_that_is_kept_is_the_one_that_is_worked_out_anew(registry: Registry, worse: Regions) -> None:
    telemetry, deployment = registry._context.telemetry, registry.check_health("Churn").deployment_id
    assert deployment is not None
    kept = detectors.state(telemetry, deployment)
    assert kept is not None
    assert set(kept["slices"]) == {"region=north", "region=south"}
    with telemetry.transaction() as transaction:
        detectors.store(transaction, deployment, "Churn", {})
    registry.check_health("Churn")
    anew = detectors.state(telemetry, deployment)
    assert anew is not None
    assert {name: each["last"] for name, each in anew["slices"].items()} == {
        name: each["last"] for name, each in kept["slices"].items()
    }


def test_a_column_that_no_row_has_is_said(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={**WATCH, "slices": ["region", "country"]})
    register(registry)
    Regions(registry, clock)(0.1)
    health = registry.check_health("Churn")
    assert [each.state for each in health.slices] == ["absent", "no baseline", "well"]
    assert health.slice_sentences == (
        "country: no prediction so far has the column 'country'",
        "1 slice: no sign of degradation",
        "1 slice: no baseline yet",
    )
    assert health.slices[1].sentence == "40 labels; a baseline requires 100, or the labels of 28 days"


def test_slices_do_not_leave_for_files_as_rows(registry: Registry, clock: Clock, worse: Regions) -> None:
    clock.tick(days=100)
    assert registry.archive_performance(90)
    history = registry.prediction_history("Churn")
    assert (len(history), set(history["role"])) == (2400, {"champion"})
    assert registry._context.telemetry.tuples("SELECT count(*) FROM shadow_answers") == [(0,)]
    assert not registry.verify().findings
    assert clock.now - timedelta(days=100) > history["at"].max().to_pydatetime() - timedelta(days=1)


@pytest.mark.parametrize("how", [{"stages": ["shadow", 0.5, 1.0]}, {"mode": "split", "share": 0.5}])
def test_a_challenger_that_is_worse_in_a_slice_goes_no_further(
    registry: Registry, clock: Clock, how: dict[str, Any]
) -> None:
    registry.configure("Churn", monitoring=WATCH)
    champion = register(registry, 0.9, reading(0))
    challenger = register(registry, 0.8, reading(1))
    number = registry.start_experiment("Churn", challenger, **how).experiment_id
    predictor, chance = registry.predictor("Churn", log="sync"), np.random.default_rng(3)
    said: list[str] = []
    for _ in range(12):
        clock.tick(days=1)
        features, count = rows(400)[0].copy(), 400
        north = np.arange(count) % 10 == 0
        truth = (features[:, 0] > 0) ^ (chance.random(count) < 0.10)
        # As many mistakes as the champion on the whole, most of them in the north.
        mistaken = chance.random(count) < np.where(north, 0.60, 0.045)
        features[:, 1] = np.where(truth ^ mistaken, 1, -1) * np.abs(features[:, 1])
        frame = pd.DataFrame(features, columns=["first", "second"])
        answer = predictor.predict(
            frame.assign(region=np.where(north, "north", "south")),
            units=[f"{clock():%j} {row}" for row in range(count)],
        )
        said += registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth.astype(int)).acted
    report = registry.experiment_report(number)
    assert [(each.name, each.challenger_id, each.worse) for each in report.slices] == [
        ("region = north", challenger, True),
        ("region = south", challenger, False),
    ]
    north_slice, south = report.slices
    assert (report.checks[-1], south.state) == (north_slice, "not worse")
    assert north_slice.effect.value is not None
    assert -0.65 < north_slice.effect.value < -0.35
    assert south.effect.value is not None
    assert south.effect.value > 0
    # Slices have a half of all, of which the one that came up first has a half and the second one a sixth.
    assert sorted(each.effect.alpha for each in report.slices) == pytest.approx([0.05 / 2 / 6, 0.05 / 2 / 2])
    (alert,) = registry.alerts("Churn")
    assert (alert.kind, alert.model_id) == ("challenger_slice", challenger)
    assert [each for each in said if "worse than the champion in a slice" in each] == [alert.text]
    assert "region = north: challenger -" in alert.text
    assert registry.experiment(number).status == "running"
    assert registry.get_active_model_id("Churn") == champion
    if "stages" in how:
        assert registry.experiment(number).stage == 0
        assert "Worse in a slice: region = north" in report.challengers[0].verdict
    # Whoever asks who answered what sees each row once, and nothing of it is counted otherwise than the raw rows say.
    windows = registry.performance_history("Churn", every="day")
    assert {each.role for each in windows} <= {"champion", "shadow", "split"}
    assert sum(each.labelled for each in windows if each.role in ("champion", "split")) == 12 * 400
    assert registry.verify().clean


def test_parts_of_slices_share_one_error_rate() -> None:
    parts = [rollout.part_of_slice(place) for place in range(2_000)]
    assert parts[:3] == pytest.approx([1 / 2, 1 / 6, 1 / 12])
    assert 0.999 < sum(parts) < 1
