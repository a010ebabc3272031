"""Cells of a file as values: what is expected of a column decides, and without that only what leaves no doubt.

In a column of text nothing but an empty cell is missing: "NA" may be Namibia, and "01067" a postal code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from ...signature import Kind

if TYPE_CHECKING:
    import pandas as pd

#: What programs write where a number is missing.
MISSING = frozenset(
    {
        "", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "NULL", "Null", "null", "None",
        "NaT",
    }
)  # fmt: skip
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
_WORDS = frozenset({"True", "False", "TRUE", "FALSE", "true", "false"})
_ENDLESS = "[-+]?[Ii]nf(?:inity)?"
#: What can only be a number: a leading zero or plus is the sign of a code or a telephone number.
_SURELY = r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|" + _ENDLESS
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|" + _ENDLESS
_WHOLE = r"[-+]?[0-9]+"
_THOUSANDS = r"-?[1-9][0-9]{0,2},[0-9]{3}"
_SAMPLE = 10_000
#: Beyond this, not every whole number is a float, and one column cannot be missing some.
_EXACT = 2**53
_NEARLY = 0.9
_NAMES = {"number": "a number", "boolean": "true or false", "datetime": "a time in ISO 8601, such as 2026-03-01"}


def decimal_sign(shown: pd.DataFrame, delimiter: str, kinds: Mapping[str, Kind]) -> str:
    """``,`` or ``.``: by which of the two more columns hold nothing but numbers, some of them with a fraction."""
    if delimiter == ",":
        return "."
    votes = {".": 0, ",": 0}
    for name in shown.columns:
        kind = kinds.get(name, "unknown")
        if kind not in ("unknown", "number"):
            continue
        body = _body(shown[name].head(_SAMPLE).str.strip())
        for sign in votes:
            fractions = body[body.str.contains(sign, regex=False)]
            if not len(fractions):
                continue
            # Where numbers are expected, a cell that is none is a fault and decides nothing.
            if kind == "number" and _pointed(fractions, sign).str.fullmatch(_NUMBER).mean() < 0.5:
                continue
            if kind == "unknown" and not _all(_pointed(body, sign), _SURELY):
                continue
            # One thousand two hundred, or one and two tenths: a semicolon is written where the comma is a decimal.
            if sign == "," and delimiter != ";" and _all(fractions, _THOUSANDS):
                continue
            votes[sign] += 1
    return "," if votes[","] > votes["."] else "."


def read(
    shown: pd.DataFrame, kinds: Mapping[str, Kind], decimal: str, source: str, first: int
) -> tuple[pd.DataFrame, list[str]]:
    """Cells as values, and what deserves a look. ``first`` is the number of the first row in its file.

    Raises:
        InvalidInput: a cell is not what is expected of its column; row and column are named.
    """
    import pandas

    values, notes = {}, []
    for name in shown.columns:
        kind = kinds.get(name, "unknown")
        if kind == "unknown":
            values[name], doubt = _inferred(shown[name], decimal)
            if doubt is not None:
                place, text = doubt
                notes.append(f"column {name!r:.80} is read as text: row {place + first} holds {text!r:.80}")
        else:
            values[name] = _expected(shown[name], kind, decimal, source, name, first)
    return pandas.DataFrame(values, index=shown.index, columns=shown.columns), notes


def converted(frame: pd.DataFrame, kinds: Mapping[str, Kind], source: str) -> pd.DataFrame:
    """A table with kinds of its own: only where it holds text and something else is expected, cells are read.

    Raises:
        InvalidInput: as ``read``.
    """
    changed = {}
    for name in frame.columns:
        kind = kinds.get(name, "unknown")
        if kind in _NAMES and kind_of(frame[name]) == "text":
            filled = frame[name].where(frame[name].notna(), "").astype(str)
            changed[name] = _expected(filled, kind, ".", source, name, 1)
    return frame.assign(**changed) if changed else frame


def kind_of(values: pd.Series[Any]) -> Kind:
    """What a column holds."""
    import pandas

    kinds = pandas.api.types
    if isinstance(values.dtype, pandas.CategoricalDtype):
        return "category"
    if not values.notna().any():
        return "unknown"
    if kinds.is_bool_dtype(values.dtype):
        return "boolean"
    if kinds.is_numeric_dtype(values.dtype):
        return "number"
    if kinds.is_datetime64_any_dtype(values.dtype):
        return "datetime"
    held = {type(each) for each in values.dropna().tolist()}
    if held <= {str}:
        return "text"
    return "boolean" if held == {bool} else "unknown"


def _inferred(cells: pd.Series[Any], decimal: str) -> tuple[Any, tuple[int, str] | None]:
    """Values, and where a column that looks like numbers is none: the place and text of the first such cell."""
    stripped = cells.str.strip()
    body = _body(stripped)
    if not len(body):
        return (stripped.where(stripped != "").astype(float), None) if (stripped == "").all() else (_text(cells), None)
    if body.isin(_WORDS).all():
        return _mapped(stripped, "boolean", decimal), None
    sure = _pointed(body, decimal).str.fullmatch(_SURELY)
    if sure.all():
        numbers = _mapped(stripped, "number", decimal)
        if numbers is not None:
            return numbers, None
        return _text(cells), (int(body.index[0]), str(body.iloc[0]))
    looks = _pointed(body, decimal).str.fullmatch(_NUMBER)
    if looks.mean() < _NEARLY:
        return _text(cells), None
    odd = body[~(sure if looks.all() else looks)]
    return _text(cells), (int(odd.index[0]), str(odd.iloc[0]))


def _expected(cells: pd.Series[Any], kind: Kind, decimal: str, source: str, name: str, first: int) -> Any:
    if kind in ("text", "category"):
        return _text(cells)
    stripped = cells.str.strip()
    body = _body(stripped)
    if kind == "number":
        good = _pointed(body, decimal).str.fullmatch(_NUMBER)
    elif kind == "boolean":
        good = body.str.lower().isin(_TRUTH)
    else:
        good = _moments(body).notna()
    if not good.all():
        bad = body[~good]
        raise InvalidInput(
            f"{source}, row {int(bad.index[0]) + first}, column {name!r:.80}: {str(bad.iloc[0])!r:.80} is not "
            f"{_NAMES[kind]}" + (f" ({len(bad):,} such cells)" if len(bad) > 1 else "")
            + "; correct the file, or leave the cell empty"
        )  # fmt: skip
    values = _mapped(stripped, kind, decimal)
    return _pointed(stripped, decimal).map(_float) if values is None else values


def _mapped(stripped: pd.Series[Any], kind: Kind, decimal: str) -> Any:
    """Cells that are all of a kind or missing as values; None where they are whole numbers that no column can hold."""
    import pandas

    missing = stripped.isin(MISSING)
    if kind == "datetime":
        return _moments(stripped.mask(missing))
    if kind == "boolean":
        words = stripped.str.lower()
        found = words.map(_TRUTH.get)
        return found.astype(bool) if not missing.any() else found.astype(object).where(~missing, None)
    body = stripped[~missing]
    if body.str.fullmatch(_WHOLE).all():
        whole = [int(each) for each in body.tolist()]
        largest = max(map(abs, whole), default=0)
        if not missing.any() and largest < 2**63:
            return pandas.Series(whole, index=stripped.index, dtype="int64")
        if largest > _EXACT:
            return None
    return pandas.Series(
        [_float(each) for each in _pointed(stripped, decimal).tolist()], index=stripped.index, dtype="float64"
    )


def _float(text: str) -> float:
    return float("nan") if text in MISSING else float(text)


def _text(cells: pd.Series[Any]) -> pd.Series[Any]:
    return cells.mask(cells == "").astype("str")


def _body(stripped: pd.Series[Any]) -> pd.Series[Any]:
    return stripped[~stripped.isin(MISSING)]


def _pointed(cells: pd.Series[Any], decimal: str) -> pd.Series[Any]:
    # Where the comma is the sign, a point is none: 1.234 may be a thousand.
    return cells if decimal == "." else cells.str.translate({ord(","): ".", ord("."): ","})


def _all(cells: pd.Series[Any], pattern: str) -> bool:
    return bool(cells.str.fullmatch(pattern).all())


def _moments(cells: pd.Series[Any]) -> Any:
    import pandas

    try:
        return pandas.to_datetime(cells, format="ISO8601", errors="coerce")
    except ValueError:
        # Of several zones, one time line.
        return pandas.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
