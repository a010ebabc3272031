"""The area from binned scores, against all pairs of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live.histogram import BINS, EMPTY, bins_of, histogram_of, midpoints
from registry_core.rules.live.scores import area
from registry_core.rules.roc_auc import area_under_roc

SCORES = st.lists(st.floats(0, 1), max_size=30)


@given(SCORES, SCORES)
def test_histograms_add(one: list[float], two: list[float]) -> None:
    assert histogram_of(one) + histogram_of(two) == histogram_of(two + one)
    assert (histogram_of(one) + EMPTY).total == len(one)
    assert histogram_of(one).dense().sum() == len(one)


def test_bins_rise_with_the_score() -> None:
    scores = [0.0, 1e-300, 1e-12, 1e-6, 0.3, 0.5, 0.7, 1 - 1e-6, 1 - 1e-12, 1.0]
    found = bins_of(scores)
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[5], found[-1]) == (0, BINS // 2, BINS - 1)
    middles = midpoints(found[2:-2])
    assert middles == pytest.approx(scores[2:-2], rel=0.06)
    assert histogram_of([np.nan, 0.5]).total == 1
    with pytest.raises(InvalidInput, match=r"not probabilities, such as 1\.5"):
        histogram_of([0.1, 1.5])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_the_area_of_distinct_bins_is_exact(rows: list[tuple[bool, int]]) -> None:
    truth, scores = np.array([one for one, _ in rows], bool), np.array([(each + 1) / 12 for _, each in rows])
    exact, found = area_under_roc(truth, scores), area(histogram_of(scores[~truth]), histogram_of(scores[truth]))
    assert (exact is None) == (found is None)
    if exact is not None and found is not None:
        assert found.value == pytest.approx(exact.value)
        assert found.lowest <= found.value <= found.highest
        if found.low is not None and exact.contributions is not None:
            assert found.holds_for == "one look"


def test_the_interval_is_delongs() -> None:
    chance = np.random.default_rng(3)
    truth = chance.random(4_000) < 0.2
    logit = chance.normal(size=4_000) + 1.5 * truth - 6
    scores = 1 / (1 + np.exp(-logit))
    exact, found = area_under_roc(truth, scores), area(histogram_of(scores[~truth]), histogram_of(scores[truth]))
    assert exact is not None
    assert exact.interval is not None
    assert found is not None
    assert found.value == pytest.approx(exact.value, abs=5e-5)
    assert found.lowest <= exact.value <= found.highest
    # Theirs has Student's t, with thousands of degrees of freedom.
    assert (found.low, found.high) == pytest.approx(exact.interval, abs=3e-4)


def test_few_labels_have_no_interval() -> None:
    found = area(histogram_of([0.1] * 19), histogram_of([0.9] * 500))
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert area(EMPTY, histogram_of([0.5])) is None
