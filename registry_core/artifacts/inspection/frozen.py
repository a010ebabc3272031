"""What has been used is not changed any more: not by a later state, item or key.

A call, an array or a compiled class takes what it is given when it is given it; what the file writes into that list,
dict or dtype afterwards is no longer what was used, and only one of the two can have been checked. No pickler writes
such a file, but for objects that hold themselves: an object of Python's own kind may get its state after it was put
into the state of another, since it is looked at once more when all is in its place.
"""

from __future__ import annotations

from typing import Any

from .refused import Refused
from .values import Array, Bag, Dtype, Made
from .work import Budget

_HOLDING = frozenset({list, dict, tuple, Array, Bag, Dtype, Made})


class Frozen:
    """The objects of one pickle that have been used, each by its identity."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        # The objects are kept with their numbers, or another one might get the number of one that is gone.
        self._used: dict[int, Any] = {}

    def check(self, value: Any) -> None:
        """Accept a change of a value.

        Raises:
            Refused: it has been used.
        """
        if id(value) in self._used:
            raise Refused("it changes something after it has been used, so that two readers see two things")

    def use(self, value: Any, *, may_grow: bool = False) -> None:
        """Freeze a value and all that it holds; ``may_grow`` whether objects in it may still get their state."""
        pending, used = [value], self._used
        while pending:
            each = pending.pop()
            kind = type(each)
            if kind not in _HOLDING or id(each) in used:
                continue
            inside: tuple[Any, ...] | list[Any] = ()
            if kind is Made:
                if may_grow and not each.built:
                    continue
                inside = (each.args, each.state, each.items)
            elif kind is dict:
                inside = list(each.values())
            elif kind is Array:
                inside = (each.dtype, each.items)
            elif kind is Bag:
                inside = each.items
            elif kind is not Dtype:
                inside = each
            used[id(each)] = each
            if inside:
                self._budget.spend(len(inside))
                if not _HOLDING.isdisjoint(map(type, inside)):
                    pending.extend(inside)
