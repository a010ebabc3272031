"""ONNX files: their protobuf walked field by field, without the onnx library.

The messages and field numbers are those of ``onnx.proto3``. Looked for are lengths that lie, tensors whose bytes lie in
other files, and operators from outside the standard, which the runtime would need libraries for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import work
from .refused import Refused
from .values import Raw

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_DEEPEST = 32
_STEPS_A_FIELD = 6
_LARGEST_TENSOR = 1 << 34
_DIMENSIONS = 64
# The long lists of an attribute, one field an item: numbers (fields 7 and 8), and the kinds of a forest's nodes (9).
_KINDS = (b"LEAF", *(b"BRANCH_" + kind for kind in (b"LEQ", b"LT", b"GTE", b"GT", b"EQ", b"NEQ")))
_LISTED = b"|".join(bytes([len(kind)]).replace(b"\n", rb"\n") + kind for kind in _KINDS)
_RUN = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a(?:" + _LISTED + rb"))++", re.DOTALL)
# Other texts of an attribute, as of a vocabulary: the field, and from which length on its length takes two bytes.
_SHORT_TEXT, _SHORT = 0x4A, 0x80
_EXTERNAL = 1
# The fields of a tensor's items, with the bytes of one where they are fixed: None is one text for each field.
_LISTS = {4: 4, 5: 0, 6: None, 7: 0, 10: 8, 11: 0}
_PAIRS = (14, 15)  # complex numbers
_FURTHER_BYTES = bytes(range(128, 256))
# Bytes of an item, by TensorProto.DataType; text (8) has its own field.
_ITEM = {
    17: 1,
    18: 1,
    19: 1,
    20: 1,
    1: 4,
    2: 1,
    3: 1,
    4: 2,
    5: 2,
    6: 4,
    7: 8,
    9: 1,
    10: 2,
    11: 8,
    12: 4,
    13: 8,
    14: 8,
    15: 16,
    16: 2,
}


@dataclass
class Found:
    """What a walk through a model came upon: operators outside the standard, its producer, its inputs."""

    foreign: dict[str, None] = field(default_factory=dict)
    producer: str | None = None
    entries: list[tuple[str, int | None]] = field(default_factory=list)
    constants: set[str] = field(default_factory=set)
    graphs: int = 0

    @property
    def columns(self) -> list[tuple[str, int | None]]:
        """The inputs that a caller gives, each with its width: older files list the weights among them."""
        return [(name, width) for name, width in self.entries if name not in self.constants]

    @property
    def inputs(self) -> int | None:
        """How many columns they are in all; None where the file leaves it open."""
        widths = [width for _, width in self.columns]
        return sum(width for width in widths if width) if widths and all(widths) else None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns' names, where each is an input of its own."""
        single = len(self.columns) > 1 and all(width == 1 for _, width in self.columns)
        return tuple(name for name, _ in self.columns) if single else ()


def read(data: bytes) -> Found:
    """Walk a ModelProto.

    Raises:
        Refused: it is none, lies about a length, or keeps its weights in other files.
    """
    found = Found()
    versions = []
    for number, value in fields(memoryview(data)):
        if number == 1 and isinstance(value, int):
            versions.append(value)
        elif number == 2:
            found.producer = text(value)
        elif number == 7:
            _graph(message(value), found, 0)
        elif number == 8:
            _opset(message(value), found)
        elif number == 25:
            _function(message(value), found)
        elif number == 20:
            raise Refused("it holds training steps, which a model in use does not need")
    if found.graphs == 0 or len(versions) != 1 or not 1 <= versions[0] <= 100:
        raise Refused("it has no graph, or not one version: it is not an ONNX model, or truncated")
    return found


def fields(data: memoryview, passed_over: re.Pattern[bytes] | None = None) -> Iterator[tuple[int, int | memoryview]]:
    """``(number, value)`` of each field: an int for varints and fixed numbers, bytes for what has a length.

    ``passed_over`` matches whole fields that nobody asks for.
    """
    at = 0
    while at < len(data):
        if passed_over is not None:
            if run := passed_over.match(data, at):
                at = run.end()
                continue
            if data[at] == _SHORT_TEXT and at + 1 < len(data) and data[at + 1] < _SHORT:
                work.spend(1)
                at += 2 + data[at + 1]
                continue
        work.spend(_STEPS_A_FIELD)
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not 1 <= number < 1 << 29:
            raise Refused(f"it has a field of the impossible number {number}")
        value: int | memoryview
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            if at + size > len(data):
                raise Refused("it is truncated within a number")
            value = int.from_bytes(data[at : at + size], "little")
            at += size
        elif kind == 2:
            size, at = _varint(data, at)
            if size > len(data) - at:
                raise Refused(f"it speaks of {size} bytes where there are {len(data) - at}: it is truncated or altered")
            value = data[at : at + size]
            at += size
        else:
            raise Refused(f"it has a field of the unknown kind {kind}")
        yield number, value
    if at > len(data):
        raise Refused("it is truncated within a text")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at >= len(data):
            raise Refused("it is truncated within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at
    raise Refused("it has a number without an end")


def message(value: int | Raw) -> memoryview:
    if not isinstance(value, memoryview):
        raise Refused("it has a number where a message belongs")
    return value


def text(value: int | Raw) -> str:
    try:
        return bytes(message(value)).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("it has text that is not UTF-8") from None


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise Refused(f"it nests deeper than {_DEEPEST} levels")
    return depth + 1


def _opset(data: memoryview, found: Found) -> None:
    for number, value in fields(data):
        if number == 1:
            _domain(text(value), "operators", found)


def _domain(domain: str, operator: str, found: Found) -> None:
    if domain not in _DOMAINS:
        found.foreign[f"{domain}.{operator}"] = None


def _function(data: memoryview, found: Found) -> None:
    for number, value in fields(data):
        if number == 7:
            _node(message(value), found, 1)
        elif number == 9:
            _opset(message(value), found)
        elif number == 11:
            _attribute(message(value), found, 1)


def _graph(data: memoryview, found: Found, depth: int) -> None:
    found.graphs += 1
    for number, value in fields(data):
        if number == 1:
            _node(message(value), found, _deeper(depth))
        elif number == 5:
            _tensor(message(value), found, depth == 0)
        elif number == 15:
            for inner, part in fields(message(value)):
                if inner in (1, 2):
                    _tensor(message(part), found)
        elif number == 11 and depth == 0:
            found.entries.append(_entry(message(value)))


def _node(data: memoryview, found: Found, depth: int) -> None:
    operator, domain = "", ""
    for number, value in fields(data):
        if number == 4:
            operator = text(value)
        elif number == 7:
            domain = text(value)
        elif number == 5:
            _attribute(message(value), found, depth)
    if not operator:
        raise Refused("it has a node without an operator")
    _domain(domain, operator, found)


def _attribute(data: memoryview, found: Found, depth: int) -> None:
    for number, value in fields(data, _RUN):
        if number in (5, 10):
            _tensor(message(value), found)
        elif number in (6, 11):
            _graph(message(value), found, _deeper(depth))
        elif number in (22, 23):
            for inner, part in fields(message(value)):
                if inner in (1, 2):
                    _tensor(message(part), found)


def _tensor(data: memoryview, found: Found, constant: bool = False) -> None:
    """A tensor: as many items as its dimensions say, in one of the fields that hold them."""
    count, dimensions, kind, raw, items = 1, 0, 0, None, 0
    for number, value in fields(data):
        if number == 1:
            for dimension in [value] if isinstance(value, int) else packed(value):
                dimensions += 1
                count *= dimension
                if count > _LARGEST_TENSOR or dimensions > _DIMENSIONS:
                    raise Refused("it has a tensor larger than any memory")
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in _LISTS:
            items += _listed(number, value)
        elif number == 9:
            raw = len(message(value))
        elif number == 8 and constant:
            found.constants.add(text(value))
        elif number == 13 or (number == 14 and value == _EXTERNAL):
            raise Refused("it keeps weights in other files, which it could name at will; save it as one file")
    if raw is not None and kind in _ITEM and raw != count * _ITEM[kind]:
        raise Refused(f"it has a tensor of {count} items whose bytes are too many or too few")
    # The runtime reserves memory for the items that are spoken of, whether they are there or not.
    if raw is None and items not in (count, 2 * count if kind in _PAIRS else count):
        raise Refused(f"it has a tensor of {count} items, of which {items} are there")


def _listed(number: int, value: int | memoryview) -> int:
    """How many items a field of a tensor holds: one, or a packed list of numbers of a fixed or of any length."""
    width = _LISTS[number]
    if isinstance(value, int) or width is None:
        return 1
    if width:
        return len(value) // width
    # Of a number of any length, the last byte is the one below 128.
    return len(bytes(value).translate(None, _FURTHER_BYTES))


def packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        work.spend(1)
        value, at = _varint(data, at)
        yield value


def _entry(data: memoryview) -> tuple[str, int | None]:
    """An input's name and width: ``ValueInfo.type.tensor_type.shape.dim[1].dim_value``; of one dimension it is 1."""
    name = "".join(text(value) for number, value in fields(data) if number == 1)
    for path in (2, 1, 2):
        inner = [message(value) for number, value in fields(data) if number == path]
        if len(inner) != 1:
            return name, None
        data = inner[0]
    dimensions = [message(value) for number, value in fields(data) if number == 1]
    if len(dimensions) == 1:
        return name, 1
    if len(dimensions) != 2:
        return name, None
    widths = [value for number, value in fields(dimensions[1]) if number == 1]
    width = widths[0] if widths else None
    return name, width if isinstance(width, int) and 0 < width < 1 << 31 else None
