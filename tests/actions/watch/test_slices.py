"""A slice that becomes worse: somebody is told, nothing is rolled back, and nobody else seems to have answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_core import RecordedOutcomes, Registry
from registry_core.catalog.telemetry import detectors
from tests.clock import Clock
from tests.traffic import register, rows

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
        assert health.slice_sentences == ("2 slices: no sign that it became worse",)
        # The guarantee is shared by the champion's detector and those of two slices.
        assert health.detector is not None
        assert health.detector.log10_alarm == pytest.approx(np.log10(3e6))
        said = [text for _ in range(4) for text in traffic(0.6).acted]
        (alert,) = registry.alerts("Churn")
        assert said == [alert.text]
        assert alert.text.startswith("region = north: Worse than its baseline: 60.0% of the last ")
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
        assert "speak against it" in (over.resolution or "")
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
    assert registry.check_health("Churn").acted == ("region = north: it is no longer watched",)
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
        "country: no row answered so far has the column 'country'",
        "1 slice: no sign that it became worse",
        "1 slice: no baseline yet",
    )
    assert health.slices[1].sentence == "40 labels; 100 make a baseline, or those of 28 days"


def test_slices_do_not_leave_for_files_as_rows(registry: Registry, clock: Clock, worse: Regions) -> None:
    clock.tick(days=100)
    assert registry.archive_performance(90)
    history = registry.prediction_history("Churn")
    assert (len(history), set(history["role"])) == (2400, {"champion"})
    assert registry._context.telemetry.tuples("SELECT count(*) FROM shadow_answers") == [(0,)]
    assert not registry.verify().findings
    assert clock.now - timedelta(days=100) > history["at"].max().to_pydatetime() - timedelta(days=1)
