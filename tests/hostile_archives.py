"""Archives that somebody made to fill memory, to lead elsewhere, or to lie about what they hold."""

from __future__ import annotations

import json
import tarfile

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


def archives(kind: str, version: int) -> dict[str, bytes]:
    """All of them, as archives that say they are of a kind and version; by what is wrong with each."""

    def manifest(**changes: object) -> bytes:
        text = json.dumps({"format": kind, "format_version": version, **changes})
        return member("manifest.json", text.encode())

    def begun(*parts: bytes) -> bytes:
        return b"".join([manifest(), *parts, b"\0" * 1024])

    return {
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
        "a manifest of a number": member(
            "manifest.json", f'{{"format": "{kind}", "format_version": '.encode() + b"9" * 5000 + b"}"
        ),
        "a manifest of 17 megabytes": member("manifest.json", b" " * 17_000_000),
        "a manifest of another kind": manifest(format="other"),
        "a version that is true": manifest(format_version=True),
        "a version that is a text": manifest(format_version="1"),
        "a manifest that comes second": member("files/x", b"1") + manifest(),
        "nothing": b"",
        "noise": bytes(range(256)) * 40,
    }
