"""Stages of a rollout: each gate by its own numbers, and reasons in sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from registry_core.errors import InvalidInput
from registry_core.live.effect import Effect
from registry_core.rules.live.rollout import default_stages, judge

STAGES = default_stages()
FINE = Effect(
    "accuracy", "split", 9_000, 400, True, value=0.01, low=-0.03, high=0.05, at_least=-0.04, log_e_worse=math.log(0.2)
)


def test_the_stages() -> None:
    assert [(each.share, each.least_labels, each.least_bound) for each in STAGES] == [
        (0.0, 100, -0.01),
        (0.01, 100, -0.10),
        (0.05, 300, -0.05),
        (0.25, 1_000, -0.03),
        (0.5, 2_500, -0.02),
    ]
    assert STAGES[0].shadow
    assert default_stages(0.5)[2].least_bound == -2.5


def test_it_advances() -> None:
    found = judge(STAGES, 2, FINE)
    assert found.step == "advance"
    assert found.because == (
        "From 5% to 25%: 400 labels, 300 asked, at least -4.0 points of accuracy with 99% certainty, "
        "above -5.0 points asked"
    )
    assert [(check.name, check.passed) for check in found.checks] == [
        ("labels", True),
        ("lower bound", True),
        ("not worse", True),
    ]


def test_it_waits() -> None:
    found = judge(STAGES, 3, FINE)
    assert found.step == "wait"
    assert found.because == (
        "Stays at 25%: 400 labels, 1,000 asked; at least -4.0 points of accuracy with 99% certainty, "
        "above -3.0 points asked"
    )
    none = Effect("accuracy", "split", 9_000, 85, False, "Not enough labels yet: 85 of 100 for the challenger")
    assert judge(STAGES, 1, none).step == "wait"
    assert judge(STAGES, 1, none).because == "Not enough labels yet: 85 of 100 for the challenger"
    assert [check.passed for check in judge(STAGES, 1, none).checks] == [False, False, True]
    assert judge(STAGES, 2, replace(FINE, at_least=-0.05)).step == "wait"


def test_it_rolls_back() -> None:
    bad = replace(FINE, value=-0.06, low=-0.11, high=-0.01, at_least=-0.12, log_e_worse=math.log(31))
    found = judge(STAGES, 2, bad)
    assert found.step == "roll back"
    assert found.because == (
        "Challenger -6.0 points of accuracy (-11.0 to -1.0), 400 against 9,000 labels: "
        "evidence that it is worse 31, 20 rolls back"
    )
    assert judge(STAGES, 2, bad, evidence=100).step == "wait"
    # Enough evidence that it is worse outweighs gates that hold.
    assert judge(STAGES, 2, replace(FINE, log_e_worse=900.0)).step == "roll back"


def test_it_promotes_behind_the_last_stage() -> None:
    assert judge(STAGES, 4, replace(FINE, challenger_labels=2_500, at_least=-0.019)).step == "promote"
    assert judge(STAGES, 4, replace(FINE, challenger_labels=2_499, at_least=-0.019)).step == "wait"


def test_the_shadow_goes_first() -> None:
    shadow = replace(FINE, kind="shadow", at_least=-0.009, challenger_labels=4_000, bound_alpha=0.05)
    assert judge(STAGES, 0, shadow).because.startswith(
        "From shadow to 1%: 4,000 labels, 100 asked, at least -0.9 points of accuracy with 95% certainty"
    )
    assert judge(STAGES, 0, replace(shadow, at_least=-0.011)).step == "wait"
    with pytest.raises(InvalidInput, match="judged by a shadow test"):
        judge(STAGES, 0, FINE)
    with pytest.raises(InvalidInput, match="judged by a split test"):
        judge(STAGES, 1, shadow)
    with pytest.raises(InvalidInput, match="no stage 5"):
        judge(STAGES, 5, FINE)
