"""What arrives, held against a model's signature: columns found by name and put in order, kinds converted where nothing
is lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidInput
from ..evidence import Benchmark
from ..signature import Feature, Signature
from .sentences import listed

_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}
_NUMBERS = "biuf"


class Matched(NamedTuple):
    """Rows as a model takes them, and the names of the columns that came along and were ignored."""

    rows: Any
    ignored: tuple[str, ...] = ()


class Matcher:
    """Holds rows against one signature.

    Rows are a DataFrame, an array (rows, features), a list of rows or of dicts; or texts, (rows,), where the model
    takes one text a row. They leave as a DataFrame for a model that knows its features by name, as an array otherwise.
    """

    def __init__(self, signature: Signature, *, framed: bool = False) -> None:
        """``framed`` lets every table leave as a DataFrame: the model's own process takes the names away."""
        self.signature = signature
        self._names = list(signature.feature_names) if signature.names != "none" else []
        self._width = len(signature.features)
        self._framed = framed or signature.names == "model"
        self._numbers = all(each.kind in ("number", "unknown") for each in signature.features)

    def __call__(self, rows: Any) -> Matched:
        """The rows as the model takes them.

        Raises:
            InvalidInput: a column is missing, a row has another width, or a value is of another kind; the message names
                the column and the row.
        """
        if self.signature.takes == "text":
            return Matched(_texts(rows))
        if isinstance(rows, Mapping):
            raise InvalidInput("the rows are one dict; give a list of dicts, a single row as [{...}]")
        if hasattr(rows, "columns") and hasattr(rows, "iloc"):
            return self._of_frame(rows)
        if _is_dicts(rows):
            return self._of_dicts(rows)
        return self._of_array(rows)

    def _of_array(self, rows: Any) -> Matched:
        if not hasattr(rows, "shape"):
            try:
                rows = np.asarray(rows)
            except ValueError as error:
                raise InvalidInput(f"the features cannot be read as rows of equal length: {error}") from error
        if len(rows.shape) != 2:
            raise InvalidInput(
                f"the features have the shape {tuple(rows.shape)}; give rows of features, a single row as [[...]]"
            )
        if self._width and rows.shape[1] != self._width:
            raise InvalidInput(
                f"the rows have {rows.shape[1]:,} columns, the model takes {self._width:,} features{self._which()}"
            )
        if self._numbers or not self._names or self.signature.names != "model":
            return Matched(rows)
        import pandas

        frame = pandas.DataFrame(np.asarray(rows), columns=self._names)
        return Matched(self._converted(frame.infer_objects()))

    def _of_dicts(self, rows: Sequence[Mapping[str, Any]]) -> Matched:
        if not self._names:
            raise InvalidInput(
                "the rows are dicts, and the model was registered without feature names; give arrays, or register it "
                "with feature_names="
            )
        ignored: dict[str, None] = {}
        known = {*self._names}
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise InvalidInput(
                    f"row {number} is {type(row).__name__}, but the first row is a dict; give only dicts"
                )
            missing = [name for name in self._names if name not in row]
            if missing:
                raise InvalidInput(f"row {number} has no {listed(list(map(repr, missing)))}{self._which()}")
            ignored.update({str(name): None for name in row if name not in known})
        if self._numbers and (not self._framed or not _has_pandas()):
            table = np.empty((len(rows), len(self._names)))
            for place, feature in enumerate(self.signature.features):
                table[:, place] = [_number(row[feature.name], feature, at) for at, row in enumerate(rows)]
            return Matched(table, tuple(ignored))
        import pandas

        frame = pandas.DataFrame({name: [row[name] for row in rows] for name in self._names})
        return Matched(self._leaving(self._converted(frame)), tuple(ignored))

    def _of_frame(self, frame: Any) -> Matched:
        columns = frame.columns.tolist()
        ignored: tuple[str, ...] = ()
        if self._width and not self._names and any(isinstance(name, str) for name in columns):
            raise InvalidInput(
                "the model was registered without feature names, so columns cannot be found by name; give an array in "
                "the order it was trained on, or register it with feature_names="
            )
        if {*map(str, columns)} == {*self._names} and columns != self._names:
            # A number and its digits are one name.
            columns = [str(name) for name in columns]
            frame = frame.set_axis(columns, axis=1)
        if self._names and columns != self._names:
            if not any(isinstance(name, str) for name in columns) and len(columns) == self._width:
                # Numbered columns say no more than an array does.
                frame = frame.set_axis(self._names, axis=1)
            else:
                frame, ignored = self._in_order(frame, columns)
        elif self._width and len(columns) != self._width:
            raise InvalidInput(
                f"the rows have {len(columns):,} columns, the model takes {self._width:,} features{self._which()}"
            )
        return Matched(self._leaving(self._converted(frame)), ignored)

    def _in_order(self, frame: Any, columns: list[Any]) -> tuple[Any, tuple[str, ...]]:
        there = {*columns}
        missing = [name for name in self._names if name not in there]
        if missing:
            held = listed([repr(name) for name in columns], 8)
            what = "column" if len(missing) == 1 else "columns"
            raise InvalidInput(
                f"the rows have no {what} {listed([*map(repr, missing)])}; they have {held}{self._which()}"
            )
        wanted = {*self._names}
        twice = next((name for name in self._names if columns.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(f"the rows have two columns called {twice!r}; rename one")
        return frame[self._names], tuple(str(name) for name in columns if name not in wanted)

    def _leaving(self, frame: Any) -> Any:
        return frame if self._framed else frame.to_numpy()

    def _converted(self, frame: Any) -> Any:
        """Columns of another kind than the model's, converted; the same frame where there is none."""
        changed = {}
        for place, (feature, kind) in enumerate(zip(self.signature.features, frame.dtypes.tolist(), strict=False)):
            convert = _conversion(feature, kind)
            if convert is not None:
                changed[place] = convert(frame.iloc[:, place], feature)
        if not changed:
            return frame
        frame = frame.copy()
        for place, column in changed.items():
            frame.isetitem(place, column)
        return frame

    def _which(self) -> str:
        return f"; the model takes {listed([*map(repr, self._names)], 8)}" if self._names else ""


def why_unfit(signature: Signature, benchmark: Benchmark, who: str = "the champion") -> str:
    """Why a model cannot be measured on a benchmark; empty where it can, as far as both are known.

    Args:
        who: what the sentence calls the model.
    """
    if signature.job is not None and signature.job != benchmark.task:
        return f"{benchmark.name} is for {benchmark.task}, {who} does {signature.job}"
    if signature.takes == "text" and len(benchmark.features) != 1:
        return f"{benchmark.name} has {len(benchmark.features)} feature columns, {who} takes one text per row"
    if signature.takes == "table" and signature.features:
        if signature.names == "none":
            if len(benchmark.features) != len(signature.features):
                return f"{benchmark.name} has {len(benchmark.features)} features, {who} {len(signature.features)}"
        else:
            missing = [name for name in signature.feature_names if name not in {*benchmark.features}]
            if missing:
                return f"{benchmark.name} lacks {listed([*map(repr, missing)])}, which {who} requires"
    known = {str(label) for label in signature.classes}
    beyond = [label for label in benchmark.classes if str(label) not in known]
    if known and beyond:
        return f"{benchmark.name} holds the labels {listed([*map(repr, beyond)])}, which {who} cannot predict"
    return ""


@cache
def _has_pandas() -> bool:
    return find_spec("pandas") is not None


def _is_dicts(rows: Any) -> bool:
    return isinstance(rows, Sequence) and not isinstance(rows, str) and bool(rows) and isinstance(rows[0], Mapping)


def _texts(rows: Any) -> Any:
    """Texts as an array of one dimension.

    Raises:
        InvalidInput: they are no texts.
    """
    if isinstance(rows, str):
        raise InvalidInput("the rows are one text; give a list of texts, a single text as ['...']")
    if hasattr(rows, "iloc"):
        rows = rows.to_numpy()
    array = np.asarray(rows, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidInput(
            f"the rows have the shape {array.shape}; the model takes one text per row: give a list of texts"
        )
    for number, text in enumerate(array.tolist()):
        if not isinstance(text, str):
            raise InvalidInput(f"row {number} is {text!r:.60}, not a text; the model takes one text per row")
    return array


def _conversion(feature: Feature, dtype: Any) -> Callable[[Any, Feature], Any] | None:
    """What turns a column of that type into what the feature is; None where it is that already."""
    kind = getattr(dtype, "kind", "O")
    if feature.kind == "number":
        return None if kind in _NUMBERS else _to_numbers
    if feature.kind == "boolean":
        return None if kind in _NUMBERS else _to_booleans
    if feature.kind == "datetime":
        return None if kind == "M" else _to_moments
    if feature.kind == "text":
        return None if str(dtype) in ("str", "string") else _to_texts
    if feature.kind == "category":
        return _to_typed if feature.typed else _to_levels
    return None


def _to_numbers(column: Any, feature: Feature) -> Any:
    return np.array([_number(value, feature, row) for row, value in enumerate(column.tolist())], np.float64)


def _number(value: Any, feature: Feature, row: int) -> float:
    if _is_missing(value):
        return math.nan
    try:
        return float(value) if isinstance(value, int | float | np.number | Decimal) else float(str(value))
    except (ValueError, OverflowError):
        raise _wrong(feature, row, value, "a number") from None


def _to_booleans(column: Any, feature: Feature) -> Any:
    found: list[bool | None] = []
    for row, value in enumerate(column.tolist()):
        word = str(value).strip().lower()
        if _is_missing(value):
            found.append(None)
            continue
        if not isinstance(value, bool) and word not in _TRUE | _FALSE:
            raise _wrong(feature, row, value, "true or false")
        found.append(value if isinstance(value, bool) else word in _TRUE)
    # Among missing ones a switch is an object, as it is in the frames that models are trained on.
    return np.array(found, object if None in found else bool)


def _to_moments(column: Any, feature: Feature) -> Any:
    import pandas

    try:
        return pandas.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError):
        for row, value in enumerate(column.tolist()):
            try:
                pandas.to_datetime(value, format="ISO8601")
            except (ValueError, TypeError):
                raise _wrong(feature, row, value, "a date-time such as 2026-03-01T12:00:00") from None
        raise


def _to_texts(column: Any, feature: Feature) -> Any:
    import pandas

    values = []
    for row, value in enumerate(column.tolist()):
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        elif not isinstance(value, str) and not _is_missing(value):
            raise _wrong(feature, row, value, "a text")
        values.append(value)
    return pandas.Series(values, index=column.index, dtype=object)


def _to_levels(column: Any, feature: Feature) -> Any:
    """Categories in the spelling of the model's own: 10 where that has '10', and the other way round.

    What is missing is NaN, whatever stands in the other rows.
    """
    known = {*feature.levels}
    missing = bool(column.isna().any())
    if not missing and (not known or known.issuperset(column.unique().tolist())):
        return column
    spelt = {spelling(level): level for level in feature.levels}
    values = [
        math.nan if _is_missing(value) else value if value in known else spelt.get(spelling(value), value)
        for value in column.tolist()
    ]
    import pandas

    numbers = known and all(isinstance(level, int | float) for level in known)
    return pandas.Series(values, index=column.index, dtype=None if numbers else object)


def spelling(value: Any) -> str:
    """A value as text: 2, 2.0 and '2' are one, and so are True and 'true'."""
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return text.lower()
    try:
        return f"{float(text):g}" if not isinstance(value, bool) else text.lower()
    except (ValueError, OverflowError):
        return text


def _to_typed(column: Any, feature: Feature) -> Any:
    import pandas

    wanted = pandas.CategoricalDtype(list(feature.levels))
    if column.dtype == wanted:
        return column
    return _to_levels(column.astype(object), feature).astype(wanted)


def _is_missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def _wrong(feature: Feature, row: int, value: Any, needed: str) -> InvalidInput:
    return InvalidInput(f"column {feature.name!r}, row {row}: {value!r:.60} is not {needed}")
