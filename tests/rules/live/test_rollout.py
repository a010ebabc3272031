"""Stages of a rollout: each gate by its own numbers, and reasons in sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from registry_core.errors import InvalidInput
from registry_core.live.effect import Effect
from registry_core.rules.live.rollout import clearly_better, default_stages, harm, judge

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
        "From 5% to 25%: 400 labels, 300 required, at least -4.0 pp of accuracy with 99% confidence, "
        "above -5.0 pp required"
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
        "Stays at 25%: 400 labels, 1,000 required; at least -4.0 pp of accuracy with 99% confidence, "
        "above -3.0 pp required"
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
        "Challenger -6.0 pp of accuracy (-11.0 to -1.0), 400 against 9,000 labels: e-value of harm 31, limit 20"
    )
    # Of several challengers each has its part of alpha, and is asked for more.
    assert judge(STAGES, 2, replace(bad, alpha=0.05 / 8)).step == "wait"
    assert harm(replace(bad, alpha=0.05 / 8)).because == "e-value of harm 31, limit 160"
    # Enough evidence that it is worse outweighs gates that hold.
    assert judge(STAGES, 2, replace(FINE, log_e_worse=900.0)).step == "roll back"


def test_it_promotes_behind_the_last_stage() -> None:
    assert judge(STAGES, 4, replace(FINE, challenger_labels=2_500, at_least=-0.019)).step == "promote"
    assert judge(STAGES, 4, replace(FINE, challenger_labels=2_499, at_least=-0.019)).step == "wait"


def test_the_shadow_goes_first() -> None:
    shadow = replace(FINE, kind="shadow", at_least=-0.009, challenger_labels=4_000, bound_alpha=0.05)
    assert judge(STAGES, 0, shadow).because.startswith(
        "From shadow to 1%: 4,000 labels, 100 required, at least -0.9 pp of accuracy with 95% confidence"
    )
    assert judge(STAGES, 0, replace(shadow, at_least=-0.011)).step == "wait"
    with pytest.raises(InvalidInput, match="judged by a shadow test"):
        judge(STAGES, 0, FINE)
    with pytest.raises(InvalidInput, match="judged by a split test"):
        judge(STAGES, 1, shadow)
    with pytest.raises(InvalidInput, match="give one from 0 to 4"):
        judge(STAGES, 5, FINE)


BETTER = replace(FINE, value=0.1, low=0.02, high=0.18, at_least=-0.001, challenger_labels=130)


def test_a_clearly_better_challenger_passes_early() -> None:
    shadow = replace(BETTER, kind="shadow", bound_alpha=0.05)
    found = judge(STAGES, 0, shadow)
    assert (found.step, found.to) == ("advance", 4)
    assert found.because == (
        "From shadow to 50%: 130 labels, 100 required, clearly better, +10.0 pp of accuracy (+2.0 to +18.0), "
        "130 labels of the same rows"
    )
    # Shown by the split, at any of its stages; the usual way takes one stage.
    assert judge(STAGES, 1, BETTER).to == 4
    assert judge(STAGES, 1, replace(FINE, at_least=-0.04)).to == 2
    # What the shadow had shown is enough at the last stage, with a few labels of that stage.
    unclear = replace(BETTER, low=-0.06, at_least=-0.05)
    assert judge(STAGES, 4, unclear, here=99, shadow=shadow).step == "wait"
    passed = judge(STAGES, 4, unclear, here=100, shadow=shadow)
    assert passed.step == "promote"
    assert "clearly better in shadow, +10.0 pp" in passed.because
    assert judge(STAGES, 4, unclear, here=100).step == "wait"


def test_what_the_shadow_had_shown_does_not_count_against_the_split() -> None:
    shadow = replace(BETTER, kind="shadow")
    against = replace(BETTER, value=-0.01, low=-0.2, high=0.18)
    assert clearly_better(against, shadow) is None
    assert clearly_better(replace(against, value=0.01), shadow) is shadow
    assert clearly_better(replace(against, value=None), shadow) is None
    assert clearly_better(BETTER, None) is BETTER
    harmful = replace(against, value=0.01, log_e_worse=math.log(25))
    assert judge(STAGES, 4, harmful, here=500, shadow=shadow).step == "roll back"


def test_a_promising_challenger_stays_in_shadow() -> None:
    shadow = replace(FINE, kind="shadow", value=0.05, low=-0.01, at_least=-0.001)
    found = judge(STAGES, 0, shadow)
    assert found.step == "wait"
    assert found.because.startswith("Stays in shadow: its gates passed, but more labels may prove the challenger")
    assert all(check.passed for check in found.checks)
    # Not for ever: the interval narrows around what there is.
    assert judge(STAGES, 0, replace(shadow, low=-0.03)).step == "wait"
    assert judge(STAGES, 0, replace(shadow, low=-0.1)).step == "advance"
    assert judge(STAGES, 0, replace(shadow, value=-0.001, low=-0.009)).step == "advance"


def test_one_that_fails_goes_no_further() -> None:
    found = judge(STAGES, 2, FINE, failing="A challenger fails more often")
    assert (found.step, found.because) == ("wait", "Stays at 5%: A challenger fails more often")
    assert [check.name for check in found.checks if not check.passed] == ["guardrails"]
    none = Effect("accuracy", "shadow", 0, 0, False, "Not enough labels yet")
    assert judge(STAGES, 0, none, failing="It fails").because == "It fails"
