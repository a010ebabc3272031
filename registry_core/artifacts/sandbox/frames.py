"""Messages between a sandbox and its parent: a header of JSON and blocks of bytes, with their lengths in front.

Nothing is pickled. The parent believes no length before it has compared it with what it is ready to take.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

_MARK = b"sandbox\n"
_PREFIX = struct.Struct(">8sQQ")
_HEADER_BYTES, _HEADER_CONTAINERS = 4 << 20, 1000

Message = tuple[dict[str, Any], list[bytes]]


class TooLarge(ValueError):
    """The message says it is larger than what may come."""


def pack(header: dict[str, Any], *blocks: bytes) -> list[bytes]:
    """A message as pieces to be written one after the other."""
    text = json.dumps({**header, "blocks": [len(block) for block in blocks]}).encode()
    return [_PREFIX.pack(_MARK, len(text), sum(map(len, blocks))), text, *blocks]


def unpack(received: bytearray, limit: int) -> Message | None:
    """The message these bytes hold, None as long as it is not complete; its blocks may have ``limit`` bytes in all.

    Raises:
        TooLarge: more was announced.
        ValueError: this is no message.
    """
    if not received.startswith(_MARK[: len(received)]):
        raise ValueError("no message")
    if len(received) < _PREFIX.size:
        return None
    _, header_size, size = _PREFIX.unpack_from(received)
    if header_size > _HEADER_BYTES or size > limit:
        raise TooLarge("the message is too large")
    start = _PREFIX.size + header_size
    if len(received) < start + size:
        return None
    try:
        header = document(bytes(received[_PREFIX.size : start]), _HEADER_BYTES, _HEADER_CONTAINERS)
        sizes = header["blocks"]
        if len(received) > start + size or sum(sizes) != size or min(sizes, default=0) < 0:
            raise ValueError("the lengths do not agree")
        return header, list(_cut(received, start, sizes))
    except (KeyError, TypeError) as error:
        raise ValueError("no message") from error


def _cut(received: bytearray, start: int, sizes: list[int]) -> Iterator[bytes]:
    with memoryview(received) as view:
        for size in sizes:
            yield bytes(view[start : start + size])
            start += size


def document(block: bytes, most: int, containers: int) -> Any:
    """The JSON of a block, if it has at most so many bytes, and so many lists and objects: a byte of JSON may take a
    hundred of memory, so both are counted before it is parsed.

    Raises:
        TooLarge: it has more.
        ValueError: it is no JSON.
    """
    if len(block) > most or block.count(b"[") + block.count(b"{") > containers:
        raise TooLarge("the document is too large")
    try:
        return json.loads(block)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def receive(source: BinaryIO) -> Message | None:
    """Wait for a message of the parent; None when the other side closes before it is complete.

    Raises:
        ValueError: something else came.
    """
    prefix = source.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    mark, header_size, size = _PREFIX.unpack(prefix)
    if mark != _MARK:
        raise ValueError("no message")
    text = source.read(header_size)
    if len(text) < header_size:
        return None
    header = json.loads(text)
    # A block of many megabytes is read once into its place.
    blocks = [source.read(each) for each in header["blocks"]]
    return (header, blocks) if sum(map(len, blocks)) == size else None


def send(target: int, pieces: list[bytes]) -> None:
    """Write a message to a descriptor that blocks."""
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(target, rest) :]


def printable(text: str, length: int) -> str:
    """Text of a model, made harmless for a page, a log or a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:length]).split())
