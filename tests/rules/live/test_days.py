"""How much rows of one day hang together, against numbers by hand and simulated days."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import InvalidInput
from registry_core.rules.live.days import PRIOR, Days, inflation, of_days


def test_by_hand() -> None:
    # Two days of two rows, one all wrong, one all right: they hang together completely.
    found = of_days([(2, 2.0, 2.0), (2, 0.0, 0.0)])
    assert (found.days, found.rows, found.mean) == (2, 4, 0.5)
    assert found.learnt == 1
    # Two days that are alike to the row: less alike than chance would have it.
    assert of_days([(2, 1.0, 1.0), (2, 1.0, 1.0)]).learnt == 0
    # Day means of 0.25 and 0.75, of four rows each.
    found = of_days([(4, 1.0, 1.0), (4, 3.0, 3.0)])
    between, within = 4 * (0.25**2 + 0.25**2), (0.75 + 0.75) / 6
    assert found.learnt == pytest.approx((between - within) / (between + 3 * within))


def test_before_there_are_days_it_is_the_prior() -> None:
    assert Days().icc == Days().add(50, 5, 5).icc == PRIOR
    assert Days().add(0, 0, 0) == Days()
    assert inflation(101, 0.01) == 2
    assert inflation(0, 0.01) == inflation(1, 1) == 1
    assert Days().inflation(101) == 2
    assert Days().inflation(101, 0.0) == 1


def test_the_sum_over_days_by_hand() -> None:
    # Ten days of 101 rows, alike to the row: the prior of 4 days against 9 that show nothing, but for chance.
    alike = of_days([(101, 10.0, 10.0)] * 10)
    share = 9 / 13 * 0.01**2 / (0.01**2 + 2 / 9 / 101**2)
    assert alike.icc == pytest.approx((1 - share) * 0.01)
    assert alike.of_all == pytest.approx(1 + 100 * (1 - share) * 0.01 * 13 / 11)
    # Of two rows a day nothing is known, however many days there are.
    assert of_days([(2, float(day % 2 * 2), float(day % 2 * 2)) for day in range(12)]).icc == pytest.approx(
        0.01, abs=0.002
    )
    assert alike.in_the_end == 1
    # A large day weighs by its rows: the mean of sizes by row is (1 + 101^2) / 102.
    uneven = of_days([(1, 0.0, 0.0), (101, 10.0, 10.0)])
    assert uneven.of_all == pytest.approx(1 + ((1 + 101**2) / 102 - 1) * uneven.icc * 5 / 3)
    assert Days().of_all == Days().in_the_end == 1
    # Days that have nothing in common with each other: a day is one observation, and no more than that.
    unlike = of_days([(100, 100.0 * (day % 2), 100.0 * (day % 2)) for day in range(40)])
    assert unlike.in_the_end == pytest.approx(100)
    assert 90 < unlike.of_all <= 100


@pytest.mark.parametrize(("sd", "icc"), [(0.0, 0.0), (0.04, 0.04**2 / 0.09)])
def test_it_is_learnt_from_a_month(sd: float, icc: float) -> None:
    random = np.random.default_rng(0)
    rates = np.clip(0.1 + sd * random.standard_normal(30), 0, 1)
    wrong = random.binomial(500, rates).astype(float)
    found = of_days([(500, each, each) for each in wrong])
    assert found.learnt == pytest.approx(icc, abs=0.008)
    assert found.learnt < found.icc if icc < PRIOR else found.icc < found.learnt


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), max_size=20))
def test_it_is_a_correlation(days: list[tuple[int, float]]) -> None:
    found = of_days([(rows, rows * rate, rows * rate) for rows, rate in days])
    assert 0 <= found.learnt <= 1
    assert 0 <= found.icc <= 1
    assert found.inflation(1000) >= 1


def test_a_correlation_is_from_0_to_1() -> None:
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        inflation(5, 1.5)
