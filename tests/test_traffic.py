"""The flights of the demo are the same story on a machine of any speed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from registry_core import RecordedOutcomes
from registry_core.demo import traffic
from registry_core.demo.airport import NAME
from registry_core.demo.flights import INPUTS, Flights

#: Flights of each of five days.
SIZES = (40, 5, 90, 31, 60)


class Machine:
    """A clock, and a registry that only notes what it is asked and told; each answer takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.asked = seconds, 0.0, 0
        self.calls: list[tuple[str, list[int]]] = []
        self.location = "here"

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def model_names(self) -> list[str]:
        return [NAME]

    def get_active_model_id(self, name: str) -> str:
        return "a"

    def predictor(self, name: str, log: str) -> Any:
        return SimpleNamespace(predict_proba=self.predict_proba, close=lambda: None)

    def predict_proba(self, inputs: Any, units: Any) -> Any:
        self.now += self.seconds
        ids = np.arange(self.asked, self.asked + len(inputs))
        self.asked += len(inputs)
        self.calls.append(("asked", ids.tolist()))
        return SimpleNamespace(prediction_ids=ids)

    def record_outcomes(self, known: dict[int, int]) -> RecordedOutcomes:
        self.now += self.seconds
        self.calls.append(("told", list(known)))
        return RecordedOutcomes(len(known))


def _played(monkeypatch: pytest.MonkeyPatch, seconds: float, rate: float) -> Machine:
    day = np.repeat(np.arange(len(SIZES)), SIZES)
    flights = Flights(
        np.zeros((len(day), len(INPUTS))), day % 2, day, np.array([f"N{n}" for n in range(len(day))], object)
    )
    machine = Machine(seconds)
    monkeypatch.setattr(traffic, "time", machine)
    monkeypatch.setattr(traffic, "Registry", lambda *_, **__: machine)
    monkeypatch.setattr(Flights, "read", classmethod(lambda cls: flights))
    assert traffic.play("here", lambda line: None, rate=rate, delay=1.0, first=0, last=5) == sum(SIZES)
    return machine


@pytest.mark.parametrize("rate", [13.0, 60.0, 5000.0])
def test_a_slow_machine_plays_the_same_only_slower(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    quick, slow = (_played(monkeypatch, seconds, rate) for seconds in (0.001, 3.0))
    assert quick.calls == slow.calls
    assert quick.now < slow.now
    told = [ids for what, ids in quick.calls if what == "told"]
    # Whole days, one after the other, each once; days that are due in one beat together.
    assert set(np.cumsum([len(ids) for ids in told])) <= set(np.cumsum(SIZES))
    assert [each for ids in told for each in ids] == list(range(sum(SIZES)))
