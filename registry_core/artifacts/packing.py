"""Packed files: zlib around what was registered, so that ``joblib.load`` reads them as well."""

from __future__ import annotations

import zlib

#: The first byte of every zlib stream with the usual window; no format of models begins with it.
_MARK = b"\x78"
_LEVEL = 6
#: Deflate cannot shrink by more than 1032 to 1, so what claims more is no file of ours.
_MOST_RATIO = 1040


def pack(data: bytes) -> bytes:
    """The bytes, compressed."""
    return zlib.compress(data, _LEVEL)


def unpack(data: bytes, size: int | None = None) -> bytes | None:
    """What was packed; None where nothing was, or where it is longer than ``size`` (or than deflate could make it)."""
    if data[:1] != _MARK:
        return None
    most = size if size is not None else len(data) * _MOST_RATIO
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(data, most + 1)
    except zlib.error:
        return None
    whole = inflating.eof and not inflating.unused_data
    return content if whole and len(content) <= most else None
