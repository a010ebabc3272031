"""Building the index anew from documents, states and history, while others read."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from ...catalog import dump, events
from ...catalog.database import Queries, Transaction
from ...config import Configuration
from ...errors import RegistryError, StorageError
from ...events import EventKind
from ...file_keys import metadata_file
from ...maintenance import Progress, RebuildReport
from ...records import ModelMetadata, Row
from ..adopt import SIDECAR
from ..context import Context, check_reason
from . import indexing

_READERS = 8
_STEP = 500
Rows = Sequence[tuple[Any, ...]]


def rebuild(context: Context, actor: str | None, reason: str, progress: Progress | None) -> RebuildReport:
    """See ``Registry``."""
    who, why = context.who(actor), check_reason(reason)
    context.database.require_release()
    begin = time.perf_counter()
    # Outside the lock: they are never written twice, and there may be thousands.
    sidecars = digests(context, progress)
    left_out: dict[str, str] = {}
    with context.database.mending(), context.database.transaction() as transaction:
        configuration = context.settings(transaction)
        before = {table.name: list(_all(transaction, table)) for table in dump.tables()}
        index = _index(context, configuration, before, sidecars, left_out, progress)
        after: dict[str, Rows] = {**before, **index.tables()}
        try:
            indexing.fill(transaction, {table.name: (table.columns, after[table.name]) for table in dump.tables()})
        except ValueError as error:
            raise StorageError(
                errno.EIO, f"the index cannot be built ({error}): restore a backup. Nothing was changed"
            ) from error
        changed = _changes(before, after)
        if changed:
            _tell(context, transaction, who, why, changed, left_out)
    context.database.optimize()
    return RebuildReport("catalog", None, len(index.models), changed, left_out, round(time.perf_counter() - begin, 3))


def digests(context: Context, progress: Progress | None = None) -> dict[str, str]:
    """The sha256 of every sidecar file by its model id; what cannot be read has none."""
    names = [name for name in context.store.names("metadata") if SIDECAR.fullmatch(name)]
    found: dict[str, str] = {}
    with ThreadPoolExecutor(_READERS) as readers:
        for number, (name, digest) in enumerate(
            zip(names, readers.map(_digest, _keys(context, names)), strict=True), 1
        ):
            if digest is not None:
                found[_id_of(name)] = digest
            if progress is not None and (number % _STEP == 0 or number == len(names)):
                progress("reading metadata files", number, len(names))
    return found


def _keys(context: Context, names: Collection[str]) -> Iterator[tuple[Context, str]]:
    return ((context, f"metadata/{name}") for name in names)


def _digest(place: tuple[Context, str]) -> str | None:
    context, key = place
    try:
        return sha256(context.store.read(key)).hexdigest()
    except RegistryError:
        # Whoever needs it reads it again, and hears why it cannot be read.
        return None


def _id_of(name: str) -> str:
    return name.removeprefix("model_").removesuffix(".json")


def _all(queries: Queries, table: dump.Table) -> Iterator[tuple[Any, ...]]:
    for step in dump.rows(queries, table):
        yield from step


def _index(
    context: Context,
    configuration: Configuration,
    before: Mapping[str, Rows],
    sidecars: Mapping[str, str],
    left_out: dict[str, str],
    progress: Progress | None,
) -> indexing.Index:
    index = indexing.Index()
    documents: dict[int, str] = dict(before["model_documents"])
    kept, found = (
        [dict(zip(table.columns, row, strict=True)) for row in before[table.name]]
        for table in dump.tables()
        if table.name in ("models", "events")
    )
    told = afters(found, {row["seq"] for row in kept})
    unclaimed = sidecars.keys() - {row["model_id"] for row in kept}
    for number, row in enumerate(kept, 1):
        key = metadata_file(row["model_id"])
        text = documents.get(row["seq"])
        metadata: ModelMetadata | None = None
        if text is not None:
            try:
                metadata = indexing.metadata_of(row["model_id"], text)
            except ValueError as error:
                left_out[f"the catalog's document of {row['model_id']}"] = f"{error}; its metadata file was used"
        if text is not None and metadata is not None:
            why = _difference(context, key, sidecars.get(row["model_id"]), text, told.get(row["seq"], {}))
            if why:
                left_out[key] = f"{why}; the catalog's document was used"
        else:
            metadata, text = _from_sidecar(context, key, row, told.get(row["seq"], {}), left_out)
        index.add(configuration, row, metadata, text)
        if progress is not None and (number % _STEP == 0 or number == len(kept)):
            progress("building rows", number, len(kept))
    for model_id in sorted(unclaimed):
        if context.store.exists(metadata_file(model_id)):
            left_out[metadata_file(model_id)] = "no version owns it: its registration did not finish"
    return index


def afters(found: Iterable[Row], numbers: Collection[int]) -> dict[int, dict[str, Any]]:
    """What the events that made versions say, by their numbers."""
    return {event["seq"]: json.loads(event["after"]) for event in found if event["seq"] in numbers}


def _difference(context: Context, key: str, digest: str | None, text: str, told: Mapping[str, Any]) -> str:
    """Why a sidecar file is not what was found at registration, or nothing."""
    # What an adopted folder holds is not what we would have written; its event has the sha256 of what was found.
    expected = told["sidecar_sha256"] if "sidecar_sha256" in told else sha256(text.encode()).hexdigest()
    if digest is None and expected is not None:
        try:
            # It may have come since the folder was read.
            digest = sha256(context.store.read(key)).hexdigest()
        except RegistryError as error:
            return str(error)
    return "" if digest == expected else "its SHA-256 differs from the one at registration"


def _from_sidecar(
    context: Context, key: str, row: Row, told: Mapping[str, Any], left_out: dict[str, str]
) -> tuple[ModelMetadata, str]:
    try:
        content = context.store.read(key)
        return indexing.metadata_of(row["model_id"], content), content.decode()
    except (ValueError, RecursionError, RegistryError) as error:
        left_out[key] = f"{error}; {indexing.take_care(context, row)}"
        metadata = indexing.remains(row, str(told.get("sha256", "")))
        return metadata, json.dumps(metadata.sidecar())


def _changes(before: Mapping[str, Rows], after: Mapping[str, Rows]) -> dict[str, int]:
    """Table -> how many rows are others, by their keys."""
    changed = {}
    for table in dump.tables():
        places = [table.columns.index(column) for column in table.key]
        old, new = (
            {tuple(row[place] for place in places): tuple(row) for row in side[table.name]} for side in (before, after)
        )
        count = sum(old.get(key) != new.get(key) for key in old.keys() | new.keys())
        if count:
            changed[table.name] = count
    return changed


def _tell(
    context: Context,
    transaction: Transaction,
    who: str,
    why: str,
    changed: Mapping[str, int],
    left_out: Mapping[str, str],
) -> None:
    after: dict[str, Any] = {"changed": changed}
    if left_out:
        after["left_out"] = indexing.told(left_out)
    events.append(transaction, now=context.now(), kind=EventKind.REBUILT, actor=who, reason=why, after=after)
