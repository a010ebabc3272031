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
class CleanupItem:
    """One version in a cleanup plan: what happens to it, and why.

    ``untouchable``: protected from every policy (the champion, the rollback target, a model in a running experiment, a
    pinned version). ``bytes`` is what its files take in the store.
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
    """A file in the registry's folders that nothing in the catalog claims, and since when it lies there."""

    key: str
    bytes: int
    modified_at: str


@dataclass(frozen=True)
class CleanupPlan:
    """What a cleanup would do, version by version; nothing has happened yet.

    ``unclaimed`` are the orphaned files that are old enough to be deleted. ``last_event`` is the newest event that the
    plan knows.
    """

    made_at: str
    last_event: int
    items: tuple[CleanupItem, ...]
    unclaimed: tuple[OrphanedFile, ...] = ()

    def of(self, action: Literal["keep", "trash", "purge"]) -> tuple[CleanupItem, ...]:
        """The versions something happens to."""
        return tuple(item for item in self.items if item.action == action)

    @property
    def bytes_to_trash(self) -> int:
        """What goes to the trash; the disk has it back once it is purged."""
        return sum(item.bytes for item in self.of("trash"))

    @property
    def bytes_to_free(self) -> int:
        """Bytes that are freed at once: of purged versions and orphaned files."""
        return sum(item.bytes for item in self.of("purge")) + sum(each.bytes for each in self.unclaimed)


@dataclass(frozen=True)
class CleanupResult:
    """What a cleanup did. ``skipped`` says why a version of the plan was left alone: it changed since."""

    trashed: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    swept: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    bytes_trashed: int = 0
    bytes_freed: int = 0


@dataclass(frozen=True)
class Trashed:
    """A version in the trash: who moved it there, its status before, and when its files are deleted permanently."""

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
    """What compressing changed, by the keys of the files.

    ``linked`` now share the bytes of an identical one. ``left`` says which files could not be read, and why. The bytes
    are those of the files that changed.
    """

    compressed: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    bytes_before: int = 0
    bytes_after: int = 0
    left: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SpaceUse:
    """What one kind of file of one model name takes; ``model_name`` is empty for what belongs to the whole registry.

    ``shared_bytes`` of them lie in the store once and are counted where they were first met.
    """

    model_name: str
    kind: Literal[
        "models", "trash", "metadata", "benchmarks", "evaluations", "archive", "catalog", "unclaimed", "other"
    ]
    files: int
    bytes: int


@dataclass(frozen=True)
class SpaceReport:
    """What the registry takes, by model name and kind, and what compression and sharing save."""

    at: str
    uses: tuple[SpaceUse, ...]
    saved_by_compression: int
    saved_by_sharing: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(use.bytes for use in self.uses)


@dataclass(frozen=True)
class Finding:
    """Something ``verify`` found.

    Attributes:
        kind: a short word for it, such as ``altered``, ``missing``, ``unclaimed``, ``chain``, ``statistics``.
        severity: ``error``: something is lost or untrue; ``warning``: something should be mended; ``note``: worth
            knowing.
        subject: the file, model id or table it is about.
        text: what is wrong, in a sentence.
        remedy: what to do about it; ``remedy.command`` says whether it is a command to run.
        repairable: whether ``verify(repair=True)`` mends it.
        repaired: whether it did.
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


@dataclass(frozen=True)
class VerifyReport:
    """What ``verify`` looked at and found. ``checked`` counts: files, bytes, events, models, rows, windows."""

    at: str
    findings: tuple[Finding, ...]
    checked: Mapping[str, int]
    seconds: float

    @property
    def clean(self) -> bool:
        """Nothing is left that should be mended: notes do not count, nor does what was repaired."""
        return all(each.repaired or each.severity == "note" for each in self.findings)


@dataclass(frozen=True)
class IndexExport:
    """What ``export_index`` wrote: ``files`` are where ``model_index.json`` and ``model_history.json`` lie now."""

    at: str
    last_event: int
    models: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class RebuildReport:
    """What ``rebuild_index`` did.

    Attributes:
        source: where states and history came from: the ``catalog`` itself, the ``export`` beside it, or the
            ``sidecars`` alone.
        exported_at: of the export that was used, when it was written.
        models: how many versions the index holds now.
        changed: table -> rows that are others than before. Empty: everything was as it should be.
        left_out: file -> why it could not be used.
    """

    source: Literal["catalog", "export", "sidecars"]
    exported_at: str | None
    models: int
    changed: Mapping[str, int]
    left_out: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class BackupReport:
    """What is in a backup: the state after ``last_event``, at ``at``.

    ``left_out`` are files that are missing or damaged in the registry itself, each with what is wrong: the backup holds
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
class ImportReport:
    """What an import brought in: source -> model id; source -> why it was left out; who became champion.

    A source is the id a model had there, or ``name/version`` of an MLflow registry. ``notes`` say what could not be
    carried over.
    """

    imported: Mapping[str, str]
    skipped: Mapping[str, str]
    champions: Mapping[str, str]
    notes: tuple[str, ...] = ()
