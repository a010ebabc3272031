"""The exported index: every version as it stands, for people, and the rest of the catalog, for rebuilding it.

``model_index.json`` is a view. ``model_history.json`` has all tables but those that follow from the sidecar files, and
the sha256 of both files, so that a torn or altered pair is noticed.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ...artifacts.places import Folder
from ...artifacts.store import Store
from ...catalog import dump, events, models
from ...catalog.database import Queries
from ...errors import InvalidInput, StorageError
from ...events import EventKind
from ...maintenance import IndexExport
from ...records import STATE_FIELDS, ModelQuery, utc_text
from ..context import Context
from ..model_records import Leaders, leaders, record

INDEX, HISTORY = "model_index.json", "model_history.json"
#: In every entry of the index, beside what a version is.
EXPORTED_AT = "exported_at"
_LAST_EVENT = re.compile(rb'"last_event": (\d+)')
_STATES = sorted(STATE_FIELDS)
_HEAD, _MIDDLE, _TAIL = b'{"sha256": "', b'", "content": ', b"}\n"


@dataclass(frozen=True)
class History:
    """What ``model_history.json`` holds.

    Attributes:
        index_sha256: of the ``model_index.json`` it was written with.
        documents: model id -> sha256 of the version's document.
        tables: table -> its columns, and its rows in their order.
    """

    exported_at: str
    last_event: int
    index_sha256: str
    documents: Mapping[str, str]
    tables: Mapping[str, tuple[list[str], list[list[Any]]]]


def export_index(context: Context, path: str | os.PathLike[str] | None) -> IndexExport:
    """See ``Registry``."""
    write, address = (context.store.write, context.store.address) if path is None else _elsewhere(path)
    at = utc_text(context.now())
    with context.database.snapshot() as snapshot:
        entries, documents = _versions(context, snapshot, at)
        last = events.newest(snapshot)
        index = _lines((json.dumps(key), json.dumps(value)) for key, value in entries.items()).encode()
        history = _history(snapshot, at, last, sha256(index).hexdigest(), documents)
    sealed = _sealed(history.encode())
    # Under the lock, so that two who export at once leave no torn pair, and the newer one stays.
    with context.database.transaction() if path is None else nullcontext():
        # What knows more events than there are is of a catalog that was lost.
        if path is not None or not last < _exported_event(context.store) <= events.newest(context.database):
            # The index first: the other names it, so that one without the other is noticed.
            write(INDEX, index)
            write(HISTORY, sealed)
    return IndexExport(at, last, len(entries), (address(INDEX), address(HISTORY)))


def _exported_event(store: Store) -> int:
    """The last event in the history that lies there; 0 where there is none that says so."""
    if not store.exists(HISTORY):
        return 0
    found = _LAST_EVENT.search(store.read(HISTORY), 0, 1000)
    return int(found[1]) if found else 0


def _versions(context: Context, snapshot: Queries, at: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The entries of the index, and the sha256 of each document."""
    entries: dict[str, dict[str, Any]] = {}
    documents: dict[str, str] = {}
    leading: dict[str, Leaders] = {}
    for row in models.page(snapshot, ModelQuery(order_by="registered_at", descending=False)):
        name = row["model_name"]
        if name not in leading:
            leading[name] = leaders(snapshot, name)
        version = record(context, row, leading[name].best)
        states = {field: getattr(version, field) for field in _STATES}
        entries[row["model_id"]] = {**json.loads(row["metadata"]), **states, EXPORTED_AT: at}
        documents[row["model_id"]] = sha256(row["metadata"].encode()).hexdigest()
    return entries, documents


def document_of(entry: Mapping[str, Any]) -> str:
    """The document of a version, out of its entry in the index."""
    return json.dumps({key: value for key, value in entry.items() if key not in STATE_FIELDS and key != EXPORTED_AT})


def _history(snapshot: Queries, at: str, last: int, index_sha256: str, documents: Mapping[str, str]) -> str:
    tables = _lines((json.dumps(table.name), _table(snapshot, table)) for table in dump.tables() if _is_kept(table))
    return _lines(
        (
            (f'"{EXPORTED_AT}"', json.dumps(at)),
            ('"last_event"', json.dumps(last)),
            ('"index_sha256"', json.dumps(index_sha256)),
            ('"documents"', _lines((json.dumps(key), json.dumps(value)) for key, value in documents.items()).strip()),
            ('"tables"', tables.strip()),
        )
    ).strip()


def _is_kept(table: dump.Table) -> bool:
    return table.name != "model_metrics"


def _table(snapshot: Queries, table: dump.Table) -> str:
    rows = (row for step in dump.rows(snapshot, table) for row in step)
    if table.name == "model_documents":
        # Those that no sidecar file holds as they are: of adopted versions.
        adopted = _adopted(snapshot)
        rows = (row for row in rows if row[table.columns.index("model_seq")] in adopted)
    kept = ",\n".join(dump.line(row) for row in rows)
    return f'{{"columns": {json.dumps(table.columns)}, "rows": [\n{kept}\n]}}'


def _adopted(snapshot: Queries) -> set[int]:
    return {event.event_id for event in events.listed(snapshot, kinds=[EventKind.ADOPTED])}


def _lines(pairs: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    """A JSON object with each key on a line of its own."""
    return "{\n" + ",\n".join(f"{key}: {value}" for key, value in pairs) + "\n}\n"


def _sealed(content: bytes) -> bytes:
    return _HEAD + sha256(content).hexdigest().encode() + _MIDDLE + content + _TAIL


def read_history(store: Store) -> History:
    """What ``model_history.json`` holds.

    Raises:
        ArtifactMissing: there is none.
        StorageError: it cannot be read.
        ValueError: it is not as it was written; the text says what is wrong with it.
    """
    data = store.read(HISTORY)
    start = len(_HEAD) + 64 + len(_MIDDLE)
    content = data[start : -len(_TAIL)]
    if _sealed(content) != data:
        raise ValueError("its SHA-256 differs from the one at its export")
    found = json.loads(content)
    try:
        tables = {
            name: (list(table["columns"]), [dump.decoded(row) for row in table["rows"]])
            for name, table in found["tables"].items()
        }
        return History(found[EXPORTED_AT], found["last_event"], found["index_sha256"], dict(found["documents"]), tables)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this release cannot read it ({error!r:.200})") from error


def read_index(store: Store, digest: str | None = None) -> dict[str, dict[str, Any]]:
    """The entries of ``model_index.json``: model id -> what was written of it.

    Args:
        digest: the sha256 it has to have, where that is known.

    Raises:
        ArtifactMissing: there is none.
        StorageError: it cannot be read.
        ValueError: it is no such file, or not the one with that sha256.
    """
    data = store.read(INDEX)
    if digest is not None and sha256(data).hexdigest() != digest:
        raise ValueError(f"it belongs to another export than {HISTORY}: its SHA-256 differs")
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"it contains {type(found).__name__}, not a JSON object of model ids")
    return {key: entry for key, entry in found.items() if isinstance(entry, dict)}


def _elsewhere(path: str | os.PathLike[str]) -> tuple[Callable[[str, bytes], None], Callable[[str], str]]:
    """How files are written into another folder, and where they lie."""
    try:
        root = os.fspath(path)
    except TypeError as error:
        raise InvalidInput(f"path is {path!r:.80}; name a folder for the exported index") from error
    if not isinstance(root, str) or not root or "\0" in root or "://" in root:
        raise InvalidInput(f"path {root!r:.80} is not a folder on this machine; name a folder for the exported index")
    folder = Folder(os.path.abspath(os.path.expanduser(root)), aside=".export-")

    def write(key: str, data: bytes) -> None:
        try:
            folder.make_folder("")
            aside = folder.stage(lambda file: file.write(data), durably=True)
            try:
                folder.name({key: aside}, new=False)
            except BaseException:
                with suppress(OSError):
                    folder.drop(aside)
                raise
            folder.sync_folders([key])
        except OSError as error:
            raise StorageError(
                error.errno or errno.EIO,
                f"{folder.address(key)} cannot be written ({error.strerror}): free some space, give this user write "
                "permission, or name another folder",
            ) from error

    return write, folder.address
