"""Predictions with outcomes whose share of mistakes is the test's to choose."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from registry_core import RecordedOutcomes, Registry
from tests.clock import Clock
from tests.traffic import register, rows

__all__ = ["Mistakes", "champions", "register"]


class Mistakes:
    """Serves rows and tells outcomes; of each model's answers a share is wrong, evenly spread and never by chance."""

    def __init__(self, registry: Registry, name: str = "Churn") -> None:
        self._registry, self._name = registry, name
        self._predictor = registry.predictor(name, log="sync")
        self._counts: Counter[str] = Counter()
        self._unit = 0

    def serve(self, count: int, wrong: dict[str, float], default: float = 0.1, verb: str = "predict") -> Any:
        """Answers to so many rows, each of another unit, with their outcomes as ids and labels."""
        inputs, _ = rows(400)
        features = inputs[np.arange(self._unit, self._unit + count) % 400]
        units = [f"unit {number}" for number in range(self._unit, self._unit + count)]
        self._unit += count
        answer = getattr(self._predictor, verb)(features, units=units)
        labels = []
        for said, model_id in zip(answer.values.tolist(), answer.model_ids.tolist(), strict=True):
            rate, before = wrong.get(model_id, default), self._counts[model_id]
            self._counts[model_id] += 1
            mistaken = int((before + 1) * rate) > int(before * rate)
            labels.append(1 - int(said) if mistaken else int(said))
        return answer, labels

    def __call__(self, count: int, wrong: dict[str, float] | None = None, default: float = 0.1) -> RecordedOutcomes:
        """The same, with the outcomes recorded."""
        answer, labels = self.serve(count, wrong or {}, default)
        return self._registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)


def champions(registry: Registry, clock: Clock, count: int) -> list[str]:
    """Ids of models each of which was champion, the last one is."""
    ids = []
    for number in range(count):
        ids.append(register(registry, 0.8 + number / 100))
        clock.tick(3600)
    return ids
