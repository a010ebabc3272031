"""What a file is, told by its first bytes and not by its name: compressed how, and a table in which format."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import IO, Any, Literal

from ...errors import InvalidInput

Form = Literal["Parquet", "Arrow", "text"]

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
_TABLES: dict[bytes, Form] = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"\xff\xff\xff\xff": "Arrow"}
_STRANGERS = {
    b"SQLite format 3\0": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"FEA1": "a Feather file of version 1",
    b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
}


def unpack(source: str, content: bytes, most: int) -> tuple[str, bytes]:
    """How a file was compressed (empty: not at all), and its content.

    Raises:
        InvalidInput: it is cut off or damaged, unpacks to more than ``most`` bytes, or is an archive of several files.
    """
    way = next((way for start, way in _PACKED.items() if content.startswith(start)), "")
    if not way:
        return "", content
    try:
        with _opened(source, content, way) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise InvalidInput(f"{source} is compressed with {way} and cannot be unpacked: {error}") from error
    if len(unpacked) > most:
        raise InvalidInput(f"{source} unpacks to more than {most:,} bytes; take a sample")
    return way, bytes(unpacked)


def _opened(source: str, content: bytes, way: str) -> IO[bytes] | Any:
    raw = io.BytesIO(content)
    if way == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if way == "bz2":
        return bz2.BZ2File(raw)
    if way == "xz":
        return lzma.LZMAFile(raw)
    if way == "zstd":
        import pyarrow

        return pyarrow.CompressedInputStream(raw, "zstd")
    archive = zipfile.ZipFile(raw)
    inside = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    if any(each.filename == "xl/workbook.xml" for each in inside):
        raise InvalidInput(f"{source} is an Excel workbook; save the sheet as CSV, or give a DataFrame")
    if len(inside) != 1:
        raise InvalidInput(f"{source} is a zip archive of {len(inside)} files; give an archive with one table")
    return archive.open(inside[0])


def form(source: str, content: bytes) -> Form:
    """In which format a table is.

    Raises:
        InvalidInput: it is something else, and what.
    """
    for start, what in _STRANGERS.items():
        if content.startswith(start):
            raise InvalidInput(f"{source} is {what}; give a CSV, Parquet, Arrow or JSON lines file, or a DataFrame")
    return next((found for start, found in _TABLES.items() if content.startswith(start)), "text")
