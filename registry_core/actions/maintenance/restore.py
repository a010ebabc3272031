"""A registry made of a backup: in an empty place, after every byte of the file was checked."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from ... import folders
from ...artifacts import bundle
from ...artifacts.store import Sink, Staged
from ...catalog import dump, events
from ...catalog.database import Transaction
from ...catalog.schema import REGISTRY, Schema
from ...catalog.telemetry.schema import TELEMETRY
from ...errors import InvalidInput, StateConflict, StorageError
from ...events import EventKind
from ...maintenance import Progress
from ..context import Context, open_context
from .backup import KIND, VERSION, teller
from .claims import Claims

_FOLDERS = ("models", "metadata", "benchmarks", "evaluations", "archive")
_FILE = re.compile(rf"registry_config\.json|({'|'.join(_FOLDERS)})/.+")
#: Lies beside the files while they are copied to a place that cannot be renamed, and says which backup they are of.
_MARK = "restoring.json"
_STEP, _STEP_BYTES = 1000, 64_000_000
_SCHEMAS = (("catalog", REGISTRY), ("telemetry", TELEMETRY))


def restore(
    path: str | os.PathLike[str],
    location: str | os.PathLike[str],
    artifacts: str | os.PathLike[str] | None,
    clock: Callable[[], datetime] | None,
    actor: str | None,
    progress: Progress | None,
) -> None:
    """See ``Registry.from_backup``."""
    folder = _folder(location, artifacts)
    if folder is not None:
        _check_free(folder)
    with bundle.reading(path, KIND, VERSION, teller(progress)) as found:
        files = _checked(found)
        if folder is None:
            with closing(open_context(location, artifacts, clock, actor)) as context:
                _check_empty(context, found)
                _fill(context, found, files, progress)
                context.store.remove(_MARK)
            return
        aside = folder.with_name(f"{folder.name}.restoring-{uuid.uuid4().hex[:12]}")
        try:
            with closing(open_context(aside, None, clock, actor)) as context:
                _fill(context, found, files, progress)
            _give_name(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _folder(location: str | os.PathLike[str], artifacts: str | os.PathLike[str] | None) -> Path | None:
    """The folder to restore into; None for any other place, which is opened to see what it is."""
    if artifacts is not None:
        return None
    place = location.removeprefix("file://") if isinstance(location, str) else location
    return None if isinstance(place, str) and "://" in place else bundle.local(place, "location")


def _check_free(folder: Path) -> None:
    try:
        with os.scandir(folder) as found:
            there = next(found, None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"{folder} cannot be used ({error.strerror}); name a new folder",
        ) from error
    if there is not None:
        raise StateConflict(f"{folder} is not empty: it holds {there.name!r:.200}; name a new folder")


def _give_name(aside: Path, folder: Path) -> None:
    try:
        for inner, _, _ in os.walk(aside):
            folders.sync(inner)
        os.rename(aside, folder)
        folders.sync(folder.parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise StateConflict(f"{folder} was created by another process meanwhile; name another folder") from error
        raise StorageError(
            error.errno or errno.EIO,
            f"{folder} cannot be written ({error.strerror}); name a new folder",
        ) from error


def _checked(found: bundle.Reader) -> dict[str, str]:
    """The files of a backup, key -> member, after its table of contents was held against this release."""
    expected: set[str] = set()
    for folder, schema in _SCHEMAS:
        ours = {table.name: set(table.columns) for table in dump.tables(schema)}
        theirs = found.manifest.get(folder)
        if not isinstance(theirs, dict):
            raise InvalidInput(f"{found.name} does not list its tables: use another copy")
        for name, table in theirs.items():
            columns, rows = (table.get("columns"), table.get("rows")) if isinstance(table, dict) else (None, None)
            if type(rows) is not int or rows < 0:
                raise InvalidInput(f"{found.name} does not give the number of rows of {name!r:.80}: use another copy")
            if not _different(columns) or not ours.get(name, set()).issuperset(map(str, columns)):
                release = str(found.manifest.get("release"))[:40]
                raise InvalidInput(
                    f"{found.name} has the table {name!r:.80} of release {release!r}, which this release does not "
                    "know: install that release, or a newer one"
                )
            expected.add(f"{folder}/{name}.jsonl")
    files = {}
    for member in found.names():
        key = member.removeprefix("files/")
        if key != member and _FILE.fullmatch(key):
            files[key] = member
        elif member not in expected:
            raise InvalidInput(
                f"{found.name} contains {member!r:.200}, which does not belong to a backup; use another copy"
            )
        expected.discard(member)
    if expected:
        raise InvalidInput(f"{found.name} lacks {min(expected)}: use another copy")
    return files


def _different(columns: Any) -> TypeGuard[list[Any]]:
    return isinstance(columns, list) and 0 < len(columns) == len({*map(str, columns)})


def _check_empty(context: Context, found: bundle.Reader) -> None:
    """Refuse a database that holds anything, and files, unless an interrupted restore of this very backup left them."""
    if events.newest(context.database):
        raise StateConflict(f"{context.location} already holds a registry; name an empty database")
    mark = json.dumps({"restoring": found.identity}).encode()
    if context.store.exists(_MARK):
        if context.store.read(_MARK) != mark:
            raise StateConflict(
                f"the restore of another backup was interrupted at {context.store.address('')}; restore that backup "
                "again, or name an empty folder or bucket for the artifacts"
            )
        return
    there = next(keys_in(context, ""), None)
    if there is not None:
        raise StateConflict(
            f"{context.store.address(there)} exists already; name an empty folder or bucket for the artifacts"
        )
    context.store.write(_MARK, mark)


def keys_in(context: Context, folder: str) -> Iterator[str]:
    """The files of a registry below a folder, and all that lies beside them."""
    for inner in context.store.folders(folder):
        if folder or inner in _FOLDERS:
            yield from keys_in(context, f"{folder}/{inner}".lstrip("/"))
    yield from (f"{folder}/{entry.name}".lstrip("/") for entry in context.store.entries(folder))


def _fill(context: Context, found: bundle.Reader, files: dict[str, str], progress: Progress | None) -> None:
    _copy_files(context, found, files, progress)
    claims, told = Claims(), _told(found, progress)
    # The catalog last: a registry is there once it has events.
    with context.telemetry.transaction() as transaction:
        dump.clear(transaction, TELEMETRY)
        _fill_tables(transaction, found, "telemetry", TELEMETRY, claims, told)
    with context.database.transaction() as transaction:
        if events.newest(transaction):
            raise StateConflict(f"{context.location} now holds a registry; name an empty database")
        _fill_tables(transaction, found, "catalog", REGISTRY, claims, told)
        _check_claims(found, claims)
        events.append(
            transaction,
            now=context.now(),
            kind=EventKind.RESTORED_BACKUP,
            actor=context.actor,
            reason="",
            after={
                "backup": os.path.basename(found.name),
                "backed_up_at": found.manifest.get("at"),
                "last_event": found.manifest.get("last_event"),
                "release": found.manifest.get("release"),
                "missing_files": sorted(claims.files.keys() - files.keys()),
            },
        )


def _copy_files(context: Context, found: bundle.Reader, files: dict[str, str], progress: Progress | None) -> None:
    for folder in sorted({key.rpartition("/")[0] for key in files if "/" in key}):
        context.store.make_folder(folder)
    # A second name needs the first to lie there.
    originals = [key for key in files if found.twin(files[key]) is None]
    twins = [key for key in files if found.twin(files[key]) is not None]
    done = 0
    for keys in (originals, twins):
        staged: dict[str, Staged] = {}
        waiting = 0
        for key in keys:
            twin = found.twin(files[key])
            if twin is None or not context.store.link(key, twin.removeprefix("files/")):
                staged[key] = context.store.stage(partial(_copy, found, files[key]), durably=False)
                waiting += staged[key].size
            done += 1
            # In a bucket several are put at the same time, and wait for it in memory.
            if len(staged) >= _STEP or waiting >= _STEP_BYTES:
                context.store.publish(staged, durably=False)
                staged, waiting = {}, 0
            if progress is not None:
                progress("files", done, len(files))
        context.store.publish(staged, durably=False)
    # Once for all of them: ten thousand versions took four times as long with once for each.
    os.sync()


def _copy(found: bundle.Reader, member: str, sink: Sink) -> None:
    for chunk in found.chunks(member):
        sink.write(chunk)


def _told(found: bundle.Reader, progress: Progress | None) -> Callable[[int], None]:
    """Tells of so many more rows."""
    total = sum(int(table["rows"]) for folder, _ in _SCHEMAS for table in found.manifest[folder].values())
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress("rows", min(done, total), total)

    return tell


def _fill_tables(
    transaction: Transaction,
    found: bundle.Reader,
    folder: str,
    schema: Schema,
    claims: Claims,
    told: Callable[[int], None],
) -> None:
    described = found.manifest[folder]
    for table in dump.tables(schema):
        if table.name not in described:
            continue
        columns, member = described[table.name]["columns"], f"{folder}/{table.name}.jsonl"
        lines = found.lines(member)
        while rows := [_row(found, member, line, len(columns)) for line in islice(lines, _STEP)]:
            try:
                claims.see(table.name, columns, rows)
                dump.fill(transaction, table, columns, rows)
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                why = f"{type(error).__name__} {error}" if isinstance(error, LookupError) else str(error)
                raise InvalidInput(
                    f"{found.name} has rows in {member} that are inconsistent ({why:.200}): use another copy"
                ) from error
            told(len(rows))


def _row(found: bundle.Reader, member: str, line: bytes, width: int) -> list[Any]:
    try:
        row = dump.cells(line)
        if len(row) != width:
            raise ValueError(f"it has {len(row)} values, not {width}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{found.name} has a row in {member} that cannot be read ({error})") from error
    return row


def _check_claims(found: bundle.Reader, claims: Claims) -> None:
    """What rows claim becomes paths, so it is held to what the registry itself writes."""
    for key in claims.files:
        if not isinstance(key, str) or not bundle.is_name(key) or not _FILE.fullmatch(key):
            raise InvalidInput(f"{found.name} has a row with the file {key!r:.200}, which lies outside the registry")
