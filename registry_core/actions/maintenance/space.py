"""What takes the space."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from ...catalog import packed, retention_queries
from ...file_keys import model_files
from ...maintenance import SpaceKind, SpaceReport, SpaceUse
from ...records import utc_text
from ..context import Context
from . import sweep
from .sweep import ARCHIVE, ASIDE, File

_KINDS: dict[str, SpaceKind] = {
    "models": "models",
    "metadata": "metadata",
    "benchmarks": "benchmarks",
    "evaluations": "evaluations",
    ARCHIVE: "archive",
}
_CATALOG = ("registry.db", "telemetry.db")


def report(context: Context) -> SpaceReport:
    """See ``Registry.space``."""
    files = [*sweep.files(context), *sweep.files_of(context, "")]
    with context.database.snapshot() as queries:
        owners = retention_queries.claims(queries)
        lost = {each.key for each in sweep.unclaimed(context, queries, files)}
        saved = _saved_by_compression(
            packed.listed(queries), _registered(retention_queries.packed_documents(queries)), files
        )
    counts: Counter[tuple[str, SpaceKind]] = Counter()
    sizes: Counter[tuple[str, SpaceKind]] = Counter()
    met: set[tuple[int, int]] = set()
    shared = 0
    for each in files:
        name, kind = _whose(each, owners, lost)
        counts[name, kind] += 1
        if each.identity is not None and each.identity in met:
            shared += each.size
            continue
        if each.identity is not None:
            met.add(each.identity)
        sizes[name, kind] += each.size
    uses = tuple(SpaceUse(name, kind, counts[name, kind], sizes[name, kind]) for name, kind in sorted(counts))
    return SpaceReport(utc_text(context.now()), uses, saved, shared)


def _whose(file: File, owners: Mapping[str, retention_queries.Owner], lost: set[str]) -> tuple[str, SpaceKind]:
    """The model name a file belongs to, and what it is."""
    folder, _, rest = file.key.rpartition("/")
    if not folder:
        return "", "catalog" if rest.startswith(_CATALOG) else "other"
    if file.key in lost:
        return "", "unclaimed"
    top = folder.partition("/")[0]
    if top == ASIDE or not file.ours:
        return "", "other"
    if top == ARCHIVE:
        return folder.rpartition("/")[2], "archive"
    owner = owners[file.key]
    in_trash = top == "models" and owner.status == "trashed"
    return owner.model_name, "trash" if in_trash else _KINDS[top]


def _registered(documents: list[tuple[str, str]]) -> dict[str, int]:
    """Key -> how many bytes were registered under it."""
    found: dict[str, int] = {}
    for model_id, text in documents:
        document = json.loads(text)
        sizes = (document["model_bytes"], document["scaler_bytes"])
        found.update(zip(model_files(model_id), sizes, strict=True))
    return found


def _saved_by_compression(noted: Mapping[str, packed.Packed], before: Mapping[str, int], files: list[File]) -> int:
    """What the compressed files would take more as they came; those that share their bytes are counted once."""
    met: set[tuple[int, int] | str] = set()
    saved = 0
    for each in files:
        if each.key in noted and each.key in before and (each.identity or each.key) not in met:
            met.add(each.identity or each.key)
            saved += before[each.key] - each.size
    return saved
