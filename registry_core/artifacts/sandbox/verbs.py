"""What a child does when it is asked: open uploads and let them predict, in isolation."""

from __future__ import annotations

import json
import struct
import time
from statistics import median
from typing import Any

from ...signature import ExampleAnswers
from .. import asking, examples, formats
from . import features as inputs
from . import frames

_TIMED_ROWS, _TIMED_SECONDS = 50, 0.5


def predicted(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    table = inputs.read(blocks.pop(0))
    model, scaler = _opened(blocks, header)
    table = _shown(table, model, scaler, header["form"])
    rows = asking.scaled(model, scaler, table)
    kind, answers = _plain(model.predict(rows))
    columns, probabilities = _probabilities(model, rows)
    found = {
        "kind": kind,
        "columns": columns,
        "classes": list(asking.classes_of(model)),
        "row_microseconds": _row_microseconds(
            table, lambda row: model.predict(asking.scaled(model, scaler, row)), header["timed"]
        ),
    }
    return frames.pack(found, answers, probabilities)


def permuted(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    """What the model answers when the values of one column are exchanged: for each column, each order of the rows."""
    import numpy
    import pandas

    table, block = inputs.read(blocks.pop(0)), blocks.pop(0)
    orders = numpy.frombuffer(block, dtype="<u4").reshape(-1, len(table))
    model, scaler = _opened(blocks, header)
    # All orders of a column at once: most of what a few rows take is the call itself.
    several = pandas.concat([table] * len(orders), ignore_index=True)
    found: dict[str, Any] = {"kind": "integers", "columns": None, "classes": list(asking.classes_of(model))}
    answers: list[bytes] = []
    for place in header["places"]:
        exchanged = several.copy(deep=False)
        exchanged.isetitem(place, table.iloc[:, place].take(orders.ravel()).array)
        rows = asking.scaled(model, scaler, _shown(exchanged, model, scaler, header["form"]))
        if header["wanted"] == "probabilities":
            shares = asking.probabilities_of(model, rows, len(several))
            found["columns"] = None if shares is None else shares.shape[1]
            parts = [] if shares is None else numpy.split(shares, len(orders))
            answers += [piece for part in parts for piece in (b"", part.astype("<f8").tobytes())]
        else:
            for part in numpy.split(numpy.asarray(model.predict(rows)), len(orders)):
                found["kind"], predicted = _plain(part)
                answers += [predicted, b""]
    return frames.pack(found, *answers)


def _shown(table: Any, model: Any, scaler: Any, form: str) -> Any:
    """The columns as the model takes them: with their names, as a plain array, or the only one as texts."""
    if form == "text":
        return table.iloc[:, 0].to_numpy(dtype=object)
    if form != "plain" or not hasattr(table, "iloc"):
        return table
    # Of versions that were registered before signatures were, only the object says whether it knows names.
    knows = getattr(model if scaler is None else scaler, "feature_names_in_", None) is not None
    return table if knows else table.to_numpy()


def proved(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    """What the model takes and gives, example rows, and its answers to them: twice, each time newly opened."""
    given = json.loads(blocks.pop(0))
    names, classes = header["names"], header["classes"]
    model, scaler = _opened(blocks, header)
    asking.check_model(model, scaler)

    def ask(rows: Any) -> ExampleAnswers:
        return asking.answers_of(model, scaler, rows)

    rows = None if given is None else examples.unpack(given)
    try:
        rows, source, answers, because = asking.example_rows(model, scaler, rows, names, ask)
    except Exception:
        if given is None or not header["or_made"]:
            raise
        rows, source, answers, because = asking.example_rows(model, scaler, None, names, ask)
    signature = asking.signature_of(model, scaler, rows, answers, names, classes)
    fitted = None if rows is None else examples.fitting(rows)
    document = None
    again = None
    if fitted is not None:
        rows, document = fitted
        answers = ask(rows)
        model, scaler = _opened(blocks, header)
        again = examples.pack_answers(asking.answers_of(model, scaler, rows))
    elif rows is not None:
        because = f"a single row takes more than {examples.MOST_FOR_ONE:,} characters, so none is kept"
    found = {
        "signature": signature.to_dict(),
        "rows_from": source if document is not None else "none",
        "rows": document,
        "answers": None if document is None or answers is None else examples.pack_answers(answers),
        "again": again,
        "because": because,
    }
    return frames.pack({}, json.dumps(found).encode())


def _opened(blocks: list[bytes], header: dict[str, Any]) -> tuple[Any, Any]:
    """The model and its scaler, whose bytes stay as they are."""
    extra_trusted = header["extra_trusted"]
    scaler = formats.load(blocks[1], "its scaler", extra_trusted=extra_trusted) if len(blocks) > 1 else None
    return asking.labelled(formats.load(blocks[0], "its file", extra_trusted=extra_trusted), header["classes"]), scaler


def _plain(values: Any) -> tuple[str, bytes]:
    import numpy

    array = numpy.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    if array.ndim != 1:
        raise ValueError(f"predictions of the shape {array.shape}; one value a row is expected")
    if array.dtype.kind in "iu":
        if (array.astype("<i8") != array).any():
            raise ValueError("predictions are integers of more than 63 bits; smaller ones or texts are expected")
        return "integers", array.astype("<i8").tobytes()
    if array.dtype.kind == "f":
        return "numbers", array.astype("<f8").tobytes()
    if array.dtype.kind == "b":
        return "booleans", array.tobytes()
    texts = array.tolist()
    strange = next((value for value in texts if not isinstance(value, str)), None)
    if strange is not None:
        raise TypeError(f"predictions are {type(strange).__name__} objects; numbers or texts are expected")
    letters = [text.encode(errors="surrogatepass") for text in texts]
    return "texts", struct.pack(f"<{len(letters)}I", *map(len, letters)) + b"".join(letters)


def _probabilities(model: Any, rows: Any) -> tuple[int | None, bytes]:
    found = asking.probabilities_of(model, rows, int(rows.shape[0]))
    return (None, b"") if found is None else (found.shape[1], found.astype("<f8").tobytes())


def _row_microseconds(table: Any, predict: Any, timed: bool) -> float:
    """The median time of predicting one row alone, scaling included; 0 where nobody asked for it."""
    if not timed:
        return 0.0
    taken: list[int] = []
    begun = time.perf_counter()
    while not taken or (len(taken) < _TIMED_ROWS and time.perf_counter() - begun < _TIMED_SECONDS):
        at = len(taken) % len(table)
        row = getattr(table, "iloc", table)[at : at + 1]
        start = time.perf_counter_ns()
        predict(row)
        taken.append(time.perf_counter_ns() - start)
    return median(taken) / 1000
