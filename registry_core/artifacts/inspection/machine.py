"""A pickle read symbolically: each opcode does to the stack what it would do, only that nothing is imported or called.

It fails closed: an opcode that no present pickler writes, an argument that crosses a frame, a memo slot out of turn, or
anything else that two unpicklers might read in two ways is refused. The opcodes are those of Python's ``pickletools``;
where arrays stand between them is how joblib writes its files.
"""

from __future__ import annotations

from typing import Any

from . import arrays, opcodes, partials, states
from .names import PARTIAL
from .refused import Refused
from .stack import Stack
from .values import Array, Made


class Machine(Stack):
    """Reads one pickle: see ``Stack`` for its arguments."""

    def run(self) -> Any:
        """The value on the stack at STOP; ``at`` then stands behind it.

        Raises:
            Refused: no honest pickle, or one that must not be loaded.
        """
        data, table = self.data, opcodes.TABLE
        for step in range(self.budget.left):
            at = self.at
            limit = self.limit
            if at >= limit:
                if limit == self.end:
                    raise Refused("it ends before its STOP mark: it is truncated")
                self.limit = self.end
            opcode = data[at]
            self.at = at + 1
            if opcode == 0x2E:
                self.budget.spend(step + 1)
                return self._stop()
            act = table.get(opcode)
            if act is None:
                raise Refused(f"it holds opcode 0x{opcode:02x} at byte {at}, which no model file needs")
            try:
                act(self)
            except IndexError:
                raise Refused(f"it takes more from its stack than there is, at byte {at}") from None
        raise self.budget.refusal()

    def _stop(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise Refused("it leaves more than one object on its stack")
        if self.limit != self.end and self.at != self.limit:
            raise Refused("it stops within a frame that goes on")
        if not all(made.built for made in self.unfinished):
            raise Refused("it leaves an object without its state, whose memory then is anything")
        # Only now are the lists and arrays that they hold complete.
        for made in self.partials:
            if not partials.is_plain(made):
                self.trust.use(PARTIAL, "call")
        for made in self.built:
            states.check(made)
        value = self.stack[0]
        self.refer((value,))
        return value

    def read_array(self, wrapper: Made) -> Any:
        """What joblib reads in place of its wrapper: the bytes that follow, or one more pickle."""
        if not self.joblib:
            raise Refused("it names joblib's wrapper of arrays, but is not a file of joblib's")
        if self.limit != self.end and self.at != self.limit:
            raise Refused("it has the bytes of an array within an open frame")
        dtype, shape, fortran, padded = arrays.wrapped(wrapper)
        if dtype.kind == "O":
            inner = Machine(self.data, self.at, self.trust, self.budget, joblib=False, outer=self.protocol)
            value = inner.run()
            self.at = inner.at
            if type(value) is not Array or value.items is None or value.shape != shape:
                raise Refused("it holds, in place of an array of objects, something else")
            return value
        if padded:
            self.at += 1 + self.data[self.at] if self.at < self.end else 1
        array = Array(dtype, shape, fortran, built=True)
        size = array.count * dtype.size
        if self.at + size > self.end:
            raise Refused(f"it promises an array of {size} bytes, of which {max(self.end - self.at, 0)} are there")
        array.raw = self.view[self.at : self.at + size]
        self.at += size
        return array
