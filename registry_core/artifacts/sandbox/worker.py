"""The parent's side of a sandbox: a process that makes predictions, with its limits."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InvalidInput, SandboxFailure, SandboxIncomplete
from ..inspection import containers
from . import frames, results
from .frames import printable
from .process import Child, size_in_words
from .results import Answer, Proved

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How columns are handed to a model: with their names, as a plain array, or the only one as texts.
Form = Literal["named", "plain", "text"]


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


def libraries_of(model: bytes) -> tuple[str, ...]:
    """What to have loaded, beside the usual, in the process that a file is opened in: it saves a second each time."""
    return ("skops.io",) if containers.is_skops(model) else ()


class Worker:
    """A warm process that answers one file after the other; for files that are trusted, since they share it.

    ``extra_trusted`` names exactly, as ``module.name``, what the files may load beyond the usual list. With
    ``require_all`` nothing is predicted where a limit cannot be set. After a failure the next prediction has a new
    process. One thread uses a worker at a time. Its process ends by itself after ``idle_seconds`` without a prediction;
    None lets it wait.
    """

    def __init__(
        self,
        *,
        extra_trusted: Collection[str] = (),
        limits: Limits | None = None,
        require_all: bool = True,
        idle_seconds: float | None = None,
    ) -> None:
        self._extra_trusted = tuple(extra_trusted)
        self._limits = limits or Limits()
        self._require_all = require_all
        self._idle_seconds = idle_seconds
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
                idle_seconds=self._idle_seconds,
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
            answer = results.read_answer(header, blocks, rows, name, self._limits.answer_bytes)
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
            answers = results.read_permuted(
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
        header, blocks, unenforced = self._exchange(
            asked, json.dumps(rows).encode(), model, scaler, name, results.MOST_PROOF
        )
        del header
        try:
            return replace(results.read_proof(blocks, name), unenforced=unenforced)
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
        return printable(str(told), results.REASON_LENGTH)


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
