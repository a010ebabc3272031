"""Routing is pure and sticky: a share that is raised keeps everyone who was in."""

from __future__ import annotations

import itertools
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.rules.live.routing import arms, clusters, position, positions

UNITS = st.one_of(st.text(min_size=1), st.integers(), st.binary(min_size=1))
GRID = np.linspace(0, 1, 4001, endpoint=False)


@given(st.lists(UNITS, max_size=20), st.one_of(st.text(min_size=1, max_size=90), st.binary(min_size=1, max_size=90)))
def test_many_units_stand_where_each_does(units: list[Any], salt: str | bytes) -> None:
    if isinstance(salt, str) and not salt.isprintable():
        salt = "salt"
    found = positions(salt, units)
    assert found.tolist() == [position(salt, unit) for unit in units]
    assert ((found >= 0) & (found < 1)).all()
    assert clusters(units).tolist() == [clusters([unit])[0] for unit in units]


def test_a_position_by_hand() -> None:
    digest = int.from_bytes(blake2b(b"customer-7", digest_size=8, key=b"experiment-1").digest(), "big")
    assert position("experiment-1", "customer-7") == pytest.approx(digest / 2**64, abs=2**-52)
    # Stored sums and running experiments hang on these.
    assert position("experiment-1", "customer-7") == positions("experiment-1", np.array(["customer-7"]))[0]
    assert clusters(["a", "b", "c"]).tolist() == clusters(np.array(["a", "b", "c"])).tolist()


def test_one_unit_in_several_forms() -> None:
    assert len(set(positions("salt", [17, "17", b"17"]).tolist())) == 1
    assert positions("salt", np.array([17, 18])).tolist() == positions("salt", ["17", "18"]).tolist()
    assert positions("salt", np.array([17, "x"], dtype=object)[:1]).tolist() == positions("salt", [17]).tolist()
    assert position("salt", "17 ") != position("salt", "17")


@pytest.mark.parametrize("unit", ["", b"", 17.0, None, True, ("a",)])
def test_what_is_no_unit(unit: Any) -> None:
    with pytest.raises(InvalidInput, match="unit"):
        position("salt", unit)
    with pytest.raises(InvalidInput, match="unit"):
        positions("salt", [unit, "a"])
    with pytest.raises(InvalidInput, match="unit"):
        positions("salt", [unit])


def test_a_salt_is_asked_for() -> None:
    with pytest.raises(InvalidInput, match="salt is empty"):
        position("", "a")
    assert position("x" * 65, "a") != position("x" * 66, "a")


def test_a_million_units_land_within_binomial_limits() -> None:
    many = 1_000_000
    found = positions("experiment", range(many))
    for share in (0.01, 0.05, 0.25, 0.5):
        deviation = np.sqrt(many * share * (1 - share))
        assert abs((found < share).sum() - many * share) < 4 * deviation
    other = positions("another", range(0, many, 10))
    assert abs(np.corrcoef(found[::10], other)[0, 1]) < 4 / np.sqrt(len(other))
    # Clusters are even, and even within an arm.
    codes = clusters(range(many))
    for chosen in (codes, codes[found < 0.05]):
        counts = np.bincount(chosen, minlength=64)
        chi_square = (np.square(counts - len(chosen) / 64) / (len(chosen) / 64)).sum()
        assert chi_square < 63 + 4 * np.sqrt(2 * 63)


def test_one_challenger_has_what_lies_below_its_share() -> None:
    for share in (0.0, 0.01, 0.5, 1.0):
        assert (arms(GRID, [share]) == (share > GRID)).all()
    assert arms(0.3, [0.5]).tolist() == [1]
    assert arms(GRID, []).tolist() == [0] * len(GRID)


SHARES = st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(lambda each: sum(each) <= 100)


@given(SHARES, st.integers(0, 5), st.integers(1, 60))
def test_raising_a_share_keeps_everyone_in(hundredths: list[int], which: int, more: int) -> None:
    which %= len(hundredths)
    raised = [each + (more if place == which else 0) for place, each in enumerate(hundredths)]
    if sum(raised) > 100:
        raised[which] -= sum(raised) - 100
    before, after = (arms(GRID, [each / 100 for each in shares]) for shares in (hundredths, raised))
    assert (after[before == which + 1] == which + 1).all()
    # Nobody who was with an earlier challenger is taken away either.
    for earlier in range(1, which + 1):
        assert ((before == earlier) == (after == earlier)).all()
    for arm, share in enumerate(raised, start=1):
        assert abs((after == arm).mean() - share / 100) < 0.002


@pytest.mark.parametrize("number", [2, 3, 4])
def test_challengers_of_a_quarter_each_never_meet(number: int) -> None:
    # Two share the whole line; up to four have a quarter each: nobody ever moves from one to another.
    levels = (0.0, 0.1, 0.25) if number > 2 else (0.0, 0.3, 0.5)
    owner = np.zeros(len(GRID), np.int8)
    for shares in itertools.product(levels, repeat=number):
        found = arms(GRID, shares)
        assert ((owner == 0) | (found == 0) | (owner == found)).all()
        owner = np.where(found, found, owner)


def test_a_challenger_that_starts_later_moves_nobody() -> None:
    before, after = arms(GRID, [0.3, 0.2]), arms(GRID, [0.3, 0.2, 0.1])
    assert (after[before > 0] == before[before > 0]).all()


@pytest.mark.parametrize("shares", [[-0.1], [1.1], [0.6, 0.6], [float("nan")]])
def test_shares_that_cannot_be_dealt(shares: list[float]) -> None:
    with pytest.raises(InvalidInput, match="share"):
        arms(GRID, shares)
