"""Which labels an ONNX graph answers, in the order of its probabilities: read from the graph, without the onnx library.

Runtimes tell an output's type, but not the labels in it. Either the node that makes the label output lists them
(``classlabels_*`` of the classifiers of ``ai.onnx.ml``), or it picks them from a constant by the place of the largest
probability. The messages and field numbers are those of ``onnx.proto3``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..inspection import onnx

# Operators that hand on their first input's values; of the last two it is the constant that labels are picked from.
_HAND_ON = frozenset(
    {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", "ArrayFeatureExtractor", "Gather"}
)
_LISTS = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")
_INT32, _INT64, _STRING = 6, 7, 8
_DEEPEST = 50

Labels = list[int] | list[str]


@dataclass
class _Node:
    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    labels: Labels = field(default_factory=list)


def labels_of(data: bytes, output: str) -> Labels:
    """The labels that one output of a checked file takes its values from; empty where the graph does not say."""
    nodes: dict[str, _Node] = {}
    constants: dict[str, Labels] = {}
    for graph in _inner(memoryview(data), 7):
        for part in _inner(graph, 1):
            outputs, node = _node(part)
            nodes.update(dict.fromkeys(outputs, node))
        for part in _inner(graph, 5):
            name, labels = _constant(part)
            constants[name] = labels
    for _ in range(_DEEPEST):
        node = nodes.get(output, _Node())
        if node.labels:
            return node.labels
        if node.operator not in _HAND_ON or not node.inputs:
            return []
        output = node.inputs[0]
        if output in constants:
            return constants[output]
    return []


def _inner(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in onnx.fields(data):
        if number == wanted:
            yield onnx.message(value)


def _node(data: memoryview) -> tuple[list[str], _Node]:
    node, outputs = _Node(), []
    for number, value in onnx.fields(data):
        if number == 1:
            node.inputs.append(onnx.text(value))
        elif number == 2:
            outputs.append(onnx.text(value))
        elif number == 4:
            node.operator = onnx.text(value)
        elif number == 5:
            node.labels = node.labels or _attribute(onnx.message(value))
    return outputs, node


def _attribute(data: memoryview) -> Labels:
    name, items = "", []
    for number, value in onnx.fields(data):
        if number == 1:
            name = onnx.text(value)
            if name not in _LISTS:
                return []
        elif number in (8, 9):
            items.append((number, value))
    if name not in _LISTS:
        return []
    whole = [each for number, value in items if number == 8 for each in _integers(value)]
    return whole or [onnx.text(value) for number, value in items if number == 9]


def _constant(data: memoryview) -> tuple[str, Labels]:
    name, kind, whole, texts, raw = "", 0, [], [], b""
    for number, value in onnx.fields(data):
        if number == 8:
            name = onnx.text(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in (5, 7):
            whole += _integers(value)
        elif number == 6:
            texts.append(onnx.text(value))
        elif number == 9:
            raw = bytes(onnx.message(value))
    if kind == _STRING:
        return name, texts
    if kind not in (_INT32, _INT64):
        return name, []
    code, size = ("i", 4) if kind == _INT32 else ("q", 8)
    return name, whole or list(struct.unpack(f"<{len(raw) // size}{code}", raw[: len(raw) // size * size]))


def _integers(value: Any) -> list[int]:
    """Whole numbers, packed or one alone; negative ones are written as their complement in 64 bits."""
    numbers = [value] if isinstance(value, int) else list(onnx.packed(value))
    return [each - (1 << 64) if each >> 63 else each for each in numbers]
