"""The records of maintenance: plans, results, findings, reports of what was moved. Sizes are bytes, times UTC text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .notices import Remedy
from .records import Status

SpaceKind = Literal[
    "models", "trash", "metadata", "benchmarks", "evaluations", "archive", "catalog", "unclaimed", "other"
]
#: Told how long work goes on: what is done right now, how many are done, how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Readiness:
    """Whether the engines behind a registry answer.

    Attributes:
        engines: ``catalog``, ``live traffic`` and ``store``, each with the reason why it does not answer; empty where
            it does.
    """

    engines: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether all of them answer."""
        return not any(self.engines.values())


@dataclass(frozen=True)
class CleanupItem:
    """A version in a cleanup plan: the planned action and its reason.

    ``untouchable``: protected from cleanup (the champion, the rollback target, a model in a running experiment, a
    pinned version). ``bytes`` is the size of its files.
    """

    model_id: str
    model_name: str
    version: str
    action: Literal["keep", "trash", "purge"]
    reason: str
    untouchable: bool
    bytes: int
    registered_at: str
    composite_score: float | None
    status: Status


@dataclass(frozen=True)
class OrphanedFile:
    """An orphaned file: no catalog entry refers to it. With the time of its last change."""

    key: str
    bytes: int
    modified_at: str


@dataclass(frozen=True)
class CleanupPlan:
    """The planned actions of a cleanup, version by version. Nothing is changed yet.

    ``unclaimed`` are the orphaned files that are old enough to be deleted. ``last_event`` is the newest event the
    plan is based on.
    """

    made_at: str
    last_event: int
    items: tuple[CleanupItem, ...]
    unclaimed: tuple[OrphanedFile, ...] = ()

    def of(self, action: Literal["keep", "trash", "purge"]) -> tuple[CleanupItem, ...]:
        """The versions to trash or purge."""
        return tuple(item for item in self.items if item.action == action)

    @property
    def bytes_to_trash(self) -> int:
        """Bytes of the versions to trash; they are freed by the purge."""
        return sum(item.bytes for item in self.of("trash"))

    @property
    def bytes_to_free(self) -> int:
        """Bytes that are freed at once: purged versions and orphaned files."""
        return sum(item.bytes for item in self.of("purge")) + sum(each.bytes for each in self.unclaimed)


@dataclass(frozen=True)
class CleanupResult:
    """The result of a cleanup. ``skipped``: version of the plan -> reason, such as a promotion in the meantime."""

    trashed: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    swept: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    bytes_trashed: int = 0
    bytes_freed: int = 0


@dataclass(frozen=True)
class Trashed:
    """A version in the trash, with actor, previous status and purge date."""

    model_id: str
    model_name: str
    version: str
    trashed_at: str
    purge_at: str
    actor: str
    reason: str
    was: Status
    bytes: int


@dataclass(frozen=True)
class CompressResult:
    """The result of a compression, by file keys.

    ``linked`` files share the bytes of an identical file. ``left``: unreadable file -> reason. The bytes
    are those of the files that changed.
    """

    compressed: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    bytes_before: int = 0
    bytes_after: int = 0
    left: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SpaceUse:
    """Disk usage of one kind of file of a model name; ``model_name`` is empty for files of the whole registry.

    ``shared_bytes`` are stored once and counted at their first occurrence.
    """

    model_name: str
    kind: Literal[
        "models", "trash", "metadata", "benchmarks", "evaluations", "archive", "catalog", "unclaimed", "other"
    ]
    files: int
    bytes: int


@dataclass(frozen=True)
class SpaceReport:
    """Disk usage by model name and kind, and the savings of compression and deduplication."""

    at: str
    uses: tuple[SpaceUse, ...]
    saved_by_compression: int
    saved_by_sharing: int

    @property
    def bytes(self) -> int:
        """The total in bytes."""
        return sum(use.bytes for use in self.uses)


#: What a person reads for the kind of a finding; the kind is what scripts compare with.
_FINDING_LABELS = {
    "answers": "predictions",
    "chain": "audit log",
    "derived": "catalog row",
    "export": "exported index",
    "live": "live traffic",
    "lost": "lost events",
    "origin": "trust decisions",
    "packed": "compression",
    "place": "permissions",
    "state": "status",
    "unclaimed": "orphaned",
}


@dataclass(frozen=True)
class Finding:
    """A finding of ``verify``.

    Attributes:
        kind: a word for scripts, such as ``altered``, ``missing``, ``unclaimed``, ``chain``, ``statistics``.
        severity: ``error``: data is lost or wrong; ``warning``: a repair is recommended; ``note``: information.
        subject: the file, model id or table.
        text: what is wrong, in a sentence.
        remedy: what to do about it; ``remedy.command`` is True for a command to run.
        repairable: whether ``verify(repair=True)`` repairs it.
        repaired: whether it was repaired.

    >>> Finding("chain", "error", "event 7", "the audit log is altered at event 7", Remedy("restore a backup")).label
    'audit log'
    """

    kind: str
    severity: Literal["error", "warning", "note"]
    subject: str
    text: str
    remedy: Remedy
    repairable: bool = False
    repaired: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "remedy", Remedy.of(self.remedy))

    @property
    def label(self) -> str:
        """The kind as pages and listings show it."""
        return _FINDING_LABELS.get(self.kind) or self.kind.replace("_", " ")


@dataclass(frozen=True)
class VerifyReport:
    """The result of ``verify``. ``checked`` counts files, bytes, events, models, rows and windows."""

    at: str
    findings: tuple[Finding, ...]
    checked: Mapping[str, int]
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether no error or warning is left; notes and repaired findings do not count."""
        return all(each.repaired or each.severity == "note" for each in self.findings)


@dataclass(frozen=True)
class IndexExport:
    """The result of ``export_index``; ``files`` are the paths of ``model_index.json`` and ``model_history.json``."""

    at: str
    last_event: int
    models: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class RebuildReport:
    """The result of ``rebuild_index``.

    Attributes:
        source: the source of states and history: the ``catalog`` itself, the ``export`` beside it, or the
            metadata files (``sidecars``) alone.
        exported_at: the time of the export that was used.
        models: the number of versions in the index.
        changed: table -> number of changed rows. Empty if nothing changed.
        left_out: unusable file -> reason.
    """

    source: Literal["catalog", "export", "sidecars"]
    exported_at: str | None
    models: int
    changed: Mapping[str, int]
    left_out: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class BackupReport:
    """The content of a backup: the state after ``last_event``, at the time ``at``.

    ``left_out``: file that is missing or damaged in the registry itself -> reason. The backup contains
    everything else.
    """

    path: str
    at: str
    last_event: int
    models: int
    predictions: int
    files: int
    bytes: int
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MoveReport:
    """The result of a move, from one location to another.

    Attributes:
        last_event: the state that arrived.
        files, predictions, outcomes: how many arrived.
        locked_seconds: how long writes to the source waited at the end.
        kept: the source was left as it is, and both can be written now.
        left_out: file that is missing or damaged in the source itself -> reason.
        findings: what ``verify`` found at the target, notes left out.
    """

    source: str
    target: str
    last_event: int
    models: int
    files: int
    predictions: int
    outcomes: int
    locked_seconds: float
    kept: bool
    left_out: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """The result of an import: source -> model id, skipped source -> reason, and the new champions.

    A source is the original model id, or ``name/version`` of an MLflow registry. ``notes`` say what could not be
    carried over.
    """

    imported: Mapping[str, str]
    skipped: Mapping[str, str]
    champions: Mapping[str, str]
    notes: tuple[str, ...] = ()
