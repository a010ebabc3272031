"""The same inputs, in the same order, and the same classes."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core.policies import GatePolicy
from registry_core.rules.gates import Candidate, check_gates
from registry_core.rules.inputs import input_change
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


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "Same 2 features and 2 classes, in the same order."),
        ({"feature_names": ["plan", "age"]}, "Features change: the same 2 in another order. Same 2 classes, in"),
        ({"feature_names": ["age", "tariff"]}, "Features change: 1 added ('tariff'), 1 removed ('plan'). Same 2"),
        ({"feature_names": ["plan", "age", "tariff"]}, "1 added ('tariff'), the others in another order."),
        ({"feature_names": ["age"]}, "Features change: 1 removed ('plan')."),
        ({"classes": ["yes", "no"]}, "Classes change: the same 2 in another order."),
        ({"classes": ["no", "yes", "maybe"]}, "Classes change: 1 added ('maybe')."),
        ({"task": "regression", "classes": []}, "The task changes from classification to regression."),
    ],
)
def test_what_callers_have_to_change(changes: Any, says: str) -> None:
    found = input_change(CHAMPION, model(**changes))
    assert says in found.sentence
    assert found.changes is bool(changes)


def test_what_nobody_recorded_is_no_change() -> None:
    found = input_change(CHAMPION, model(feature_names=[]))
    assert (found.changes, found.unknown) == (False, ("features",))
    assert found.sentence == (
        "Same 2 classes, in the same order. Features were not recorded for both versions and are not compared."
    )
