"""Tables written as text: their encoding, their delimiter, and their cells as they stand there."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from itertools import islice
from typing import TYPE_CHECKING

from ...errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
_LOOKED_AT, _SAMPLE = 200, 1_000_000
#: The longest row, in bytes.
_BLOCK = 1 << 24
_SAID = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


def decoded(source: str, content: bytes) -> tuple[str, str]:
    """The encoding of a text and the text.

    UTF-8 is what it is when it can be: hardly any other text happens to be valid UTF-8. What is left is taken for
    Windows' western encoding, or ISO 8859-1 where that has no such byte; statistics of letters would say more, and be
    wrong without a word where a file is short.
    """
    known = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if known is None and b"\0" in content[:4096]:
        # Without a mark, letters of UTF-16 have their zero byte on one side.
        halves = content[:4096][::2].count(0), content[:4096][1::2].count(0)
        if min(halves) * 4 > max(halves):
            raise InvalidInput(f"{source} is not text: it contains zero bytes; give a CSV or Parquet file")
        known = "utf-16-le" if halves[1] > halves[0] else "utf-16-be"
    for name in [known] if known else ["utf-8", "cp1252", "latin-1"]:
        try:
            return name, content.decode(name)
        except UnicodeDecodeError as error:
            if known:
                raise InvalidInput(
                    f"{source} begins in the encoding {name}, but is not valid in it: {error}"
                ) from error
    raise AssertionError("latin-1 decodes every byte")


def delimiter(source: str, text: str) -> tuple[str, int, str]:
    """What stands between cells, the number of the first row below the header, and the text that is the table.

    It is the sign at which the header and the rows below it fall into the same number of cells, the more the better.
    The Sniffer of Python's csv would take the comma of a decimal for it.
    """
    said = _SAID.match(text)
    if said:
        # So Excel marks its own files.
        return said[1], 3, text[said.end() :]
    best, most = ",", 0.0
    for sign in _DELIMITERS:
        widths = [
            len(row) for row in islice(csv.reader(io.StringIO(text[:_SAMPLE]), delimiter=sign), _LOOKED_AT) if row
        ]
        # The last row of a sample may be cut off.
        widths = widths[:-1] if len(text) > _SAMPLE and len(widths) > 2 else widths
        if not widths:
            raise InvalidInput(f"{source} is empty; a table has a header and rows")
        if widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if alike * alike * (1 + widths[0] / 1e6) > most:
            best, most = sign, alike * alike * (1 + widths[0] / 1e6)
    return best, 2, text


def csv_cells(source: str, text: str, sign: str) -> pd.DataFrame:
    """Every cell as text, by column; an empty cell is an empty text.

    Raises:
        InvalidInput: a row has more or fewer cells than the header.
    """
    import pyarrow
    from pyarrow import csv as arrow

    wrong: list[tuple[int, int, int]] = []

    def ragged(row: arrow.InvalidRow) -> str:
        wrong.append((row.number or 0, row.actual_columns, row.expected_columns))
        return "error"

    try:
        header = next(csv.reader(io.StringIO(text[:_SAMPLE]), delimiter=sign))
        names = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(header)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(f"{source} has two columns called {twice!r:.80}; rename one")
        table = arrow.read_csv(
            io.BytesIO(text.encode("utf-8", "backslashreplace")),
            read_options=arrow.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            parse_options=arrow.ParseOptions(delimiter=sign, newlines_in_values=True, invalid_row_handler=ragged),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.large_string()), strings_can_be_null=False
            ),
        )
    except (pyarrow.ArrowInvalid, csv.Error, StopIteration) as error:
        if wrong:
            row, found, expected = wrong[0]
            where = f"row {row}" if row else "a row"
            raise InvalidInput(
                f"{source}, {where}: it has {found} cells, but the header has {expected}; quote cells that contain "
                f"{sign!r}, and give every row {expected} cells"
            ) from error
        raise InvalidInput(f"{source} cannot be read as CSV: {error}") from error
    frame: pd.DataFrame = table.slice(1).to_pandas()
    return frame


def json_rows(source: str, text: str) -> tuple[str, pd.DataFrame]:
    """The rows of JSON lines, or of a JSON list, whose values are objects.

    Raises:
        InvalidInput: a line is no JSON object.
    """
    import pandas

    if text.lstrip().startswith("["):
        form, rows = "JSON", _parsed(source, text, "")
    else:
        form = "JSON lines"
        # Not splitlines: that would break at separators that may stand inside a text.
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        rows = [_parsed(source, line, f", line {number}") for number, line in lines]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(f"{source} is JSON, but not a list of objects; give one object per row")
    return form, pandas.DataFrame(rows)


def _parsed(source: str, text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{source}{where} is not JSON: {error}") from error
