"""Sums are exact, the same in any order and grouping, and come back from their bytes."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live import exact
from registry_core.rules.live.detail import Detail
from registry_core.rules.live.exact import pack
from registry_core.rules.live.paired import NO_PAIRS, PairedSums, of_pairs
from registry_core.rules.live.sums import ZERO, Sums, of_outcomes, of_predictions, total

NUMBERS = st.lists(st.floats(-1e70, 1e70), max_size=40)


@given(NUMBERS)
def test_a_sum_is_exact(numbers: list[float]) -> None:
    found = exact.exact_sum(np.array(numbers))
    assert Fraction(found, 1 << exact.SCALE) == sum(map(Fraction, numbers))
    assert exact.to_float(found) == float(sum(map(Fraction, numbers)))


@given(NUMBERS, st.integers(1, 5))
def test_sums_of_groups(numbers: list[float], count: int) -> None:
    groups = np.arange(len(numbers)) % count
    found = exact.exact_sums(np.array(numbers), groups, count)
    assert found == tuple(exact.exact_sum(np.array(numbers)[groups == group]) for group in range(count))


def test_denormal_numbers_and_plain_rounding() -> None:
    numbers = [5e-324, -2e-310, 0.1, 1e16, -1e16]
    assert Fraction(exact.exact_sum(np.array(numbers)), 1 << exact.SCALE) == sum(map(Fraction, numbers))
    assert exact.to_float(exact.exact_sum(np.array([0.1] * 10))) == 1.0


@given(st.integers(-(2**1500), 2**1500))
def test_a_sum_comes_back_from_its_bytes(number: int) -> None:
    assert exact.unpack(b"x" + exact.pack(number), 1) == (number, 1 + len(exact.pack(number)))


def rows(chance: np.random.Generator, count: int, task: str = "classification") -> dict[str, Any]:
    truth, scores = chance.integers(0, 2, count), chance.random(count)
    clusters = chance.integers(0, 64, count)
    if task == "regression":
        return {"truth": chance.normal(size=count), "answered": scores, "task": task, "clusters": clusters}
    scores[chance.random(count) < 0.1] = np.nan
    return {
        "truth": truth,
        "answered": (chance.random(count) < 0.5).astype(int),
        "positive": 1,
        "scores": scores,
        "clusters": clusters,
    }


def part(every: dict[str, Any], chosen: Any) -> dict[str, Any]:
    return {name: value[chosen] if isinstance(value, np.ndarray) else value for name, value in every.items()}


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 80), st.sampled_from(["classification", "regression"]), st.randoms())
def test_merging_in_any_order_and_grouping_is_equal(seed: int, count: int, task: str, order: Any) -> None:
    chance = np.random.default_rng(seed)
    every = rows(chance, count, task)
    owner = chance.integers(0, 5, count)
    parts = [of_outcomes(**part(every, owner == one)) for one in range(5)]
    parts += [of_predictions(3, [0.2, 0.9, np.nan], failures=1, calls=4, lost=2, clusters=[0, 3, 63])]
    whole = of_outcomes(**every) + parts[-1]
    order.shuffle(parts)
    while len(parts) > 1:
        at = order.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    assert parts[0] == whole
    assert hash(parts[0]) == hash(whole)
    assert whole + ZERO == ZERO + whole == whole
    assert Sums.from_bytes(*whole.to_bytes()) == whole
    assert total([whole, whole]) == whole + whole


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from(["classification", "regression"]))
def test_paired_sums_merge_and_come_back(seed: int, count: int, task: str) -> None:
    chance = np.random.default_rng(seed)
    one, two = rows(chance, count, task), rows(chance, count, task)
    every: dict[str, Any] = {
        "truth": one["truth"],
        "champion": one["answered"],
        "challenger": two["answered"],
        "task": task,
    }
    every["clusters"] = one["clusters"]
    if task == "classification":
        every |= {"positive": 1, "champion_scores": one["scores"], "challenger_scores": two["scores"]}
    whole = of_pairs(**every)
    owner = chance.integers(0, 3, count)
    a, b, c = (of_pairs(**part(every, owner == one)) for one in range(3))
    assert (a + b) + c == c + (b + a) == whole + NO_PAIRS == whole
    assert PairedSums.from_bytes(*whole.to_bytes()) == whole
    assert whole.n11 + whole.n10 + whole.n01 + whole.n00 == (count if task == "classification" else 0)
    alone: dict[str, Any] = {"truth": one["truth"], "task": task}
    first, second = (of_outcomes(**alone, answered=each["answered"]) for each in (one, two))
    assert exact.to_float(whole.loss) == pytest.approx(exact.to_float(second.loss) - exact.to_float(first.loss))


def test_outcomes_by_hand() -> None:
    found = of_outcomes(
        ["yes", "yes", "no", "no", "no"],
        ["yes", "no", "no", "no", "yes"],
        positive="yes",
        scores=[0.75, 0.25, 0.25, np.nan, 0.5],
        clusters=[0, 0, 1, 1, 63],
    )
    assert (found.labelled, found.wrong, found.tp, found.fp, found.tn, found.fn) == (5, 2, 1, 1, 2, 1)
    assert (found.scored, found.accuracy, found.mean_loss) == (4, 0.6, 0.4)
    assert found.mean_brier == (0.0625 + 0.5625 + 0.0625 + 0.25) / 4
    assert found.detail is not None
    assert found.detail.cluster_labelled[:2] == (2, 2)
    assert found.detail.cluster_wrong[0] == found.detail.cluster_wrong[63] == 1
    assert found.detail.scores_of_1.total == found.detail.scores_of_0.total == 2
    squared = of_outcomes([1.0, 3.0], [1.5, 1.0], task="regression", loss="squared_error")
    assert (squared.mean_loss, exact.to_float(squared.loss_squares)) == ((0.25 + 4) / 2, 0.0625 + 16)
    assert of_outcomes([1.0, 3.0], [1.5, 1.0], task="regression").mean_loss == 1.25
    many = of_outcomes(["a", "b", "c"], ["a", "c", "c"], scores=[0.1, 0.2, 0.3])
    assert (many.wrong, many.tp, many.scored) == (1, 0, 0)


def test_nothing_is_not_a_number() -> None:
    assert ZERO.accuracy is ZERO.mean_loss is ZERO.mean_brier is ZERO.coverage is None
    assert of_outcomes([], []) == of_outcomes([], [], task="regression") == of_predictions(0) == ZERO
    assert (of_predictions(4) + of_outcomes([1], [1])).coverage == 0.25


def test_the_core_alone() -> None:
    whole = of_outcomes([1, 0], [1, 1], clusters=[0, 1])
    core, _ = whole.to_bytes()
    read = Sums.from_bytes(core)
    assert read.detail is None
    assert (read.labelled, read.wrong) == (2, 1)
    assert (read + whole).detail is None
    with pytest.raises(InvalidInput, match="read both parts"):
        read.to_bytes()


@pytest.mark.parametrize("stored", [b"", b"\x63" + b"0" * 99])
def test_another_version_is_refused(stored: bytes) -> None:
    with pytest.raises(InvalidInput, match="update Model Registry"):
        Sums.from_bytes(stored)
    with pytest.raises(InvalidInput, match="update Model Registry"):
        Detail.from_bytes(stored)
    with pytest.raises(InvalidInput, match="update Model Registry"):
        PairedSums.from_bytes(stored)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"truth": [1], "answered": [1, 0]}, "1 labels for 2 predictions"),
        ({"truth": [1], "answered": ["1"]}, "the labels are numbers, such as 1, but the predictions are text"),
        ({"truth": [1], "answered": [1], "positive": "1"}, "the positive class is '1', but the labels are numbers"),
        ({"truth": [1], "answered": [1], "clusters": [64]}, "codes from 0 to 63"),
        ({"truth": [1], "answered": [1], "clusters": [1, 2]}, "2 clusters for 1 rows"),
        ({"truth": [1], "answered": [1], "positive": 1, "scores": [1.5]}, "1 of 1 scores are not probabilities"),
        ({"truth": [1], "answered": [1], "positive": 1, "scores": [0.5, 0.1]}, "2 scores for 1 labels"),
        (
            {"truth": [1.0], "answered": [np.nan], "task": "regression"},
            "row 0: the absolute error of label 1 and prediction nan",
        ),
        ({"truth": [1e200], "answered": [1.0], "task": "regression"}, "is above 1e\\+70 or not finite"),
        ({"truth": [1.0], "answered": [1.0], "task": "regression", "loss": "x"}, "loss is 'x'"),
    ],
)
def test_what_cannot_be_counted(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        of_outcomes(**arguments)


def test_counts_below_zero() -> None:
    with pytest.raises(InvalidInput, match="-1 failures"):
        of_predictions(3, failures=-1)


def test_its_bytes_are_few_enough_for_charts() -> None:
    every = rows(np.random.default_rng(1), 1_000)
    core, detail = of_outcomes(**every).to_bytes()
    assert len(core) < 160
    assert len(detail) < 4_000


def test_sums_from_before_calls_were_counted_are_read() -> None:
    head = struct.pack("<B10q", 1, 900, 3, 0, 800, 40, 0, 0, 0, 0, 0)
    core = head + b"".join(map(pack, (40 << 1074, 40 << 1074, 0, 0)))
    found = Sums.from_bytes(core)
    assert (found.predictions, found.failures, found.labelled, found.wrong) == (900, 3, 800, 40)
    assert (found.calls, found.lost, found.requests) == (0, 0, 903)
    both = found + of_predictions(10, failures=1, calls=11, lost=5)
    assert (both.calls, both.lost) == (11, 5)
    with pytest.raises(InvalidInput, match="version 4, but this installation reads version 3"):
        Sums.from_bytes(b"\x04" + core[1:])


def test_sums_from_before_slow_calls_were_counted_are_read() -> None:
    core = struct.pack("<B11q", 2, 900, 3, 500, 0, 40, 0, 0, 0, 0, 0, 7) + b"".join(map(pack, (0, 0, 0, 0)))
    found = Sums.from_bytes(core)
    assert (found.predictions, found.calls, found.lost, found.slow) == (900, 500, 7, 0)
    assert Sums.from_bytes(*of_predictions(2, calls=2, slow=1).to_bytes()).slow == 1
