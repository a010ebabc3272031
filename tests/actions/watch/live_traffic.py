"""Predictions with outcomes whose share of mistakes is the test's to choose."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from registry_core import RecordedOutcomes, Registry
from tests.clock import Clock
from tests.traffic import register, rows

__all__ = ["Mistakes", "champions", "named", "reading", "register"]


def named(registry: Registry, model_id: str) -> str:
    """How sentences call a version."""
    return registry.get_metadata(model_id).display_name


def reading(column: int) -> LogisticRegression:
    """A classifier that answers by the sign of one of its two inputs."""
    inputs, _ = rows()
    return LogisticRegression(C=1e3).fit(inputs * np.eye(2)[column], (inputs[:, column] > 0).astype(int))


class Mistakes:
    """Serves rows and tells outcomes; of each model's answers a share is wrong, evenly spread and never by chance.

    With a clock every call is an hour later than the one before. What the earlier champion would have answered is wrong
    in ``beside`` of the cases, where it reads the other column: see ``champions``.
    """

    def __init__(
        self, registry: Registry, clock: Clock | None = None, name: str = "Churn", beside: float = 0.1
    ) -> None:
        self._registry, self._clock, self._name, self.beside = registry, clock, name, beside
        self._predictor = registry.predictor(name, log="sync")
        self._counts: Counter[str] = Counter()
        self._unit = 0

    def serve(self, count: int, wrong: dict[str, float], default: float = 0.1, verb: str = "predict") -> Any:
        """Answers to so many rows, each of another unit, with their outcomes as ids and labels."""
        champion = self._registry.get_active_model_id(self._name)
        assert champion is not None
        column = int(self._registry.get_metadata(champion).description or 0)
        inputs, _ = rows(400)
        features = inputs[np.arange(self._unit, self._unit + count) % 400].copy()
        units = [f"unit {number}" for number in range(self._unit, self._unit + count)]
        self._unit += count
        # As if the champion answered them all.
        ours = self._mistaken(champion, count, wrong.get(champion, default))
        theirs = self._mistaken("beside", count, self.beside)
        self._counts["beside"] += count
        truth = (features[:, column] > 0) ^ ours
        features[:, 1 - column] = np.where(truth ^ theirs, 1, -1) * np.abs(features[:, 1 - column])
        answer = getattr(self._predictor, verb)(features, units=units)
        labels = []
        said_all = answer.values if verb == "predict" else answer.values.argmax(axis=1)
        for said, model_id in zip(said_all.tolist(), answer.model_ids.tolist(), strict=True):
            (mistaken,) = self._mistaken(model_id, 1, wrong.get(model_id, default))
            self._counts[model_id] += 1
            labels.append(1 - int(said) if mistaken else int(said))
        return answer, labels

    def _mistaken(self, who: str, count: int, rate: float) -> Any:
        before = self._counts[who] + np.arange(count)
        return ((before + 1) * rate).astype(int) > (before * rate).astype(int)

    def __call__(self, count: int, wrong: dict[str, float] | None = None, default: float = 0.1) -> RecordedOutcomes:
        """The same, with the outcomes recorded."""
        if self._clock is not None:
            self._clock.tick(3600)
        answer, labels = self.serve(count, wrong or {}, default)
        return self._registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)


def champions(registry: Registry, clock: Clock, count: int) -> list[str]:
    """Ids of models each of which was champion, the last one is; neighbours read different columns."""
    ids = []
    for number in range(count):
        column = number % 2
        ids.append(register(registry, 0.8 + number / 100, reading(column), description=str(column)))
        clock.tick(3600)
    return ids
