"""Example rows and answers as documents: plain JSON with numbers as base64, no pickle in it, dtypes kept.

A table is one of ``matrix`` (an array of numbers), ``objects`` (an array of anything JSON has a word for), ``frame``
(named columns, each with its dtype) or ``texts`` (one text a row).
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..signature import ExampleAnswers

Document = dict[str, Any]

#: So many rows at most, and so many characters as a document: they are kept with every version.
MOST_ROWS, MOST_CHARACTERS = 32, 256_000
#: One row of the widest model that is registered has a hundred thousand numbers.
MOST_FOR_ONE = 4_000_000
_PLAIN = re.compile(r"[<>|=]?[biufM][0-9]{1,2}(\[[a-z]{1,2}\])?", re.ASCII)
_EXTENSION = re.compile(r"(U?Int(8|16|32|64)|Float(32|64)|boolean|string|str|object)", re.ASCII)
_ZONED = re.compile(r"datetime64\[(s|ms|us|ns), [A-Za-z0-9_+:/-]{1,60}\]", re.ASCII)


def table(rows: Any) -> Any:
    """Rows as models take them: a DataFrame or an array of two dimensions as it is, lists as arrays.

    Raises:
        InvalidInput: they are no rows.
    """
    if hasattr(rows, "iloc") and getattr(rows, "ndim", 2) == 1:
        rows = rows.to_numpy()
    if isinstance(rows, Mapping):
        raise InvalidInput("the example rows are one dict; give a list of rows, a DataFrame or an array")
    if isinstance(rows, Sequence) and not isinstance(rows, str) and rows and isinstance(rows[0], Mapping):
        import pandas

        rows = pandas.DataFrame(list(rows))
    if not hasattr(rows, "shape"):
        try:
            rows = np.asarray(rows)
        except ValueError as error:
            raise InvalidInput(f"the example rows are not of equal length ({error}); give a table") from error
    if tuple(rows.shape[:1]) == (0,):
        raise InvalidInput("the example has no rows; give a few rows as they arrive in production")
    texts = len(rows.shape) == 1 and getattr(rows, "dtype", None) is not None and rows.dtype.kind in "UOTS"
    if len(rows.shape) != 2 and not texts:
        raise InvalidInput(f"the example rows have the shape {tuple(rows.shape)}; give rows of features, as [[...]]")
    return rows


def sample(rows: Any, most: int = MOST_ROWS) -> Any:
    """At most so many rows, spread over all of them."""
    count = int(rows.shape[0])
    if count <= most:
        return rows
    places = np.linspace(0, count - 1, most).astype(np.intp)
    return rows.iloc[places] if hasattr(rows, "iloc") else rows[places]


def fitting(rows: Any) -> tuple[Any, Document] | None:
    """As many of the rows as may be kept, with their document; None where a single one is too large.

    Raises:
        InvalidInput: a column holds what no document can.
    """
    count = int(rows.shape[0])
    while True:
        document = pack(rows)
        size = _size(document)
        if size <= MOST_CHARACTERS or (count == 1 and size <= MOST_FOR_ONE):
            return rows, document
        if count == 1:
            return None
        count = max(1, min(count - 1, count * MOST_CHARACTERS // size))
        rows = sample(rows, count)


def _size(document: Document) -> int:
    data = document.get("data")
    return len(data) + 100 if isinstance(data, str) else len(json.dumps(document))


def pack(rows: Any) -> Document:
    """The document of some rows.

    Raises:
        InvalidInput: a column holds what no document can.
    """
    if hasattr(rows, "iloc"):
        columns = [_column(rows.iloc[:, place], name) for place, name in enumerate(rows.columns)]
        return {"form": "frame", "rows": len(rows), "columns": columns}
    array = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    if array.ndim == 1:
        return {"form": "texts", "values": [_cell(each, "the texts") for each in array.tolist()]}
    if array.dtype.kind in "biuf":
        return {"form": "matrix", "shape": list(array.shape), **_numbers(array)}
    values = [[_cell(each, "the example rows") for each in row] for row in array.tolist()]
    return {"form": "objects", "shape": list(array.shape), "values": values}


def unpack(document: Mapping[str, Any]) -> Any:
    """The rows of a document, as they were.

    Raises:
        InvalidInput: it is none, or needs pandas and there is none.
    """
    try:
        form = document["form"]
        if form == "matrix":
            rows, width = map(int, document["shape"])
            return _array(document).reshape(rows, width)
        if form == "texts":
            return np.array([*map(_restored, document["values"])], dtype=object)
        if form == "objects":
            rows, width = map(int, document["shape"])
            array = np.empty((rows, width), dtype=object)
            array[:] = [[*map(_restored, row)] for row in document["values"]]
            return array
        if form == "frame":
            return _frame(document)
    except InvalidInput:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidInput(f"the example rows cannot be read ({error}); verify the registry") from error
    raise InvalidInput(
        f"the example rows have the unknown format {form!r:.40}; update the registry, a newer release may have "
        "written them"
    )


def pack_answers(answers: ExampleAnswers) -> Document:
    """Answers as a document."""
    predicted = answers.predicted
    numbers = predicted.dtype.kind in "biuf"
    probabilities = answers.probabilities
    return {
        "predicted": _numbers(predicted)
        if numbers
        else {"values": [_cell(each, "a prediction") for each in predicted]},
        "probabilities": None
        if probabilities is None
        else {"shape": list(probabilities.shape), **_numbers(probabilities)},
        "classes": [_cell(each, "a class") for each in answers.classes],
    }


def unpack_answers(document: Mapping[str, Any]) -> ExampleAnswers:
    """The answers of a document.

    Raises:
        InvalidInput: it is none.
    """
    try:
        given, shares = document["predicted"], document["probabilities"]
        predicted = (
            np.array([*map(_restored, given["values"])], dtype=object) if "values" in given else _array(given).ravel()
        )
        probabilities = None
        if shares is not None:
            rows, width = map(int, shares["shape"])
            probabilities = _array(shares).reshape(rows, width)
        return ExampleAnswers(predicted, probabilities, tuple(_restored(each) for each in document["classes"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"the predictions on the example rows cannot be read ({error}); verify the registry"
        ) from error


def _numbers(array: NDArray[Any]) -> Document:
    # Without a byte order of its own a document means the same on every machine.
    array = np.ascontiguousarray(array)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {"dtype": little.dtype.str, "data": b64encode(little.tobytes()).decode("ascii")}


def _array(document: Mapping[str, Any]) -> NDArray[Any]:
    kind = document["dtype"]
    if not isinstance(kind, str) or not _PLAIN.fullmatch(kind):
        raise InvalidInput(f"the example rows hold {kind!r:.40}, which is not a numeric type; verify the registry")
    return np.frombuffer(b64decode(document["data"], validate=True), dtype=np.dtype(kind)).copy()


def _column(column: Any, name: Any) -> Document:
    what = f"column {name!r:.80}"
    head: Document = {"name": name if isinstance(name, int) and not isinstance(name, bool) else str(name)}
    kind = str(column.dtype)
    if kind == "category":
        levels = column.cat.categories
        head |= {"dtype": kind, "ordered": bool(column.cat.ordered), "codes": column.cat.codes.tolist()}
        return {**head, "levels": _column(levels.to_series(), "levels")}
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return {**head, **_numbers(column.to_numpy())}
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return {**head, "moments": kind, **_numbers(column.to_numpy().astype(np.int64))}
    if _ZONED.fullmatch(kind):
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return {**head, "moments": kind, **_numbers(plain.astype(np.int64))}
    if not _EXTENSION.fullmatch(kind):
        raise InvalidInput(
            f"{what} of the example rows holds {kind}; give numbers, booleans, texts, categories or times"
        )
    return {**head, "dtype": kind, "values": [_cell(each, what) for each in column.astype(object).tolist()]}


def _frame(document: Mapping[str, Any]) -> Any:
    try:
        import pandas
    except ModuleNotFoundError as error:
        if all("data" in each and "moments" not in each for each in document["columns"]):
            return np.column_stack([_array(each) for each in document["columns"]])
        raise InvalidInput(
            "the example rows are a DataFrame, and pandas is not installed here; install pandas to check the "
            "predictions"
        ) from error
    columns = [(each["name"], _series(each, pandas)) for each in document["columns"]]
    frame = pandas.DataFrame({place: values for place, (_, values) in enumerate(columns)})
    frame.columns = pandas.Index([name for name, _ in columns])
    return frame


def _series(column: Mapping[str, Any], pandas: Any) -> Any:
    if column.get("dtype") == "category":
        levels = _series(column["levels"], pandas)
        kind = pandas.CategoricalDtype(pandas.Index(levels), ordered=bool(column["ordered"]))
        return pandas.Series(pandas.Categorical.from_codes(column["codes"], dtype=kind))
    if "moments" in column:
        kind = column["moments"]
        if not _ZONED.fullmatch(kind) and not re.fullmatch(r"datetime64\[(s|ms|us|ns)\]", kind):
            raise InvalidInput(f"the example rows hold {kind!r:.40}, which is not a time type; verify the registry")
        unit = kind[len("datetime64[") :].partition(",")[0].rstrip("]")
        moments = pandas.Series(_array(column).astype(f"datetime64[{unit}]"))
        return moments.dt.tz_localize("UTC").astype(kind) if "," in kind else moments
    if "values" in column:
        if not _EXTENSION.fullmatch(column["dtype"]):
            raise InvalidInput(
                f"the example rows hold {column['dtype']!r:.40}, which is not a type; verify the registry"
            )
        # Before pandas 3 text has no type of its own, and a missing one would become a word.
        older = column["dtype"] == "str" and pandas.__version__.startswith(("1.", "2."))
        return pandas.Series([*map(_restored, column["values"])], dtype=object if older else column["dtype"])
    return pandas.Series(_array(column))


def _cell(value: Any, what: str) -> Any:
    """A value as JSON has it. Times and NaN are objects of one key, so that they come back as what they were."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "isoformat") and hasattr(value, "year"):
        return {"moment": value.isoformat()} if hasattr(value, "hour") else {"date": value.isoformat()}
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode("ascii")}
    raise InvalidInput(f"{what} holds {type(value).__name__}; give numbers, booleans, texts or times")


def _restored(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    if "base64" in value:
        return b64decode(value["base64"])
    from datetime import date, datetime

    return datetime.fromisoformat(value["moment"]) if "moment" in value else date.fromisoformat(value["date"])
