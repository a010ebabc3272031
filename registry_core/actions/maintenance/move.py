"""A registry moves to another place while it is in use.

Files never change, and predictions and outcomes are only added, so they are copied in rounds while others write. What
is left is short: it is copied under the locks of the source and compared with it, and then the source takes no more
rows. Each step may be repeated, so a move that was killed goes on where it stopped.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

from ...artifacts.store import Staged
from ...catalog import dump, events, moved, packed
from ...catalog.database import Database, Queries, Transaction
from ...catalog.schema import REGISTRY
from ...catalog.telemetry.schema import TELEMETRY
from ...errors import ArtifactError, InvalidInput, StateConflict, StorageError
from ...maintenance import MoveReport, Progress
from .. import seals
from ..context import CONFIGURATION, Context, open_context
from . import verify
from .backup import stored, teller
from .claims import Claim, Claims
from .restore import keys_in

#: Lies at the target until the move is complete, and says which registry it is of.
MARK = "moving.json"
#: What is in a folder as soon as it is opened.
_OPENED = ("registry.db", "telemetry.db")
#: Rounds before the last one: what is left shrinks with the time that the round before took.
_ROUNDS = 3
#: Files that are read at the same time, and how many bytes wait in memory.
_READERS, _STEP, _STEP_BYTES = 8, 256, 64_000_000
#: Rows are compared by so many numbers of predictions together.
_BLOCK = 1 << 16
#: Tables whose rows are added and never altered, and a column that tells two rows of one number apart.
_GROWING = {"predictions": "at", "shadow_answers": "stream", "outcomes": "at"}


def move(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    source_artifacts: str | os.PathLike[str] | None,
    artifacts: str | os.PathLike[str] | None,
    keep: bool,
    actor: str | None,
    progress: Progress | None,
) -> MoveReport:
    """See ``registry_core.move``."""
    told = teller(progress)
    place = os.fspath(source).removeprefix("file://")
    if "://" not in place and not (Path(place).expanduser() / "registry.db").exists():
        raise InvalidInput(f"{place} holds no registry; name the folder or database to move")
    with (
        closing(open_context(source, source_artifacts, None, actor)) as old,
        closing(open_context(target, artifacts, None, actor)) as new,
    ):
        if old.location == new.location or old.store.root == new.store.root:
            raise InvalidInput(f"source and target are both {old.store.root}; name another place for the target")
        return _Move(old, new, told).run(keep)


class _Sum(NamedTuple):
    """How many rows a table has, and the sum of their hashes: databases order texts in different ways."""

    count: int
    total: int


class _Move:
    """One move, and what has arrived so far."""

    def __init__(self, old: Context, new: Context, progress: Progress | None) -> None:
        self._old, self._new, self._progress = old, new, progress
        self._telemetry = verify.telemetry_of(old)
        #: Key -> the sha256 of the bytes at the target.
        self._arrived: dict[str, str] = {}
        self._left_out: dict[str, str] = {}
        #: The transactions that hold the locks of the source.
        self._locks: list[Transaction] = []

    def run(self, keep: bool) -> MoveReport:
        earlier = moved.moved_to(self._old.database)
        if earlier not in (None, self._new.location):
            raise StateConflict(f"{self._old.location} was moved to {earlier}; move it from there")
        seconds = 0.0
        if earlier is None:
            self._claim_target()
            for telemetry in (self._telemetry, verify.telemetry_of(self._new)):
                # Marked before the catalog was, by a move that was killed then; or of a registry that comes back.
                if telemetry is not None:
                    cast("moved.Telemetry", telemetry).forget()
            for number in range(1, _ROUNDS + 1):
                if not self._round(number):
                    break
            seconds = self._last_round(keep)
        # Where only this was missing, the target may have been written to since.
        self._new.store.remove(MARK)
        return self._report(keep, seconds)

    def _claim_target(self) -> None:
        """Refuse a place that holds anything but what an interrupted move of this registry left, or an earlier home
        of it."""
        old, new = seals.identity(self._old.database), seals.identity(self._new.database)
        if old is None:
            raise InvalidInput(f"{self._old.location} holds no registry; name the folder or database to move")
        mark = json.dumps({"moving": old}).encode()
        if self._new.store.exists(MARK):
            if self._new.store.read(MARK) != mark:
                raise StateConflict(
                    f"another registry was being moved to {self._new.location}; move that one again, or name an empty "
                    "place"
                )
            return
        if new is None:
            there = next((key for key in keys_in(self._new, "") if not key.startswith(_OPENED)), None)
            if there is not None:
                raise StateConflict(
                    f"{self._new.store.address(there)} exists already; name an empty folder or bucket for the target"
                )
        elif new != old or moved.moved_to(self._new.database) is None:
            raise StateConflict(f"{self._new.location} already holds a registry; name an empty place")
        self._new.store.write(MARK, mark)

    def _round(self, number: int) -> int:
        """Copy what is there now while others write; how much that was."""
        with ExitStack() as stack:
            busy = None if self._telemetry is None else stack.enter_context(self._telemetry.snapshot())
            catalog = stack.enter_context(self._old.database.snapshot())
            files = self._copy_files(catalog, busy)
            rows = 0
            if busy is not None:
                for table in _growing():
                    rows += self._copy_growing(busy, table, None)
            self._tell(f"round {number}", files + rows, files + rows)
        return files + rows

    def _last_round(self, keep: bool) -> float:
        """Copy the rest while nobody writes, compare, and let the source take no more rows; how long that took."""
        # The catalog is committed last: as long as it has no mark, the same call begins again.
        with ExitStack() as committed_last, ExitStack() as committed_first:
            busy = None if self._telemetry is None else committed_first.enter_context(self._telemetry.transaction())
            catalog = committed_last.enter_context(self._old.database.transaction())
            self._locks = [each for each in (busy, catalog) if each is not None]
            begun = time.perf_counter()
            self._copy_files(catalog, busy)
            settings = events.setting(catalog, CONFIGURATION)
            if settings is not None:
                self._new.store.write("registry_config.json", settings.encode())
            copied: dict[str, _Sum] = {}
            if busy is not None:
                with self._new.telemetry.transaction() as transaction:
                    for table in _growing():
                        self._copy_growing(busy, table, transaction)
                    others = [table for table in dump.tables(TELEMETRY) if table.name not in _GROWING]
                    copied = self._copy_whole(busy, transaction, others)
            # The catalog last: a registry is there once it has events.
            with self._new.database.transaction() as transaction:
                copied |= self._copy_whole(catalog, transaction, dump.tables(REGISTRY))
            self._compare(copied, busy)
            if not keep:
                moved.mark(catalog, busy, self._new.location)
        self._locks = []
        return time.perf_counter() - begun

    def _copy_files(self, catalog: Queries, busy: Queries | None) -> int:
        """Copy every claimed file that has not arrived as it lies in the source; how many these were."""
        claims = Claims()
        for queries, schema in ((catalog, REGISTRY), *(((busy, TELEMETRY),) if busy is not None else ())):
            for table in dump.tables(schema):
                if table.name not in _GROWING:
                    for rows in dump.rows(queries, table):
                        claims.see(table.name, table.columns, rows)
        known = packed.listed(catalog)
        expected = {key: known[key].sha256 if key in known else claim.sha256 for key, claim in claims.files.items()}
        waiting = {
            key for key in claims.files if self._arrived.get(key, "") != (expected[key] or self._arrived.get(key))
        }
        folders = sorted({key.rpartition("/")[0] for key in waiting})
        for folder in folders:
            self._new.store.make_folder(folder)
        for folder in folders:
            for name in self._new.store.names(folder):
                # An interrupted move put it there; whole, since files get their names in one step.
                key = f"{folder}/{name}"
                if key in waiting and expected[key] is not None and key not in self._arrived:
                    self._arrived[key] = self._new.store.digest(key)[0]
        waiting = self._missing(expected)
        wanted = iter(sorted(waiting))
        done = 0
        with ThreadPoolExecutor(_READERS) as readers:
            while some := list(islice(wanted, _STEP)):
                staged: dict[str, Staged] = {}
                held = 0
                for key, data in zip(some, readers.map(partial(self._read, claims.files), some), strict=True):
                    if data is not None:
                        staged[key] = self._new.store.stage(partial(_write, data), durably=False)
                        held += len(data)
                    if held > _STEP_BYTES:
                        self._publish(staged)
                        staged, held = {}, 0
                self._publish(staged)
                done += len(some)
                self._tell("files", done, len(waiting))
        if waiting:
            # Once for all of them: each by itself would take several times as long.
            os.sync()
        for key in self._arrived.keys() - expected.keys():
            # Of a version that was purged meanwhile.
            self._new.store.remove(key)
            del self._arrived[key]
        return len(waiting) - len(self._left_out)

    def _missing(self, expected: dict[str, str | None]) -> set[str]:
        """The files that have not arrived with these SHA-256; metadata files have none."""
        arrived = self._arrived
        return {key for key, digest in expected.items() if key not in arrived or digest not in (None, arrived[key])}

    def _read(self, claims: dict[str, Claim], key: str) -> bytes | None:
        try:
            data, _ = stored(self._old, key, claims[key])
        except ArtifactError as error:
            self._left_out[key] = str(error)
            return None
        return data

    def _publish(self, staged: dict[str, Staged]) -> None:
        if staged:
            self._new.store.publish(staged, durably=False)
            self._arrived |= {key: each.sha256 for key, each in staged.items()}

    def _copy_growing(self, busy: Queries, table: dump.Table, under_lock: Transaction | None) -> int:
        """Bring the blocks of a growing table that differ; how many rows these hold."""
        ours = _blocks(busy, table)
        theirs = _blocks(under_lock or self._new.telemetry, table)
        differing = sorted(each for each in ours.keys() | theirs.keys() if ours.get(each) != theirs.get(each))
        copied = 0
        for done, block in enumerate(differing, 1):
            span = {"first": block * _BLOCK, "end": (block + 1) * _BLOCK}
            where = "WHERE prediction_id >= :first AND prediction_id < :end"
            rows = busy.tuples(f"SELECT {', '.join(table.columns)} FROM {table.name} {where}", span)
            with ExitStack() as stack:
                transaction = under_lock or stack.enter_context(self._new.telemetry.transaction())
                transaction.query(f"DELETE FROM {table.name} {where}", span)
                dump.fill(transaction, table, table.columns, rows)
            copied += len(rows)
            self._tell(table.name.replace("_", " "), done, len(differing))
        return copied

    def _copy_whole(self, source: Queries, target: Transaction, tables: Sequence[dump.Table]) -> dict[str, _Sum]:
        """Replace every row of some tables, which are in the order of the schema; what was copied of each."""
        wanted = [table for table in tables if table.name not in dump.LEFT_OUT]
        for table in reversed(wanted):
            target.query(f"DELETE FROM {table.name}")
        copied: dict[str, _Sum] = {}
        for table in wanted:
            done = _Sum(0, 0)
            for rows in dump.rows(source, table):
                dump.fill(target, table, table.columns, rows)
                done = self._sum([rows], done)
            copied[table.name] = done
        return copied

    def _sum(self, steps: Iterable[Sequence[tuple[Any, ...]]], begun: _Sum | None = None) -> _Sum:
        count, total = begun or _Sum(0, 0)
        for rows in steps:
            count += len(rows)
            total += sum(int.from_bytes(sha256(dump.line(row).encode()).digest()) for row in rows)
            self._keep_locks()
        return _Sum(count, total)

    def _keep_locks(self) -> None:
        """A server ends a transaction that stands still."""
        for each in self._locks:
            each.tuples("SELECT 1")

    def _compare(self, copied: dict[str, _Sum], busy: Queries | None) -> None:
        """See that the rows that arrived are those that were sent.

        Raises:
            StorageError: they are not; the message names the table.
        """
        both: list[tuple[Database, Sequence[dump.Table]]] = [(self._new.database, dump.tables(REGISTRY))]
        if busy is not None:
            both.append((self._new.telemetry, dump.tables(TELEMETRY)))
        for database, tables in both:
            with database.snapshot() as there:
                for table in tables:
                    if busy is not None and table.name in _GROWING:
                        same = _blocks(there, table) == _blocks(busy, table)
                    else:
                        same = self._sum(dump.rows(there, table)) == copied.get(table.name, _Sum(0, 0))
                    if not same:
                        raise StorageError(
                            errno.EIO,
                            f"{self._new.location} does not hold the same {table.name.replace('_', ' ')} as "
                            f"{self._old.location}, which was left as it is: check that nothing else writes there, and "
                            "move again",
                        )

    def _report(self, keep: bool, seconds: float) -> MoveReport:
        self._tell("verifying", 0, 1)
        found = verify.verify(self._new, False, False, self._new.actor, None)
        with self._new.database.snapshot() as catalog:
            models, last = _count(catalog, "models"), events.newest(catalog)
        busy = verify.telemetry_of(self._new)
        return MoveReport(
            self._old.location,
            self._new.location,
            last,
            models,
            found.checked["files"],
            0 if busy is None else _count(busy, "predictions"),
            0 if busy is None else _count(busy, "outcomes"),
            round(seconds, 3),
            keep,
            self._left_out,
            tuple(each for each in found.findings if each.severity != "note"),
        )

    def _tell(self, step: str, done: int, total: int) -> None:
        self._keep_locks()
        if self._progress is not None:
            self._progress(step, done, total)


def _write(data: bytes, sink: Any) -> None:
    sink.write(data)


def _growing() -> list[dump.Table]:
    return [table for table in dump.tables(TELEMETRY) if table.name in _GROWING]


def _blocks(queries: Queries, table: dump.Table) -> dict[int, tuple[int, int, int]]:
    """What differs where a block of rows does: how many there are, and sums of their keys."""
    rows = queries.tuples(
        f"SELECT prediction_id / {_BLOCK}, count(*), sum(prediction_id % {_BLOCK}), "
        f"sum({_GROWING[table.name]} % 1000003) FROM {table.name} GROUP BY prediction_id / {_BLOCK}"
    )
    return {int(block): (int(count), int(first), int(second)) for block, count, first, second in rows}


def _count(queries: Queries, table: str) -> int:
    return int(queries.tuples(f"SELECT count(*) FROM {table}")[0][0])
