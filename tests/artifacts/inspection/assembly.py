"""Pickles put together opcode by opcode, as no pickler would write them."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any


def text(value: str) -> bytes:
    """A short text."""
    data = value.encode("utf-8", "surrogatepass")
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    """A name, asked for by protocol 4."""
    return text(module) + text(attribute) + pickle.STACK_GLOBAL


def plain(value: Any) -> bytes:
    """The opcodes that push a plain value: those between PROTO and STOP, without a frame or a memo."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=3)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()[2:-1]


def tupled(*parts: bytes) -> bytes:
    """A tuple of what the parts push."""
    return pickle.MARK + b"".join(parts) + pickle.TUPLE


def called(function: bytes, *parts: bytes) -> bytes:
    """A function called with what the parts push."""
    return function + tupled(*parts) + pickle.REDUCE


def call(module: str, attribute: str, *arguments: Any) -> bytes:
    """A named function called with plain values."""
    return called(name(module, attribute), *(plain(argument) for argument in arguments))


def made(module: str, attribute: str, state: bytes = b"") -> bytes:
    """An instance of a class, and its state when there is one."""
    return name(module, attribute) + pickle.EMPTY_TUPLE + pickle.NEWOBJ + (state + pickle.BUILD if state else b"")


def mapping(**values: bytes) -> bytes:
    """A dict of what the parts push."""
    return (
        pickle.EMPTY_DICT + pickle.MARK + b"".join(text(key) + part for key, part in values.items()) + pickle.SETITEMS
    )


def whole(body: bytes, protocol: int = 4) -> bytes:
    """A pickle around a body."""
    return pickle.PROTO + bytes([protocol]) + body + pickle.STOP
