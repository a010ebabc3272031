"""The sandbox: a model that nobody has to trust makes predictions in a process of its own, isolated from the machine.

It is given features and returns predictions, nothing else: it sees no label, no file of the registry, no network. It
cannot start processes or write files; of files beside Python's libraries it can tell that they exist, not what is in
them. What it says is plain numbers and texts, checked here before they are believed.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...errors import InvalidInput, SandboxFailure, SandboxIncomplete
from ...signature import KINDS, ExampleAnswers, RowsFrom, Signature
from ..inspection import containers
from . import frames
from .frames import printable
from .process import Child, size_in_words

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Answer", "Form", "Limits", "Proved", "Worker", "libraries_of", "predict"]

#: How columns are handed to a model: with their names, as a plain array, or the only one as texts.
Form = Literal["named", "plain", "text"]

_REASON_LENGTH = 400
_MOST_FEATURES, _MOST_CLASSES, _MOST_SIGNATURE = 100_000, 100_000, 4_000_000
# The widest table there is has an object for each column, and the row and the answers beside it.
_MOST_PROOF, _MOST_CONTAINERS = 16 << 20, 300_000
_NUMBERS = {"integers": "<i8", "numbers": "<f8", "booleans": "u1"}


@dataclass(frozen=True)
class Limits:
    """What a model may use for one answer.

    ``seconds`` of wall clock, from handing over the files to the whole answer; ``memory_bytes`` beside what the
    libraries take; ``answer_bytes`` of predictions and probabilities; ``threads`` at once.
    """

    seconds: float = 60
    memory_bytes: int = 4 << 30
    answer_bytes: int = 256 << 20
    threads: int = 64


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


def libraries_of(model: bytes) -> tuple[str, ...]:
    """What to have loaded, beside the usual, in the process that a file is opened in: it saves a second each time."""
    return ("skops.io",) if containers.is_skops(model) else ()


class Worker:
    """A warm process that answers one file after the other; for files that are trusted, since they share it.

    ``extra_trusted`` names exactly, as ``module.name``, what the files may load beyond the usual list. With
    ``require_all`` nothing is predicted where a limit cannot be set. After a failure the next prediction has a new
    process. A worker is for one thread: its process ends when the thread that started it does.
    """

    def __init__(
        self, *, extra_trusted: Collection[str] = (), limits: Limits | None = None, require_all: bool = True
    ) -> None:
        self._extra_trusted = tuple(extra_trusted)
        self._limits = limits or Limits()
        self._require_all = require_all
        self._processor_seconds: int | None = None
        self._child: Child | None = None
        self._unenforced: tuple[str, ...] = ()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its folder; a further prediction starts a new one."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def interrupt(self) -> None:
        """From another thread: end what is being predicted at once. The worker's own thread sees it fail."""
        child = self._child
        if child is not None:
            child.kill()

    def start(self, libraries: Collection[str] = ()) -> tuple[str, ...]:
        """Start the process, if it is not running; returns what this machine does not enforce.

        ``libraries`` are those it should have beside the usual ones, since importing them takes long.

        Raises:
            SandboxIncomplete: a limit cannot be set here, and all are required.
            SandboxFailure: it did not start.
        """
        if self._child is None:
            limits = self._limits
            self._child = Child(
                {name.partition(".")[0] for name in self._extra_trusted},
                {
                    "memory_bytes": limits.memory_bytes,
                    "threads": limits.threads,
                    "processor_seconds": self._processor_seconds,
                },
                libraries=libraries,
            )
            try:
                self._unenforced = self._child.started()
            except BaseException:
                self.close()
                raise
        if self._unenforced and self._require_all:
            self.close()
            raise SandboxIncomplete(self._unenforced)
        return self._unenforced

    def predict(
        self,
        model: bytes,
        scaler: bytes | None,
        features: bytes,
        *,
        classes: Collection[Any] = (),
        form: Form = "named",
        timed: bool = True,
        name: str = "the model",
    ) -> Answer:
        """Predict n rows. ``features`` is a Feather, Arrow or Parquet file of columns, or a matrix (n, k) in npy.

        ``model`` and ``scaler`` are the bytes that were hashed and inspected, not places to read them from.
        ``classes`` are the labels of a file that knows them by number only; not ``timed``, no row is predicted alone.

        Raises:
            SandboxIncomplete: a limit cannot be set here, and all are required.
            SandboxFailure: the model did not answer, or not as it must; ``reason`` says what it did.
            InvalidInput: the features have no rows, or are no such file.
        """
        from . import features as inputs

        rows = len(inputs.read(features))
        if not rows:
            raise InvalidInput("there is no row to predict; give features of one row or more")
        asked = {"verb": "predict", "classes": list(classes), "form": form, "timed": timed}
        header, blocks, unenforced = self._exchange(asked, features, model, scaler, name, self._limits.answer_bytes)
        try:
            answer = _believed(header, blocks, rows, name, self._limits.answer_bytes)
        except BaseException:
            self.close()
            raise
        return replace(answer, unenforced=unenforced)

    def permute(
        self,
        model: bytes,
        scaler: bytes | None,
        features: bytes,
        orders: NDArray[Any],
        places: Sequence[int],
        *,
        wanted: Literal["predictions", "probabilities"],
        classes: Collection[Any] = (),
        form: Form = "named",
        name: str = "the model",
    ) -> list[list[Answer]]:
        """Predict n rows with the values of one column exchanged, for each of some columns and each of some orders.

        Args:
            features: as for ``predict``, with column names.
            orders: (r, n): row i gets the value of row ``orders[j, i]``.
            places: the columns, by their places.
            wanted: what the model is asked for; the other half of an answer is empty.

        Returns:
            for each column, r answers.

        Raises:
            SandboxIncomplete, SandboxFailure, InvalidInput: as ``predict``.
        """
        asked = {"verb": "permute", "classes": list(classes), "form": form, "places": [*places], "wanted": wanted}
        block = orders.astype("<u4").tobytes()
        header, blocks, unenforced = self._exchange(
            asked, features, model, scaler, name, self._limits.answer_bytes, block
        )
        try:
            answers = _believed_permuted(
                header, blocks, orders.shape, len(places), wanted, name, self._limits.answer_bytes
            )
        except BaseException:
            self.close()
            raise
        return [[replace(each, unenforced=unenforced) for each in column] for column in answers]

    def prove(
        self,
        model: bytes,
        scaler: bytes | None,
        *,
        rows: Mapping[str, Any] | None = None,
        or_made: bool = False,
        names: Collection[str] = (),
        classes: Collection[Any] = (),
        name: str = "the model",
    ) -> Proved:
        """Let a model answer example rows twice, opened anew each time, and say what it takes and gives.

        Args:
            rows: the document of some rows; None lets the model's process make them from the fitted object.
            or_made: make them also where these cannot be answered.
            names: what the columns are called, where the model does not know.
            classes: the labels of a file that knows them by number only.

        Raises:
            SandboxIncomplete: a limit cannot be set here, and all are required.
            SandboxFailure: the model did not load or answer, or not as it must; ``reason`` says what it did.
        """
        asked = {"verb": "prove", "classes": list(classes), "names": list(names), "or_made": or_made}
        header, blocks, unenforced = self._exchange(asked, json.dumps(rows).encode(), model, scaler, name, _MOST_PROOF)
        del header
        try:
            return replace(_proved(blocks, name), unenforced=unenforced)
        except BaseException:
            self.close()
            raise

    def _exchange(
        self,
        asked: dict[str, Any],
        first: bytes,
        model: bytes,
        scaler: bytes | None,
        name: str,
        limit: int,
        *further: bytes,
    ) -> tuple[dict[str, Any], list[bytes], tuple[str, ...]]:
        unenforced = self.start(libraries_of(model))
        assert self._child is not None
        blocks = [first, *further, model, *([] if scaler is None else [scaler])]
        try:
            request = frames.pack({"extra_trusted": self._extra_trusted, **asked}, *blocks)
            header, answer = self._child.exchange(request, self._limits.seconds, limit, name)
            if "failed" in header:
                raise SandboxFailure(name, self._reason(header["failed"]), self._child.printed())
            return header, answer, unenforced
        except BaseException:
            # Whatever it did, nothing later may come out of the same process.
            self.close()
            raise

    def _reason(self, told: object) -> str:
        if told == "memory":
            return f"needed more than {size_in_words(self._limits.memory_bytes)} of memory"
        return printable(str(told), _REASON_LENGTH)


def predict(
    model: bytes,
    scaler: bytes | None,
    features: bytes,
    *,
    extra_trusted: Collection[str] = (),
    limits: Limits | None = None,
    require_all: bool = True,
    name: str = "the model",
) -> Answer:
    """Predict n rows in a fresh process that ends with the answer: for files nobody has to trust.

    The arguments are those of ``Worker`` and ``Worker.predict``.

    Raises:
        SandboxIncomplete: a limit cannot be set here, and all are required.
        SandboxFailure: the model did not answer, or not as it must; ``reason`` says what it did.
        InvalidInput: the features have no rows, or are no such file.
    """
    with _Once(extra_trusted=extra_trusted, limits=limits, require_all=require_all) as worker:
        return worker.predict(model, scaler, features, name=name)


class _Once(Worker):
    """A worker for one answer, so that its processor time can be limited as well."""

    def __init__(self, *, extra_trusted: Collection[str], limits: Limits | None, require_all: bool) -> None:
        super().__init__(extra_trusted=extra_trusted, limits=limits, require_all=require_all)
        # The wall clock stops it first; this holds when the parent is gone.
        self._processor_seconds = 60 + math.ceil(self._limits.seconds) * (os.cpu_count() or 1)


def _believed(header: dict[str, Any], blocks: list[bytes], rows: int, name: str, limit: int) -> Answer:
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


def _believed_permuted(
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
        found.append(_believed(each, [predicted, probabilities], rows, name, limit))
    return [found[start : start + repeats] for start in range(0, len(found), repeats)]


def _proved(blocks: list[bytes], name: str) -> Proved:
    """The proof in a message, if it is one.

    Raises:
        SandboxFailure: it is none.
    """
    from .. import examples

    try:
        found = frames.document(blocks[0], _MOST_PROOF, _MOST_CONTAINERS)
        signature = Signature.from_dict(found["signature"])
        rows, source = found["rows"], found["rows_from"]
        if source not in get_args(RowsFrom) or not isinstance(found["because"], str):
            raise ValueError("not what was agreed")
        _check_signature(signature)
        if rows is None:
            return Proved(signature, "none", None, None, None, printable(found["because"], _REASON_LENGTH))
        count = len(examples.unpack(rows))
        answers, again = (examples.unpack_answers(found[which]) for which in ("answers", "again"))
        if not 1 <= count <= examples.MOST_ROWS or len(answers.predicted) != count:
            raise ValueError("not what was agreed")
        return Proved(signature, source, rows, answers, again, printable(found["because"], _REASON_LENGTH))
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
