"""One specification of a table: what each column holds of a record, and how it is shown. No Streamlit here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table.

    Attributes:
        name: the heading.
        cell: what a record shows in it: a text, or for the kinds of numbers a number or None.
        width: in pixels.
        kind: a text, a number with as many decimals as its column needs, or a count with thousands marked.
        pinned: it stays where a narrow screen scrolls.
        right: its texts stand at the right, as sizes do.
        help: said where somebody points at the heading.
    """

    name: str
    cell: Callable[[T], Any]
    width: int
    kind: Literal["text", "number", "count"] = "text"
    pinned: bool = False
    right: bool = False
    help: str | None = None


def frame(columns: Sequence[Column[T]], records: Sequence[T]) -> pd.DataFrame:
    """The records as a frame: a row for each, a column for each specification."""
    made = pd.DataFrame({column.name: [column.cell(each) for each in records] for column in columns})
    return made.astype({column.name: "float64" for column in columns if column.kind == "number"})
