"""What every check of ``verify`` works with: one state of both databases, and where it says what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from ...catalog import dump
from ...catalog.database import Damage, Queries
from ...config import Configuration
from ...maintenance import Finding, Progress
from ...notices import Remedy
from ...records import Row
from ..context import Context

MEND: Final = Remedy("model-registry verify --repair", command=True)
CLEANUP: Final = Remedy("model-registry cleanup", command=True)
EXPORT: Final = Remedy("model-registry export-index", command=True)
BACKUP: Final = Remedy("restore it from a backup")
AGAIN: Final = Remedy("restore it from a backup, or register the model again")


@dataclass
class Look:
    """One look at everything.

    ``catalog`` and ``telemetry`` (None where there never was live traffic) are snapshots. ``only``: the subjects that
    are looked at again; None looks at all. ``damage`` is what the databases found of themselves.
    """

    context: Context
    catalog: Queries
    telemetry: Queries | None
    configuration: Configuration
    damage: tuple[Damage, ...] = ()
    only: Collection[str] | None = None
    progress: Progress | None = None
    checked: Counter[str] = field(default_factory=Counter)
    _rows: dict[str, list[Row]] = field(default_factory=dict)

    def wants(self, subject: str) -> bool:
        """Whether a subject is looked at."""
        return self.only is None or subject in self.only

    def rows(self, name: str) -> list[Row]:
        """All rows of a table of the catalog, in the order of its key."""
        if name not in self._rows:
            table = next(each for each in dump.tables() if each.name == name)
            found: list[Row] = []
            for step in dump.rows(self.catalog, table):
                found += [dict(zip(table.columns, row, strict=True)) for row in step]
            self._rows[name] = found
        return self._rows[name]

    def sound(self, *tables: str) -> bool:
        """Whether the catalog's rows of some tables may be trusted to mend others by."""
        return not any(each.kind == "damaged" or each.subject.split(" ")[0] in tables for each in self.damage)

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how long it goes on."""
        if self.progress is not None:
            self.progress(what, done, total)


def error(kind: str, subject: str, text: str, remedy: str, *, repairable: bool = False) -> Finding:
    """Something is lost or untrue."""
    return Finding(kind, "error", subject, text, Remedy.of(remedy), repairable)


def warning(kind: str, subject: str, text: str, remedy: str, *, repairable: bool = False) -> Finding:
    """Something should be mended."""
    return Finding(kind, "warning", subject, text, Remedy.of(remedy), repairable)


def note(kind: str, subject: str, text: str, remedy: str = "") -> Finding:
    """Worth knowing."""
    return Finding(kind, "note", subject, text, Remedy.of(remedy))


def differing(found: Row, expected: Row) -> Row:
    """The expected values of the columns in which two rows differ."""
    return {column: value for column, value in expected.items() if found.get(column) != value}


Findings = Iterator[Finding]
