"""The watch over a champion: numbers by hand, batches of any size, a bound that knows how little is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live import baseline, degradation
from registry_core.rules.live.baseline import Baseline, Bound, Threshold
from registry_core.rules.live.degradation import Detector, start
from registry_core.rules.live.sums import of_outcomes

KNOWN = Bound("accuracy", 0.10, "known")


def test_one_batch_by_hand() -> None:
    found = start(KNOWN).update(100, 15)
    expected = [100 * ((0.1 + d) / 0.1) ** 15 * ((0.9 - d) / 0.9) ** 85 for d in (0.02, 0.05, 0.10)]
    assert [math.exp(each) for each in found.log_r] == pytest.approx(expected)
    assert found.value == pytest.approx(sum(expected) / 3)
    then = found.update(50, 4)
    again = [
        (r + 50) * ((0.1 + d) / 0.1) ** 4 * ((0.9 - d) / 0.9) ** 46
        for r, d in zip(expected, (0.02, 0.05, 0.10), strict=True)
    ]
    assert then.value == pytest.approx(sum(again) / 3)
    assert (then.labels, then.bad) == (150, 19.0)


def test_a_batch_is_fair_in_good_times() -> None:
    # E[R after n labels] is n when the rate is the bound, whatever the size of the batch.
    for n in (1, 7, 20):
        mean = sum(math.comb(n, k) * 0.1**k * 0.9 ** (n - k) * start(KNOWN).update(n, k).value for k in range(n + 1))
        assert mean == pytest.approx(n)


def test_larger_batches_are_taken_in_parts_and_stay_fair() -> None:
    k = np.arange(1_201)
    log_weight = [math.lgamma(1_201) - math.lgamma(i + 1) - math.lgamma(1_201 - i) for i in range(1_201)]
    weight = np.exp(np.array(log_weight) + k * math.log(0.1) + (1_200 - k) * math.log(0.9))
    mean = sum(w * start(KNOWN).update(1_200, int(i)).value for i, w in zip(k, weight, strict=True) if w > 1e-30)
    assert mean <= 1_200
    # What came before weighs less than with one step of all.
    assert start(KNOWN).update(1_200, 120) == start(KNOWN).update(1_200, 120)
    assert start(KNOWN).update(2_000, 400).alarm


def test_it_alarms_and_starts_again() -> None:
    watch = start(KNOWN)
    for _ in range(40):
        watch = watch.update(100, 10)
    assert not watch.alarm
    assert watch.sentence == "No alarm: 10.0% of 4,000 labels wrong, up to 10.0% was allowed for"
    for _ in range(10):
        watch = watch.update(100, 20)
    assert watch.alarm
    assert watch.progress == 1
    assert watch.sentence.startswith("Worse than at its promotion: 20.0% of the last 1,000 labels wrong, up to 10.0%")
    assert watch.reset() == start(KNOWN)
    assert start(KNOWN).value == 0
    assert start(KNOWN).sentence == "No labels yet: nothing to watch"
    assert start(KNOWN).update(0, 0) == start(KNOWN)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6))
def test_the_state_survives_json(batches: list[tuple[int, int]]) -> None:
    watch = start(KNOWN, icc=0.01, detectors=2)
    for n, k in batches:
        watch = watch.update(max(n, k), min(n, k))
    text = json.dumps(watch.to_dict(), allow_nan=False)
    assert Detector.from_dict(json.loads(text)) == watch
    assert watch.threshold == 2e6


def test_labels_that_hang_together_are_believed_less() -> None:
    alone, together = start(KNOWN).update(200, 40), start(KNOWN, icc=0.05).update(200, 40)
    gained = [each - math.log(200) for each in alone.log_r]
    assert [each - math.log(200) for each in together.log_r] == pytest.approx([g / (1 + 199 * 0.05) for g in gained])
    chance = np.random.default_rng(1)
    loose = [(100, int(k)) for k in chance.binomial(100, 0.1, 400)]
    tight = [(100, int(k)) for k in chance.binomial(100, chance.beta(1.9, 17.1, 400))]
    assert degradation.intraclass_correlation(loose) < 0.005
    assert degradation.intraclass_correlation(tight) == pytest.approx(0.05, abs=0.01)
    assert degradation.intraclass_correlation([]) == degradation.intraclass_correlation([(5, 1)]) == 0
    assert degradation.intraclass_correlation([(5, 0), (5, 5)]) == 1


def test_losses() -> None:
    bound = Bound("loss", 2.0, "known")
    losses = np.array([1.0, 3.5, 2.5, 0.0])
    found = start(bound).update_losses(4, float(losses.sum()), float(np.square(losses).sum()))
    y = (losses - 2) / 2
    for tilt, log_r in zip((0.02, 0.05, 0.1, 0.2, 0.4), found.log_r, strict=True):
        psi = -math.log(1 - tilt) - tilt
        assert log_r == pytest.approx(math.log(4) + tilt * y.sum() - psi * np.square(y).sum())
    watch = start(bound).watch(of_outcomes(np.zeros(4), losses, task="regression"))
    assert watch.log_r == pytest.approx(found.log_r)
    assert watch.sentence == "No alarm: mean loss 1.75 over 4 labels, up to 2 was allowed for"
    chance = np.random.default_rng(2)
    good = bad = start(bound)
    for _ in range(30):
        good = good.watch(of_outcomes(np.zeros(100), chance.exponential(1.9, 100), task="regression"))
        bad = bad.watch(of_outcomes(np.zeros(100), chance.exponential(3.2, 100), task="regression"))
    assert not good.alarm
    assert bad.alarm
    assert "Worse than at its promotion: mean loss 3." in bad.sentence


@given(st.floats(-1, 50), st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.4]))
def test_a_bet_on_losses_wins_nothing_on_average(y: float, tilt: float) -> None:
    psi = -math.log(1 - tilt) - tilt
    assert math.exp(tilt * y - psi * y * y) <= 1 + tilt * y + 1e-12


def test_the_bound_by_hand() -> None:
    # Clopper and Pearson: 10 of 100, 97.5% one-sided, is 17.62%.
    assert baseline.clopper_pearson_upper(100, 10, 0.975) == pytest.approx(0.1762, abs=5e-5)
    assert baseline.clopper_pearson_upper(3, 3, 0.975) == 1
    many = baseline.of_wrong(40_000, 4_000).bound()
    assert many.value == pytest.approx(0.1130, abs=5e-5)
    assert many.because == ("10.0% wrong on 40,000 rows at its promotion, at most 10.3% by chance, 1 point more: 11.3%")
    few = baseline.of_wrong(2_000, 200).bound()
    assert few.value == pytest.approx(0.10 + 1.96 * math.sqrt(0.09 / 2_000) + 0.01, abs=2e-3)
    assert few.because.endswith(
        "; fewer than 20,000 rows know it too little, so smaller losses than that show late or never"
    )
    assert baseline.of_wrong(40_000, 4_000).bound(0.0).value < many.value


def test_the_baseline_of_sums() -> None:
    sums = of_outcomes([0.0] * 4, [1.0, 2.0, 3.0, 2.0], task="regression")
    found = baseline.of_sums(sums, "loss")
    assert found == Baseline("loss", 4, 2.0, 0.5)
    assert found.bound().value == pytest.approx(2 + 1.95996 * math.sqrt(0.5 / 4) + 0.1, abs=1e-3)
    assert baseline.of_sums(of_outcomes([1, 1], [1, 0])) == baseline.of_wrong(2, 1)


def test_what_cannot_be_watched() -> None:
    with pytest.raises(InvalidInput, match="no labelled rows"):
        baseline.of_sums(of_outcomes([], []))
    with pytest.raises(InvalidInput, match="5 wrong of 4"):
        baseline.of_wrong(4, 5)
    with pytest.raises(InvalidInput, match="tolerance -1"):
        baseline.of_wrong(4, 1).bound(-1)
    with pytest.raises(InvalidInput, match="give one with losses above 0"):
        Baseline("loss", 10, 0.0, 0.0).bound()
    with pytest.raises(InvalidInput, match="5 wrong of 4"):
        start(KNOWN).update(4, 5)
    with pytest.raises(InvalidInput, match="by update_losses"):
        start(Bound("loss", 1.0, "")).update(4, 1)
    with pytest.raises(InvalidInput, match="give it counts"):
        start(KNOWN).update_losses(4, 1.0, 1.0)
    with pytest.raises(InvalidInput, match="are not those of 4 losses"):
        start(Bound("loss", 1.0, "")).update_losses(4, 8.0, 1.0)
    with pytest.raises(InvalidInput, match="give an icc"):
        start(KNOWN, icc=2.0)


def test_a_simple_limit() -> None:
    good, bad = of_outcomes([1] * 300, [1] * 270 + [0] * 30), of_outcomes([1] * 300, [1] * 200 + [0] * 100)
    limit = Threshold("accuracy", 0.80)
    assert limit.judge([good]).sentence == "Not enough labels yet: 300 of 500"
    fine = limit.judge([bad, good, good])
    assert (fine.state, fine.value, fine.labels) == ("within", 0.9, 600)
    assert fine.sentence == "Accuracy 0.9 over the last 600 labels, not below 0.8"
    beyond = limit.judge([good, good, good, bad])
    assert beyond.state == "beyond"
    assert beyond.sentence == "Accuracy 0.7833 over the last 600 labels, below 0.8"
    assert beyond.kind == "simple limit, no guard against chance"
    losses = Threshold("loss", 1.0, 2).judge([of_outcomes([0.0, 0.0], [3.0, 1.0], task="regression")])
    assert losses.sentence == "Loss 2 over the last 2 labels, above 1"
