"""The same inputs, in the same order, and the same classes."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core.policies import GatePolicy
from registry_core.rules.gates import Candidate, check_gates
from tests.rules.test_gates import CHAMPION, gate, model


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"feature_names": ["plan", "age"]}, "inputs in another order: input 1 is 'plan', the champion's is 'age'"),
        ({"feature_names": ["age", "tariff"]}, "2 inputs, the champion has 2: 'tariff' is new and 'plan' is gone"),
        ({"feature_names": ["age"]}, "1 input, the champion has 2: 'plan' is gone"),
        ({"feature_names": ["age", "plan", "plan"]}, "3 inputs, the champion has 2"),
        ({"classes": ["yes", "no"]}, "classes in another order: class 1 is 'yes', the champion's is 'no'"),
        ({"classes": [0, 1]}, "0 is new"),
        ({"task": "regression", "classes": []}, "it is a regression, the champion a classification"),
    ],
)
def test_other_inputs_fail(changes: Any, because: str) -> None:
    found = gate("same inputs", GatePolicy(), Candidate(model(**changes), CHAMPION))
    assert not found.passed
    assert because in found.because
    report = check_gates(Candidate(model(**changes), CHAMPION), GatePolicy(same_inputs=False))
    assert [each.name for each in report.gates] == ["artifact"]


def test_inputs_that_nobody_recorded_are_not_compared() -> None:
    found = gate("same inputs", GatePolicy(), Candidate(model(feature_names=[]), CHAMPION))
    assert found.passed
    assert found.because == (
        "2 classes as the champion Churn_a, in its order; inputs were not recorded on both sides and not compared"
    )
