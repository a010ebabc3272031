"""What was answered elsewhere, on its way to a server: as records, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...artifacts import examples
from ...catalog.telemetry.streams import NO_POSITIVE, Stream
from ...errors import InvalidInput
from ...live.serving import PredictionBatch
from .drifting import sampled
from .log import Answered
from .recording import MOST_LABELS, shadows_of
from .slicing import text

#: So many rows are sent at once. Inputs count as a row for so many bytes.
_ROWS, _BYTES = 50_000, 200


def sent(answered: Answered) -> Iterator[PredictionBatch]:
    """An answer as it is sent, and what was answered beside it: by shadows, which are asked now."""
    if not answered.only_shadows:
        yield _batch(answered, beside=False)
    for each in shadows_of(answered):
        yield _batch(each, beside=True)


def parts(answered: Iterable[Answered]) -> Iterator[list[PredictionBatch]]:
    """Answers as they are sent, in parts that are small enough for a call."""
    part: list[PredictionBatch] = []
    rows = 0
    for each in answered:
        if rows >= _ROWS:
            yield part
            part, rows = [], 0
        for batch in sent(each):
            part.append(batch)
            rows += len(batch.ids) + (0 if batch.inputs is None else size(batch.inputs) // _BYTES)
    if part:
        yield part


def _batch(each: Answered, *, beside: bool) -> PredictionBatch:
    stream = each.stream
    assert stream.role != "slice"
    return PredictionBatch(
        each.number,
        stream.model_id,
        stream.role,
        each.at,
        stream.deployment_id,
        stream.experiment_id,
        stream.shares,
        stream.task,
        stream.loss,
        stream.minutes,
        each.classes,
        each.ids.tolist(),
        each.answers.tolist(),
        None if each.scores is None else [None if score != score else score for score in each.scores.tolist()],
        each.units,
        each.coded,
        each.lost,
        each.slow,
        beside,
        None if beside or each.inputs is None or stream.role != "champion" else _document(each),
        {column: [text(value) for value in values] for column, values in (each.slices or {}).items()},
    )


def _document(each: Answered) -> dict[str, Any] | None:
    try:
        return examples.pack(sampled(each))
    except InvalidInput:  # of what no document holds there is no drift either
        return None


def received(model_name: str, batch: PredictionBatch) -> Answered:
    """An answer as it was received.

    Raises:
        InvalidInput: its parts have different lengths, or a place is outside of its classes.
    """
    rows, what = len(batch.ids), f"the batch {batch.number} of {batch.model_id:.80}"
    lengths = {
        "answers": batch.answers, "scores": batch.scores, "units": batch.units,
        **{f"slices of {column}": values for column, values in batch.slices.items()},
    }  # fmt: skip
    for name, part in lengths.items():
        if part is not None and len(part) != rows:
            raise InvalidInput(f"{what} has {len(part):,} {name} for {rows:,} ids; give one for each id")
    stream = Stream(
        model_name, batch.model_id, batch.role, batch.experiment_id, batch.deployment_id, batch.shares, batch.task,
        NO_POSITIVE, batch.loss, batch.minutes,
    )  # fmt: skip
    answers: NDArray[Any]
    try:
        if batch.coded:
            answers = np.array(batch.answers, np.int64).reshape(rows)
        elif batch.task == "regression":
            answers = np.array(batch.answers, np.float64).reshape(rows)
        else:
            answers = np.empty(rows, object)
            answers[:] = list(batch.answers)
        scores = None if batch.scores is None else np.array(batch.scores, np.float64)
        ids = np.array(batch.ids, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{what} has answers that cannot be read as its task says ({error})") from error
    if batch.coded and rows and not 0 <= answers.min() <= answers.max() < (len(batch.classes) or MOST_LABELS):
        raise InvalidInput(f"{what} has an answer outside of its {len(batch.classes)} classes")
    if batch.task == "regression" and not np.isfinite(answers).all():
        raise InvalidInput(f"{what} has an answer that is not finite; omit it")
    units = None if batch.units is None else list(batch.units)
    inputs = None if batch.inputs is None else examples.unpack(batch.inputs)
    return Answered(
        stream, batch.at, ids, units, answers, scores, tuple(batch.classes), batch.coded, inputs,
        lost=batch.failed_rows, slow=batch.slow, number=batch.number,
        slices={column: list(values) for column, values in batch.slices.items()} or None,
    )  # fmt: skip


def size(document: Mapping[str, Any]) -> int:
    """About how many characters a document of rows has."""
    data = document.get("data")
    if isinstance(data, str):
        return len(data)
    return 12 * int(document.get("rows", 0)) * len(document.get("columns", ())) + sum(
        len(str(each)) for each in document.get("values", ())
    )
