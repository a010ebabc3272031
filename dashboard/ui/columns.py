"""One specification of a table: what each column holds of a record, and how it is shown. No Streamlit here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pandas as pd

T = TypeVar("T")
_WHOLE = ("count", "ordinal")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table.

    Attributes:
        name: the heading; the same thing has the same one in every table.
        cell: what a record shows in it: a text, or for the kinds of numbers a number or None.
        width: in pixels.
        kind: a text; a number with as many decimals as its column needs; a difference, which is such a number with its
            sign; a percent from 0 to 100; a count with thousands marked; an ordinal, as an event's number is, without.
        label: the heading where it is another than the name, such as that of a chosen metric.
        scale: numbers of columns with the same scale have the same decimals.
        pinned: it stays where a narrow screen scrolls.
        right: its texts stand at the right, as sizes do.
        help: said where somebody points at the heading.
    """

    name: str
    cell: Callable[[T], Any]
    width: int
    kind: Literal["text", "number", "difference", "percent", "count", "ordinal"] = "text"
    label: str | None = None
    scale: str | None = None
    pinned: bool = False
    right: bool = False
    help: str | None = None


def frame(columns: Sequence[Column[T]], records: Sequence[T]) -> pd.DataFrame:
    """The records as a frame: a row for each, a column for each specification."""
    made = pd.DataFrame({column.name: [column.cell(each) for each in records] for column in columns})
    # A count that is missing would make floating-point numbers of the others.
    types = {
        column.name: "Int64" if column.kind in _WHOLE else "float64" for column in columns if column.kind != "text"
    }
    return made.astype(types)
