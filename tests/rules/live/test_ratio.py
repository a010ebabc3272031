"""Whether traffic is dealt out as planned, and labels come back alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from registry_core.errors import InvalidInput
from registry_core.rules.live import ratio
from registry_core.rules.live.sums import Sums, of_outcomes, of_predictions


def counted(*predictions: int) -> list[Sums]:
    return [of_predictions(each) for each in predictions]


def test_evidence_by_hand() -> None:
    # One stage, half and half: the ratio of two Beta functions to the likelihood of even shares.
    expected = (
        2 * math.lgamma(1)
        + (math.lgamma(500 + 620) + math.lgamma(500 + 380) - math.lgamma(2_000))
        - (2 * math.lgamma(500) - math.lgamma(1_000))
        + 1_000 * math.log(2)
    )
    found = ratio.log_e(np.array([[620.0, 380.0]]), np.array([[0.5, 0.5]]))
    assert found == pytest.approx(expected)


def test_the_mixture_is_fair() -> None:
    mean = 0.0
    for k in range(11):
        e = math.exp(ratio.log_e(np.array([[10.0 - k, k]]), np.array([[0.9, 0.1]])))
        mean += math.comb(10, k) * 0.1**k * 0.9 ** (10 - k) * e
    assert mean == pytest.approx(1)


def test_as_planned_over_stages() -> None:
    buckets: list[tuple[Sequence[float], Sequence[Sums]]] = [
        ([0.05], counted(9_510, 490)),
        ([0.25], counted(7_480, 2_520)),
        ([0.25], counted(3_770, 1_230)),
    ]
    found = ratio.check(buckets)
    assert found.state == "as planned"
    assert found.counts == (20_760, 4_240)
    assert found.planned == pytest.approx((20_750, 4_250))
    assert found.sentence == (
        "No sample-ratio mismatch: champion 20,760 of 20,750 planned, challenger 4,240 of 4,250 planned"
    )
    assert ratio.check(buckets[::-1]).log_e == pytest.approx(found.log_e)


def test_a_mismatch() -> None:
    found = ratio.check([([0.05], counted(9_300, 700))], ["Churn 1", "Churn 2"])
    assert found.state == "mismatch"
    assert found.log_e is not None
    assert found.log_e > math.log(1_000)
    assert found.sentence == (
        "Sample-ratio mismatch: Churn 1 9,300 of 9,500 planned, Churn 2 700 of 500 planned; find the cause before you "
        "use the comparison"
    )


def test_level_at_many_looks() -> None:
    chance = np.random.default_rng(1)
    false = 0
    for _ in range(200):
        challenger = chance.binomial(500, 0.1, 40).cumsum()
        rows = np.arange(1, 41) * 500
        looks = [
            ratio.log_e(np.array([[n - k, k]], float), np.array([[0.9, 0.1]]))
            for n, k in zip(rows, challenger, strict=True)
        ]
        false += max(looks) >= math.log(20)
    assert false <= 200 * 0.05


def test_units_that_come_often_are_no_mismatch() -> None:
    # Six hundred units, one of which comes a thousand times: its arm has too many predictions, and nothing is wrong.
    times, cluster = np.array([1_000] + [5] * 600), np.random.default_rng(2).integers(0, 64, 601)
    second = np.arange(601) % 10 == 0
    arms = [
        of_predictions(int(times[chosen].sum()), clusters=cluster[chosen].repeat(times[chosen]))
        for chosen in (~second, second)
    ]
    found = ratio.check([([0.1], arms)])
    assert found.inflation > 20
    assert found.state == "as planned"
    blind = ratio.check([([0.1], counted(*(each.predictions for each in arms)))])
    assert blind.state == "mismatch"


def test_an_arm_without_a_share_is_left_out() -> None:
    found = ratio.check([([0.5, 0.0], counted(5_000, 4_990, 3)), ([0.25, 0.25], counted(5_000, 2_500, 2_510))])
    assert found.state == "as planned"
    assert "challenger 2 2,513 of 2,502 planned" in found.sentence


def test_too_little() -> None:
    assert ratio.check([]).state == "not enough"
    found = ratio.check([([0.5], counted(500, 300))])
    assert (found.state, found.log_e) == ("not enough", None)
    assert found.sentence == "Not enough predictions yet to check the split: 800 of 1,000"
    with pytest.raises(InvalidInput, match="3 arms for 1 shares"):
        ratio.check([([0.5], counted(1, 2, 3))])
    with pytest.raises(InvalidInput, match="share"):
        ratio.check([([1.5], counted(1, 2))])


def labelled(predictions: int, labels: int) -> Sums:
    return of_predictions(predictions) + of_outcomes([1] * labels, [1] * labels)


def test_coverage_of_labels() -> None:
    alike = ratio.coverage([[labelled(1_000, 900), labelled(200, 178)]])
    assert alike.state == "alike"
    assert alike.sentence == "Label coverage balanced: champion 90.0%, challenger 89.0%"
    apart = ratio.coverage([[labelled(1_000, 900), labelled(1_000, 700), labelled(1_000, 900)]])
    assert apart.state == "apart"
    assert apart.shares == pytest.approx((0.9, 0.7, 0.9))
    assert apart.sentence.startswith("Label coverage differs: champion 90.0%, challenger 1 70.0%")
    few = ratio.coverage([[labelled(1_000, 900), Sums()]])
    assert few.state == "not enough"
    assert few.sentence.endswith("champion 90.0%, challenger no predictions")
    assert ratio.coverage([]).state == "not enough"


def test_coverage_is_compared_within_windows() -> None:
    # A ramp while labels arrive: the challenger has most of the young predictions, and alike in every window.
    ramp = [[labelled(9_900, 9_405), labelled(100, 95)], [labelled(5_000, 1_000), labelled(5_000, 1_000)]]
    found = ratio.coverage(ramp)
    assert found.state == "alike"
    assert found.shares[0] == pytest.approx(found.shares[1])
    # And none is hidden by it: labels of the challenger are missing in both, while the sums seem alike.
    hidden = [[labelled(5_000, 4_750), labelled(5_000, 4_000)], [labelled(9_900, 7_920), labelled(100, 60)]]
    assert ratio.coverage(hidden).state == "apart"


def answered(calls: int, failures: int, rows: int = 1) -> Sums:
    return of_predictions(rows * (calls - failures), failures=failures, calls=calls, lost=rows * failures)


def test_failures() -> None:
    fine = ratio.failures([[answered(5_000, 50), answered(500, 5)], [answered(5_000, 50), answered(500, 6)]])
    assert fine.state == "not more"
    assert fine.counts == ((10_000, 100), (1_000, 11))
    assert fine.sentence == (
        "No challenger fails significantly more often: champion 1.00% (100 of 10,000 requests), "
        "challenger 1.10% (11 of 1,000 requests)"
    )
    more = ratio.failures([[answered(1_000, 10), answered(50, 5), answered(50, 1)]] * 10)
    assert (more.state, more.more) == ("more", (True, False))
    assert more.sentence.startswith("A challenger fails significantly more often than the champion: champion 1.00%")
    assert more.log_e[0] is not None
    assert more.log_e[0] > math.log(40)
    # A bad hour is bad for both: compared is within it.
    hour = ratio.failures([[answered(9_000, 0), answered(100, 0)], [answered(1_000, 500), answered(1_000, 500)]])
    assert hour.state == "not more"
    hardly = ratio.failures([[answered(1_000, 1), answered(100, 1)]])
    assert (hardly.state, hardly.log_e) == ("not more", (None,))
    few = ratio.failures([[answered(1_000, 0), answered(99, 99)]])
    assert (few.state, few.log_e) == ("not enough", (None,))
    assert ratio.failures([]).state == "not enough"


def test_calls_are_compared_and_not_rows() -> None:
    # Calls of a hundred rows, five of which are the challenger's: both fail in one of ten calls.
    both = [[answered(100, 10, 95), answered(100, 10, 5)] for _ in range(10)]
    assert ratio.failures(both).state == "not more"
    # Windows from before calls were counted: a row each.
    old = of_predictions(950, failures=50)
    assert (old.requests, Sums().requests) == (1_000, 0)


def test_a_shadow_that_fails_every_call_shows_within_two_hundred() -> None:
    found = ratio.failures([[answered(200, 0), answered(200, 200)]])
    assert (found.state, found.more) == ("more", (True,))


@pytest.mark.parametrize(("rate", "share"), [(0.05, 0.5), (0.05, 0.05), (0.0, 0.5)])
def test_one_of_twenty_calls_shows_within_two_thousand(rate: float, share: float) -> None:
    random, alarms = np.random.default_rng(3), 0
    for _ in range(50):
        # A day by the hour, until it was asked two thousand times.
        mine = random.poisson(2_000 / 24, 24)
        hours = [[answered(round(n / share) - n, 0), answered(n, int(random.binomial(n, rate)))] for n in mine.tolist()]
        alarms += ratio.failures(hours).state == "more"
    assert alarms == (50 if rate else 0)
