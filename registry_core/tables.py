"""The record of what was understood of a table in a file, shown before any of it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .signature import Kind

#: What a column of labels is usually called.
_LABELS = frozenset({"target", "label", "labels", "class", "y", "outcome", "truth"})


@dataclass(frozen=True)
class TableColumn:
    """A column: the type of its values, the number of missing ones, and its first values as in the file."""

    name: str
    kind: Kind
    missing: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableReading:
    """How a table was parsed.

    Attributes:
        source: the name of the file, or ``DataFrame``.
        format: ``CSV``, ``Parquet``, ``Arrow``, ``JSON lines``, ``JSON`` or ``DataFrame``.
        encoding, delimiter, decimal: of a CSV file, else empty.
        compression: ``gzip``, ``bz2``, ``xz``, ``zip`` or ``zstd``; empty without compression.
        rows: the number of rows without the header.
        columns: the columns in order.
        kinds_from: the id of the model whose signature gives the column types; empty if they are inferred.
        target: the target column, if given.
        classes: class as text -> number of rows; empty for a regression.
        notes: warnings, as sentences.
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
        """The possible target columns for a model with these features; one if it is clear.

        A target is a column that is not a feature. Of several, one with a usual name (``target``, ``label``, ``y``) is
        chosen. Without named features every column is possible, the last one first.

        Args:
            features: the feature names of the model.
            count: the number of features, if the model has no feature names.

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
