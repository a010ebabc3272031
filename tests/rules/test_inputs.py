"""The same features by name, order and kind, the same task, the same classes; and what is not known is not the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry_core.actions.signatures import of_metadata
from registry_core.gate_policy import GatePolicy
from registry_core.rules.gates import check_gates
from registry_core.rules.inputs import compare_inputs, input_change
from registry_core.signature import UNKNOWN, Feature, Signature
from tests.rules.test_gates import CHAMPION, candidate, gate, model

AGE, PLAN = Feature("age", "number"), Feature("plan", "category", ("a", "b"))
CHURN = Signature((AGE, PLAN), "model", "table", "binary", ("no", "yes"), True)


def features(*names: str) -> tuple[Feature, ...]:
    return tuple(Feature(name, "number") for name in names)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"features": (PLAN, AGE)}, "features in another order: feature 1 is 'plan', the champion's is 'age'"),
        ({"features": features("age", "tariff")}, "2 features, the champion has 2: 'tariff' is new and 'plan' is gone"),
        ({"features": (AGE,)}, "1 feature, the champion has 2: 'plan' is gone"),
        ({"features": (*CHURN.features, PLAN)}, "3 features, the champion has 2"),
        ({"features": (replace(AGE, kind="datetime"), PLAN)}, "'age' is a date-time, the champion's a number"),
        ({"features": features("x0"), "names": "none"}, "1 features, the champion has 2"),
        ({"features": (), "takes": "text"}, "it takes one text per row, the champion takes a table of features"),
        ({"classes": ("yes", "no")}, "classes in another order: class 1 is 'yes', the champion's is 'no'"),
        ({"classes": (0, 1)}, "0 is new"),
        ({"classes": (False, True)}, "False is new"),
        ({"task": "regression", "classes": ()}, "it is a regression, the champion is a classification"),
        ({"task": "multiclass", "classes": ("no", "yes", "?")}, "3 classes, the champion has 2: '?' is new"),
    ],
)
def test_what_differs_is_said(changes: Any, because: str) -> None:
    found = compare_inputs(replace(CHURN, **changes), CHURN, "Churn_a")
    assert not found.same
    assert not found.unknown
    assert because in found.because


@pytest.mark.parametrize(
    ("mine", "theirs", "because"),
    [
        (UNKNOWN, CHURN, "its features are not recorded"),
        (CHURN, UNKNOWN, "the champion's features are not recorded"),
        (replace(CHURN, names="none"), CHURN, "its features have no names"),
        (replace(CHURN, task=None, classes=()), CHURN, "its task is not recorded"),
        (replace(CHURN, classes=()), CHURN, "its classes are not recorded"),
        (UNKNOWN, UNKNOWN, "its task is not recorded"),
    ],
)
def test_what_is_not_recorded_cannot_be_compared_and_fails(mine: Signature, theirs: Signature, because: str) -> None:
    found = compare_inputs(mine, theirs, "Churn_a")
    assert not found.same
    assert found.unknown
    assert because in found.because
    assert "cannot be compared with those of the champion Churn_a" in found.because


@pytest.mark.parametrize(
    "signature",
    [
        CHURN,
        Signature((), "none", "text", "multiclass", (1, 2, 3), True),
        Signature(features("x0", "x1"), "none", "table", "regression"),
        Signature((), "none", "table", "binary", (0, 1)),
    ],
)
def test_equal_signatures_are_the_same(signature: Signature) -> None:
    found = compare_inputs(signature, signature, "Churn_a")
    assert found.same
    assert found.because.endswith("as the champion Churn_a, in the same order")


def test_a_category_may_take_the_place_of_a_text_and_a_switch_that_of_a_number() -> None:
    other = (replace(AGE, kind="boolean"), replace(PLAN, kind="text", levels=()))
    assert compare_inputs(replace(CHURN, features=other), CHURN, "Churn_a").same


def test_the_gate_says_what_to_do() -> None:
    found = gate("same inputs", GatePolicy(), candidate(model(feature_names=["age"]), CHAMPION))
    assert (found.passed, found.remedy) == (
        False,
        "train the model on the features of Churn 1.0.0, or override once all callers send the new ones",
    )
    found = gate("same inputs", GatePolicy(), candidate(model(feature_names=[]), CHAMPION))
    assert (found.passed, found.remedy) == (
        False,
        "register both models with feature_names= or input_example=, so that their features can be compared",
    )
    report = check_gates(candidate(model(feature_names=["age"]), CHAMPION), GatePolicy(same_inputs=False))
    assert [each.name for each in report.gates] == ["artifact"]


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
    found = input_change(of_metadata(CHAMPION), of_metadata(model(**changes)))
    assert says in found.sentence
    assert found.changes is bool(changes)


def test_what_nobody_recorded_is_no_change() -> None:
    found = input_change(of_metadata(CHAMPION), of_metadata(model(feature_names=[])))
    assert (found.changes, found.unknown) == (False, ("features",))
    assert found.sentence == (
        "Same 2 classes, in the same order. Features were not recorded for both versions and are not compared."
    )
