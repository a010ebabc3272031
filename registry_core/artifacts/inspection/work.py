"""How much work one file may cause, in steps: what a small file can ask for without end is bounded in one place.

A step is about an opcode of a pickle, an item of a list that is walked, or sixty-four bytes that numpy looks at. Each
file has so many by its size, and everything that goes through what the file holds spends from the same budget: one
array that a hundred thousand objects share costs as much as a hundred thousand arrays.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from .refused import Refused

# A small file may take this many steps. A larger one may take as many as the densest honest file of its size: a
# vocabulary, at three steps for ten bytes and more.
ALWAYS, _BYTES_A_STEP = 500_000, 3
_LOOKED_AT = 64
_Items = TypeVar("_Items", bound=Collection[object])


class Budget:
    """How many more steps a file may take, of ``most`` in all."""

    def __init__(self, most: int | None = None) -> None:
        self.left = self.most = ALWAYS if most is None else most

    @classmethod
    def for_file(cls, packed: int, content: int) -> Budget:
        """What a file may take, by its size and by that of what is in it, both in bytes.

        A packed file counts by what it is packed into, so that a few bytes of it cannot take for ever.
        """
        return cls(max(ALWAYS, min(content // _BYTES_A_STEP, 2 * packed)))

    def spend(self, steps: int) -> None:
        """Take steps off.

        Raises:
            Refused: there are no more.
        """
        self.left -= steps
        if self.left < 0:
            raise self.refusal()

    def refusal(self) -> Refused:
        """What to say of a file that has used up its steps."""
        return Refused(
            f"it has more than {self.most:,} steps, which no model of its size needs",
            "Turn its longest lists of numbers into numpy arrays, save the model again, and upload that file",
        )


_current: ContextVar[Budget | None] = ContextVar("_current", default=None)


@contextmanager
def budget_for(packed: int, content: int) -> Iterator[Budget]:
    """The budget of one file, by its size and by that of what is in it, both in bytes; ``spend`` takes from it."""
    budget = Budget.for_file(packed, content)
    # Millions of small objects make Python look for circles among them again and again; here there are next to none.
    collected = gc.isenabled()
    gc.disable()
    token = _current.set(budget)
    try:
        yield budget
    finally:
        _current.reset(token)
        if collected:
            gc.enable()


def spend(steps: int) -> None:
    """Take steps off the budget of the file that is being looked into.

    Raises:
        Refused: there are no more.
    """
    budget = _current.get()
    if budget is not None:
        budget.spend(steps)


def walked(items: _Items) -> _Items:
    """The same items; going through all of them is paid for.

    Raises:
        Refused: there are more than the file may take steps.
    """
    spend(len(items))
    return items


def looked_at(size: int) -> None:
    """Pay for a look at so many bytes.

    Raises:
        Refused: there are more than the file may have looked at.
    """
    spend(size // _LOOKED_AT + 1)
