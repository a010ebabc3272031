"""The watch over a champion: numbers by hand, batches of any size, a bound that knows how little is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live import baseline
from registry_core.rules.live.baseline import Baseline
from registry_core.rules.live.degradation import Detector

BOUND = 0.10
NEW = Detector("accuracy")


def test_one_batch_by_hand() -> None:
    found = NEW.update(100, 15, BOUND)
    expected = [100 * ((0.1 + d) / 0.1) ** 15 * ((0.9 - d) / 0.9) ** 85 for d in (0.02, 0.03, 0.05, 0.10)]
    assert [math.exp(each) for each in found.log_r] == pytest.approx(expected)
    assert found.value == pytest.approx(sum(expected) / 4)
    then = found.update(50, 4, BOUND)
    again = [
        (r + 50) * ((0.1 + d) / 0.1) ** 4 * ((0.9 - d) / 0.9) ** 46
        for r, d in zip(expected, (0.02, 0.03, 0.05, 0.10), strict=True)
    ]
    assert then.value == pytest.approx(sum(again) / 4)
    assert (then.labels, then.bad) == (150, 19.0)


def test_a_batch_is_fair_in_good_times() -> None:
    # E[R after n labels] is n when the rate is the bound, whatever the size of the batch.
    for n in (1, 7, 20):
        mean = sum(math.comb(n, k) * 0.1**k * 0.9 ** (n - k) * NEW.update(n, k, BOUND).value for k in range(n + 1))
        assert mean == pytest.approx(n)


def test_larger_batches_are_taken_in_parts_and_stay_fair() -> None:
    k = np.arange(1_201)
    log_weight = [math.lgamma(1_201) - math.lgamma(i + 1) - math.lgamma(1_201 - i) for i in range(1_201)]
    weight = np.exp(np.array(log_weight) + k * math.log(0.1) + (1_200 - k) * math.log(0.9))
    mean = sum(w * NEW.update(1_200, int(i), BOUND).value for i, w in zip(k, weight, strict=True) if w > 1e-30)
    assert mean <= 1_200
    # What came before weighs less than with one step of all.
    assert NEW.update(2_000, 400, BOUND).alarm


def test_an_alarm_lasts_until_labels_speak_against_it() -> None:
    watch = NEW
    for _ in range(40):
        watch = watch.update(100, 10, BOUND)
    assert not watch.alarm
    assert watch.sentence == "No alarm: 10.0% wrong over 4,000 labels, up to 10.0% is allowed"
    for number in range(10):
        watch = watch.update(100, 20, BOUND, start=number)
    assert watch.alarm
    assert (watch.progress, watch.alarms, watch.recent_since) == (1, 1, 0)
    assert watch.sentence.startswith("Worse than its baseline: 20.0% wrong over the last 1,000 labels, up to 10.0%")
    # a likelihood ratio of 100 for the bound against 5 points more: 100 labels bring -0.5 of its logarithm each
    better, labels = watch, 0
    while better.alarm:
        better, labels = better.update(20, 2, BOUND), labels + 20
    gain = 0.1 * math.log(1.5) + 0.9 * math.log(0.85 / 0.9)
    assert labels - 20 < math.log(100) / -gain <= labels
    assert (better.alarms, better.labels, better.log_r) == (1, 0, ())
    assert NEW.value == 0
    assert NEW.sentence == "No labels yet"
    assert NEW.update(0, 0, BOUND) == NEW


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6))
def test_the_state_survives_json(batches: list[tuple[int, int]]) -> None:
    watch = Detector("accuracy", 2e6)
    for n, k in batches:
        watch = watch.update(max(n, k), min(n, k), BOUND, inflation=1.5)
    text = json.dumps(watch.to_dict(), allow_nan=False)
    assert Detector.from_dict(json.loads(text)) == watch
    assert watch.threshold == 2e6


def test_labels_that_hang_together_are_believed_less() -> None:
    alone, together = NEW.update(200, 40, BOUND), NEW.update(200, 40, BOUND, inflation=3.0)
    gained = [each - math.log(200) for each in alone.log_r]
    assert [each - math.log(200) for each in together.log_r] == pytest.approx([g / 3 for g in gained])


def test_losses() -> None:
    new, bound = Detector("loss"), 2.0
    losses = np.array([1.0, 3.5, 2.5, 0.0])
    found = new.update_losses(4, float(losses.sum()), float(np.square(losses).sum()), bound)
    y = (losses - 2) / 2
    for tilt, log_r in zip((0.02, 0.05, 0.1, 0.2, 0.4), found.log_r, strict=True):
        psi = -math.log(1 - tilt) - tilt
        assert log_r == pytest.approx(math.log(4) + tilt * y.sum() - psi * np.square(y).sum())
    assert found == new.watch(4, float(losses.sum()), float(np.square(losses).sum()), bound)
    assert found.sentence == "No alarm: mean loss 1.75 over 4 labels, up to 2 is allowed"
    chance = np.random.default_rng(2)
    good = bad = new
    for _ in range(30):
        one, two = chance.exponential(1.9, 100), chance.exponential(3.2, 100)
        good = good.watch(100, float(one.sum()), float(np.square(one).sum()), bound)
        bad = bad.watch(100, float(two.sum()), float(np.square(two).sum()), bound)
    assert not good.alarm
    assert bad.alarm
    assert "Worse than its baseline: mean loss 3." in bad.sentence


@given(st.floats(-1, 50), st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.4]))
def test_a_bet_on_losses_wins_nothing_on_average(y: float, tilt: float) -> None:
    psi = -math.log(1 - tilt) - tilt
    assert math.exp(tilt * y - psi * y * y) <= 1 + tilt * y + 1e-12


def _of_wrong(rows: int, wrong: int) -> Baseline:
    share = wrong / rows
    return Baseline("accuracy", rows, share, share * (1 - share))


def test_the_bound_by_hand() -> None:
    # Clopper and Pearson: 10 of 100, 97.5% one-sided, is 17.62%.
    assert baseline.clopper_pearson_upper(100, 10, 0.975) == pytest.approx(0.1762, abs=5e-5)
    assert baseline.clopper_pearson_upper(3, 3, 0.975) == 1
    many = _of_wrong(40_000, 4_000).bound()
    # 10% + 1.645 standard errors of 0.15 pp + 1 pp
    assert many.value == pytest.approx(0.1125, abs=5e-5)
    assert many.because == "10.0% wrong on 40,000 labels, upper bound 10.3%, plus a tolerance of 1 pp: 11.3%"
    few = _of_wrong(2_000, 200).bound()
    assert few.value == pytest.approx(0.10 + 1.645 * math.sqrt(0.09 / 2_000) + 0.01, abs=2e-3)
    assert few.because.endswith("; with so few labels, a smaller degradation is detected late or never")
    days = Baseline("accuracy", 2_000, 0.1, 0.09, inflation=4.0, days=3)
    assert days.bound().value == pytest.approx(_of_wrong(500, 50).bound().value)
    assert "on 2,000 labels of 3 days (equivalent to 500 independent ones), upper bound" in days.bound().because
    assert days.bound().because.endswith("; less than a whole week, so a weekday effect may look like a degradation")
    assert _of_wrong(40_000, 4_000).bound(0.0).value < many.value


def test_what_cannot_be_watched() -> None:
    with pytest.raises(InvalidInput, match="tolerance -1"):
        _of_wrong(4, 1).bound(-1)
    with pytest.raises(InvalidInput, match="give one with losses above 0"):
        Baseline("loss", 10, 0.0, 0.0).bound()
    with pytest.raises(InvalidInput, match="5 wrong of 4"):
        NEW.update(4, 5, BOUND)
    with pytest.raises(InvalidInput, match="call update_losses"):
        Detector("loss").update(4, 1, BOUND)
    with pytest.raises(InvalidInput, match="call update with counts"):
        NEW.update_losses(4, 1.0, 1.0, BOUND)
    with pytest.raises(InvalidInput, match="do not belong to 4 losses"):
        Detector("loss").update_losses(4, 8.0, 1.0, BOUND)
    with pytest.raises(InvalidInput, match="give 1 or more"):
        NEW.update(4, 1, BOUND, inflation=0.5)
