"""Rates by group, their gaps and ratios."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import fairness_peer, insights
from registry_core.insights import FAIRNESS_RATES
from registry_core.rules import fairness


def drawn(rows: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(3)
    group = chance.choice(["F", "M", "X"], rows, p=[0.5, 0.4, 0.1])
    truth = (chance.random(rows) < np.where(group == "M", 0.5, 0.3)).astype(np.intp)
    predicted = np.where(chance.random(rows) < np.where(group == "X", 0.4, 0.2), 1 - truth, truth)
    return group, truth, predicted


def test_rates_gaps_and_ratios_by_hand() -> None:
    group, truth, predicted = drawn()
    found = fairness.groups(group, truth, predicted, 2)
    assert sum(each.rows for each in found) == 600
    for each in found:
        mine = group == each.name
        called, positive = predicted[mine] == 1, truth[mine] == 1
        expected = (called.mean(), called[positive].mean(), called[~positive].mean(), (called == positive).mean())
        for rate, value in zip(FAIRNESS_RATES, expected, strict=True):
            assert each.rates[rate].value == pytest.approx(value, abs=1e-12)
    gaps = fairness.gaps(found, 1)
    for rate, gap in gaps.items():
        values = [each.rates[rate].value or 0.0 for each in found]
        assert gap.difference.value == pytest.approx(max(values) - min(values), abs=1e-12)
        assert gap.ratio is not None
        assert gap.ratio.value == pytest.approx(min(values) / max(values), abs=1e-12)
        assert gap.difference.low is not None
        assert gap.difference.high is not None
        assert 0 <= gap.difference.low <= gap.difference.value <= gap.difference.high <= 1
        assert gap.ratio.low is not None
        assert gap.ratio.high is not None
        assert 0 <= gap.ratio.low <= gap.ratio.value <= gap.ratio.high <= 1


#: What Fairlearn 0.15 gives for ``fairness_peer.draw(1, 3)``: ``python -m benchmarks.fairness_peer --example``.
FAIRLEARN = {
    "selection_rate": {
        "0": 0.30709876543209874, "1": 0.5214723926380368, "2": 0.4257142857142857,
        "difference": 0.21437362720593806, "ratio": 0.5889070442992012,
    },
    "true_positive_rate": {
        "0": 0.9506172839506173, "1": 0.7075718015665796, "2": 0.6405529953917051,
        "difference": 0.3100642885589122, "ratio": 0.6738284756717936,
    },
    "false_positive_rate": {
        "0": 0.09259259259259259, "1": 0.25650557620817843, "2": 0.32919254658385094,
        "difference": 0.23659995399125835, "ratio": 0.28127183787561144,
    },
    "accuracy": {
        "0": 0.9182098765432098, "1": 0.7223926380368099, "2": 0.6614285714285715,
        "difference": 0.25678130511463837, "ratio": 0.7203457382953182,
    },
}  # fmt: skip


def test_the_numbers_are_fairlearns() -> None:
    mine = fairness_peer.ours(*fairness_peer.draw(1, 3))
    for rate, numbers in FAIRLEARN.items():
        assert mine[rate] == pytest.approx(numbers, abs=1e-12)


def test_a_small_group_is_named_and_not_counted() -> None:
    group = np.array(["F"] * 60 + ["M"] * 60 + ["X"] * 3)
    truth = np.tile([0, 1], 62)[:123]
    predicted = np.where(group == "X", 1 - truth, truth)
    found = fairness.groups(group, truth, predicted, 2)
    gaps = fairness.gaps(found, 30)
    assert {gap.highest for gap in gaps.values()} | {gap.lowest for gap in gaps.values()} <= {"F", "M"}
    assert gaps["accuracy"].difference.value == 0.0
    assert fairness.small_groups(found, 30) == ("X",)
    said = fairness.sentence("sex", found, gaps, 30)
    assert "X" in said
    assert "fewer than 30 rows" in said


def test_a_group_without_positive_rows_has_no_true_positive_rate() -> None:
    group, truth = np.array(["F"] * 40 + ["M"] * 40), np.array([0] * 40 + [1] * 40)
    found = fairness.groups(group, truth, truth, 2)
    rates = {each.name: each.rates["true_positive_rate"] for each in found}
    assert rates["F"].value is None
    assert rates["F"].rows == 0
    assert "true_positive_rate" not in fairness.gaps(found, 30)


def test_more_classes_are_compared_by_accuracy_alone() -> None:
    codes = np.tile([0, 1, 2], 40)
    found = fairness.groups(np.repeat(["a", "b"], 60), codes, codes, 3)
    assert set(found[0].rates) == {"accuracy"}


def test_no_rate_of_two_groups_gives_no_gap_and_says_so() -> None:
    found = fairness.groups(np.array(["a"] * 5), np.zeros(5, np.intp), np.zeros(5, np.intp), 2)
    assert fairness.gaps(found, 30) == {}
    assert "no gap is given" in fairness.sentence("sex", found, {}, 30)


@pytest.mark.parametrize("rates", [(0.3, 0.45), (0.1, 0.2, 0.2, 0.35)])
def test_the_interval_of_a_gap_holds(rates: tuple[float, ...]) -> None:
    assert sum(insights.gap_covers(seed, rates) for seed in range(120)) >= 105
