"""Drift of inputs and scores: bins of the reference, counts that add up, limits that know chance."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.live import Drift
from registry_core.rules.live import drift
from registry_core.rules.live.drift import FeatureReference, counts, judge, psi, reference
from registry_core.rules.live.histogram import EMPTY, histogram_of

VALUES = st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5)), min_size=1, max_size=60)
NAMES = st.lists(st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers(0, 9)), min_size=1, max_size=60)


@given(st.one_of(VALUES, NAMES), st.one_of(VALUES, NAMES), st.one_of(VALUES, NAMES))
def test_counts_add_up_and_lose_no_row(old: list[Any], one: list[Any], two: list[Any]) -> None:
    found = reference("x", old)
    assert found.rows == len(old)
    assert (counts(found, one) + counts(found, two) == counts(found, one + two)).all()
    assert counts(found, one).sum() == len(one)
    assert counts(found, old).tolist() == list(found.counts)
    stored = found.to_dict()
    assert FeatureReference.from_dict(json.loads(json.dumps(stored, allow_nan=False))) == found
    assert len(found.edges) + len(found.categories) + len(found.counts) <= 50


def test_numbers_have_ten_bins_and_one_for_what_is_missing() -> None:
    values = np.append(np.arange(1_000.0), [np.nan] * 50)
    found = reference("age", values)
    assert found.kind == "number"
    assert found.edges == tuple(100.0 * k - 1 for k in range(1, 10))
    assert found.counts == (100,) * 10 + (50,)
    live = counts(found, [99, 99.5, 1e9, -5, None, math.inf, -math.inf, float("nan")])
    assert live.tolist() == [3, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2]
    assert counts(found, ["7", "old", None]).tolist() == [1] + [0] * 9 + [2]


def test_categories_have_nineteen_bins_one_for_others_and_one_for_what_is_missing() -> None:
    values = [f"c{k}" for k in range(25) for _ in range(100 - k)] + [None] * 3
    found = reference("city", values)
    assert found.categories == tuple(f"c{k}" for k in range(19))
    assert found.counts[-2:] == (sum(100 - k for k in range(19, 25)), 3)
    assert counts(found, np.array(["c0", "c24", "new", ""])).tolist() == [1] + [0] * 18 + [2, 1]
    assert reference("flag", [True, False, True]).categories == ("True", "False")
    codes = reference("code", [1, 2, 2], kind="category")
    assert counts(codes, [1.0, 2.0, "2"]).tolist() == [2, 1, 0, 0]
    assert reference("n", [True, 1]).kind == "category"


def test_values_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    found = reference("age", pandas.Series([1, None, 3], dtype="Int64"))
    assert (found.kind, found.counts[-1]) == ("number", 1)
    assert counts(found, pandas.Series([pandas.NA, 2])).sum() == 2
    words = reference("city", pandas.Series(["a", None, "b"]))
    assert (words.categories, words.counts) == (("a", "b"), (1, 1, 0, 1))


def test_the_index_by_hand() -> None:
    p, q = np.array([60.5, 40.5]) / 101, np.array([45.5, 55.5]) / 101
    assert psi([60, 40], [45, 55]) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert psi([60, 40, 0], [45, 55, 0]) == psi([60, 40], [45, 55])
    assert psi([5, 0], [0, 5]) < math.inf


def test_what_has_drifted() -> None:
    chance = np.random.default_rng(1)
    found = reference("income", chance.normal(50, 10, 20_000))
    same = judge(found, counts(found, chance.normal(50, 10, 5_000)))
    assert (same.state, same.warn, same.critical) == ("none", 0.1, 0.25)
    assert same.ks is not None
    assert same.ks_p is not None
    assert same.ks_p > 0.01
    moved = judge(found, counts(found, chance.normal(54, 10, 5_000)))
    assert moved.state == "warning"
    assert moved.ks == pytest.approx(0.158, abs=0.03)
    assert moved.ks_p is not None
    assert moved.ks_p < 1e-6
    assert moved.moved.startswith("above 62.")
    assert moved.sentence.startswith("income: drift, PSI 0.1")
    assert ": 10.0% before, 1" in moved.sentence
    far = judge(found, counts(found, chance.normal(60, 10, 5_000)))
    assert far.state == "critical"
    gone = judge(found, counts(found, [None] * 1_000))
    assert (gone.state, gone.moved, gone.now) == ("critical", "missing", 1.0)
    assert drift.worst([same, moved]) == "warning"
    assert drift.worst([]) == "not enough"


def test_small_batches_do_not_seem_to_drift() -> None:
    chance = np.random.default_rng(2)
    found = reference("x", chance.normal(size=600))
    states = [judge(found, counts(found, chance.normal(size=500))).state for _ in range(400)]
    assert states.count("none") >= 398
    limit = judge(found, counts(found, chance.normal(size=500))).warn
    # The quantile of chi-square with 9 degrees of freedom that chance leaves 1 time in 10,000, by the rows' number.
    assert limit == pytest.approx(33.72 / (500 * 600 / 1_100), rel=1e-3)


def test_too_few_rows_is_an_answer_of_its_own() -> None:
    found = reference("x", np.arange(1_000))
    little = judge(found, counts(found, np.arange(499)))
    assert (little.state, little.psi) == ("not enough", None)
    assert little.sentence == "x: not enough rows yet, 499 live and 1,000 in the reference, 500 each required"


def test_scores() -> None:
    chance = np.random.default_rng(3)
    old, same, other = (chance.beta(*shape, 5_000) for shape in ((2, 5), (2, 5), (3, 4)))
    found = drift.reference_of_scores(histogram_of(old))
    assert found.kind == "score"
    assert len(found.counts) == 11
    assert max(found.counts[:-1]) < 520
    assert judge(found, drift.counts_of_scores(found, histogram_of(same))).state == "none"
    moved = judge(found, drift.counts_of_scores(found, histogram_of(other)))
    assert moved.state == "critical"
    assert 0 < float(moved.moved.split()[-1]) < 1
    assert FeatureReference.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InvalidInput, match="x has no rows"):
        reference("x", [])
    with pytest.raises(InvalidInput, match="give kind='category'"):
        reference("x", ["a"], kind="number")
    with pytest.raises(InvalidInput, match="its reference has 3 bins"):
        judge(reference("x", [1.0]), [1, 2])
    with pytest.raises(InvalidInput, match="no scores"):
        drift.reference_of_scores(EMPTY)


def test_before_there_is_a_whole_week_nothing_is_said_to_have_drifted() -> None:
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    found = reference("weekday", days * 200)
    three = counts(found, days[:3] * 300)
    assert judge(found, three).state == "critical"
    early = judge(found, three, whole=False)
    assert (early.state, early.whole) == ("not enough", False)
    assert early.sentence.startswith("weekday: PSI ")
    assert early.sentence.endswith(
        "of less than a whole week, limit 0.1; drift is judged over whole weeks, since weekdays differ"
    )
    # What looks as in training does so on any day.
    assert judge(found, counts(found, days * 100), whole=False).state == "none"


def test_a_drift_is_over_clearly_below_its_limit() -> None:
    def drifted(psi: float | None, limit: float = 0.1) -> Drift:
        state: Any = "not enough" if psi is None else "warning" if psi > limit else "none"
        return Drift("x", state, psi, limit, 0.25, 900, 900)

    assert drift.over([drifted(0.07), drifted(0.02), drifted(None)])
    assert not drift.over([drifted(0.09), drifted(0.02)])
    assert not drift.over([drifted(0.11), drifted(0.02)])
    assert drift.over([drifted(0.15, 0.2)])
    assert not drift.over([drifted(None)])
    assert not drift.over([])
