"""Sums of floating-point numbers without rounding: the same in every order and grouping.

Every finite double is a whole multiple of 2^-1074, the smallest one. A sum is therefore a Python integer, counted in
that unit: adding is adding integers, and two sums are equal exactly when the numbers that went in add up to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A sum counts units of 2^-SCALE.
SCALE = 1074
#: Mantissas are halved into parts of these many bits, whose sums over ROWS rows stay whole numbers in a double.
HALF, ROWS = 26, 1 << 25

_UNIT = 1 << SCALE


def exact_sum(values: NDArray[Any]) -> int:
    """The sum of finite numbers, (rows,), in units of 2^-1074."""
    return exact_sums(values, None, 1)[0]


def exact_sums(values: NDArray[Any], groups: NDArray[Any] | None, count: int) -> tuple[int, ...]:
    """The sum of finite numbers, (rows,), of each of ``count`` groups, in units of 2^-1074.

    Mantissas are added per group and exponent, which takes three passes over the rows and a Python integer for each
    exponent that occurs.

    Args:
        values: (rows,), finite.
        groups: (rows,) codes from 0 to ``count`` - 1; None puts every row into group 0.
        count: how many groups there are.
    """
    sums = [0] * count
    for start in range(0, len(values), ROWS):
        part = np.asarray(values[start : start + ROWS], np.float64)
        mantissas, exponents = np.frexp(part)
        lowest = int(exponents.min())
        span = int(exponents.max()) - lowest + 1
        place = exponents - lowest
        if groups is not None:
            place = place + np.asarray(groups[start : start + ROWS], np.intp) * span
        scaled = mantissas * 2.0 ** (53 - HALF)
        whole = np.floor(scaled)
        upper = np.bincount(place, whole, count * span)
        lower = np.bincount(place, (scaled - whole) * 2.0**HALF, count * span)
        for at in np.flatnonzero((upper != 0) | (lower != 0)).tolist():
            group, exponent = divmod(at, span)
            mantissa = (int(upper[at]) << HALF) + int(lower[at])
            shift = exponent + lowest - 53 + SCALE
            # A denormal's mantissa ends in as many zeros as its exponent lies below the unit.
            sums[group] += mantissa << shift if shift >= 0 else mantissa >> -shift
    return tuple(sums)


def to_float(total: int) -> float:
    """A sum as the nearest double."""
    return total / _UNIT


def to_floats(totals: Sequence[int]) -> list[float]:
    """Several sums as the nearest doubles."""
    return [total / _UNIT for total in totals]


def from_whole(number: int) -> int:
    """A whole number as a sum."""
    return number << SCALE


def pack(total: int) -> bytes:
    """A sum without the zeros it ends in: two bytes say how many, one how long the rest is."""
    if not total:
        return b"\0\0\0"
    zeros = (total & -total).bit_length() - 1
    odd = total >> zeros
    length = odd.bit_length() // 8 + 1
    return zeros.to_bytes(2, "little") + length.to_bytes(1, "little") + odd.to_bytes(length, "little", signed=True)


def unpack(packed: bytes, at: int) -> tuple[int, int]:
    """The sum that ``pack`` wrote at a place, and the place after it."""
    zeros, end = packed[at] | packed[at + 1] << 8, at + 3 + packed[at + 2]
    return int.from_bytes(packed[at + 3 : end], "little", signed=True) << zeros, end
