"""Retention: what the policy would do with every version, and doing it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from ...catalog import alerts, events, retention_queries
from ...catalog import trash as table
from ...catalog.database import Queries
from ...errors import ArtifactError
from ...events import EventKind
from ...maintenance import CleanupItem, CleanupPlan, CleanupResult, Progress
from ...records import utc_text
from ...rules import retention
from .. import notify
from ..alert import open_alert, resolve_in
from ..context import AUTO, Context, check_reason
from . import compress, roles, sweep, trash

#: Versions of one transaction: others get in between.
_BATCH = 250
_ALERT = "cleanup"
_AFTER = "automatic cleanup after a registration"


def plan(context: Context, model_name: str | None) -> CleanupPlan:
    """See ``Registry.plan_cleanup``. Unclaimed files belong to no model name; a plan for one leaves them out."""
    files = list(sweep.files(context)) if model_name is None else sweep.files_of(context, "models")
    with context.database.snapshot() as queries:
        last = events.newest(queries)
        items = _judged(context, queries, model_name, {each.key: each.size for each in files})
        lost = sweep.unclaimed(context, queries, files) if model_name is None else []
    return CleanupPlan(utc_text(context.now()), last, tuple(items), tuple(sweep.old(context, lost)))


def _judged(context: Context, queries: Queries, model_name: str | None, sizes: Mapping[str, int]) -> list[CleanupItem]:
    now, settings = context.now(), context.configuration()
    found = roles.candidates(queries, model_name, sizes)
    items: list[CleanupItem] = []
    for name, versions in groupby(found, attrgetter("model_name")):
        items += retention.plan(list(versions), settings.policy(name).retention_policy, now)
    return items


@dataclass
class _Run:
    """A cleanup that is being carried out, and what came of it so far."""

    context: Context
    actor: str
    reason: str
    progress: Progress | None = None
    trashed: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    bytes_trashed: int = 0
    bytes_freed: int = 0

    def put_away(self, items: Sequence[CleanupItem]) -> None:
        """Put versions into the trash, each looked at again under the lock."""
        for done, batch in _batches(items):
            with self.context.database.transaction() as transaction:
                name = _only_name(batch)
                known = roles.roles(transaction, name)
                states = retention_queries.states(transaction, [item.model_id for item in batch])
                moved = []
                for item in batch:
                    status, pinned = states[item.model_id]
                    fixed = known.untouchable(item.model_id, pinned)
                    if status != item.status:
                        fixed = f"it is now {status}"
                    if fixed is not None:
                        self.skipped[item.model_id] = fixed
                        continue
                    trash.put(
                        self.context, transaction, item.model_name, item.model_id, status, self.actor, self.reason,
                        item.reason,
                    )  # fmt: skip
                    moved.append(item)
            self.trashed += [item.model_id for item in moved]
            self.bytes_trashed += sum(item.bytes for item in moved)
            self.tell("moved to the trash", done, len(items))

    def purge(self, items: Sequence[CleanupItem]) -> None:
        """Purge versions whose time in the trash is over; their files go once that is committed."""
        if not items:
            return
        removal = trash.Removal(self.context)
        for done, batch in _batches(items):
            with self.context.database.transaction() as transaction:
                now = utc_text(self.context.now())
                due = table.purge_times(transaction, [item.model_id for item in batch])
                gone = []
                for item in batch:
                    if item.model_id not in due:
                        self.skipped[item.model_id] = "it was restored from the trash"
                        continue
                    if due[item.model_id] > now:
                        self.skipped[item.model_id] = "its purge date is in the future"
                        continue
                    trash.take_out(self.context, transaction, item.model_id, self.actor, self.reason, item.reason)
                    gone.append(item.model_id)
            self.purged += gone
            self.bytes_freed += removal.remove(gone)
            self.tell("purged", done, len(items))

    def sweep(self, keys: Sequence[str]) -> None:
        """Remove unclaimed files."""
        if not keys:
            return
        gone, left = sweep.remove(self.context, keys)
        self.skipped |= left
        self.swept += gone
        self.bytes_freed += sum(gone.values())
        if gone:
            with self.context.database.transaction() as transaction:
                events.append(
                    transaction, now=self.context.now(), kind=EventKind.SWEPT, actor=self.actor, reason=self.reason,
                    after={"files": sorted(gone)[:100], "count": len(gone), "bytes": sum(gone.values())},
                )  # fmt: skip
        self.tell("swept", len(keys), len(keys))

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how far it is."""
        if self.progress is not None:
            self.progress(what, done, total)

    def result(self) -> CleanupResult:
        """What came of it."""
        return CleanupResult(
            tuple(self.trashed), tuple(self.purged), tuple(self.swept), self.skipped, self.bytes_trashed,
            self.bytes_freed,
        )  # fmt: skip


def carry_out(
    context: Context,
    given: CleanupPlan | None,
    only: Collection[str] | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> CleanupResult:
    """See ``Registry.cleanup``. A plan is carried out as far as the policy still says the same of each version."""
    run = _Run(context, context.who(actor), check_reason(reason), progress)
    only = None if only is None else {only} if isinstance(only, str) else set(only)
    fresh = plan(context, None if given is None or given.unclaimed else _only_name(given.items))
    asked = given or fresh
    now = {item.model_id: item for item in fresh.items}
    wanted: dict[str, list[CleanupItem]] = {"trash": [], "purge": []}
    for item in asked.items:
        if only is not None and item.model_id not in only:
            continue
        present = now.get(item.model_id)
        if item.action == "keep":
            if only is not None:
                run.skipped[item.model_id] = item.reason
        elif present is None:
            run.skipped[item.model_id] = "it is now purged"
        elif present.action != item.action:
            run.skipped[item.model_id] = present.reason
        else:
            wanted[item.action].append(present)
    lost = [each.key for each in asked.unclaimed if only is None or each.key in only]
    known = {item.model_id for item in asked.items} | {each.key for each in asked.unclaimed}
    run.skipped |= {each: "it is not in the plan" for each in only or () if each not in known}
    run.put_away(wanted["trash"])
    run.purge(wanted["purge"])
    run.sweep(lost)
    return run.result()


def _batches(items: Sequence[CleanupItem]) -> Iterator[tuple[int, Sequence[CleanupItem]]]:
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        yield start + len(batch), batch


def _only_name(items: Sequence[CleanupItem]) -> str | None:
    """The model name they have in common, if they do."""
    names = {item.model_name for item in items}
    return names.pop() if len(names) == 1 else None


def after_registration(context: Context, model_name: str, registered: str) -> None:
    """Clean up after a registration where the configuration says so.

    Whatever the policy says, the version that was just registered stays: nobody has seen it yet. The registration is
    confirmed whatever comes of this: what goes wrong opens an alert, which the next cleanup that
    goes well closes. Unclaimed files are not swept: somebody should have seen that plan.
    """
    try:
        policy = context.configuration().policy(model_name).retention_policy
        if not policy.automatic:
            return
        with context.database.snapshot() as queries:
            # Nobody asks how large they are, so no folder is listed while somebody waits for his registration.
            items = _judged(context, queries, model_name, {})
        run = _Run(context, AUTO, _AFTER)
        run.put_away([item for item in items if item.action == "trash" and item.model_id != registered])
        run.purge([item for item in items if item.action == "purge"])
        if policy.compress_after_days is not None and compress.due(context, model_name, policy.compress_after_days):
            left = compress.compress(context, None, model_name, AUTO, _AFTER, None).left
            if left:
                raise ArtifactError("; ".join(list(left.values())[:3]))
        if alerts.unresolved(context.database, model_name, _ALERT) is not None:
            with context.database.transaction() as transaction:
                held = alerts.unresolved(transaction, model_name, _ALERT)
                if held is not None:
                    resolve_in(transaction, context.now(), held, AUTO, "the next cleanup succeeded")
    except Exception as error:
        _tell(context, model_name, error)


def _tell(context: Context, model_name: str, error: Exception) -> None:
    text = f"the automatic cleanup of {model_name} failed: {error or type(error).__name__}; run cleanup by hand"
    try:
        with context.database.transaction() as transaction:
            open_alert(
                context, transaction, context.now(), model_name=model_name, kind="cleanup_failed", severity="warning",
                key=_ALERT, text=text,
            )  # fmt: skip
        notify.wake(context)
    except Exception as second:
        # The catalog itself is out of reach; whoever registered still has his model.
        warnings.warn(f"{text}; and no alert could be opened: {second}", RuntimeWarning, stacklevel=4)
