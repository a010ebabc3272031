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
from registry_core.rules.live.days import Days
from registry_core.rules.live.paired import NO_PAIRS, PairedSums, of_pairs


def pairs(only_challenger: int, only_champion: int, rows: int) -> PairedSums:
    both = rows - only_challenger - only_champion
    champion = [0] * only_challenger + [1] * only_champion + [1] * both
    challenger = [1] * only_challenger + [0] * only_champion + [1] * both
    return of_pairs([1] * rows, champion, challenger)


def beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_evidence_by_hand() -> None:
    evidence = beta(22, 50) - beta(10, 10) + 52 * math.log(2)
    assert float(shadow.log_e(12, 40)) == pytest.approx(evidence)
    # P(Beta(22, 50) < 1/2), from the binomial distribution of 71 tosses.
    half = sum(math.comb(71, k) for k in range(22, 72)) / 2**71
    assert float(shadow.log_e_worse(12, 40)) == pytest.approx(evidence + math.log(2 * half))
    # Sixty days of one row of every ten: nothing of a day hangs together, but its rows are taken to by 0.01.
    days = [(day, pairs(2, 5, 60)) for day in range(20)]
    found = shadow.compare(days)
    share = 19 / 23 * 0.01**2 / (0.01**2 + 2 / 19 / 60**2)
    inflation = 1 + 59 * (1 - share) * 0.01 * 23 / 21
    assert found.inflation == pytest.approx(inflation)
    assert found.log_e == pytest.approx(float(shadow.log_e(40 / inflation, 100 / inflation)))
    assert found.log_e_worse == pytest.approx(float(shadow.log_e_worse(40 / inflation, 100 / inflation)))
    assert found.value == pytest.approx(-60 / 1_200)
    assert found.verdict == "worse"
    assert found.sentence.startswith("Challenger is worse by 5.0 pp of accuracy (")
    assert found.sentence.endswith("1,200 labels of the same rows")


def test_rows_of_one_day_count_for_less() -> None:
    # The same rows: on one day, on ten days that are alike, on ten days of which every other one favours the champion.
    whole = pairs(200, 100, 2_000)
    alike = [(day, pairs(20, 10, 200)) for day in range(10)]
    unlike = [(day, pairs(10, 20, 200) if day % 2 else pairs(30, 0, 200)) for day in range(10)]
    one, ten, mixed = (shadow.compare(each) for each in ([(0, whole)], alike, unlike))
    assert one.value == ten.value == mixed.value
    assert ten.inflation < 2 < mixed.inflation
    assert ten.verdict == "better"
    assert one.verdict == mixed.verdict == "no clear difference"
    assert shadow.compare([*unlike[::2], *unlike[1::2]]) == mixed
    often = [(day, part) for day in range(10) for part in [pairs(2, 1, 20)] * 10]
    assert shadow.compare(often) == ten


@pytest.mark.parametrize("sd", [0.01, 0.02, 0.03])
def test_equal_models_are_not_stopped_since_days_differ(sd: float) -> None:
    random, runs, days, rows = np.random.default_rng(round(sd * 100)), 100, 60, 500
    # They differ in 8% of the rows; on a day the challenger is better or worse by this sd, in the long run by nothing.
    mean = np.clip(sd * random.standard_normal((runs, days)), -0.08, 0.08)
    wins = random.binomial(rows, (0.08 + mean) / 2)
    losses = random.binomial(rows - wins, (0.08 - mean) / (2 - 0.08 - mean))
    stopped = {True: 0, False: 0}
    for won, lost in zip(wins.tolist(), losses.tolist(), strict=True):
        known, weight = Days(), []
        for up, down in zip(won, lost, strict=True):
            known = known.add(rows, up - down, up + down)
            weight.append(known.of_all)
        c, b = np.cumsum(won), np.cumsum(lost)
        for learnt, inflation in ((True, np.array(weight)), (False, np.ones(days))):
            stopped[learnt] += bool((shadow.log_e_worse(c / inflation, b / inflation) >= math.log(20)).any())
    assert stopped[True] <= 5
    assert stopped[False] >= 10 or sd < 0.02


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
    assert (shadow.compare([(0, pairs(0, 0, 600))]).at_least or 0) < -0.01
    found = shadow.compare([(day, pairs(0, 0, 600)) for day in range(5)])
    assert found.at_least is not None
    assert found.at_least > -0.01
    assert found.p == 1


def test_sums_of_any_buckets() -> None:
    one, two = pairs(12, 40, 600), pairs(3, 9, 150)
    assert shadow.compare([(0, one), (0, two)]) == shadow.compare([(0, two + one)])


def test_too_little() -> None:
    found = shadow.compare([(0, pairs(1, 3, 85))])
    assert found.sentence == "Not enough labels yet: 85 of 100 for rows with predictions of both models"
    assert found.p is None
    assert shadow.compare([]).verdict == "not enough"


def test_losses() -> None:
    chance = np.random.default_rng(1)
    truth = chance.normal(size=3_000)
    shared = chance.normal(size=3_000)
    found = shadow.compare(
        [(0, of_pairs(truth, truth + 1.1 * shared, truth + shared, task="regression", clusters=np.arange(3_000) % 64))],
        "loss",
        baseline_variance=0.01,
    )
    assert found.verdict == "better"
    assert found.value == pytest.approx(0.1 * np.abs(shared).mean())
    scores = np.where(truth > 0, 0.8, 0.3)
    brier = shadow.compare(
        [
            (
                0,
                of_pairs(
                    truth > 0,
                    truth > 0,
                    truth > 0,
                    positive=True,
                    champion_scores=np.full(3_000, 0.5),
                    challenger_scores=scores,
                ),
            )
        ],
        "brier",
        baseline_variance=0.01,
    )
    assert brier.value == pytest.approx(0.25 - (0.04 * (truth > 0) + 0.09 * (truth <= 0)).mean())


def test_units_that_come_often_count_for_less() -> None:
    # Twenty units, each of which has its way a hundred times: no two thousand rows.
    way = np.array([1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1] * 3)
    clusters = np.arange(60) * 7 % 64
    days = [(day, of_pairs(np.ones(60), 1 - way, way, clusters=clusters)) for day in range(20)]
    paired = sum((sums for _, sums in days), NO_PAIRS)
    often, naive = shadow.compare(days), shadow.compare(days, clustered=False)
    assert often.inflation == pytest.approx(20, rel=0.2)
    c, b = 20 * way.sum(), 20 * (1 - way).sum()
    assert often.log_e == pytest.approx(float(shadow.log_e(c / often.inflation, b / often.inflation)))
    assert (often.low or 0) < (naive.low or 0)
    few = of_pairs(np.ones(300), np.zeros(300), np.ones(300), clusters=np.arange(300) % 5)
    assert "an effective 5 of 64" in shadow.compare([(0, few)]).sentence
    with pytest.raises(InvalidInput, match="without their clusters"):
        shadow.compare([(0, PairedSums.from_bytes(paired.to_bytes()[0]))])
