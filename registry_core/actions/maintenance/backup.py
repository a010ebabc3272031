"""A whole registry as one file, written while others go on.

First the rows, of one moment; then the files they claim, which never change. What is packed stays packed, and the rows
that say which files are packed are made of what was found, since somebody may compress meanwhile. A version that was
purged meanwhile takes its files with it: then the backup starts again from a newer moment.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from typing import Any, NamedTuple

from ...artifacts import bundle, packing
from ...artifacts.formats import check_digest
from ...catalog import dump, events, models
from ...catalog.database import Queries
from ...catalog.schema import REGISTRY, Schema
from ...catalog.telemetry.schema import TELEMETRY
from ...errors import ArtifactError, InvalidInput, StorageError
from ...maintenance import BackupReport, Progress
from ...records import utc_text
from ...version import RELEASE
from ..context import CONFIGURATION, Context
from .claims import Claim, Claims

KIND, VERSION = "model-registry backup", 1
#: Made of what the files are found to be.
PACKED = "packed_files"
_TRIES = 5


class _Purged(Exception):
    """A version of the snapshot has no files any more."""


class _Written(NamedTuple):
    models: int
    predictions: int
    last_event: int
    files: int
    left_out: dict[str, str]


def teller(progress: Progress | None) -> Progress | None:
    """What is told of progress, after it was seen that it can be."""
    if progress is not None and not callable(progress):
        raise InvalidInput(f"progress is {progress!r:.80}; give a function with the parameters step, done and total")
    return progress


def backup(context: Context, path: str | os.PathLike[str], progress: Progress | None) -> BackupReport:
    """See ``Registry``."""
    context.database.require_release()
    context.telemetry.require_release()
    for attempt in range(1, _TRIES + 1):
        now = context.now()
        try:
            with bundle.writing(path, now) as out, ExitStack() as lock:
                if attempt == _TRIES:
                    # Whoever purges all the time has to wait, until what he would purge is copied.
                    lock.enter_context(context.database.transaction())
                written = _write(context, out, utc_text(now), progress, lock.close)
        except _Purged:
            continue
        target = bundle.local(path, "path")
        return BackupReport(
            str(target), utc_text(now), written.last_event, written.models, written.predictions, written.files,
            target.stat().st_size, written.left_out,
        )  # fmt: skip
    raise StorageError(
        errno.EAGAIN, f"files were deleted during each of {_TRIES} attempts to back up; try again when no cleanup runs"
    )


def _write(
    context: Context, out: bundle.Writer, at: str, progress: Progress | None, purges_may_go_on: Callable[[], None]
) -> _Written:
    claims = Claims()
    # Telemetry first: it may lack what the catalog has, and never speaks of versions that the catalog has not.
    with context.telemetry.snapshot() as telemetry, context.database.snapshot() as catalog:
        last_event = events.newest(catalog)
        tables = {"catalog": _described(catalog, REGISTRY), "telemetry": _described(telemetry, TELEMETRY)}
        manifest = {"format": KIND, "format_version": VERSION, "release": RELEASE, "at": at, "last_event": last_event}
        out.add(bundle.MANIFEST, json.dumps({**manifest, **tables}).encode())
        settings = events.setting(catalog, CONFIGURATION) or "{}"
        total = sum(table["rows"] for schema in tables.values() for table in schema.values())
        done = 0
        for folder, queries, schema in (("catalog", catalog, REGISTRY), ("telemetry", telemetry, TELEMETRY)):
            for table in dump.tables(schema):
                if table.name == PACKED:
                    continue
                with out.member(f"{folder}/{table.name}.jsonl") as take:
                    for found in dump.rows(queries, table):
                        claims.see(table.name, table.columns, found)
                        take("".join(f"{dump.line(row)}\n" for row in found).encode())
                        done += len(found)
                        if progress is not None:
                            progress("rows", done, total)
    out.add("files/registry_config.json", settings.encode())
    left_out = _copy_files(context, out, claims, progress, purges_may_go_on)
    return _Written(
        tables["catalog"]["models"]["rows"], tables["telemetry"]["predictions"]["rows"], last_event,
        len(claims.files) - len(left_out) + 1, left_out,
    )  # fmt: skip


def _described(queries: Queries, schema: Schema) -> dict[str, dict[str, Any]]:
    return {
        table.name: {"columns": table.columns, "rows": 0 if table.name == PACKED else dump.count(queries, table)}
        for table in dump.tables(schema)
    }


def _copy_files(
    context: Context,
    out: bundle.Writer,
    claims: Claims,
    progress: Progress | None,
    purges_may_go_on: Callable[[], None],
) -> dict[str, str]:
    """Add every claimed file, equal ones once; which are missing or damaged, and how."""
    left_out: dict[str, str] = {}
    written: dict[str, str] = {}
    packed: list[tuple[str, str, int]] = []
    # Those first that may go away next; any other version has to be in the trash before it is purged.
    in_order = sorted(claims.files.items(), key=lambda each: not each[1].trash)
    for done, (key, claim) in enumerate(in_order, start=1):
        if not claim.trash:
            purges_may_go_on()
        try:
            data, digest = stored(context, key, claim)
        except ArtifactError as error:
            row = None if claim.model_id is None else models.find(context.database, claim.model_id)
            if row is not None and row["status"] == "purged":
                raise _Purged from error
            left_out[key] = str(error)
        else:
            if claim.sha256 not in (None, digest):
                packed.append((key, digest, len(data)))
            if digest in written:
                out.add_twin(f"files/{key}", written[digest])
            else:
                written[digest] = f"files/{key}"
                out.add(f"files/{key}", data)
        if progress is not None:
            progress("files", done, len(claims.files))
    out.add(f"catalog/{PACKED}.jsonl", "".join(f"{dump.line(row)}\n" for row in sorted(packed)).encode())
    return left_out


def stored(context: Context, key: str, claim: Claim) -> tuple[bytes, str]:
    """The bytes as they lie in the store, and their sha256, after what they hold was checked."""
    if claim.sha256 is None:
        assert claim.model_id is not None
        if context.store.exists(key):
            data = context.store.read(key)
        else:
            # The catalog holds the same document.
            row = models.find(context.database, claim.model_id)
            data = str((row or {})["metadata"]).encode()
        return data, sha256(data).hexdigest()
    data = context.store.read(key)
    digest = sha256(data).hexdigest()
    if digest != claim.sha256:
        unpacked = packing.unpack(data, claim.size or None)
        check_digest(data if unpacked is None else unpacked, claim.sha256, context.store.address(key))
    return data, digest
