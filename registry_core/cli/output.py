"""What the command prints: aligned text for people, one JSON document for machines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click


def visible(value: Any) -> str:
    """Text on one line with everything unprintable escaped.

    Names, reasons and descriptions come from outside; a terminal would obey the control characters in them.

    >>> visible("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def number(value: float | None) -> str:
    """A metric or score with four decimals; a dash when it is unknown."""
    return "-" if value is None else f"{value:.4f}"


def size(count: float) -> str:
    """Bytes as people read them.

    >>> size(1_500_000)
    '1.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count(number: int, thing: str) -> str:
    """A number of things.

    >>> count(1, "file"), count(2_000, "file")
    ('1 file', '2,000 files')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def when(text: str | None) -> str:
    """One of the registry's times, to the second; they are all UTC."""
    if not text:
        return "-"
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return visible(text)


def _width(text: str) -> int:
    # East Asian characters take two columns of a terminal, combining marks none.
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = ()) -> list[str]:
    """Aligned columns without lines around them; those named in ``right`` end flush."""
    cells = [list(headings), *([visible(each) for each in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    flush = {index for index, heading in enumerate(headings) if heading in set(right)}

    def line(row: Sequence[str]) -> str:
        parts = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            parts.append(space + cell if index in flush else cell + space)
        return "  ".join(parts).rstrip()

    return [line(row) for row in cells]


def pairs(rows: Iterable[tuple[str, Any]]) -> list[str]:
    """Names and values below each other, the values aligned."""
    known = [(name, visible(value)) for name, value in rows]
    width = max((_width(name) for name, _ in known), default=0)
    return [f"{name}{' ' * (width - _width(name))}  {value}".rstrip() for name, value in known]


def write(lines: Iterable[str]) -> None:
    """Print lines that are escaped already."""
    click.echo("\n".join(lines))


def write_json(document: Any) -> None:
    """Print one document. ASCII only, so that no terminal and no pipe can misread it."""
    click.echo(json.dumps(document, indent=2, allow_nan=False))
