"""A prediction service as the demo and the replays play it: rows come, answers go out, the truth follows later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from registry_core import Registry


@dataclass
class Service:
    """Asks the predictor of a model name, and hands in the truth when it is known.

    Attributes:
        say: called with each thing the registry did because of it.
    """

    registry: Registry
    model_name: str
    say: Callable[[str], None]
    log: Literal["batch", "sync"] = "sync"
    waiting: deque[tuple[float, NDArray[np.int64], NDArray[Any]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._predictor = self.registry.predictor(self.model_name, log=self.log)

    def answer(self, due: float, inputs: NDArray[Any], truth: NDArray[Any], units: NDArray[Any] | None = None) -> None:
        """Predict some rows, whose truth is known at ``due``."""
        answer = self._predictor.predict_proba(inputs, units=units)
        self.waiting.append((due, answer.prediction_ids, truth))

    def settle(self, now: float) -> int:
        """Hand in what is known by now; how many outcomes that were."""
        known: dict[int, Any] = {}
        while self.waiting and self.waiting[0][0] <= now:
            _, ids, truth = self.waiting.popleft()
            known.update(zip(ids.tolist(), truth.tolist(), strict=True))
        if known:
            for sentence in self.registry.record_outcomes(known).acted:
                self.say(sentence)
        return len(known)

    def close(self) -> None:
        """Write what is not written yet."""
        self._predictor.close()
