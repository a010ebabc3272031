"""The shadow test: numbers by hand, bets that are fair, and units that come often."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live import shadow
from registry_core.rules.live.paired import PairedSums, of_pairs


def pairs(only_challenger: int, only_champion: int, rows: int) -> PairedSums:
    both = rows - only_challenger - only_champion
    champion = [0] * only_challenger + [1] * only_champion + [1] * both
    challenger = [1] * only_challenger + [0] * only_champion + [1] * both
    return of_pairs([1] * rows, champion, challenger)


def beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_evidence_by_hand() -> None:
    found = shadow.compare([pairs(12, 40, 600)])
    evidence = beta(22, 50) - beta(10, 10) + 52 * math.log(2)
    assert found.log_e == pytest.approx(evidence)
    # P(Beta(22, 50) < 1/2), from the binomial distribution of 71 tosses.
    half = sum(math.comb(71, k) for k in range(22, 72)) / 2**71
    assert found.log_e_worse == pytest.approx(evidence + math.log(2 * half))
    assert found.value == pytest.approx(-28 / 600)
    assert found.verdict == "worse"
    assert found.sentence.startswith("Challenger is worse by 4.7 points of accuracy (")
    assert found.sentence.endswith("600 labels of the same rows")


@given(st.integers(0, 400), st.integers(0, 400))
def test_both_sides_are_the_whole(only_challenger: int, only_champion: int) -> None:
    worse = float(shadow.log_e_worse(only_challenger, only_champion))
    better = float(shadow.log_e_worse(only_champion, only_challenger))
    whole = float(shadow.log_e(only_challenger, only_champion))
    assert np.logaddexp(worse, better) - math.log(2) == pytest.approx(whole, abs=1e-9)


def test_the_mixture_of_a_coin_is_fair() -> None:
    # Averaged over all outcomes of ten fair tosses the e-value is 1.
    mean = sum(math.comb(10, c) * math.exp(float(shadow.log_e(c, 10 - c))) for c in range(11)) / 2**10
    assert mean == pytest.approx(1)


@pytest.mark.parametrize(("gain", "loss"), [(0.05, 0.02), (0.3, 0.5), (0.0, 0.0)])
def test_the_bet_is_fair_at_the_true_difference(gain: float, loss: float) -> None:
    mean = 0.0
    for c, b in itertools.product(range(7), repeat=2):
        if c + b <= 6:
            ways = math.factorial(6) / math.factorial(c) / math.factorial(b) / math.factorial(6 - c - b)
            chance = ways * gain**c * loss**b * (1 - gain - loss) ** (6 - c - b)
            mean += chance * math.exp(float(shadow.log_e_above(c, b, 6, gain - loss)))
    assert mean == pytest.approx(1)


@settings(max_examples=50)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 3_000))
def test_the_interval_contains_the_difference(only_challenger: int, only_champion: int, both: int) -> None:
    rows = only_challenger + only_champion + both
    if rows:
        low = float(shadow.lower_bound(only_challenger, only_champion, rows, 0.05))
        value = (only_challenger - only_champion) / rows
        assert -1 <= low <= value
        if low > -1:
            assert float(shadow.log_e_above(only_challenger, only_champion, rows, low)) >= math.log(20)
        assert low <= float(shadow.lower_bound(only_challenger, only_champion, rows, 0.2))
        assert float(shadow.lower_bound(only_challenger, only_champion, rows, 0.05, 3.0)) <= low


def test_models_that_answer_alike_pass_in_the_end() -> None:
    assert (shadow.compare([pairs(0, 0, 200)]).at_least or 0) < -0.01
    found = shadow.compare([pairs(0, 0, 600)])
    assert found.at_least is not None
    assert found.at_least > -0.01
    assert found.p == 1


def test_sums_of_any_buckets() -> None:
    one, two = pairs(12, 40, 600), pairs(3, 9, 150)
    assert shadow.compare([one, two]) == shadow.compare([two + one])


def test_too_little() -> None:
    found = shadow.compare([pairs(1, 3, 85)])
    assert found.sentence == "Not enough labels yet: 85 of 100 that both models answered"
    assert found.p is None
    assert shadow.compare([]).verdict == "not enough"


def test_losses() -> None:
    chance = np.random.default_rng(1)
    truth = chance.normal(size=3_000)
    shared = chance.normal(size=3_000)
    found = shadow.compare(
        [of_pairs(truth, truth + 1.1 * shared, truth + shared, task="regression", clusters=np.arange(3_000) % 64)],
        "loss",
        baseline_variance=0.01,
    )
    assert found.verdict == "better"
    assert found.value == pytest.approx(0.1 * np.abs(shared).mean())
    scores = np.where(truth > 0, 0.8, 0.3)
    brier = shadow.compare(
        [
            of_pairs(
                truth > 0,
                truth > 0,
                truth > 0,
                positive=True,
                champion_scores=np.full(3_000, 0.5),
                challenger_scores=scores,
            )
        ],
        "brier",
        baseline_variance=0.01,
    )
    assert brier.value == pytest.approx(0.25 - (0.04 * (truth > 0) + 0.09 * (truth <= 0)).mean())


def test_units_that_come_often_count_for_less() -> None:
    # Twenty units, each of which has its way a hundred times: no two thousand rows.
    way = np.array([1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1] * 3)
    clusters = (np.arange(60) * 7 % 64).repeat(20)
    champion, challenger = 1 - way.repeat(20), way.repeat(20)
    paired = of_pairs(np.ones(1_200), champion, challenger, clusters=clusters)
    often, naive = shadow.compare([paired]), shadow.compare([paired], clustered=False)
    assert often.inflation == pytest.approx(20, rel=0.2)
    assert often.log_e == pytest.approx((naive.log_e or 0) / often.inflation)
    assert (often.low or 0) < (naive.low or 0)
    few = of_pairs(np.ones(300), np.zeros(300), np.ones(300), clusters=np.arange(300) % 5)
    assert "weigh like 5 of 64" in shadow.compare([few]).sentence
    with pytest.raises(InvalidInput, match="without their clusters"):
        shadow.compare([PairedSums.from_bytes(paired.to_bytes()[0])])
