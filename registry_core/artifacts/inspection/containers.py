"""What a file is, judged by its first bytes, and what is inside when it is compressed.

Decompression is in pieces and stops at a limit, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .refused import Refused

_PIECE = 1 << 20
# A file of a few kilobytes may hold a large table of zeros; a larger one may not grow without measure.
# Trees pack to a quarter at most: what is that large may grow as much.
_ALWAYS, _RATIO, _MOST, _HONEST = 32 << 20, 20, 2 << 30, 4
_LZMA_MEMORY = 128 << 20

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_ZLIB_SECOND = (0x01, 0x5E, 0x9C, 0xDA)
_DISGUISES = (
    (b"\x7fELF", "a program for Linux"),
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a program for macOS or Java"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK", "a ZIP archive"),
    (b"\x93NUMPY", "a numpy array (npy)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"GGUF", "a GGUF model"),
    (b"ZF", "a file of joblib before 0.10"),
    (b"#!", "a script"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
)


def compression(data: bytes) -> str | None:
    """How a file is compressed, by its first bytes; None when it is not."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    return "zlib" if len(data) > 1 and data[0] == 0x78 and data[1] in _ZLIB_SECOND else None


def disguise(data: bytes) -> str | None:
    """What a file is that is no model; None when that cannot be told."""
    for magic, name in _DISGUISES:
        if data.startswith(magic):
            return name
    head = data[:256].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<script", b"<svg")):
        return "a web page (perhaps the error page of a download)"
    if data[257:262] == b"ustar":
        return "a tar archive"
    return None


def is_skops(data: bytes) -> bool:
    """Whether a file is a ZIP with the schema that makes it one of skops'."""
    return data.startswith(b"PK\x03\x04") and b"schema.json" in data[-(1 << 22) :]


def is_ubjson(data: bytes) -> bool:
    """Whether a file begins as an object of UBJSON: a brace, and then the marker of a key's length."""
    return data[:1] == b"{" and data[1:2] in (b"i", b"U", b"I", b"l", b"L", b"#", b"}")


def most_unpacked(packed: int) -> int:
    """How many bytes a file of so many may unpack to."""
    return max(_ALWAYS, min(_MOST, _RATIO * packed), _HONEST * packed)


def decompress(data: bytes, method: str) -> bytes:
    """The content of a file that is compressed with zlib, gzip, bz2, xz, lzma or lz4.

    Raises:
        Refused: it is damaged, truncated, followed by something else, or grows beyond the limit.
    """
    most = most_unpacked(len(data))
    view, at, size = memoryview(data), 0, 0
    # Its buffer grows in place, where a list of pieces would be there twice when they are joined.
    content, last = io.BytesIO(), 0
    with _damaged(method):
        stream = _OPENERS[method]()
        while not stream.eof:
            fresh = b""
            if stream.needs_input:
                # What a full piece left inside comes out without further input.
                if at >= len(data) and last < _PIECE:
                    raise Refused(f"its {method} stream is truncated")
                fresh, at = bytes(view[at : at + _PIECE]), at + _PIECE
            last = content.write(stream.decompress(fresh, _PIECE))
            size = _checked(size + last, most, len(data))
        unused = len(stream.unused_data or b"") + max(len(data) - at, 0)
    if unused:
        raise Refused(f"it goes on for {unused} bytes after its {method} stream")
    return content.getvalue()


class _Inflate:
    """zlib's decompressor with the attributes that those of bz2 and lzma have."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(wbits=bits)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, most)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _checked(size: int, most: int, packed: int) -> int:
    if size > most:
        raise Refused(
            f"it unpacks from {packed:,} to more than {most:,} bytes, as a bomb does",
            "Save the model without compression, and upload that file",
        )
    return size


def _lz4() -> Any:
    try:
        import lz4.frame
    except ImportError:
        raise Refused(
            "it is compressed with lz4, which is not installed here: install lz4, or compress otherwise"
        ) from None
    return lz4.frame.LZ4FrameDecompressor()


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)


def _lzma() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)


_OPENERS: dict[str, Callable[[], Any]] = {
    "zlib": lambda: _Inflate(15),
    "gzip": lambda: _Inflate(31),
    "bz2": _bz2,
    "xz": _xz,
    "lzma": _lzma,
    "lz4": _lz4,
}


@contextmanager
def _damaged(method: str) -> Iterator[None]:
    from lzma import LZMAError

    try:
        yield
    except (zlib.error, LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise Refused(f"its {method} stream is damaged ({str(error)[:80]})") from None
