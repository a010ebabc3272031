"""Archives that somebody made to fill memory, to lead elsewhere, or to lie about what they hold."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry_core import InvalidInput, Registry
from registry_core.artifacts import bundle

MANIFEST = json.dumps({"format": "small", "format_version": 1}).encode()
BLOCK = 512


def header(name: str | bytes, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A header of 512 bytes, whatever stands in it."""
    info = tarfile.TarInfo("x")
    info.size, info.type, info.linkname = max(size, 0), kind, link
    raw = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    text = name.encode() if isinstance(name, str) else name
    raw[:100] = text[:100].ljust(100, b"\0")
    if size < 0:
        raw[124:136] = b"\xff" + size.to_bytes(11, "big", signed=True)
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    return bytes(raw)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % BLOCK)


def member(name: str | bytes, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    return header(name, len(data), kind, link) + padded(data)


def long_name(name: bytes) -> bytes:
    return member("././@LongLink", name + b"\0", tarfile.GNUTYPE_LONGNAME) + member(name[:100], b"data")


def pax(**fields: str) -> bytes:
    info = tarfile.TarInfo("plain")
    info.size = 4
    info.pax_headers = fields
    return info.tobuf(tarfile.PAX_FORMAT) + padded(b"data")


def begun(*parts: bytes) -> bytes:
    return b"".join([member("manifest.json", MANIFEST), *parts, b"\0" * 1024])


def manifest(**changes: object) -> bytes:
    text = json.dumps({"format": "small", "format_version": 1, **changes})
    return member("manifest.json", text.encode())


ARCHIVES: dict[str, bytes] = {
    "a thousand folders": begun(long_name(b"/".join([b"d"] * 1000))),
    "a name of 2,000 characters": begun(long_name(b"n" * 2000)),
    "a name of a megabyte": begun(long_name(b"n" * 1_100_000)),
    "a name that says it has a gigabyte": begun(header("././@LongLink", 1_000_000_000, tarfile.GNUTYPE_LONGNAME)),
    "a name of less than nothing": begun(header("././@LongLink", -4, tarfile.GNUTYPE_LONGNAME)),
    "names before names": begun(*[member("././@LongLink", b"n\0", tarfile.GNUTYPE_LONGNAME)] * 3000),
    "a name that is no text": begun(member(b"files/\xff\xfe", b"x")),
    "a name in another script": begun(member("files/mod\u0435l", b"x")),
    "a name that turns": begun(member("files/\u202egpj.exe", b"x")),
    "a name with a newline": begun(member(b"files/a\nb", b"x")),
    "a name upwards": begun(member("files/../../x", b"x")),
    "an absolute name": begun(member("/etc/passwd", b"x")),
    "a name of nothing": begun(member("", b"x")),
    "a name with two slashes": begun(member("files//x", b"x")),
    "a drive": begun(member("C:\\x", b"x")),
    "a member of less than nothing": begun(header("files/x", -BLOCK)),
    "a member larger than the file": begun(header("files/x", 1 << 40)),
    "a size in an extended header": begun(pax(size="-512")),
    "a huge size in an extended header": begun(pax(size=str(10**30))),
    "another name in an extended header": begun(pax(path="../../x")),
    "a link": begun(member("files/x", kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "a second name of what comes later": begun(member("files/x", kind=tarfile.LNKTYPE, link="files/y")),
    "a second name of what is outside": begun(member("files/x", kind=tarfile.LNKTYPE, link="/etc/passwd")),
    "a device": begun(member("files/x", kind=tarfile.CHRTYPE)),
    "a pipe": begun(member("files/x", kind=tarfile.FIFOTYPE)),
    "a folder": begun(member("files/x", kind=tarfile.DIRTYPE)),
    "holes": begun(member("files/x", kind=tarfile.GNUTYPE_SPARSE)),
    "a member twice": begun(member("files/x", b"1"), member("files/x", b"2")),
    "no checksums": begun(member("files/x", b"1")),
    "checksums that say they have a gigabyte": begun(header("checksums.json", 1_000_000_000)) + b"\0" * 10_000,
    "checksums of ten megabytes": begun(member("checksums.json", b"[" * 10_000_000)),
    "checksums of nothing": begun(member("checksums.json", b"{}")),
    "checksums in depth": begun(member("checksums.json", b"[" * 400)),
    "a manifest in depth": member("manifest.json", b'{"a":' * 100_000),
    "a manifest of a number": member("manifest.json", b'{"format": "small", "format_version": ' + b"9" * 5000 + b"}"),
    "a manifest of 17 megabytes": member("manifest.json", b" " * 17_000_000),
    "a manifest of another kind": manifest(format="other"),
    "a version that is true": manifest(format_version=True),
    "a version that is a text": manifest(format_version="1"),
    "a manifest that comes second": member("files/x", b"1") + manifest(),
    "nothing": b"",
    "noise": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_refused_in_little_memory(name: str) -> None:
    file = io.BytesIO(ARCHIVES[name])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput), bundle.reading(file, "small", 1):
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 70_000_000


def _hole(path: Path) -> None:
    with path.open("wb") as file:
        file.write(member("manifest.json", MANIFEST) + header("files/x", 1 << 42))
        file.truncate(1 << 43)


def _checksums(path: Path) -> None:
    with path.open("wb") as file:
        file.write(member("manifest.json", MANIFEST) + header("checksums.json", 60_000_000))
        file.truncate(60_100_000)


@pytest.mark.parametrize(
    "make",
    [
        _hole,
        _checksums,
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
    ],
)
@pytest.mark.parametrize("entrance", ["restore", "import"])
def test_what_is_no_archive_does_not_hang(make: Callable[[Path], object], entrance: str, tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    make(path)
    with pytest.raises(InvalidInput):
        if entrance == "restore":
            Registry.from_backup(path, tmp_path / "there")
        else:
            with Registry(tmp_path / "here") as registry:
                registry.import_models(path)
    assert not (tmp_path / "there").exists()


def test_a_row_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle, "_MOST_LINE", 3_000_000)
    with bundle.writing(tmp_path / "b.tar", datetime(2026, 3, 1, tzinfo=UTC)) as out:
        out.add("manifest.json", MANIFEST)
        out.add("rows.jsonl", b"[" * 5_000_000)
    with (
        bundle.reading(tmp_path / "b.tar", "small", 1) as found,
        pytest.raises(InvalidInput, match="a row of more than"),
    ):
        list(found.lines("rows.jsonl"))
