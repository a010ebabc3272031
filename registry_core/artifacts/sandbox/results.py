"""What a model's process returns: plain numbers and texts, checked here before they are used.

The process runs untrusted code, so its message may hold anything.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from ...errors import SandboxFailure
from ...signature import KINDS, ExampleAnswers, RowsFrom, Signature
from . import frames
from .frames import printable
from .process import size_in_words

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

#: The longest reason that is kept, in characters.
REASON_LENGTH = 400
#: The largest proof, in bytes.
MOST_PROOF = 16 << 20
# The widest table there is has an object for each column, and the row and the answers beside it.
_MOST_CONTAINERS = 300_000
_MOST_FEATURES, _MOST_CLASSES, _MOST_SIGNATURE = 100_000, 100_000, 4_000_000
_NUMBERS = {"integers": "<i8", "numbers": "<f8", "booleans": "u1"}


@dataclass(frozen=True)
class Answer:
    """What a model said of n rows.

    ``predicted`` (n,) holds integers, floats, booleans or texts; ``probabilities`` (n, k) float64 in the order of
    ``classes``, None without predict_proba; NaN is passed through. ``classes`` is empty for models that have none.
    ``row_microseconds`` is the median time of predicting one row alone, scaling included, as the model's own process
    measured it. ``unenforced`` names each limit this machine could not set, and what is therefore possible.
    """

    predicted: NDArray[Any]
    probabilities: NDArray[float64] | None
    classes: tuple[Any, ...]
    row_microseconds: float
    unenforced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proved:
    """What a model takes and gives, and what it answered to example rows, each time newly opened from its bytes.

    ``rows`` and ``answers`` are documents as ``examples`` writes them, None where there are none; ``because`` says why.
    """

    signature: Signature
    rows_from: RowsFrom
    rows: dict[str, Any] | None
    answers: ExampleAnswers | None
    again: ExampleAnswers | None
    because: str
    unenforced: tuple[str, ...] = ()


def read_answer(header: dict[str, Any], blocks: list[bytes], rows: int, name: str, limit: int) -> Answer:
    """The answer in a message, if it is one.

    Raises:
        SandboxFailure: it is none, or not one for so many rows.
    """
    import numpy

    try:
        predicted_block, probability_block = blocks
        classes, columns = header["classes"], header["columns"]
        microseconds = float(header["row_microseconds"])
        predicted = _array(header["kind"], predicted_block, rows, limit)
        probabilities = numpy.frombuffer(probability_block, dtype="<f8").copy()
        known = isinstance(classes, list) and all(isinstance(value, str | int | float) for value in classes)
        if not known or not 0 <= microseconds < math.inf or (columns is not None and columns < 1):
            raise ValueError("not what was agreed")
        json.dumps(classes, ensure_ascii=False).encode()
        if len(predicted) != rows:
            raise SandboxFailure(name, f"returned {len(predicted)} predictions for {rows} rows")
        if columns is None:
            return Answer(predicted, None, tuple(classes), microseconds)
        if probabilities.size != rows * columns or (classes and len(classes) != columns):
            shape = f"{probabilities.size} probabilities in {columns} columns"
            reason = f"answered {shape} for {rows} rows of {len(classes)} classes"
            raise SandboxFailure(name, reason)
        return Answer(predicted, probabilities.reshape(rows, columns), tuple(classes), microseconds)
    except frames.TooLarge as error:
        raise SandboxFailure(name, f"answered more than {size_in_words(limit)}") from error
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise SandboxFailure(name, "returned invalid output") from error


def read_permuted(
    header: dict[str, Any], blocks: list[bytes], shape: tuple[int, ...], places: int, wanted: str, name: str, limit: int
) -> list[list[Answer]]:
    """The answers to exchanged values in a message, if they are such.

    Raises:
        SandboxFailure: they are none, or not as many.
    """
    repeats, rows = shape
    if len(blocks) != 2 * repeats * places:
        raise SandboxFailure(name, f"answered {len(blocks) // 2} times, {repeats * places} were asked for")
    nothing = struct.pack("<q", 0) * rows
    found = []
    for predicted, probabilities in zip(blocks[::2], blocks[1::2], strict=True):
        if wanted == "probabilities":
            predicted = nothing
        each = {**header, "row_microseconds": 0.0}
        found.append(read_answer(each, [predicted, probabilities], rows, name, limit))
    return [found[start : start + repeats] for start in range(0, len(found), repeats)]


def read_proof(blocks: list[bytes], name: str) -> Proved:
    """The proof in a message, if it is one.

    Raises:
        SandboxFailure: it is none.
    """
    from .. import examples

    try:
        found = frames.document(blocks[0], MOST_PROOF, _MOST_CONTAINERS)
        signature = Signature.from_dict(found["signature"])
        rows, source = found["rows"], found["rows_from"]
        if source not in get_args(RowsFrom) or not isinstance(found["because"], str):
            raise ValueError("not what was agreed")
        _check_signature(signature)
        if rows is None:
            return Proved(signature, "none", None, None, None, printable(found["because"], REASON_LENGTH))
        count = len(examples.unpack(rows))
        answers, again = (examples.unpack_answers(found[which]) for which in ("answers", "again"))
        if not 1 <= count <= examples.MOST_ROWS or len(answers.predicted) != count:
            raise ValueError("not what was agreed")
        return Proved(signature, source, rows, answers, again, printable(found["because"], REASON_LENGTH))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise SandboxFailure(name, "returned invalid output") from error


def _check_signature(signature: Signature) -> None:
    """What a model says of itself is plain, printable and of a size that can be kept.

    Raises:
        ValueError: it is not.
    """
    plain = (str, int, float)
    known = (
        signature.takes in ("table", "text")
        and signature.names in ("model", "given", "none")
        and signature.task in (None, "binary", "multiclass", "regression")
        and len(signature.features) <= _MOST_FEATURES
        and len(signature.classes) <= _MOST_CLASSES
        and all(isinstance(label, plain) for label in signature.classes)
        and all(isinstance(each.name, str) and each.kind in KINDS for each in signature.features)
        and all(isinstance(level, plain) for each in signature.features for level in each.levels)
    )
    if not known:
        raise ValueError("not what was agreed")
    if len(json.dumps(signature.to_dict(), ensure_ascii=False).encode()) > _MOST_SIGNATURE:
        raise ValueError("it takes too much room")


def _array(kind: str, block: bytes, rows: int, limit: int) -> NDArray[Any]:
    import numpy

    if kind == "texts":
        lengths, letters = numpy.frombuffer(block[: 4 * rows], dtype="<u4"), block[4 * rows :]
        ends = numpy.cumsum(lengths, dtype=numpy.int64)
        if len(lengths) != rows or ends[-1] != len(letters):
            raise ValueError("the lengths do not agree")
        # Half of a surrogate pair is no text: nothing could store it, and it cannot be decoded.
        texts = [letters[end - length : end].decode() for end, length in zip(ends, lengths.tolist(), strict=True)]
        # An array gives every text the room of the longest.
        if rows * max(map(len, texts)) * 4 > limit:
            raise frames.TooLarge("too wide")
        return numpy.array(texts, dtype=str)
    numbers = numpy.frombuffer(block, dtype=_NUMBERS[kind]).copy()
    return numbers != 0 if kind == "booleans" else numbers
