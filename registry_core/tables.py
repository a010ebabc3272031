"""The record of what was understood of a table in a file, shown before any of it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .signature import Kind

#: What a column of labels is usually called.
_LABELS = frozenset({"target", "label", "labels", "class", "y", "outcome", "truth"})


@dataclass(frozen=True)
class TableColumn:
    """A column: how its values are read, how many rows have none, and its first values as the file has them."""

    name: str
    kind: Kind
    missing: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableReading:
    """What was understood of a table.

    Attributes:
        source: the name of the file; ``DataFrame`` of one that was handed in.
        format: ``CSV``, ``Parquet``, ``Arrow``, ``JSON lines``, ``JSON`` or ``DataFrame``.
        encoding, delimiter, decimal: of a CSV file, else empty.
        compression: ``gzip``, ``bz2``, ``xz``, ``zip`` or ``zstd``; empty where there is none.
        rows: how many there are, the header not counted.
        columns: in their order.
        kinds_from: the id of the model whose signature says how columns are read; empty where they are inferred.
        target: the column with the labels, where it was named.
        classes: the values of the target as text, and how many rows have each; empty of a regression.
        notes: what deserves a look, in sentences.
    """

    source: str
    format: str
    rows: int
    columns: tuple[TableColumn, ...]
    encoding: str = ""
    delimiter: str = ""
    decimal: str = ""
    compression: str = ""
    kinds_from: str = ""
    target: str | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def targets(self, features: Sequence[str] = (), count: int | None = None) -> tuple[str, ...]:
        """The columns that may hold the labels for a model with these features; one where that is clear.

        A column that is no feature may. Of several, one by a usual name for labels (``target``, ``label``, ``y``, ...)
        is meant. Without named features any column may, the last one first.

        Args:
            features: the features the model knows by name.
            count: how many features it takes, where it knows none by name.

        >>> columns = tuple(TableColumn(name, "number") for name in ("age", "visits", "left"))
        >>> TableReading("rows.csv", "CSV", 9, columns).targets(["age", "visits"])
        ('left',)
        """
        names = [each.name for each in self.columns]
        known = {*map(str, features)}
        others = [name for name in names if name not in known] if known & {*names} else names[::-1]
        usual = [name for name in others if name.lower() in _LABELS]
        if len(usual) == 1 and (known or count in (None, len(names) - 1)):
            return (usual[0],)
        return tuple(others)
