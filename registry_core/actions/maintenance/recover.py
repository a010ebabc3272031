"""A catalog that is lost: made anew of the exported index and the sidecar files, when its place is opened."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...artifacts import keys
from ...catalog import dump, events, quarantine
from ...catalog.database import Transaction
from ...config import Configuration
from ...errors import ArtifactAltered, ArtifactMissing, InvalidInput, RegistryError, StateConflict
from ...events import EventKind
from ...file_keys import metadata_file
from ...maintenance import RebuildReport
from ...records import ModelMetadata, Row
from .. import adopt, configure, seals
from ..context import CONFIGURATION, Context
from . import export, indexing
from .export import HISTORY, INDEX, History
from .rebuild import afters

Tables = dict[str, tuple[list[str], list[list[Any]]]]


def recover(context: Context) -> RebuildReport | None:
    """Fill a catalog that is new with what lies beside it; None where it is not new, or nothing lies there.

    From a good ``model_history.json`` everything comes back as it was exported, events and all; versions that were
    registered later are adopted after it. Without one every version is adopted. Nothing that lies there is changed.
    """
    if events.newest(context.database):
        return None
    begin = time.perf_counter()
    try:
        report = _from_export(context, export.read_history(context.store))
    except ArtifactMissing:
        report = _from_files(context, "")
    except (ValueError, ArtifactAltered) as error:
        report = _from_files(context, f"{HISTORY} cannot be used ({error})")
    if report is None:
        return None
    return replace(report, seconds=round(time.perf_counter() - begin, 3))


def set_aside(location: str | os.PathLike[str], stamp: str) -> Path:
    """Move the damaged catalog of a folder out of the way, so that opening it makes a new one.

    Raises:
        InvalidInput: it is no folder with a catalog.
        StateConflict: the catalog is not damaged.
        StorageError: it cannot be moved.
    """
    place = os.fspath(location)
    if "://" in place and not place.startswith("file://"):
        raise InvalidInput(
            "only a registry in a folder can be recovered with --damaged; restore a database from its backup"
        )
    catalog = Path(place.removeprefix("file://")).expanduser().absolute() / "registry.db"
    if not catalog.exists():
        raise InvalidInput(f"there is no {catalog}; open the folder, which builds a new catalog from the files in it")
    if quarantine.is_sound(catalog):
        raise StateConflict(f"{catalog} is not damaged; rebuild the index without --damaged")
    return quarantine.set_aside(catalog, stamp)


@dataclass(frozen=True)
class _Documents:
    """Where the document of a version may be found."""

    context: Context
    history: History
    #: By the versions' numbers: those of adopted ones, whose sidecar files are somebody else's.
    kept: Mapping[int, str]
    entries: Mapping[str, Mapping[str, Any]]
    told: Mapping[int, Mapping[str, Any]]
    left_out: dict[str, str]

    def of(self, row: Row) -> tuple[ModelMetadata, str]:
        """A version's record and its document: as it was exported, else the best that is left of it."""
        model_id, digest = row["model_id"], self.history.documents.get(row["model_id"])
        key = metadata_file(model_id)
        found = self.kept.get(row["seq"])
        if found is not None:
            return indexing.metadata_of(model_id, found), found
        why, altered = "", None
        try:
            content = self.context.store.read(key)
            metadata = indexing.metadata_of(model_id, content)
            if digest is None or sha256(content).hexdigest() == digest:
                return metadata, content.decode()
            why, altered = "its SHA-256 differs from the one at its export", (metadata, content.decode())
        except (ValueError, RecursionError, RegistryError) as error:
            why = str(error)[:300]
        entry = self.entries.get(model_id)
        if entry is not None:
            text = export.document_of(entry)
            self.left_out[key] = f"{why}; {INDEX} was used"
            return indexing.metadata_of(model_id, text), text
        if altered is not None:
            self.left_out[key] = f"{why}; it was used nevertheless, since nothing else is left"
            return altered
        self.left_out[key] = f"{why}; {indexing.take_care(self.context, row)}"
        metadata = indexing.remains(row, str(self.told.get(row["seq"], {}).get("sha256", "")))
        return metadata, json.dumps(metadata.sidecar())


def _from_export(context: Context, history: History) -> RebuildReport | None:
    left_out: dict[str, str] = {}
    tables = _known(history, left_out)
    try:
        entries = export.read_index(context.store, history.index_sha256)
    except (ArtifactMissing, ArtifactAltered, ValueError) as error:
        # A view: nothing is lost without it, while the sidecar files are there.
        entries, left_out[INDEX] = {}, str(error)[:300]
    configuration = _configuration(tables)
    counting = _counting(context, tables, configuration)
    rows, kept, found = (_rows(tables, name) for name in ("models", "model_documents", "events"))
    documents = _Documents(
        context, history, {row["model_seq"]: row["metadata"] for row in kept}, entries,
        afters(found, {row["seq"] for row in rows}), left_out,
    )  # fmt: skip
    index = indexing.Index()
    for row in rows:
        index.add(configuration, row, *documents.of(row))
    for table in dump.tables():
        if table.name in index.tables():
            tables[table.name] = (list(table.columns), [list(row) for row in index.tables()[table.name]])
    unread: dict[str, str] = {}
    newer = adopt.look(context, counting, {}, unread, {row["model_id"] for row in rows})
    with context.database.transaction() as transaction:
        if events.newest(transaction):
            return None
        indexing.fill(transaction, tables)
        said = {
            "source": "export",
            "exported_at": history.exported_at,
            "last_event": history.last_event,
            "models": len(rows),
            "newer": len(newer),
        }
        reason = f"the catalog was lost; the status was taken from {HISTORY}, exported at {history.exported_at}"
        _tell(context, transaction, reason, said, left_out)
        added = adopt.index(context, transaction, newer, unread)
    return RebuildReport("export", history.exported_at, len(rows) + len(added), {}, {**left_out, **unread}, 0.0)


def _known(history: History, left_out: dict[str, str]) -> Tables:
    """The exported tables as far as this release knows them."""
    tables: Tables = {}
    for table in dump.tables():
        columns, rows = history.tables.get(table.name, ([], []))
        places = [place for place, column in enumerate(columns) if column in table.columns]
        if len(places) < len(columns):
            further = ", ".join(str(column) for column in columns if column not in table.columns)
            left_out[f"{HISTORY}: {table.name}"] = f"this release does not know {further}"
        tables[table.name] = ([columns[place] for place in places], [[row[place] for place in places] for row in rows])
    further = ", ".join(sorted(history.tables.keys() - tables.keys()))
    if further:
        left_out[HISTORY] = f"this release does not know {further}"
    return tables


def _rows(tables: Tables, name: str) -> list[Row]:
    columns, rows = tables[name]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _configuration(tables: Tables) -> Configuration:
    settings = {row["name"]: row["value"] for row in _rows(tables, "settings")}
    text = settings.get(CONFIGURATION)
    return Configuration() if text is None else Configuration.from_json(text)


def _counting(context: Context, tables: Tables, configuration: Configuration) -> Configuration:
    """The exported settings as they count here: with those trusted names that bear a seal of this user's key."""
    names = seals.names_of(configuration)
    first = next((row["hash"] for row in _rows(tables, "events") if row["seq"] == 1), None)
    key = None if first is None or not names else keys.find(seals.identity_of(str(first)), context.location)
    if key is not None:
        names = seals.unsealed_by(key, {row["name"] for row in _rows(tables, "settings")}, names)
    return seals.without(configuration, names)


def _from_files(context: Context, because: str) -> RebuildReport | None:
    left_out: dict[str, str] = {}
    try:
        entries = export.read_index(context.store)
    except ArtifactMissing:
        entries = {}
    except (ValueError, ArtifactAltered) as error:
        entries, left_out[INDEX] = {}, str(error)[:300]
    chosen = configure.from_file(context) or Configuration()
    # Settings that lie in a folder are data: names they call trusted count once somebody accepts them.
    found = adopt.look(context, seals.without(chosen, seals.names_of(chosen)), entries, left_out)
    if not found and not left_out and not because:
        return None
    with context.database.transaction() as transaction:
        if events.newest(transaction):
            return None
        # All of it or nothing: a registry that had its settings and not its versions would never get them.
        configure.begin(context, transaction, chosen)
        if because:
            said = {"source": "sidecars", "models": len(found)}
            _tell(context, transaction, f"the catalog was lost, and {because}: every version was adopted", said, {})
        added = adopt.index(context, transaction, found, left_out)
        adopt.take_states(context, transaction, found)
    return RebuildReport("sidecars", None, len(added), {}, left_out, 0.0)


def _tell(
    context: Context, transaction: Transaction, reason: str, said: Mapping[str, Any], left_out: Mapping[str, str]
) -> None:
    after = {**said, **({"left_out": indexing.told(left_out)} if left_out else {})}
    events.append(
        transaction, now=context.now(), kind=EventKind.RECOVERED, actor=context.actor, reason=reason[:2000], after=after
    )
