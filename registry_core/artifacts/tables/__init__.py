"""Tables from outside: a file's format is recognised by its content, its columns are read by what is expected of them.

Nothing is guessed silently: what was understood comes back as a ``TableReading``. A file of text (CSV, JSON) says
nothing of kinds, so its cells are read as ``cells`` says; Parquet and Arrow files carry their own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from ...signature import Kind
from ...tables import TableColumn, TableReading
from . import cells, texts, unpacking

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS, MOST_BYTES = 5_000_000, 2_000_000_000
_EXAMPLES, _MOST_CLASSES = 3, 100


def read(
    data: Any, kinds: Mapping[str, Kind] | None = None, target: str | None = None, kinds_from: str = ""
) -> tuple[pd.DataFrame, TableReading]:
    """A table and what was understood of it.

    Args:
        data: a DataFrame, or the path of a CSV, Parquet, Arrow or JSON lines file, compressed or not, or an open
            binary file of one.
        kinds: how columns are meant to be read; those it does not name are inferred.
        target: the column with the labels.
        kinds_from: who says so, for the record.

    Raises:
        InvalidInput: it cannot be read, has no rows, or a cell is not what is expected; the message names it.
    """
    try:
        import pandas
        import pyarrow
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"reading tables requires {error.name}: pip install 'model-registry-dashboard[evaluation]'"
        ) from error
    del pyarrow
    kinds = dict(kinds or {})
    if isinstance(data, pandas.DataFrame):
        frame, reading = data.reset_index(drop=True), TableReading("DataFrame", "DataFrame", len(data), ())
        frame = frame.set_axis([_name(each) for each in frame.columns], axis=1)
        shown = frame
        _check_size(frame, "the data")
    else:
        source, content = _content(data)
        frame, shown, reading = _file(source, content, kinds)
    if target is not None and target not in frame.columns:
        there = ", ".join(map(str, frame.columns[:12]))
        raise InvalidInput(f"target names {target!r:.80}, which is not a column of the data; it has {there}")
    return frame, _described(reading, frame, shown, kinds, target, kinds_from)


def _content(data: Any) -> tuple[str, bytes]:
    """A file's name and its bytes."""
    if isinstance(data, (str, os.PathLike)):
        path = os.fspath(data)
        try:
            if os.path.getsize(path) > MOST_BYTES:
                raise InvalidInput(f"{path} has more than {MOST_BYTES:,} bytes; take a sample")
            with open(path, "rb") as file:
                return os.path.basename(str(path)), file.read()
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path} cannot be read ({error}); name a table such as holdout.csv") from error
    if not hasattr(data, "read"):
        raise InvalidInput(
            f"data is {type(data).__name__}; give a DataFrame, the path of a CSV, Parquet, Arrow or JSON lines file, "
            "or such a file opened in binary mode"
        )
    content = data.read(MOST_BYTES + 1)
    source = os.path.basename(str(getattr(data, "name", "") or "the file"))
    if not isinstance(content, bytes | bytearray):
        raise InvalidInput(f"{source} is open as text; open it in binary mode, with 'rb'")
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"{source} has more than {MOST_BYTES:,} bytes; take a sample")
    return source, bytes(content)


def _file(source: str, content: bytes, kinds: Mapping[str, Kind]) -> tuple[pd.DataFrame, pd.DataFrame, TableReading]:
    """A table, its cells as the file has them, and what was understood so far."""
    compression, content = unpacking.unpack(source, content, MOST_BYTES)
    form = unpacking.form(source, content)
    if form == "text":
        return _text(source, content, kinds, compression)
    try:
        frame = _parquet(content) if form == "Parquet" else _arrow(content)
    # pyarrow's errors are of many kinds.
    except Exception as error:
        raise InvalidInput(f"{source} looks like a {form} file and cannot be read: {error}") from error
    frame = frame.reset_index(drop=True).set_axis([_name(each) for each in frame.columns], axis=1)
    _check_size(frame, source)
    shown = frame
    frame = cells.converted(frame, kinds, source)
    return frame, shown, TableReading(source, form, len(frame), (), compression=compression)


def _parquet(content: bytes) -> pd.DataFrame:
    import pandas

    return pandas.read_parquet(io.BytesIO(content))


def _arrow(content: bytes) -> pd.DataFrame:
    import pyarrow

    buffer = pyarrow.py_buffer(content)
    opened = pyarrow.ipc.open_file if content.startswith(b"ARROW1") else pyarrow.ipc.open_stream
    frame: pd.DataFrame = opened(buffer).read_all().to_pandas()
    return frame


def _text(
    source: str, content: bytes, kinds: Mapping[str, Kind], compression: str
) -> tuple[pd.DataFrame, pd.DataFrame, TableReading]:
    encoding, text = texts.decoded(source, content)
    if text.lstrip()[:1] in ("{", "["):
        form, frame = texts.json_rows(source, text)
        _check_size(frame, source)
        return (
            cells.converted(frame, kinds, source),
            frame,
            TableReading(source, form, len(frame), (), encoding=encoding, compression=compression),
        )
    delimiter, first, body = texts.delimiter(source, text)
    shown = texts.csv_cells(source, body, delimiter)
    _check_size(shown, source)
    decimal = cells.decimal_sign(shown, delimiter, kinds)
    frame, notes = cells.read(shown, kinds, decimal, source, first)
    return (
        frame,
        shown,
        TableReading(source, "CSV", len(frame), (), encoding, delimiter, decimal, compression, notes=tuple(notes)),
    )


def _name(column: Any) -> str:
    if isinstance(column, tuple):
        return "_".join(str(each) for each in column if str(each))
    return str(column)


def _check_size(frame: pd.DataFrame, source: str) -> None:
    if not len(frame):
        raise InvalidInput(f"{source} has no rows; give one at least; some hundred give useful intervals")
    if len(frame) > MOST_ROWS:
        raise InvalidInput(f"{source} has {len(frame):,} rows; at most {MOST_ROWS:,} are supported: take a sample")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InvalidInput(f"{source} has two columns called {twice[0]!r:.80}; rename one")


def _described(
    reading: TableReading,
    frame: pd.DataFrame,
    shown: pd.DataFrame,
    kinds: Mapping[str, Kind],
    target: str | None,
    kinds_from: str,
) -> TableReading:
    from dataclasses import replace

    columns = []
    for name in frame.columns:
        values, examples = frame[name], [str(each) for each in shown[name].head(50).tolist() if str(each).strip()]
        kind = cells.kind_of(values)
        if kind == "text" and kinds.get(name) == "category":
            kind = "category"
        columns.append(
            TableColumn(name, kind, int(values.isna().sum()), tuple(each[:80] for each in examples[:_EXAMPLES]))
        )
    classes: dict[str, int] = {}
    if target is not None and (frame[target].dtype.kind != "f" or frame[target].nunique() <= 2):
        counts = frame[target].value_counts()
        if len(counts) <= _MOST_CLASSES:
            classes = {str(label): int(count) for label, count in counts.items()}
    used = any(name in kinds for name in frame.columns)
    return replace(
        reading, columns=tuple(columns), target=target, classes=classes, kinds_from=kinds_from if used else ""
    )
