"""Traffic through the public API: predictions of a small model, and labels that agree with it as often as wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from registry_core import Answer, Predictor, Registry
from tests.clock import Clock

from .conftest import register

#: Little enough that a test can reach it.
WATCH = {"baseline_labels": 400, "minimum_labels": 100, "notify": []}


def reference(rows: int = 800) -> Any:
    """Inputs like those of ``serve``."""
    return np.random.default_rng(1).random((rows, 2))


def begin(registry: Registry, clock: Clock, days: float = 3.0, **watch: Any) -> str:
    """A champion since some days before now, the time of the pages."""
    clock.now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    registry.configure(auto_select_best=False, monitoring={**WATCH, **watch}, actor="anna", reason="set up")
    model_id = register(registry, reference=reference())
    registry.promote(model_id, actor="anna", reason="the first")
    return model_id


def serve(
    registry: Registry,
    rows: int,
    *,
    wrong: float = 0.0,
    labelled: float = 1.0,
    shift: float = 0.0,
    seed: int = 0,
    predictor: Predictor | None = None,
) -> Answer:
    """Ask, and tell the truth of the first share of it; a share of that is not what was answered."""
    random = np.random.default_rng(seed)
    asked = predictor or registry.predictor("Churn", log="sync")
    answer = asked.predict_proba(random.random((rows, 2)) + np.array([shift, 0.0]))
    said = answer.values.argmax(axis=1)
    truth = np.where(random.random(rows) < wrong, 1 - said, said)
    known = round(rows * labelled)
    if known:
        registry.record_outcomes(prediction_ids=answer.prediction_ids[:known], labels=truth[:known])
    return answer


def degrade(registry: Registry, clock: Clock) -> tuple[str, str]:
    """A second champion that is good for a while and then is not: the registry rolls it back. Old and new id."""
    # Both answer alike, so that there is nothing to be compared.
    first = begin(registry, clock, overdispersion_icc=0.0, act_without_comparison=True)
    serve(registry, 500, seed=1)
    clock.tick(hours=20)
    second = register(registry, 0.9, reference=reference())
    registry.promote(second, actor="anna", reason="better on the holdout")
    serve(registry, 500, seed=2)
    clock.tick(hours=4)
    for step in range(5):
        if registry.get_active_model_id("Churn") == first:
            break
        clock.tick(hours=1)
        serve(registry, 100, wrong=0.5, seed=10 + step)
    assert registry.get_active_model_id("Churn") == first
    return first, second
