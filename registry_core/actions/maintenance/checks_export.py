"""The exported index: as it was written, and of this catalog."""

from __future__ import annotations

from ...catalog import events
from ...errors import ArtifactMissing, RegistryError
from .checks import EXPORT, MEND, Findings, Look, note, warning
from .export import HISTORY, INDEX, read_history, read_index


def exported(look: Look) -> Findings:
    """The two files are a whole pair; whether they are the newest is worth knowing."""
    store = look.context.store
    there = [name for name in (HISTORY, INDEX) if store.exists(name)]
    if HISTORY not in there:
        # A model_index.json alone may be what an adopted folder came with.
        return
    subject = HISTORY
    try:
        history = read_history(store)
        subject = INDEX
        read_index(store, history.index_sha256)
    except ArtifactMissing:
        yield warning("export", subject, f"{store.address(subject)} is missing", EXPORT, repairable=True)
        return
    except (ValueError, RegistryError) as found:
        text = f"{store.address(subject)} cannot be used: {found}"
        yield warning("export", subject, text, f"{EXPORT}, or {MEND}", repairable=True)
        return
    # Asked now: somebody may have exported since the look began.
    newest = events.newest(look.context.database)
    if history.last_event < newest:
        count = newest - history.last_event
        text = f"the exported index is of {history.exported_at}; {count:,} events followed"
        yield note("export", HISTORY, text, EXPORT)
    elif history.last_event > newest:
        text = (
            f"the exported index includes event {history.last_event}, the catalog ends with {newest}: events are "
            "missing"
        )
        yield warning("export", HISTORY, text, "restore the catalog from a backup, or rebuild it from the export")
