"""Writing answers into telemetry: rows, and the sums of their windows, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...catalog.database import Queries, Transaction
from ...catalog.telemetry import predictions, streams
from ...catalog.telemetry.streams import NO_POSITIVE, Stream
from ...errors import InvalidInput
from ...rules.live import routing, sums
from .. import windows
from ..context import Context
from .drifting import Inputs
from .log import Answered, taken
from .slicing import Slices

#: A model name may have so many different labels: a truth that is new every time is an id, and no label.
MOST_LABELS = 10_000


class Labels:
    """The labels of one model name by their numbers."""

    def __init__(self, known: Sequence[Any]) -> None:
        self._learn(known)

    def _learn(self, known: Sequence[Any]) -> None:
        self.known = list(known)
        self.numbers = {label: number for number, label in enumerate(known)}

    def add(self, transaction: Transaction, model_name: str, found: Iterable[Any]) -> None:
        """Number those that are new.

        Raises:
            InvalidInput: there would be too many.
        """
        new = [label for label in dict.fromkeys(found) if label not in self.numbers]
        if not new:
            return
        # Another process may have numbered some by now.
        self._learn(streams.labels(transaction, model_name))
        new = [label for label in new if label not in self.numbers]
        strange = [label for label in new if not isinstance(label, str | int | float)]
        if strange:
            raise InvalidInput(
                f"a label of {model_name} is {strange[0]!r:.80}, of type {type(strange[0]).__name__}; give text or "
                "numbers"
            )
        if len(self.known) + len(new) > MOST_LABELS:
            raise InvalidInput(
                f"{model_name} would have more than {MOST_LABELS:,} different labels, {new[0]!r:.80} among them; if "
                f"the model is a regression, register it with training_info={{'task': 'regression'}}"
            )
        streams.add_labels(transaction, model_name, new, self.known)
        for label in new:
            self.numbers[label] = len(self.known)
            self.known.append(label)

    def coded(self, labels: Sequence[Any]) -> NDArray[np.float64]:
        """The numbers of labels, (rows,)."""
        return np.array([self.numbers[label] for label in labels], np.float64)


@dataclass
class Recorder:
    """Writes answers of one registry; remembers the numbers that labels and streams have."""

    context: Context
    _labels: dict[str, Labels] = field(default_factory=dict)
    _streams: dict[tuple[Stream, tuple[Any, ...]], tuple[int, Stream]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._inputs, self._slices = Inputs(self.context), Slices()

    def write(self, answered: Sequence[Answered]) -> None:
        """Keep answers, what shadows say to the same rows, and which of them belong to slices."""
        shadowed = [found for each in answered for found in shadows_of(each)]
        self.store([each for each in answered if not each.only_shadows], shadowed)

    def store(
        self,
        kept: Sequence[Answered],
        shadowed: Sequence[Answered],
        after: Callable[[Transaction], int] = lambda transaction: -1,
    ) -> int:
        """Keep what was answered, and what was answered beside it.

        Args:
            after: inside the transaction, the number above which they are kept: others were kept before.

        Returns:
            how many predictions were kept.
        """
        try:
            with self.context.telemetry.transaction() as transaction:
                tally, last = windows.Tally(), after(transaction)
                kept = [each for each in kept if each.number > last]
                shadowed = [each for each in shadowed if each.number > last]
                for group in _grouped(kept):
                    self._write_group(transaction, group, tally)
                for group in _grouped(shadowed):
                    self._write_group(transaction, group, tally, shadow=True)
                sliced = [part for each in (*kept, *shadowed) for part in self._slices.of(transaction, each)]
                for group in _grouped(sliced):
                    self._write_group(transaction, group, tally, shadow=True)
                self._inputs.add(transaction, kept)
                tally.store(transaction)
            return sum(len(each.ids) for each in kept)
        except BaseException:
            # What was numbered in a transaction that did not commit has no number.
            self._labels.clear()
            self._streams.clear()
            self._slices.forget()
            raise

    def _write_group(
        self, transaction: Transaction, group: list[Answered], tally: windows.Tally, *, shadow: bool = False
    ) -> None:
        """Those of one stream."""
        seq, stream = self._stream(transaction, group[0])
        calls = Counter(windows.start_of(stream, each.at) for each in group)
        failures, lost, slow = Counter[int](), Counter[int](), Counter[int]()
        for each in group:
            if each.lost or each.slow:
                start = windows.start_of(stream, each.at)
                slow[start] += each.slow
                failures[start] += bool(each.lost)
                lost[start] += each.lost
        for start, count in calls.items():
            asked = sums.of_predictions(0, failures=failures[start], calls=count, lost=lost[start], slow=slow[start])
            tally.add(stream, seq, start, asked)
        kept = [each for each in group if len(each.ids)]
        if not kept:
            return
        ids = np.concatenate([each.ids for each in kept])
        moments = np.repeat([each.at for each in kept], [len(each.ids) for each in kept])
        answers = self._answers(transaction, stream, kept)
        scores = np.concatenate([_scores(each) for each in kept])
        shown = _or_none(scores)
        units: list[str | None] = []
        if any(each.units is not None for each in kept):
            units = [unit for each in kept for unit in each.units or repeat(None, len(each.ids))]
        rows = zip(ids.tolist(), repeat(seq), answers.tolist(), shown, strict=False)
        if shadow:
            predictions.insert_shadow(transaction, rows)
        else:
            predictions.insert(
                transaction,
                zip(ids.tolist(), repeat(seq), moments.tolist(), units or repeat(None), answers.tolist(), shown,
                    strict=False),
            )  # fmt: skip
        count_answers(tally, stream, seq, moments, scores, units, shadow=shadow)

    def _stream(self, transaction: Transaction, first: Answered) -> tuple[int, Stream]:
        key = (first.stream, first.classes)
        found = self._streams.get(key)
        if found is None:
            stream = first.stream
            if stream.task == "classification":
                labels = self.labels(transaction, stream.model_name)
                labels.add(transaction, stream.model_name, first.classes)
                if len(first.classes) == 2:
                    stream = stream._replace(positive=labels.numbers[first.classes[1]])
            found = self._streams[key] = (streams.number(transaction, stream), stream)
        return found

    def labels(self, queries: Queries, model_name: str) -> Labels:
        """The labels of a model name as this process knows them; another may have added some since."""
        found = self._labels.get(model_name)
        if found is None:
            found = self._labels[model_name] = Labels(streams.labels(queries, model_name))
        return found

    def _answers(self, transaction: Transaction, stream: Stream, kept: list[Answered]) -> NDArray[np.float64]:
        if stream.task == "regression":
            return np.concatenate([each.answers for each in kept]).astype(np.float64)
        labels = self.labels(transaction, stream.model_name)
        parts = []
        for each in kept:
            if each.coded:
                classes = each.classes or tuple(range(int(each.answers.max()) + 1))
                labels.add(transaction, stream.model_name, classes)
                parts.append(labels.coded(classes)[each.answers])
            else:
                found = each.answers.tolist()
                labels.add(transaction, stream.model_name, found)
                parts.append(labels.coded(found))
        return np.concatenate(parts)


def count_answers(
    tally: windows.Tally,
    stream: Stream,
    seq: int,
    moments: NDArray[np.int64],
    scores: NDArray[np.float64],
    units: Sequence[str | None],
    *,
    shadow: bool = False,
) -> None:
    """Add answers of one stream to its windows; ``units`` is empty where none came with any."""
    # A unit that comes often makes shares uneven by chance; only where traffic is dealt out does anybody ask.
    clusters = _clusters(units) if units and stream.experiment_id and not shadow else None
    for start, places in windows.by_start(stream, moments):
        found = None if stream.positive == NO_POSITIVE else scores[places]
        here = None if clusters is None else clusters[places]
        tally.add(stream, seq, start, _counted(len(moments[places]), found, here))


def _grouped(answered: Sequence[Answered]) -> Iterator[list[Answered]]:
    groups: dict[tuple[Stream, tuple[Any, ...]], list[Answered]] = {}
    for each in answered:
        groups.setdefault((each.stream, each.classes), []).append(each)
    yield from groups.values()


def _scores(each: Answered) -> NDArray[np.float64]:
    return np.full(len(each.ids), np.nan) if each.scores is None else np.minimum(each.scores, 1.0)


def _clusters(units: Sequence[str | None]) -> NDArray[np.int64]:
    """The cluster of each unit, (rows,); -1 where there is no unit."""
    known = np.array([unit is not None for unit in units])
    found = np.full(len(units), -1, np.int64)
    found[known] = routing.clusters([unit for unit in units if unit is not None])
    return found


def _counted(count: int, scores: NDArray[np.float64] | None, clusters: NDArray[np.int64] | None) -> sums.Sums:
    """Predictions of one window; rows without a unit hang together with none."""
    if clusters is None or (clusters < 0).all():
        return sums.of_predictions(count, scores)
    parts = [(clusters >= 0, True), (clusters < 0, False)]
    return sums.total(
        [
            sums.of_predictions(
                int(places.sum()),
                None if scores is None else scores[places],
                clusters=clusters[places] if known else None,
            )
            for places, known in parts
            if places.any()
        ]
    )


def _or_none(scores: NDArray[np.float64]) -> Iterable[float | None]:
    missing = np.isnan(scores)
    if missing.all():
        return repeat(None)
    if missing.any():
        return [None if score != score else score for score in scores.tolist()]
    shown: list[float | None] = scores.tolist()
    return shown


def shadows_of(each: Answered) -> Iterator[Answered]:
    """What shadows would have answered; one that fails has failed, and nobody else notices."""
    for model in each.shadows:
        try:
            values = getattr(model, each.verb)(each.inputs)
        # A model may raise anything.
        except Exception:
            failed = Answered.failure(model.stream, each.at, model.classes, len(each.ids))
            failed.number = each.number
            yield failed
        else:
            answers, scores = taken(values, each.verb)
            yield Answered(
                model.stream, each.at, each.ids, each.units, answers, scores, model.classes, scores is not None,
                slices=each.slices, number=each.number,
            )  # fmt: skip
