"""UBJSON as XGBoost writes it, read within limits. Nothing is made of it but dicts, lists, texts and numbers.

The format is draft 12 of the Universal Binary JSON specification: markers of one byte, numbers big-endian, and arrays
of one type with a count (``[$l#L...``), which become arrays of Python's ``array`` module.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import Any

from . import work
from .refused import Refused

TYPED = array
_DEEPEST = 64
_STEPS_A_VALUE = 2
_WHOLE = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}
_CODES = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def read(data: bytes) -> Any:
    """The content of a file.

    Raises:
        Refused: it is truncated, goes on after its end, nests too deep, or lies about a length.
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    # XGBoost pads nothing; what follows was put there by somebody else.
    if reader.at != len(data):
        raise Refused("it goes on after its end")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Refused(f"it speaks of {count} bytes at byte {self.at}, where there are {len(self.data) - self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def whole(self, marker: bytes) -> int:
        if marker not in _WHOLE:
            raise Refused(f"it has {marker!r} at byte {self.at}, where a whole number belongs")
        return int.from_bytes(self.take(_WHOLE[marker]), "big", signed=marker != b"U")

    def length(self) -> int:
        found = self.whole(self.take(1))
        if not 0 <= found <= len(self.data):
            raise Refused(f"it speaks of {found} items at byte {self.at}, more than the file has bytes")
        return found

    def text(self) -> str:
        try:
            return self.take(self.length()).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(f"it has text that is not UTF-8 before byte {self.at}") from None

    def value(self, marker: bytes, depth: int) -> Any:
        work.spend(_STEPS_A_VALUE)
        if depth > _DEEPEST:
            raise Refused(f"it nests deeper than {_DEEPEST} levels")
        if marker == b"{":
            return self.mapping(depth)
        if marker == b"[":
            return self.items(depth)
        if marker == b"S":
            return self.text()
        if marker == b"C":
            return self.take(1).decode("latin-1")
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in (b"d", b"D"):
            return struct.unpack(">f" if marker == b"d" else ">d", self.take(4 if marker == b"d" else 8))[0]
        return self.whole(marker)

    def mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        count = None
        if self.data[self.at : self.at + 1] == b"#":
            self.at += 1
            count = self.length()
        while count is None or len(found) < count:
            if count is None and self.data[self.at : self.at + 1] == b"}":
                self.at += 1
                break
            key = self.text()
            if key in found:
                raise Refused(f"it says {key[:40]!r} twice")
            found[key] = self.value(self.take(1), depth + 1)
        return found

    def items(self, depth: int) -> Any:
        start = self.data[self.at : self.at + 1]
        if start == b"$":
            self.at += 1
            kind = self.take(1)
            if kind not in _CODES or self.take(1) != b"#":
                raise Refused(f"it has a list of an unknown kind at byte {self.at}")
            found = array(_CODES[kind])
            found.frombytes(self.take(self.length() * found.itemsize))
            if sys.byteorder == "little":
                found.byteswap()
            return found
        if start == b"#":
            self.at += 1
            return [self.value(self.take(1), depth + 1) for _ in range(self.length())]
        values = []
        while (marker := self.take(1)) != b"]":
            values.append(self.value(marker, depth + 1))
        return values
