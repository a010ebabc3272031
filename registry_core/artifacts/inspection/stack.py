"""The stack of a pickle that is read symbolically, and what of it every opcode uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from .frozen import Frozen
from .names import Trust
from .refused import Refused
from .values import Bag, Global, Made, Raw
from .work import Budget

_DEEPEST_KEY, _WIDEST_KEY = 8, 10_000
_LARGEST_KEY = 1 << 60  # numbers beyond may be chosen so that they all fall into one bucket of a dict
_MOST_COLLISIONS, _MOST_ODD_KEYS = 100, 2_000
_LONGEST_LINE = 4096
_VIEWED = 512
_SALTED = frozenset({"datetime.date", "datetime.datetime", "datetime.time"})


class Stack(ABC):
    """One pickle from ``at``, and what was made of it so far.

    ``joblib`` says whether the raw bytes of arrays may stand between the opcodes. ``outer`` is the protocol of the
    pickle around a nested one, whose rules for names hold in the nested one too.
    """

    def __init__(
        self, data: bytes, at: int, trust: Trust, budget: Budget, *, joblib: bool, outer: int | None = None
    ) -> None:
        self.data, self.at, self.end, self.limit = data, at, len(data), len(data)
        self.view = memoryview(data)
        self.trust, self.budget, self.joblib, self.outer = trust, budget, joblib, outer
        self.start = at
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: list[Any] = []
        self.built: list[Made] = []
        self.unfinished: list[Made] = []
        self.partials: list[Made] = []
        self.frozen = Frozen(budget)
        self._hashes: dict[int, Any] = {}
        self._collisions = self._odd_keys = 0

    def take(self, count: int) -> bytes:
        """The next bytes, within the open frame."""
        at = self.at
        stop = at + count
        if stop > self.limit:
            raise Refused(f"it speaks of {count} bytes at byte {at}, where there are {max(self.limit - at, 0)}")
        self.at = stop
        return self.data[at:stop]

    def byte(self) -> int:
        """The next byte."""
        at = self.at
        if at >= self.limit:
            raise Refused(f"it speaks of 1 byte at byte {at}, where there are 0")
        self.at = at + 1
        return self.data[at]

    def number(self, size: int) -> int:
        """The next little-endian whole number without a sign, of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        """The text up to the next line feed."""
        stop = self.data.find(b"\n", self.at, min(self.limit, self.at + _LONGEST_LINE))
        if stop < 0:
            raise Refused(f"it has a line without an end at byte {self.at}")
        at, self.at = self.at, stop + 1
        return self.data[at:stop].decode("utf-8", "strict")

    def raw(self, count: int) -> Raw:
        """The next bytes; when there are many, as a view into the file."""
        if count < _VIEWED:
            return self.take(count)
        at = self.at
        if at + count > self.limit:
            raise Refused(f"it speaks of {count} bytes at byte {at}, where there are {max(self.limit - at, 0)}")
        self.at = at + count
        return self.view[at : at + count]

    def popped(self) -> list[Any]:
        """What was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def refer(self, values: Sequence[Any]) -> None:
        """Judge the names among values that are kept: each is a reference, whatever else becomes of it."""
        if Global in map(type, values):
            for value in values:
                if type(value) is Global:
                    self.trust.use(value.name, "reference")

    def push_tuple(self, values: tuple[Any, ...]) -> None:
        # How protocols 0 and 1 hand a class to the one function that instantiates it.
        instantiates = (
            len(values) == 3
            and type(values[0]) is Global
            and type(values[1]) is Global
            and values[1].name in ("builtins.object", "builtins.dict")
            and type(values[2]) in (type(None), dict)
        )
        self.refer(values[1:] if instantiates else values)
        self.stack.append(values)

    @abstractmethod
    def read_array(self, wrapper: Made) -> Any:
        """What joblib reads in place of its wrapper: the bytes that follow, or one more pickle."""

    def check_keys(self, keys: Sequence[Any]) -> None:
        """Refuse keys that would take for ever, or too deep a recursion, to look up.

        Whoever chooses tuples can choose them all alike to a dict, which then compares each of them with all.
        """
        for key in keys:
            kind = type(key)
            if kind is str:
                continue
            if kind is tuple:
                self._check_tuple(key)
            elif kind is int:
                if abs(key) > _LARGEST_KEY:
                    raise Refused("it has numbers beyond 2**60 as keys")
            elif kind in (list, dict) or (kind is Bag and not key.final):
                raise Refused("it has a list, dict or set as a key")
            elif kind is Bag or (kind is Made and key.of not in _SALTED):
                self._odd_keys += 1
                if self._odd_keys > _MOST_ODD_KEYS:
                    raise Refused(f"it has more than {_MOST_ODD_KEYS:,} keys that are objects, which no model needs")

    def _check_tuple(self, key: tuple[Any, ...]) -> None:
        """Refuse a tuple that is too large to look up: hashing one goes through all of it, each time."""
        level: list[Any] = [key]
        for _ in range(_DEEPEST_KEY):
            width = sum(map(len, level))
            if width > _WIDEST_KEY:
                break
            self.budget.spend(width)
            inside = [each for part in level for each in part]
            if not {list, dict}.isdisjoint(map(type, inside)):
                raise Refused("it has a list, dict or set within a key")
            level = [each for each in inside if type(each) is tuple]
            if not level:
                other = self._hashes.setdefault(hash(key), key)
                self._collisions += other != key
                if self._collisions > _MOST_COLLISIONS:
                    raise Refused("it has tuples as keys that were chosen to collide")
                return
        raise Refused("it has tuples nested without end, or endless ones, as keys")
