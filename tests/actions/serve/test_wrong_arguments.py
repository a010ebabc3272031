"""What cannot be meant is refused in words, before anything is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from registry_core import InvalidInput, ModelNotFound, Registry
from tests.traffic import register, rows


@pytest.mark.parametrize("units", [5, np.array(5), "customer", b"customer"])
def test_units_that_are_not_one_a_row(sqlite_registry: Registry, units: Any) -> None:
    register(sqlite_registry)
    with pytest.raises(InvalidInput, match="units"):
        sqlite_registry.predictor("Churn", log="sync").predict(rows()[0][:1], units)


@pytest.mark.parametrize(
    "told",
    [
        {"outcomes": [1, 2]},
        {"outcomes": {1: 0}, "labels": [0]},
        {"prediction_ids": [1], "labels": 1},
        {"prediction_ids": [1], "labels": np.array(1)},
    ],
)
def test_outcomes_that_say_nothing(sqlite_registry: Registry, told: dict[str, Any]) -> None:
    register(sqlite_registry)
    with pytest.raises(InvalidInput):
        sqlite_registry.record_outcomes(**told)


@pytest.mark.parametrize("days", [1e6, 1e9, float("inf"), float("nan"), -1, True, "7"])
def test_an_age_that_is_none(sqlite_registry: Registry, days: Any) -> None:
    register(sqlite_registry)
    with pytest.raises(InvalidInput, match="older_than_days"):
        sqlite_registry.archive_performance(days)


def test_units_of_a_name_nobody_carries(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    with pytest.raises(ModelNotFound, match="'Chrun'"):
        sqlite_registry.record_outcomes(units=["a"], labels=[1], model_name="Chrun")


def test_stages_as_an_array_and_alerts_without_a_limit(sqlite_registry: Registry) -> None:
    champion = register(sqlite_registry)
    challenger = register(sqlite_registry, 0.8)
    assert sqlite_registry.get_active_model_id() == champion
    # pyrefly: ignore[bad-argument-type]
    started = sqlite_registry.start_experiment("Churn", challenger, stages=np.array([0.05, 0.5]))
    assert started.stages == (0.05, 0.5)
    assert sqlite_registry.alerts(limit=None) == []
