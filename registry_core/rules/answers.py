"""What a model answered on a holdout set, checked before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput

Codes = NDArray[np.intp]
Numbers = NDArray[np.float64]

#: How far the probabilities of a row may be from adding up to 1, and how large numbers may be (variances of squares
#: take fourth powers).
SUM_TOLERANCE, LARGEST = 1e-6, 1e70


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model answered, a row each: class codes or numbers, and for classes the probabilities, (rows, classes).

    Class codes are positions in the list of classes, as ``class_codes`` gives them.
    """

    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None = None

    def of_rows(self, rows: Codes) -> Answers:
        """The answers to some rows, by their numbers."""
        return Answers(self.predicted[rows], None if self.probabilities is None else self.probabilities[rows])


def class_codes(labels: NDArray[Any] | Sequence[Any], classes: Sequence[Any], who: str = "the model") -> Codes:
    """The position of each label in ``classes``, (rows,).

    Raises:
        InvalidInput: a label that is none of the classes; the message holds it, its row and how many there are.
    """
    values, where = np.unique(np.asarray(labels), return_inverse=True)
    positions = {label: code for code, label in enumerate(np.asarray(classes).tolist())}
    codes = np.array([positions.get(value, -1) for value in values.tolist()], np.intp)[where.reshape(-1)]
    wrong = np.flatnonzero(codes < 0)
    if wrong.size:
        raise InvalidInput(
            f"{who} returned {np.asarray(labels).reshape(-1)[wrong[0]].item()!r:.80} in row {wrong[0]}"
            f"{_and_more(wrong.size)}; the classes are {_listed(classes)}. Spell the labels as the classes are"
        )
    return codes


def check_classes(
    truth: NDArray[Any], predicted: NDArray[Any], probabilities: NDArray[Any] | None, classes: Sequence[Any]
) -> tuple[Codes, Codes, Numbers | None]:
    """Truth and answers of a classifier as arrays to count with.

    Raises:
        InvalidInput: no rows, fewer than two classes, wrong lengths, codes outside the classes, or probabilities that
            are none; the message says what stands in which row.
    """
    if len(classes) < 2:
        raise InvalidInput(
            f"classes has {len(classes)} entries; a classifier has two or more classes: give all of them"
        )
    true = _codes(truth, classes, "the holdout set")
    answered = _codes(predicted, classes, "the model")
    _check_rows(true, len(answered), "predictions")
    if probabilities is None:
        return true, answered, None
    shares = _numbers(probabilities, "probabilities")
    if shares.ndim != 2 or shares.shape[1] != len(classes):
        raise InvalidInput(
            f"the model returned probabilities of shape {shares.shape}; ({len(true)}, {len(classes)}) is required: a "
            f"column for each of the classes {_listed(classes)}"
        )
    _check_rows(true, len(shares), "rows of probabilities")
    outside = np.argwhere((shares < 0) | (shares > 1))
    if len(outside):
        row, column = outside[0].tolist()
        raise InvalidInput(
            f"the model returned the probability {shares[row, column]:g} of {classes[column]!r} in row "
            f"{row}{_and_more(len(outside))}; probabilities lie between 0 and 1"
        )
    sums = shares.sum(axis=1)
    unequal = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if unequal.size:
        raise InvalidInput(
            f"the model returned probabilities that add up to {sums[unequal[0]]:.9g} in row "
            f"{unequal[0]}{_and_more(unequal.size)}; they must add up to 1 within {SUM_TOLERANCE:g}"
        )
    return true, answered, shares


def check_numbers(truth: NDArray[Any], predicted: NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Truth and answers of a regression model, each (rows,).

    Raises:
        InvalidInput: no rows, wrong lengths or shapes, NaN, infinities or numbers beyond 1e70.
    """
    numbers = []
    for values, who in ((truth, "the holdout set"), (predicted, "the model")):
        each = _numbers(values, "predictions", who)
        # (rows, 1) is what some regressors answer to a target that was a table.
        each = each[:, 0] if each.ndim == 2 and each.shape[1] == 1 else each
        if each.ndim != 1:
            raise InvalidInput(f"{who} returned numbers of shape {each.shape}; one number per row is required")
        large = np.flatnonzero(np.abs(each) > LARGEST)
        if large.size:
            raise InvalidInput(
                f"{who} returned {each[large[0]]:g} in row {large[0]}{_and_more(large.size)}; numbers beyond "
                f"{LARGEST:g} cannot be evaluated. Give the target another unit"
            )
        numbers.append(each)
    _check_rows(numbers[0], len(numbers[1]), "predictions")
    return numbers[0], numbers[1]


def _codes(values: NDArray[Any], classes: Sequence[Any], who: str) -> Codes:
    codes = np.asarray(values)
    if codes.ndim != 1 or not (codes.size == 0 or np.issubdtype(codes.dtype, np.integer)):
        raise InvalidInput(
            f"{who} returned {codes.dtype} of shape {codes.shape}; one whole number per row is required, the position "
            f"in the classes {_listed(classes)}. class_codes converts labels"
        )
    outside = np.flatnonzero((codes < 0) | (codes >= len(classes)))
    if outside.size:
        raise InvalidInput(
            f"{who} returned the class code {codes[outside[0]]} in row {outside[0]}{_and_more(outside.size)}; there "
            f"are {len(classes)} classes, {_listed(classes)}, with the codes 0 to {len(classes) - 1}"
        )
    return codes.astype(np.intp, copy=False)


def _numbers(values: NDArray[Any], what: str, who: str = "the model") -> Numbers:
    try:
        numbers = np.atleast_1d(np.asarray(values).astype(np.float64, copy=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{who} returned {what} that are not numbers: {error}") from error
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        raise InvalidInput(
            f"{who} returned {numbers[tuple(wrong[0])]:g} in row "
            f"{wrong[0][0]}{_and_more(len(np.unique(wrong[:, 0])))}; {what} have to be finite numbers"
        )
    return numbers


def _check_rows(truth: NDArray[Any], answered: int, what: str) -> None:
    if not len(truth):
        raise InvalidInput("the holdout set has no rows; nothing can be evaluated on it")
    if answered != len(truth):
        raise InvalidInput(f"the model returned {answered:,} {what} for {len(truth):,} rows; one per row is required")


def _and_more(count: int) -> str:
    return "" if count == 1 else f" (and in {count - 1:,} more)"


def _listed(classes: Sequence[Any]) -> str:
    shown = ", ".join(f"{each!r:.40}" for each in list(classes)[:8])
    return shown if len(classes) <= 8 else f"{shown} and {len(classes) - 8} more"
