"""Whether a loaded model answers example rows as it did where it was registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..signature import ExampleAnswers

#: How far two answers may be apart, as a share of their size: other processors and other builds of the linear algebra
#: libraries round differently in the last digits. By the coarser of the two number types.
DOUBLE, SINGLE = 1e-6, 1e-4
#: Probabilities closer than this are equal, however small they are.
DOUBLE_SHARE, SINGLE_SHARE = 1e-8, 1e-5


@dataclass(frozen=True)
class Agreement:
    """How many of so many answers differ; ``largest`` is the largest difference, of a probability or of a number.

    ``shape``: why the answers cannot even be compared row by row; empty where they can.
    """

    rows: int
    differing: int = 0
    largest: float | None = None
    of: str = ""
    shape: str = ""

    @property
    def agrees(self) -> bool:
        """Whether no answer differs."""
        return not self.differing and not self.shape

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if self.shape:
            return self.shape
        count = f"{self.differing:,} of {self.rows:,} predictions"
        if self.agrees:
            return f"all {self.rows:,} predictions agree"
        by = f", by up to {self.largest:.3g} in {self.of}" if self.largest is not None else ""
        return f"{count} {'differ' if self.differing > 1 or self.rows > 1 else 'differs'}{by}"


def compare(registered: ExampleAnswers, again: ExampleAnswers) -> Agreement:
    """Hold new answers against those that were given at registration, row by row.

    Numbers have to agree within a relative tolerance of their type (1e-6 for double, 1e-4 for single precision), labels
    exactly, unless the two best probabilities of the row tie within it.
    """
    rows = len(registered.predicted)
    if len(again.predicted) != rows:
        return Agreement(rows, shape=f"{len(again.predicted):,} predictions were returned for {rows:,} rows")
    before, after = registered.probabilities, again.probabilities
    if (before is None) != (after is None) or (
        before is not None and after is not None and before.shape != after.shape
    ):
        shown = ["no probabilities" if each is None else f"the shape {each.shape}" for each in (before, after)]
        return Agreement(rows, shape=f"predict_proba returned {shown[0]} at registration and {shown[1]} now")
    if registered.classes != again.classes:
        return Agreement(rows, shape="the classes differ from those at registration, or are in another order")
    different = _different_labels(registered.predicted, again.predicted)
    if _are_numbers(registered.predicted) and not registered.classes:
        different, largest = _different_numbers(registered.predicted, again.predicted)
        return Agreement(rows, int(different.sum()), largest, "a value")
    if before is None or after is None:
        return Agreement(rows, int(different.sum()))
    floor = SINGLE_SHARE if _single(before, after) else DOUBLE_SHARE
    one, two = before.astype(np.float64), after.astype(np.float64)
    gaps = np.abs(one - two)
    allowed = floor + _relative(before, after) * np.abs(one)
    apart = ~((gaps <= allowed) | (np.isnan(one) & np.isnan(two)))
    different = (different & ~_tied(before, floor)) | apart.any(axis=1)
    largest = float(np.nanmax(gaps, initial=0.0)) if different.any() else None
    return Agreement(rows, int(different.sum()), largest, "a probability")


def _different_labels(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    return np.array([one != two and not (one != one and two != two) for one, two in pairs], bool)


def _are_numbers(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf"


def _different_numbers(before: NDArray[Any], after: NDArray[Any]) -> tuple[NDArray[np.bool_], float | None]:
    if not _are_numbers(after):
        return np.ones(len(before), bool), None
    relative = _relative(before, after)
    one, two = before.astype(np.float64), after.astype(np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.abs(one - two)
    equal = (one == two) | (np.isnan(one) & np.isnan(two))
    gaps[equal] = 0
    # Values near zero among large ones come out of differences of large ones.
    finite = np.abs(one[np.isfinite(one)])
    size = float(finite.max(initial=0.0))
    different = ~(equal | (gaps <= relative * np.maximum(np.abs(one), size * 1e-3)))
    return different, float(np.nanmax(gaps, initial=0.0)) if different.any() else None


def _tied(probabilities: NDArray[Any], floor: float) -> NDArray[np.bool_]:
    """Rows whose two best classes are equally probable: either is right."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), bool)
    best = np.sort(probabilities.astype(np.float64), axis=1)
    tied: NDArray[np.bool_] = best[:, -1] - best[:, -2] <= floor
    return tied


def _single(*arrays: NDArray[Any]) -> bool:
    return any(each.dtype.kind == "f" and each.dtype.itemsize <= 4 for each in arrays)


def _relative(*arrays: NDArray[Any]) -> float:
    return SINGLE if _single(*arrays) else DOUBLE
