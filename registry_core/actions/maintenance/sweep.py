"""Files that nothing in the catalog claims: found, and removed once they are old enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import NamedTuple

from ...catalog import events, retention_queries
from ...catalog.database import Queries
from ...events import EventKind
from ...maintenance import OrphanedFile
from ...records import utc_text
from ..context import Context

ARCHIVE = "archive"
ASIDE = ".staged"
#: What the registry writes where. Any other file is somebody else's, and is left alone.
_OURS = {
    "models": re.compile(r"(model|scaler)_.+\.pkl"),
    "metadata": re.compile(r"model_.+\.json"),
    "benchmarks": re.compile(r"[0-9a-f]{64}\.parquet"),
    "evaluations": re.compile(r"[0-9a-f]{64}\.npz"),
    ARCHIVE: re.compile(r"\d{8}_\d+_\d+_[0-9a-f]{16}\.parquet"),
    ASIDE: re.compile(r"[0-9a-f]{32}"),
}
#: Here files get their names before anybody holds the lock: who writes one may be about to claim it.
_WRITTEN_UNLOCKED = ("models", "metadata", "evaluations", ARCHIVE, ASIDE)
#: Here a name is never used a second time, so an old file that nothing claims will never be claimed.
_USED_ONCE = ("models", "metadata", ASIDE)
_LONGEST_WRITE = timedelta(hours=1)
_BATCH = 300


class File(NamedTuple):
    """A file of the store. ``identity`` is equal for two names of the same bytes; None where that cannot be."""

    key: str
    size: int
    modified: datetime
    identity: tuple[int, int] | None

    @property
    def ours(self) -> bool:
        """Whether the registry wrote it."""
        folder, _, rest = self.key.partition("/")
        pattern = _OURS.get(folder)
        return pattern is not None and pattern.fullmatch(rest.rpartition("/")[2]) is not None


def files(context: Context) -> Iterator[File]:
    """Every file in the registry's own folders."""
    waiting = list(_OURS)
    while waiting:
        folder = waiting.pop()
        yield from files_of(context, folder)
        if folder.startswith(ARCHIVE):
            waiting += [f"{folder}/{name}" for name in context.store.folders(folder)]


def files_of(context: Context, folder: str) -> list[File]:
    """The files of one folder; of the registry's own, where none is named."""
    return [
        File(f"{folder}/{each.name}" if folder else each.name, each.size, each.modified, each.identity)
        for each in context.store.entries(folder)
    ]


def unclaimed(context: Context, queries: Queries, found: Collection[File]) -> list[File]:
    """Those of some files that the registry wrote and nothing claims."""
    claimed: Collection[str] = retention_queries.claims(queries)
    left = [each for each in found if each.key not in claimed and each.ours]
    if any(_archived(each.key) for each in left):
        # Asked only where something was archived: to ask is to make the database of live traffic.
        archived = retention_queries.archives(context.telemetry)
        left = [each for each in left if each.key not in archived]
    return left


def old(context: Context, found: Collection[File]) -> list[OrphanedFile]:
    """Those of some files that lie there long enough to be swept, by the registry's clock and by the real one.

    Where a registry lives in another time, a file written just now would look old, or not be there yet.
    """
    now = min(context.now(), datetime.now(UTC))
    kept = spared(context, found)
    grace = timedelta(days=context.configuration().policy("").retention_policy.sweep_after_days)
    return [
        OrphanedFile(each.key, each.size, utc_text(each.modified))
        for each in sorted(found)
        if each.key not in kept
        and now - each.modified >= (max(grace, _LONGEST_WRITE) if each.key.startswith(_WRITTEN_UNLOCKED) else grace)
    ]


def spared(context: Context, found: Collection[File]) -> set[str]:
    """Those of some unclaimed files that are never swept: they may be of a version that was confirmed.

    A catalog that lost commits, was recovered or taken over from a folder may not know all it once knew, and what it
    does not know may be the only copy. So it is with archives where telemetry was lost.
    """
    kept = [each for each in found if not each.key.startswith(f"{ASIDE}/")]
    if not kept:
        return set()
    until = datetime.max.replace(tzinfo=UTC) if context.database.lost() else _doubtful_until(context)
    archives_lost = any(_archived(each.key) for each in kept) and not retention_queries.archives(context.telemetry)
    return {each.key for each in kept if each.modified < until or (archives_lost and _archived(each.key))}


def _doubtful_until(context: Context) -> datetime:
    """When the catalog last began with less than there may have been."""
    moments = [
        event.at
        for event in events.listed(context.database, kinds=(EventKind.ADOPTED, EventKind.RECOVERED, EventKind.REPAIRED))
        if event.kind != EventKind.REPAIRED or any("lost" in kinds for kinds in event.after.get("mended", {}).values())
    ]
    return datetime.fromisoformat(max(moments)) if moments else datetime.min.replace(tzinfo=UTC)


def remove(context: Context, wanted: Collection[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Remove files, each only while nothing claims it: key -> bytes of those that are gone; why others are left."""
    gone: dict[str, int] = {}
    left: dict[str, str] = {}
    keys = sorted(wanted)
    once = [key for key in keys if key.startswith(_USED_ONCE)]
    for start in range(0, len(once), _BATCH):
        # No lock: in a bucket everybody would wait for every request. A rebuild may claim what it finds, so the claims
        # are those of this moment.
        _remove(context, once[start : start + _BATCH], _Present(context).claims, gone, left)
    for archived in (False, True):
        part = [key for key in keys if key not in once and _archived(key) == archived]
        for start in range(0, len(part), _BATCH):
            with (context.telemetry if archived else context.database).transaction() as transaction:
                read = retention_queries.archives if archived else retention_queries.claims
                _remove(context, part[start : start + _BATCH], cache(partial(read, transaction)), gone, left)
    return gone, left


class _Present:
    """The keys that are claimed now, read again only after something was committed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read: tuple[int, Collection[str]] | None = None

    def claims(self) -> Collection[str]:
        """The keys."""
        revision = events.newest(self._context.database)
        if self._read is None or self._read[0] != revision:
            self._read = revision, retention_queries.claims(self._context.database)
        return self._read[1]


def _remove(
    context: Context,
    keys: Collection[str],
    claims: Callable[[], Collection[str]],
    gone: dict[str, int],
    left: dict[str, str],
) -> None:
    # Listed anew: another file may lie under the same key by now.
    there = {each.key: each for each in files(context) if each.key in keys}
    may_go = {each.key for each in old(context, list(there.values()))}
    for key in keys:
        if key not in there:
            left[key] = "it was deleted already"
        elif key in claims():
            left[key] = "it now belongs to a version"
        elif key not in may_go or not there[key].ours:
            left[key] = "it is too new to be deleted"
        else:
            context.store.remove(key)
            gone[key] = there[key].size


def _archived(key: str) -> bool:
    return key.startswith(f"{ARCHIVE}/")
