"""What a model answered on a benchmark, kept compactly: so that two models are compared on the very same rows."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..artifacts.sandbox import Answer
from ..catalog import evidence
from ..errors import InvalidInput
from ..evidence import Evaluation, Measured, Task
from ..rules import evaluation_metrics, sentences
from ..rules.answers import Answers, class_codes
from .context import Context

if TYPE_CHECKING:
    import pandas as pd

#: So many classes beyond those of a benchmark may a model know, each in so many characters.
MOST_FURTHER_CLASSES, MOST_LABEL = 200, 1000


@dataclass(frozen=True, eq=False)
class Kept:
    """The truth of a benchmark and a model's answers, a row each; class codes are positions in ``classes``."""

    task: Task
    truth: NDArray[Any]
    answers: Answers
    classes: tuple[Any, ...] = ()

    def measure(self, rows: NDArray[np.intp] | None = None) -> dict[str, Measured]:
        """The metrics of all rows, or of some by their numbers."""
        truth, answers = (self.truth, self.answers) if rows is None else (self.truth[rows], self.answers.of_rows(rows))
        if self.task == "regression":
            return evaluation_metrics.measure_regression(truth, answers.predicted)
        return evaluation_metrics.measure_classification(truth, answers.predicted, answers.probabilities, self.classes)

    def of_classes(self, classes: Sequence[Any]) -> Kept:
        """The same answers as codes of a longer list of classes; those the model never knew have probability 0."""
        if self.task == "regression" or tuple(classes) == self.classes:
            return self
        places = np.array([list(classes).index(each) for each in self.classes], np.intp)
        probabilities = self.answers.probabilities
        if probabilities is not None:
            wider = np.zeros((len(probabilities), len(classes)))
            wider[:, places] = probabilities
            probabilities = wider
        answers = Answers(places[self.answers.predicted], probabilities)
        return Kept(self.task, places[self.truth], answers, tuple(classes))

    def to_bytes(self) -> bytes:
        """A compressed npz file without any pickle in it."""
        buffer = io.BytesIO()
        arrays = {"truth": self.truth, "predicted": self.answers.predicted}
        if self.answers.probabilities is not None:
            arrays["probabilities"] = self.answers.probabilities
        heads = np.frombuffer(json.dumps([self.task, list(self.classes)]).encode(), np.uint8)
        np.savez_compressed(buffer, heads=heads, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Kept:
        """Read what ``to_bytes`` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            task, classes = json.loads(file["heads"].tobytes())
            probabilities = file["probabilities"] if "probabilities" in file.files else None
            truth, predicted = file["truth"], file["predicted"]
        for array in (truth, predicted, probabilities):
            if array is not None:
                array.flags.writeable = False
        return cls(task, truth, Answers(predicted, probabilities), tuple(classes))


def pack(task: Task, target: pd.Series[Any], answer: Answer) -> Kept:
    """Truth and answers as arrays to count with.

    Raises:
        InvalidInput: the model answered what the benchmark does not know, too many classes, or nonsense.
    """
    if task == "regression":
        return Kept(task, target.to_numpy(dtype=np.float64), Answers(np.asarray(answer.predicted)))
    labels = target.tolist()
    there = sorted({*labels}, key=_order)
    spelt = {str(each): each for each in there}
    # A model trained on text answers '1' where the file has the number 1; without classes of its own it has these.
    known = [_alike(each, spelt) for each in answer.classes] or there
    _check_classes(known, len(there))
    beyond = [each for each in there if each not in {*known}]
    if beyond:
        mine, theirs = (sentences.listed([*map(repr, each)]) for each in (known, beyond))
        raise InvalidInput(
            f"the benchmark has the labels {theirs}, which the model cannot predict: its classes are {mine}. Spell the "
            "labels alike in both, give classes= with a file that has class numbers only, or train it on all classes"
        )
    predicted = class_codes([_alike(each, spelt) for each in answer.predicted.tolist()], known)
    truth = class_codes(labels, known, who="the benchmark")
    return Kept(task, truth, Answers(predicted, answer.probabilities), tuple(_plain(each) for each in known))


def further_answers(kept: Kept, answer: Answer) -> Answers:
    """What the same model answered to other rows of the same benchmark, in the classes of ``kept``.

    Raises:
        InvalidInput: it answered no class of its own, or a number that is not finite.
    """
    numbers = answer.predicted if kept.task == "regression" else answer.probabilities
    if numbers is not None and not np.isfinite(numbers).all():
        raise InvalidInput("the model answers a number that is not finite when the values of a feature are permuted")
    if kept.task == "regression":
        return Answers(np.asarray(answer.predicted))
    spelt = {str(each): each for each in kept.classes}
    # There are as few labels as classes, however many rows.
    labels, places = np.unique(answer.predicted, return_inverse=True)
    codes = class_codes([_alike(each, spelt) for each in labels.tolist()], kept.classes)
    return Answers(codes[places], answer.probabilities)


def _check_classes(classes: list[Any], there: int) -> None:
    """What a model says of itself must not cost the registry its memory."""
    if len(classes) > there + MOST_FURTHER_CLASSES:
        raise InvalidInput(
            f"the model has {len(classes):,} classes, the benchmark {there:,}; evaluate it on a benchmark of the same "
            "task"
        )
    longest = max((len(str(each)) for each in classes), default=0)
    if longest > MOST_LABEL:
        raise InvalidInput(f"the model has a class of {longest:,} characters; at most {MOST_LABEL:,} are read")
    if len({*classes}) < len(classes):
        raise InvalidInput("the model names a class twice; repair its classes_")


def _order(label: Any) -> tuple[bool, Any]:
    return isinstance(label, str), label


def _alike(label: Any, spelt: Mapping[str, Any]) -> Any:
    return spelt.get(str(label), label)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def read(context: Context, evaluation: Evaluation) -> Kept | None:
    """The answers of an evaluation, their bytes checked; None where the model gave none."""
    found = evidence.answers_of(context.database, evaluation.evaluation_id)
    if found is None:
        return None
    key, digest = found
    # The bytes are read and checked each time; what the same bytes hold is known.
    data = context.store.content(key, digest)
    known = _unpacked.get(digest)
    if known is None:
        known = Kept.from_bytes(data)
        if known.truth.nbytes <= _MOST_BYTES:
            while len(_unpacked) >= _MOST_UNPACKED:
                _unpacked.pop(next(iter(_unpacked)), None)
            _unpacked[digest] = known
    return known


#: By the sha256 of their file, so many and none for longer benchmarks: a leaderboard asks for the same ones again.
_unpacked: dict[str, Kept] = {}
_MOST_UNPACKED, _MOST_BYTES = 64, 1 << 20


def together(first: Kept, second: Kept) -> tuple[Kept, Kept]:
    """Two models' answers with one list of classes."""
    classes = [*first.classes, *(each for each in second.classes if each not in first.classes)]
    return first.of_classes(classes), second.of_classes(classes)
