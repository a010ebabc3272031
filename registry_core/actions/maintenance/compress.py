"""Compressing the files of old versions, and storing identical ones once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from ...artifacts import packing
from ...artifacts.store import Sink, Staged
from ...catalog import events, models, packed, retention_queries
from ...catalog.database import Queries, Transaction
from ...catalog.packed import Packed
from ...errors import ArtifactError, InvalidInput, ModelNotFound
from ...events import EventKind
from ...maintenance import CompressResult, Progress
from ...records import utc_text
from ..context import Context, check_reason
from ..files import artifact_keys
from . import roles, sweep
from .sweep import File

#: What is not worth it: a file that is loaded would be unpacked each time for nothing.
_WORTH = 0.9
#: Files and bytes of one transaction: others get in between.
_BATCH, _BATCH_BYTES = 100, 256 * 1024 * 1024
_MOST_DAYS = 100_000


class _File(NamedTuple):
    """A file of an old version, as it was registered."""

    key: str
    sha256: str
    size: int
    model_id: str


class _Job(NamedTuple):
    """What is ready to be done to a file under the lock.

    ``noted`` is what lies in the store afterwards: the staged bytes, those of the leader, or what lay there before.
    """

    file: _File
    noted: Packed
    staged: Staged | None = None
    leader: _File | None = None


def due(context: Context, model_name: str, days: float) -> bool:
    """Whether there is anything that old that was not compressed yet."""
    before = utc_text(context.now() - timedelta(days=days))
    waiting = retention_queries.never_compressed(context.database, model_name, before)
    if not waiting:
        return False
    known = roles.roles(context.database, model_name)
    return bool(waiting - known.champions - known.predecessors)


def compress(
    context: Context,
    older_than_days: float | None,
    model_name: str | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> CompressResult:
    """See ``Registry.compress``.

    Of identical files the oldest is compressed, and the others become further names of it; before that each was read
    and held against its own hash. What is altered or missing stays as it is, and is said in ``left``.
    """
    who, why = context.who(actor), check_reason(reason)
    ages = _ages(context, older_than_days, model_name)
    return _Run(context, model_name, who, why, progress).take(_wanted(context, ages))


def compressible(context: Context, older_than_days: float | None, model_name: str | None) -> list[str]:
    """See ``Registry.compressible``."""
    ages = _ages(context, older_than_days, model_name)
    with context.database.snapshot() as queries:
        return [model_id for model_id, _ in _old(context, queries, ages)]


def _ages(context: Context, days: float | None, model_name: str | None) -> dict[str, float]:
    """Model name -> days since registration from which on its versions are compressed."""
    if days is not None and (
        isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= _MOST_DAYS
    ):
        raise InvalidInput(f"older_than_days is {days!r:.80}; give a number of days from 0 to {_MOST_DAYS:,}")
    names = models.names(context.database)
    if model_name is not None and model_name not in names:
        raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
    chosen = names if model_name is None else [model_name]
    settings = context.configuration()
    found = {
        name: age
        for name in chosen
        if (age := settings.policy(name).retention_policy.compress_after_days if days is None else days) is not None
    }
    if chosen and not found:
        raise InvalidInput(
            "older_than_days is missing: give a minimum age in days, or set retention.compress_after_days"
        )
    return found


def _wanted(context: Context, ages: Mapping[str, float]) -> dict[str, list[_File]]:
    """sha256 -> the files that were registered with it, the oldest first."""
    found: dict[str, list[_File]] = {}
    with context.database.snapshot() as queries:
        for model_id, text in _old(context, queries, ages):
            document = json.loads(text)
            digests = (document["model_sha256"], document["scaler_sha256"])
            sizes = (document["model_bytes"], document["scaler_bytes"])
            for (key, digest), size in zip(artifact_keys({"model_id": model_id}, *digests), sizes, strict=False):
                if digest:
                    found.setdefault(digest, []).append(_File(key, digest, size, model_id))
    return found


def _old(context: Context, queries: Queries, ages: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Id and metadata document of each version that is old enough, champions and rollback targets left out."""
    now = context.now()
    for name, days in ages.items():
        known = roles.roles(queries, name)
        for model_id, text in retention_queries.documents(queries, name, utc_text(now - timedelta(days=days))):
            if model_id not in known.champions and model_id not in known.predecessors:
                yield model_id, text


class _Run:
    def __init__(
        self, context: Context, model_name: str | None, actor: str, reason: str, progress: Progress | None
    ) -> None:
        self._context, self._name, self._actor, self._reason = context, model_name, actor, reason
        self._progress = progress
        self._noted: dict[str, Packed] = {}
        self._there: dict[str, File] = {}
        self._jobs: list[_Job] = []
        self._left: dict[_File, str] = {}
        self._sound: set[str] = set()
        self._links = True
        self._compressed: list[str] = []
        self._linked: list[str] = []
        self._before = self._after = 0

    def take(self, groups: Mapping[str, list[_File]]) -> CompressResult:
        """Compress the first sound file of each group; then let the others share its bytes."""
        self._noted = packed.listed(self._context.database)
        leaders: dict[str, _File] = {}
        total, done = sum(map(len, groups.values())), 0
        try:
            self._look()
            for digest, files in groups.items():
                ordered = sorted(files, key=lambda file: file.key not in self._noted)
                leader = next((file for file in ordered if self._pack(file)), None)
                if leader is not None:
                    leaders[digest] = leader
                done += 1
                self._tell(done, total)
            self._commit()
            self._look()
            for digest, leader in leaders.items():
                for file in groups[digest]:
                    if file != leader:
                        self._share(file, leader)
                        done += 1
                        self._tell(done, total)
            self._commit()
        finally:
            with suppress(OSError):
                for job in self._jobs:
                    if job.staged is not None:
                        self._context.store.drop(job.staged)
        states = retention_queries.states(self._context.database, [file.model_id for file in self._left])
        left = {file.key: why for file, why in self._left.items() if states[file.model_id][0] != "purged"}
        return CompressResult(tuple(self._compressed), tuple(self._linked), self._before, self._after, left)

    def _look(self) -> None:
        self._there = {each.key: each for each in sweep.files_of(self._context, "models")}

    def _tell(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress("compressed", done, total)

    def _content(self, file: _File) -> bytes | None:
        """What was registered; None where that is not what lies there."""
        try:
            content = self._context.store.content(file.key, file.sha256, file.size)
        except ArtifactError as error:
            self._left[file] = str(error)
            return None
        self._sound.add(file.key)
        return content

    def _is_sound(self, file: _File) -> bool:
        return file.key in self._sound or self._content(file) is not None

    def _pack(self, file: _File) -> bool:
        """Make a file ready that was not seen yet; whether others may share its bytes."""
        if file.key in self._noted:
            return True
        content = self._content(file)
        there = self._there.get(file.key)
        if content is None or there is None:
            return False
        if there.size != len(content):
            # Somebody was killed between the rename and the commit: it is compressed, and nobody noted it.
            stored = self._context.store.read(file.key)
            self._add(_Job(file, Packed(file.key, sha256(stored).hexdigest(), len(stored))))
            return True
        small = packing.pack(content)
        if len(small) > _WORTH * len(content):
            self._add(_Job(file, Packed(file.key, file.sha256, len(content))))
        else:
            staged = self._context.store.stage(partial(_copy, small))
            self._add(_Job(file, Packed(file.key, staged.sha256, staged.size), staged))
        return True

    def _share(self, file: _File, leader: _File) -> None:
        """Make a file ready to become another name of an identical one."""
        mine, other, noted = self._there.get(file.key), self._there.get(leader.key), self._noted.get(leader.key)
        if mine is None or other is None or noted is None or mine.identity is None or not self._links:
            self._pack(file)
        elif mine.identity == other.identity and file.key in self._noted:
            return
        elif self._is_sound(leader) and self._is_sound(file):
            self._add(_Job(file, Packed(file.key, noted.sha256, noted.size), leader=leader))

    def _add(self, job: _Job) -> None:
        self._jobs.append(job)
        size = sum(each.staged.size for each in self._jobs if each.staged is not None)
        if len(self._jobs) >= _BATCH or size >= _BATCH_BYTES:
            self._commit()

    def _commit(self) -> None:
        """Under the lock: the files get their names, and what lies there now is noted."""
        if not self._jobs:
            return
        store, jobs = self._context.store, self._jobs
        compressed, linked, done = [], [], []
        with self._context.database.transaction() as transaction:
            going = self._unchanged(transaction)
            fresh = {job.file.key: job.staged for job in going if job.staged is not None}
            if fresh:
                store.publish(fresh)
            for job in going:
                if job.leader is not None:
                    if not store.link(job.file.key, job.leader.key):
                        self._links = False
                        continue
                    linked.append(job)
                elif job.staged is not None:
                    compressed.append(job)
                done.append(job.noted)
            packed.note(transaction, done)
            if compressed or linked:
                self._append(transaction, compressed, linked)
        self._jobs = []
        for job in jobs:
            if job.staged is not None and job.file.key not in fresh:
                store.drop(job.staged)
        self._noted |= {each.file: each for each in done}
        self._compressed += [job.file.key for job in compressed]
        self._linked += [job.file.key for job in linked]
        self._before += sum(self._there[job.file.key].size for job in (*compressed, *linked))
        self._after += sum(job.noted.size for job in compressed)

    def _unchanged(self, transaction: Transaction) -> list[_Job]:
        """Those whose files, and whose leaders', are as they were when they were read: neither purged nor done by
        somebody else."""
        files = [each for job in self._jobs for each in (job.file, job.leader) if each is not None]
        states = retention_queries.states(transaction, [*{each.model_id for each in files}])
        noted = packed.listed(transaction)

        def same(file: _File) -> bool:
            return states[file.model_id][0] != "purged" and noted.get(file.key) == self._noted.get(file.key)

        return [job for job in self._jobs if same(job.file) and (job.leader is None or same(job.leader))]

    def _append(self, transaction: Transaction, compressed: list[_Job], linked: list[_Job]) -> None:
        events.append(
            transaction, now=self._context.now(), kind=EventKind.COMPRESSED, actor=self._actor, reason=self._reason,
            model_name=self._name,
            after={
                "compressed": len(compressed),
                "linked": len(linked),
                "bytes_before": sum(self._there[job.file.key].size for job in (*compressed, *linked)),
                "bytes_after": sum(job.noted.size for job in compressed),
            },
        )  # fmt: skip


def _copy(data: bytes, sink: Sink) -> None:
    sink.write(data)
