"""Slices: the rows of one value of a column, counted once more as a stream of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...catalog.database import Queries
from ...catalog.telemetry import streams
from ...catalog.telemetry.streams import Stream
from .log import Answered

#: So many values of a column are watched, of so many characters at most; all others are one slice, ``OTHER``.
MOST_VALUES, MOST_CHARACTERS = 50, 200
OTHER, MISSING = "other", "missing"
_DIGITS = 15


def columns(wanted: Sequence[str], raw: Any, matched: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of some columns, (rows,) each; without those that the rows do not have.

    Args:
        wanted: names of columns.
        raw: rows as they came: a DataFrame or dicts may have columns that no model takes.
        matched: the same rows as the model takes them.
        names: of the model's features, for an array.
    """
    found: dict[str, list[Any]] = {}
    for column in wanted:
        values = _named(column, raw)
        values = _of_table(column, matched, names) if values is None else values
        if values is not None:
            found[column] = values
    return found


def _named(column: str, rows: Any) -> list[Any] | None:
    if hasattr(rows, "iloc"):
        known = [str(name) for name in getattr(rows, "columns", ())]
        values: list[Any] | None = rows.iloc[:, known.index(column)].tolist() if column in known else None
        return values
    if isinstance(rows, Sequence) and rows and isinstance(rows[0], Mapping):
        return [row.get(column) for row in rows] if any(column in row for row in rows) else None
    return None


def _of_table(column: str, rows: Any, names: Sequence[str]) -> list[Any] | None:
    if hasattr(rows, "iloc"):
        return _named(column, rows)
    if column not in names or len(getattr(rows, "shape", ())) != 2:
        return None
    values = rows[:, names.index(column)]
    found: list[Any] = np.ravel(values.toarray() if hasattr(values, "toarray") else values).tolist()
    return found


def text(value: Any) -> str:
    """A value as the name of its slice: 2, 2.0 and "2" are one.

    >>> text(2.0), text(True), text(float("nan")), text("north")
    ('2', 'True', 'missing', 'north')
    """
    if isinstance(value, float | np.floating):
        return MISSING if value != value else f"{float(value):.{_DIGITS}g}"
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return MISSING
    # Whatever an object has to say of itself may be anything, and raise anything.
    try:
        found = str(value)
    except Exception:
        return OTHER
    if not found:
        return MISSING
    return found if len(found) <= MOST_CHARACTERS and found.isprintable() else OTHER


@dataclass
class Slices:
    """Which values of a column are watched, by what this process knows."""

    _known: dict[tuple[str, int, str], set[str]] = field(default_factory=dict)

    def forget(self) -> None:
        """Know nothing: what was numbered in a transaction that did not commit has no number."""
        self._known.clear()

    def of(self, queries: Queries, answered: Answered) -> Iterator[Answered]:
        """The rows of an answer once more, by slice."""
        for column, values in (answered.slices or {}).items():
            places: dict[str, list[int]] = defaultdict(list)
            for place, value in enumerate(values):
                places[text(value)].append(place)
            by_name: dict[str, list[int]] = defaultdict(list)
            for value, rows in places.items():
                by_name[self._name(queries, answered.stream, column, value)] += rows
            for name, rows in by_name.items():
                yield _rows(answered, name, rows)

    def _name(self, queries: Queries, stream: Stream, column: str, value: str) -> str:
        """The slice of a value; beyond the most there may be it is the one of all others."""
        known = self._known.setdefault((stream.model_name, stream.deployment_id, column), set())
        name, other = f"{column}={value}", f"{column}={OTHER}"
        if name not in known and name != other and len(known) < MOST_VALUES:
            # Another process may have begun some.
            stored = streams.listed(queries, stream.model_name, deployment_id=stream.deployment_id).values()
            known |= {each.shares for each in stored if each.role == "slice" and each.shares.startswith(f"{column}=")}
            known.discard(other)
            if len(known) < MOST_VALUES:
                known.add(name)
        return name if name in known else other


def _rows(answered: Answered, name: str, rows: list[int]) -> Answered:
    of = answered.stream
    stream = of._replace(role="slice", experiment_id=0 if of.role == "champion" else of.experiment_id, shares=name)
    units = None if answered.units is None else [answered.units[row] for row in rows]
    scores = None if answered.scores is None else answered.scores[rows]
    return Answered(
        stream, answered.at, answered.ids[rows], units, answered.answers[rows], scores, answered.classes,
        answered.coded,
    )  # fmt: skip
