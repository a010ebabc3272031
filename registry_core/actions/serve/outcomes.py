"""Outcomes: the truth about predictions, told once and counted once, whenever it comes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...catalog import models
from ...catalog.database import Transaction
from ...catalog.telemetry import predictions, streams
from ...catalog.telemetry.streams import NO_POSITIVE, Stream
from ...errors import InvalidInput
from ...live import RecordedOutcomes
from ...live.records import Units
from ...rules import sentences
from ...rules.intake import plain
from ...rules.live import paired, routing, sums
from .. import signatures, windows
from ..context import Context
from ..model_records import record
from ..timestamps import given, microseconds
from ..watch import act_on_findings
from ..windows import Tally
from .answering import unit_texts
from .recording import Labels

Added = TypeVar("Added", sums.Sums, paired.PairedSums)
#: A position in what was handed in is looked up by this, where ids are not known.
_NO_ID = -1
#: Labels that are whole numbers have 64 bits, as a column of the history has.
_WHOLE = 1 << 63


def by_id(context: Context, outcomes: Mapping[int, Any] | None, ids: Any, labels: Any) -> RecordedOutcomes:
    """See ``Registry.record_outcomes``."""
    if outcomes is not None:
        ids, labels = list(outcomes.keys()), list(outcomes.values())
    numbers = _ids(ids)
    truths = _plain(labels)
    if len(truths) != len(numbers):
        raise InvalidInput(
            f"there are {len(truths):,} labels for {len(numbers):,} prediction ids; give one label for each id"
        )
    return _record(context, lambda transaction: numbers, truths)


def model_names_of(context: Context, outcomes: Mapping[int, Any] | None, ids: Any) -> tuple[str, ...]:
    """The model names whose predictions have these ids."""
    numbers = _ids(list(outcomes) if outcomes is not None else ids)
    return tuple(sorted(predictions.model_names_of(context.telemetry, numbers)))


def by_unit(context: Context, model_name: str, units: Units, moments: Any, labels: Any) -> RecordedOutcomes:
    """See ``Registry.record_outcomes``."""
    truths = _plain(labels)
    names = unit_texts(units, len(truths))
    times = moments.tolist() if hasattr(moments, "tolist") else moments
    if isinstance(times, str) or not isinstance(times, Sequence):
        times = [times] * len(names)
    if len(times) != len(names):
        raise InvalidInput(
            f"there are {len(times):,} times for {len(names):,} units; give one time for each unit, or one for all"
        )
    at = [given(each) for each in times]

    def find(transaction: Transaction) -> list[int]:
        found = predictions.by_unit(transaction, model_name, names, at)
        return [_NO_ID if each is None else each for each in found]

    return _record(context, find, truths)


def _record(context: Context, find: Callable[[Transaction], list[int]], truths: list[Any]) -> RecordedOutcomes:
    if not truths:
        return RecordedOutcomes(0)
    now = context.now()
    with context.telemetry.transaction() as transaction:
        ids = find(transaction)
        known = streams.listed(transaction)
        rows, before = predictions.found(transaction, ids)
        shadows = predictions.shadows_of(transaction, rows) if predictions.any_shadow(transaction) else []
        heard = _Heard(context, known, rows, before)
        heard.hear(transaction, ids, truths)
        at = microseconds(now)
        told = sorted(heard.new)
        predictions.insert_outcomes(transaction, zip(told, map(heard.new.__getitem__, told), repeat(at), strict=False))
        tally = Tally()
        count(tally, known, rows, heard.new, shadows)
        tally.store(transaction)
    acted: list[str] = []
    for model_name in sorted({known[rows[each][1]].model_name for each in heard.new}):
        acted.extend(act_on_findings.look(context, model_name))
    return RecordedOutcomes(
        len(heard.new), heard.repeated, tuple(sorted(heard.contradictory)), tuple(heard.unknown), tuple(acted)
    )


class _Heard:
    """What was handed in, sorted into what is new and what is not."""

    def __init__(
        self,
        context: Context,
        known: dict[int, Stream],
        rows: dict[int, predictions.Prediction],
        before: dict[int, float],
    ) -> None:
        self._context, self._known, self._rows, self._before = context, known, rows, before
        self._labels: dict[str, _Spelling] = {}
        self.new: dict[int, float] = {}
        self.repeated = 0
        self.contradictory: dict[int, None] = {}
        #: Ids that nobody has; of those sought by unit, the place in what was handed in.
        self.unknown: list[int] = []

    def hear(self, transaction: Transaction, ids: Sequence[int], truths: Sequence[Any]) -> None:
        new = self.new
        rows = list(map(self._rows.get, ids))
        numbers = self._numbers(transaction, rows, truths)
        befores = list(map(self._before.get, ids))
        for place, (each, row, truth, told) in enumerate(zip(ids, rows, numbers, befores, strict=True)):
            if row is None or truth is None:
                self.unknown.append(place if each == _NO_ID else each)
                continue
            before = new.get(each, told)
            if before is None:
                new[each] = truth
            elif before == truth:
                self.repeated += 1
            else:
                self.contradictory[each] = None

    def _numbers(
        self, transaction: Transaction, rows: Sequence[predictions.Prediction | None], truths: Sequence[Any]
    ) -> list[float | None]:
        """The truth of each row as a number; None where there is no row."""
        by_stream: dict[int, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if row is not None:
                by_stream[row[1]].append(place)
        found: list[float | None] = [None] * len(rows)
        for seq, places in by_stream.items():
            stream, labels = self._known[seq], [truths[place] for place in places]
            if stream.task == "regression":
                numbers = [number(label) for label in labels]
            else:
                numbers = self._spelling(transaction, stream).codes(labels)
            for place, each in zip(places, numbers, strict=True):
                found[place] = each
        return found

    def _spelling(self, transaction: Transaction, stream: Stream) -> _Spelling:
        spelling = self._labels.get(stream.model_name)
        if spelling is None:
            known = Labels(streams.labels(transaction, stream.model_name))
            row = models.find(self._context.database, stream.model_id)
            # A model without a list of classes may answer, and be told, what it never answered before.
            closed = row is not None and bool(
                signatures.signature(self._context.database, record(self._context, row)).classes
            )
            spelling = self._labels[stream.model_name] = _Spelling(transaction, stream.model_name, known, closed)
        return spelling


class _Spelling:
    """Finds the number of a label, however it is spelt; ``closed``: there are no others than the models' classes."""

    def __init__(self, transaction: Transaction, model_name: str, labels: Labels, closed: bool) -> None:
        self._transaction, self._model_name, self._labels, self._closed = transaction, model_name, labels, closed
        self._found: dict[Any, float] = {}
        self._as_text = {str(label): float(code) for label, code in labels.numbers.items()}

    def codes(self, labels: Sequence[Any]) -> list[float]:
        try:
            different: Iterable[Any] = dict.fromkeys(labels)
        except TypeError:
            different = labels
        for label in different:
            self.code(label)
        return list(map(self._found.__getitem__, labels))

    def code(self, label: Any) -> float:
        try:
            found = self._found.get(label)
        except TypeError as error:
            raise InvalidInput(f"an outcome of {self._model_name} is {type(label).__name__}; give its label") from error
        if found is None:
            found = self._found[label] = self._search(label)
        return found

    def _search(self, label: Any) -> float:
        code = self._labels.numbers.get(label)
        if code is not None:
            return float(code)
        self._check_number(label)
        # A file has the number 1 where the model answers '1', or the other way round.
        alike = self._as_text.get(str(label))
        if alike is not None:
            return alike
        if label is None:
            raise InvalidInput(f"an outcome of {self._model_name} is None; omit predictions without a label")
        if not isinstance(label, str | int | float | bool):
            raise InvalidInput(f"an outcome of {self._model_name} is {type(label).__name__}; give its label")
        if self._labels.known and all(isinstance(each, str) != isinstance(label, str) for each in self._labels.known):
            raise InvalidInput(
                f"an outcome of {self._model_name} is {label!r:.80}, its models predict labels such as "
                f"{self._labels.known[0]!r:.80}; record outcomes as the models predict them"
            )
        if self._closed:
            raise InvalidInput(
                f"an outcome of {self._model_name} is {label!r:.80}, which its models cannot predict: their classes "
                f"are {sentences.listed([*map(repr, self._labels.known)])}; record outcomes as the models predict them"
            )
        self._labels.add(self._transaction, self._model_name, [label])
        return float(self._labels.numbers[label])

    def _check_number(self, label: Any) -> None:
        """Before it is spelt: that fails for thousands of digits."""
        if isinstance(label, float) and not math.isfinite(label):
            raise InvalidInput(
                f"an outcome of {self._model_name} is {label!r}, which is not finite; omit predictions without "
                "a label, or give the label as the model predicts it"
            )
        if isinstance(label, int) and not -_WHOLE <= label < _WHOLE:
            raise InvalidInput(
                f"an outcome of {self._model_name} is {_shown(label)}, which does not fit into 64 bits; give the "
                "label as the model predicts it, or as text"
            )


def number(value: Any) -> float:
    """The truth of a regression.

    Raises:
        InvalidInput: it is no finite number.
    """
    try:
        found = float(value)
    except OverflowError as error:
        raise InvalidInput(
            f"an outcome of a regression is {_shown(value)}, which is too large; omit predictions without a label"
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"an outcome of a regression is {value!r:.80}; give a number") from error
    if not abs(found) <= sums.LARGEST:
        raise InvalidInput(f"an outcome of a regression is {value!r:.80}; omit predictions without a label")
    return found


def _shown(number: Any) -> str:
    """A number for a message, also where it has too many digits to be written."""
    try:
        return f"{number!r:.40}"
    except ValueError:
        return f"a number of {number.bit_length():,} bits"


def count(
    tally: Tally,
    known: dict[int, Stream],
    rows: Mapping[int, predictions.Prediction],
    new: Mapping[int, float],
    shadows: Iterable[predictions.ShadowAnswer],
) -> None:
    """Add new outcomes to the windows of their predictions' time: of who answered, of shadows, slices and pairs."""
    by_stream: dict[int, list[int]] = defaultdict(list)
    for each in sorted(new):
        by_stream[rows[each][1]].append(each)
    for seq, ids in sorted(by_stream.items()):
        of = [rows[each] for each in ids]
        told = _Told(of, [new[each] for each in ids], [row[4] for row in of], [row[5] for row in of])
        for start, columns in _windows(known[seq], told):
            tally.add(known[seq], seq, start, columns.counted())
    by_shadow: dict[tuple[int, bool], _Told] = defaultdict(lambda: _Told([], [], [], []))
    for each, seq, answer, score in shadows:
        if each in new:
            row = rows[each]
            # Of a slice: the rows that its model answered itself are not compared with themselves.
            by_shadow[seq, known[row[1]].model_id != known[seq].model_id].add(row, new[each], answer, score)
    for (seq, beside), told in sorted(by_shadow.items()):
        for start, columns in _windows(known[seq], told):
            tally.add(known[seq], seq, start, columns.counted())
            if beside:
                tally.add_pairs(seq, start, columns.compared())


@dataclass
class _Told:
    """Outcomes of one stream, as lists: a tuple for each would have the garbage collector look at all objects."""

    rows: list[predictions.Prediction]
    truths: list[float]
    answers: list[float]
    scores: list[float | None]

    def add(self, row: predictions.Prediction, truth: float, answer: float, score: float | None) -> None:
        self.rows.append(row)
        self.truths.append(truth)
        self.answers.append(answer)
        self.scores.append(score)


def _windows(stream: Stream, told: _Told) -> Iterable[tuple[int, _Columns]]:
    columns = _Columns(stream, told)
    for start, places in windows.by_start(stream, np.array([row[2] for row in told.rows], np.int64)):
        yield start, columns.at(places)


class _Columns:
    """Outcomes of one stream, side by side; of a shadow with what the champion answered."""

    def __init__(self, stream: Stream, told: _Told) -> None:
        self._stream = stream
        units = [row[3] for row in told.rows]
        theirs = ([row[place] for row in told.rows] for place in (4, 5))
        self._numbers = [np.array(each, np.float64) for each in (told.answers, told.scores, told.truths, *theirs)]
        self._known = np.array([unit is not None for unit in units])
        self._clusters: NDArray[np.uint8] | None = None
        if self._known.any():
            self._clusters = np.zeros(len(units), np.uint8)
            self._clusters[self._known] = routing.clusters([unit for unit in units if unit is not None])

    def at(self, places: Any) -> _Columns:
        part = object.__new__(_Columns)
        part._stream, part._known = self._stream, self._known[places]
        part._numbers = [each[places] for each in self._numbers]
        part._clusters = None if self._clusters is None else self._clusters[places]
        return part

    def counted(self) -> sums.Sums:
        return self._by_clusters(self._sums)

    def compared(self) -> paired.PairedSums:
        return self._by_clusters(self._pairs)

    def _by_clusters(self, add: Callable[[Any, Any], Added]) -> Added:
        """Rows with a unit have its cluster; rows without hang together with none."""
        if self._clusters is None:
            return add(slice(None), None)
        if self._known.all():
            return add(slice(None), self._clusters)
        with_unit = add(self._known, self._clusters[self._known])
        return with_unit + add(~self._known, None) if (~self._known).any() else with_unit

    def _sums(self, places: Any, clusters: Any) -> sums.Sums:
        answers, scores, truth = (each[places] for each in self._numbers[:3])
        return sums.of_outcomes(truth, answers, scores=scores, clusters=clusters, **self._how())

    def _pairs(self, places: Any, clusters: Any) -> paired.PairedSums:
        answers, scores, truth, theirs, their_scores = (each[places] for each in self._numbers)
        return paired.of_pairs(
            truth, theirs, answers, champion_scores=their_scores, challenger_scores=scores, clusters=clusters,
            **self._how(),
        )  # fmt: skip

    def _how(self) -> dict[str, Any]:
        stream = self._stream
        if stream.task == "regression":
            return {"task": "regression", "loss": stream.loss}
        return {"positive": None if stream.positive == NO_POSITIVE else float(stream.positive)}


def _ids(ids: Any) -> list[int]:
    found = np.asarray(ids.tolist() if hasattr(ids, "tolist") else ids)
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise InvalidInput(
            f"the prediction ids are {type(ids).__name__} of {found.dtype}; give the integers of Answer.prediction_ids"
        )
    numbers: list[int] = found.tolist()
    return numbers


def _plain(labels: Any) -> list[Any]:
    found = labels.tolist() if hasattr(labels, "tolist") else labels
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "biuf":
        return list(found)
    if isinstance(found, str | bytes) or not isinstance(found, Iterable):
        raise InvalidInput(f"labels is {labels!r:.80}; give one label for each prediction, in their order")
    return [_unpacked(each) if hasattr(each, "dtype") else each for each in found]


def _unpacked(label: Any) -> Any:
    """A label of NumPy as Python has it; one that is no finite number stays one, where ``plain`` makes text of it."""
    return float(label) if isinstance(label, np.floating) else plain(label)
