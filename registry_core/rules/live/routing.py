"""Routing: which model serves a unit, a pure function of the experiment's salt, the unit and the shares.

A unit has a position from 0 to 1 that never changes while the experiment runs. Challengers own stretches of it, which
grow with their shares: raising a share keeps everyone who was in.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from .detail import CLUSTERS

Unit = str | int | bytes

#: Salt of the clusters. Another than any experiment's, and the same for ever: stored sums depend on it.
CLUSTER_SALT = b"clusters of units"

_LONGEST_SALT = 64
_SHARE_ERROR = 1e-9


def unit_bytes(unit: Unit) -> bytes:
    """The form of a unit that is hashed: text in UTF-8, a whole number as its decimal text, bytes as they are.

    So 17, "17" and b"17" are one unit: a number that goes through a file or an address comes back as text.

    Raises:
        InvalidInput: empty, or neither text, whole number nor bytes. A float is refused, since 17.0 and 17 would be
            two units.
    """
    if isinstance(unit, str):
        found = unit.encode("utf-8", "surrogatepass")
    elif isinstance(unit, bytes):
        found = bytes(unit)
    else:
        found = str(_whole(unit)).encode()
    if not found:
        raise InvalidInput("a unit is empty; name the customer, device or other entity that keeps its model")
    return found


def position(salt: bytes | str, unit: Unit) -> float:
    """Where a unit stands, 0 <= position < 1: the first 53 bits of blake2b(unit, digest_size=8, key=salt) / 2^64.

    Args:
        salt: of the experiment, never of a stage, so that every stage sees the same positions.
        unit: what keeps its model.

    Raises:
        InvalidInput: an empty salt, or a unit that ``unit_bytes`` refuses.
    """
    digest = blake2b(unit_bytes(unit), digest_size=8, key=_key(salt)).digest()
    # 64 bits would round up to 1.0, where nobody may stand.
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def positions(salt: bytes | str, units: Sequence[Unit] | NDArray[Any]) -> NDArray[np.float64]:
    """``position`` of each unit, (units,); about half a microsecond each."""
    return (_hashes(_key(salt), units) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def clusters(units: Sequence[Unit] | NDArray[Any]) -> NDArray[np.uint8]:
    """The cluster of each unit, (units,) from 0 to 63, whatever the experiment. Errors as ``position``."""
    return (_hashes(CLUSTER_SALT, units) >> np.uint64(58)).astype(np.uint8) & np.uint8(CLUSTERS - 1)


def arms(positions: NDArray[Any] | Sequence[float] | float, shares: Sequence[float]) -> NDArray[np.int8]:
    """Who answers at each position, (positions,): 0 the champion, i the i-th challenger.

    A single challenger has ``position < share``. The second grows from 1 downwards, the third and fourth from one half
    up and down, further pairs from 1/4, 3/4, 1/8 ... A challenger that meets one that started before it passes over
    and goes on behind it, and at the end of the line from its other end. Therefore

    - raising one share keeps everyone who was in that arm in it, always;
    - a later challenger never takes anyone from an earlier one;
    - an earlier one takes from a later one only where they meet: never with two challengers, nor with up to four of
      up to a quarter each.

    Keep the place of a stopped challenger with a share of 0, so that the others keep theirs.

    Args:
        positions: as ``positions`` gives them.
        shares: of each challenger, in the order they were started; 0 to 1, at most 1 together.

    Raises:
        InvalidInput: a share outside of 0 to 1, or more than 1 together.
    """
    starts, owners = _stretches(tuple(map(float, shares)))
    where = np.searchsorted(starts, np.atleast_1d(np.asarray(positions, np.float64)), side="right") - 1
    return owners[where]


def check_shares(shares: Sequence[float]) -> None:
    """Whether traffic can be dealt like this.

    Raises:
        InvalidInput: a share outside of 0 to 1, or more than 1 together.
    """
    wrong = [share for share in shares if not 0 <= share <= 1]
    if wrong:
        raise InvalidInput(f"a share of {wrong[0]:g} is invalid; give each challenger a share from 0 to 1")
    if sum(shares) > 1 + _SHARE_ERROR:
        raise InvalidInput(f"the challengers' shares add up to {sum(shares):g}; lower them to 1 or less in total")


@lru_cache(maxsize=256)
def _stretches(shares: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The line as stretches: where each begins, ascending from 0, and who owns it."""
    check_shares(shares)
    taken: list[tuple[float, float, int]] = []
    for number, share in enumerate(shares, start=1):
        start, upwards = _start((number - 1) // 2), number % 2 == 1
        # The way goes once around the line; a stretch is where it begins and ends.
        way = [(start, 1.0), (0.0, start)] if upwards else [(0.0, start or 1.0), (start or 1.0, 1.0)]
        left = share
        for begin, end in way:
            free = _free(taken, begin, end)
            for low, high in free if upwards else reversed(free):
                if left <= 0:
                    break
                some = min(left, high - low)
                full = some >= high - low
                taken.append(
                    (low, high if full else low + some, number)
                    if upwards
                    else (low if full else high - some, high, number)
                )
                left -= some
    ends = [0.0]
    owners = [0]
    for low, high, number in sorted(taken):
        if low > ends[-1]:
            ends, owners = [*ends, low], [*owners, number]
        else:
            owners[-1] = number
        ends, owners = [*ends, high], [*owners, 0]
    return np.array(ends), np.array(owners, np.int8)


def _free(taken: list[tuple[float, float, int]], begin: float, end: float) -> list[tuple[float, float]]:
    """What nobody owns between two places, ascending."""
    free, at = [], begin
    for low, high, _ in sorted(taken):
        if low >= end or high <= at:
            continue
        if low > at:
            free.append((at, low))
        at = max(at, high)
    if at < end:
        free.append((at, end))
    return free


def _start(pair: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8 ...: the binary digits of a number behind the point, in reverse (van der Corput)."""
    found, place = 0.0, 0.5
    while pair:
        found, pair, place = found + place * (pair & 1), pair >> 1, place / 2
    return found


def _hashes(key: bytes, units: Sequence[Unit] | NDArray[Any]) -> NDArray[np.uint64]:
    if isinstance(units, np.ndarray):
        units = units.reshape(-1).tolist()
    # Almost always all are of one kind, and then they need not be looked at one by one.
    kinds = set(map(type, units))
    if kinds == {str}:
        forms = [str.encode(unit, errors="surrogatepass") for unit in units]  # pyrefly: ignore[bad-argument-type]
    elif kinds == {int}:
        forms = [str(unit).encode() for unit in units]
    else:
        forms = [unit_bytes(unit) for unit in units]
    if b"" in forms:
        unit_bytes("")
    again = blake2b(digest_size=8, key=key).copy
    digests: list[bytes] = []
    keep = digests.append
    for form in forms:
        each = again()
        each.update(form)
        keep(each.digest())
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def _key(salt: bytes | str) -> bytes:
    key = salt.encode() if isinstance(salt, str) else salt
    if not key:
        raise InvalidInput("the salt is empty; give each experiment its own, such as its id")
    return key if len(key) <= _LONGEST_SALT else blake2b(key, digest_size=_LONGEST_SALT).digest()


def _whole(unit: Any) -> int:
    if not isinstance(unit, bool | np.bool_):
        try:
            return operator.index(unit)
        except TypeError:
            pass
    raise InvalidInput(f"unit {unit!r:.80} is a {type(unit).__name__}; give text, a whole number or bytes")
