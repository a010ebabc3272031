"""Mending what is safe to mend: what is written follows from what was found sound. No artifact is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...catalog import events, models, packed, repairs
from ...catalog.database import Transaction
from ...catalog.packed import Packed
from ...catalog.telemetry import windows as stored
from ...events import EventKind
from ...file_keys import metadata_file
from ...maintenance import Finding
from ..context import Context
from ..model_records import eligible, require
from . import export, sweep
from .checks import Look
from .checks_catalog import SETTINGS, told_states
from .checks_rows import expected

_MOST_TOLD = 100


def mend(context: Context, found: Sequence[Finding]) -> None:
    """Mend what can be mended, each thing only if it is still so; whoever asks looks again whether it is."""
    for kind, mender in _MENDERS.items():
        wanted = {each.subject for each in found if each.kind == kind and each.repairable}
        if wanted:
            mender(context, wanted)


def tell(context: Context, mended: Sequence[Finding], actor: str) -> None:
    """Say in an event what was mended: subject -> kinds."""
    kinds: dict[str, list[str]] = {}
    for each in mended:
        kinds.setdefault(each.subject, []).append(each.kind)
    if not kinds:
        return
    told = {subject: ", ".join(found) for subject, found in list(kinds.items())[:_MOST_TOLD]}
    further = {"more": len(kinds) - _MOST_TOLD} if len(kinds) > _MOST_TOLD else {}
    with context.database.transaction() as transaction:
        events.append(
            transaction,
            now=context.now(),
            kind=EventKind.REPAIRED,
            actor=actor,
            reason="",
            after={"mended": told, **further},
        )


def _present(context: Context, transaction: Transaction, subjects: set[str]) -> Look:
    return Look(context, transaction, None, context.settings(transaction), only=subjects)


def _states(context: Context, subjects: set[str]) -> None:
    with context.database.transaction() as transaction:
        told = told_states(_present(context, transaction, subjects))
        for model_id in sorted(subjects & told.keys()):
            row = require(transaction, model_id)
            status = told[model_id]
            models.update(transaction, model_id, status=status, eligible=eligible(row, status=status))


def _derived(context: Context, subjects: set[str]) -> None:
    with context.database.transaction() as transaction:
        look = _present(context, transaction, subjects)
        numbers = {row["model_id"]: row["seq"] for row in look.rows("models")}
        for model_id, columns, metrics in expected(look):
            if isinstance(columns, str):
                continue
            if columns:
                # By its number: the id may be what is wrong.
                repairs.set_columns(transaction, numbers[model_id], columns)
            if metrics is not None:
                repairs.set_metrics(transaction, numbers[model_id], metrics)


def _sidecars(context: Context, subjects: set[str]) -> None:
    rows = context.database.query(
        "SELECT m.model_id, c.metadata FROM models m JOIN model_documents c ON c.model_seq = m.seq"
    )
    for row in rows:
        key = metadata_file(row["model_id"])
        if key in subjects:
            context.store.write(key, row["metadata"].encode())


def _packed(context: Context, subjects: set[str]) -> None:
    for key in sorted(subjects):
        with context.database.transaction() as transaction:
            if key not in packed.listed(transaction):
                packed.note(transaction, [Packed(key, *context.store.digest(key))])


def _settings(context: Context, subjects: set[str]) -> None:
    # Under the lock: somebody may be changing the settings right now, the file first.
    with context.database.transaction() as transaction:
        context.store.write(SETTINGS, context.settings(transaction).to_json().encode())


def _statistics(context: Context, subjects: set[str]) -> None:
    from ...rules.live.sums import Sums
    from .. import windows
    from .checks_live import differences

    with context.database.snapshot() as catalog, context.telemetry.transaction() as transaction:
        look = Look(context, catalog, transaction, context.settings(catalog), only=subjects)
        for (table, seq, start), _, sums in differences(look, transaction):
            if sums is None:
                continue
            if isinstance(sums, Sums):
                counts = (sums.predictions, sums.failures, sums.labelled)
                area = windows.auc(sums) if sums.labelled else None
                stored.store(transaction, "days" if table == "days" else "windows", (seq, start), counts, area,
                             sums.to_bytes())  # fmt: skip
            else:
                stored.store_pairs(transaction, (seq, start), sums.rows, sums.to_bytes())


def _swept(context: Context, subjects: set[str]) -> None:
    sweep.remove(context, subjects)


def _exported(context: Context, subjects: set[str]) -> None:
    export.export_index(context, None)


def _nothing(context: Context, subjects: set[str]) -> None:
    """The database no longer misses them once this is over."""


_MENDERS: dict[str, Callable[[Context, set[str]], None]] = {
    "lost": _nothing,
    "state": _states,
    "derived": _derived,
    "statistics": _statistics,
    "altered": _sidecars,
    "missing": _sidecars,
    "packed": _packed,
    "settings": _settings,
    "unclaimed": _swept,
    "export": _exported,
}
