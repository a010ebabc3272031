"""Answers held against each other: tolerances by number type, exact labels, ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from registry_core.rules.agreement import compare
from registry_core.signature import ExampleAnswers

SHARES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
LABELS = np.array(["no", "yes", "no"], dtype=object)


def answers(shares: np.ndarray = SHARES, labels: np.ndarray = LABELS) -> ExampleAnswers:
    return ExampleAnswers(labels, shares, ("no", "yes"))


@given(arrays.arrays(np.float64, (5, 3), elements=st.floats(0, 1)))
def test_answers_agree_with_themselves(shares: np.ndarray) -> None:
    own = ExampleAnswers(np.arange(5) % 3, shares, (0, 1, 2))
    assert compare(own, own).agrees


@given(arrays.arrays(np.float64, 8, elements=st.floats(-1e9, 1e9)), st.floats(-9e-7, 9e-7))
def test_numbers_agree_within_a_millionth(values: np.ndarray, share: float) -> None:
    assert compare(ExampleAnswers(values), ExampleAnswers(values * (1 + share))).agrees


@given(st.floats(0.5, 1e9), st.floats(2e-6, 0.5))
def test_numbers_further_apart_do_not(value: float, share: float) -> None:
    before, after = np.array([value, value]), np.array([value, value * (1 + share)])
    found = compare(ExampleAnswers(before), ExampleAnswers(after))
    assert (found.differing, found.rows) == (1, 2)
    assert found.largest == pytest.approx(value * share, rel=1e-6)


def test_single_precision_is_allowed_its_own_rounding() -> None:
    before = SHARES.astype(np.float32)
    assert compare(answers(before), answers(before * np.float32(1.00005))).agrees
    assert not compare(answers(), answers(SHARES * 1.00005)).agrees


def test_a_label_that_differs_counts_and_so_does_a_probability() -> None:
    other = np.array(["no", "no", "no"], dtype=object)
    assert compare(answers(), answers(labels=other)).differing == 1
    moved = SHARES.copy()
    moved[0] = [0.7, 0.3]
    found = compare(answers(), answers(moved))
    assert found.differing == 1
    assert found.largest == pytest.approx(0.2)
    assert found.sentence == "1 of 3 predictions differ, by up to 0.2 in a probability"


def test_where_two_classes_tie_either_label_is_right() -> None:
    tied = np.array([[0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
    other = np.array(["yes", "yes", "no"], dtype=object)
    assert compare(answers(tied), answers(tied, other)).agrees


def test_labels_without_probabilities_are_compared_exactly() -> None:
    before, after = ExampleAnswers(LABELS, None, ("no", "yes")), ExampleAnswers(LABELS[::-1], None, ("no", "yes"))
    assert compare(before, after).agrees
    after = ExampleAnswers(np.array(["yes", "yes", "no"], dtype=object), None, ("no", "yes"))
    assert compare(before, after).differing == 1


def test_nan_agrees_with_nan_only() -> None:
    before = np.array([np.nan, 1.0])
    assert compare(ExampleAnswers(before), ExampleAnswers(before)).agrees
    assert compare(ExampleAnswers(before), ExampleAnswers(np.array([0.0, 1.0]))).differing == 1


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (ExampleAnswers(LABELS[:2], SHARES[:2], ("no", "yes")), "2 predictions were returned for 3 rows"),
        (ExampleAnswers(LABELS, None, ("no", "yes")), "no probabilities now"),
        (ExampleAnswers(LABELS, SHARES, ("yes", "no")), "in another order"),
    ],
)
def test_what_cannot_be_compared_row_by_row_does_not_agree(again: ExampleAnswers, said: str) -> None:
    found = compare(answers(), again)
    assert not found.agrees
    assert said in found.sentence
