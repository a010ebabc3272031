"""ZIP files as skops writes them, and the arrays in them: checked before anything is unpacked.

A ZIP can be read in two ways, from its front and from its end; here both have to agree, byte by byte, so that nobody
can hide a second file in the gaps. Formats: PKWARE's APPNOTE, and NEP 1 for ``.npy``.
"""

from __future__ import annotations

import ast
import io
import re
import zipfile
import zlib

from . import arrays, containers, work
from .refused import Refused
from .values import Array, Dtype, Raw

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}", re.ASCII)
# An entry takes two hundred bytes at least: its two headers, its name twice, and the head of an array.
_ENTRIES, _BYTES_AN_ENTRY = 50_000, 200
_UTF8_NAMES = 0x800
_LONGEST_HEADER = 1 << 16
_END = b"PK\x05\x06"


def entries(data: bytes) -> dict[str, bytes]:
    """The content of every file in a ZIP.

    Raises:
        Refused: damaged, encrypted, a bomb, with names that lead elsewhere or twice, or with something in its gaps.
    """
    if not data.startswith(b"PK\x03\x04") or data[-22:-18] != _END or data[-2:] != b"\0\0":
        raise Refused("it is a ZIP with something before, behind or instead of its content")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpacked(data, archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError, OSError) as error:
        raise Refused(f"it is a damaged ZIP ({str(error)[:80]})") from None


def _unpacked(data: bytes, archive: zipfile.ZipFile) -> dict[str, bytes]:
    listing = archive.infolist()
    most = max(_ENTRIES, len(data) // _BYTES_AN_ENTRY)
    if not 0 < len(listing) <= most:
        raise Refused(f"it is a ZIP of {len(listing)} files; a model of its size has 1 to {most}")
    names = {entry.filename.lower() for entry in listing}
    if len(names) != len(listing):
        raise Refused("it is a ZIP with a file twice")
    total = sum(entry.file_size for entry in listing)
    if total > containers.most_unpacked(len(data)):
        raise Refused(
            f"it unpacks from {len(data):,} to {total:,} bytes, as a bomb does",
            "Save the model without compression, and upload that file",
        )
    # Archives in an archive take from the same budget, so that a file with many of them unpacks no more than one.
    work.looked_at(total)
    end = 0
    found: dict[str, bytes] = {}
    for entry in sorted(listing, key=lambda entry: entry.header_offset):
        if not _NAME.fullmatch(entry.filename) or ".." in entry.filename or entry.orig_filename != entry.filename:
            raise Refused(f"it is a ZIP with a file named {entry.filename[:60]!r}, which may lead elsewhere")
        if entry.flag_bits & ~_UTF8_NAMES or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused(f"it is a ZIP whose {entry.filename} is encrypted or packed in a way that skops does not use")
        if entry.external_attr >> 28 not in (0, 8):
            raise Refused(f"it is a ZIP whose {entry.filename} is a link or no plain file")
        at = entry.header_offset
        name, extra = (int.from_bytes(data[at + place : at + place + 2], "little") for place in (26, 28))
        if at != end or data[at : at + 4] != b"PK\x03\x04":
            raise Refused(f"it is a ZIP with a gap before {entry.filename}")
        end = at + 30 + name + extra + entry.compress_size
        found[entry.filename] = _content(archive, entry)
    if end != archive.start_dir:
        raise Refused("it is a ZIP with a gap before its list of files")
    return found


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise Refused(f"it is a ZIP whose {entry.filename} has another size than it says")
    return content


def read_npy(data: bytes) -> Array:
    """An array out of a ``.npy`` file; of objects there are none.

    Raises:
        Refused: header and content do not agree, or it holds objects.
    """
    if data[:6] != b"\x93NUMPY" or len(data) < 12 or data[6] not in (1, 2, 3):
        raise Refused("it has an array that is none")
    width = 2 if data[6] == 1 else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    if length > _LONGEST_HEADER or start > len(data):
        raise Refused("it has an array whose header is truncated")
    try:
        header = ast.literal_eval(data[8 + width : start].decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise Refused("it has an array whose header cannot be read") from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Refused("it has an array whose header is another than numpy writes")
    array = Array(_described(header["descr"]), arrays.check_shape(header["shape"]), header["fortran_order"] is True)
    array.built = True
    content: Raw = memoryview(data)[start:]
    arrays.fill(array, content)
    return array


def _described(text: object) -> Dtype:
    if isinstance(text, str) and text[:1] in "<>|=":
        dtype = arrays.plain_dtype(text[1:])
        dtype.order, dtype.built = text[0], True
        if dtype.kind == "O":
            raise Refused("it has an array of objects, which would be a pickle")
        return arrays.check_dtype(dtype)
    if not isinstance(text, list) or not 0 < len(text) < 1000:
        raise Refused("it has an array of an unknown kind")
    fields: dict[str, tuple[Dtype, int]] = {}
    offset = 0
    for field in text:
        match field:
            case (str() as name, str() as inner):
                dtype = _described(inner)
            case _:
                raise Refused("it has an array of records of an unknown kind")
        # A field without a name is the space at the end of a record.
        if name in fields:
            raise Refused("it has an array of records with a field twice")
        if name:
            fields[name] = (dtype, offset)
        offset += dtype.size
    return Dtype("V", offset, "|", fields, built=True)
