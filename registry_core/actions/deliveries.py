"""Events as webhooks get them: taken in behind their commit, and delivered in the order of each model name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..catalog import events, models, notifications
from ..catalog import webhooks as stored
from ..catalog.database import Queries, Transaction
from ..catalog.webhooks import Due, Stored
from ..events import EventKind
from ..live.records import PAUSES
from ..records import Event, utc_text
from ..rules import webhooks as rules
from ..webhooks import TEST
from . import seals
from .context import Context
from .posting import Message, NotSent, send

#: So many events are taken in with one transaction.
_AT_ONCE = 500
#: For so long the log keeps what no longer waits.
KEPT = timedelta(days=30)


@dataclass
class Turns:
    """Which webhook was sent to last: the others come first, so that a slow one delays none of them for long."""

    last: str = ""


def line_of(one: Stored) -> seals.Line:
    """The line of a webhook, see ``seals``: whoever changes it in the database decides nothing here."""
    return (seals.WEBHOOK, one.name, one.address, one.model_names, one.nonce, *one.kinds)


def accepted(context: Context, queries: Queries, found: list[Stored]) -> list[Stored]:
    """Those of some webhooks that somebody here added or accepted."""
    unsealed = context.seals.unsealed(queries, [line_of(each) for each in found])
    return [each for each in found if line_of(each) not in unsealed]


def send_next(context: Context, turns: Turns) -> float | None:
    """Attempt the next delivery; the seconds until one is due, 0 after an attempt, None when nothing waits."""
    context = context.own or context
    database = context.database
    # Asked without the lock first, and quick where there are no webhooks.
    hooks = [each for each in accepted(context, database, stored.stored(database)) if each.enabled]
    if not hooks:
        return None
    names, now = [each.name for each in hooks], context.now()
    if min(each.told_seq for each in hooks) >= events.newest(database):
        waits = stored.next_due(database, names)
        if waits is None:
            return None
        if waits > utc_text(now):
            return (datetime.fromisoformat(waits) - now).total_seconds()
    with database.transaction() as transaction:
        hooks = [each for each in accepted(context, transaction, stored.stored(transaction)) if each.enabled]
        take_in(transaction, hooks, now)
        due = stored.claim(transaction, [each.name for each in hooks], utc_text(now), later(now), turns.last)
    if due is not None:
        turns.last = due.webhook
        attempt(context, next(each for each in hooks if each.name == due.webhook), due)
    return 0.0


def later(now: datetime) -> list[str]:
    """When the next attempt is made, after the first, the second ..."""
    return [utc_text(now + timedelta(seconds=pause)) for pause in PAUSES]


def take_in(transaction: Transaction, hooks: Sequence[Stored], now: datetime) -> bool:
    """Make deliveries of the next events that webhooks have not been told of; whether there were any."""
    found = stored.events_after(transaction, min(each.told_seq for each in hooks), _AT_ONCE) if hooks else []
    if not found:
        return False
    for each in hooks:
        wanted = [
            (rules.delivery_id(each.name, row["hash"]), row)
            for row in found
            if row["seq"] > each.told_seq
            and rules.matches(each.kinds, each.model_names, row["kind"], row["model_name"])
        ]
        stored.take_in(transaction, each.name, max(each.told_seq, found[-1]["seq"]), wanted, utc_text(now))
    stored.forget(transaction, utc_text(now - KEPT))
    return True


def attempt(context: Context, hook: Stored, due: Due) -> None:
    """Make an attempt that was counted, and note what came of it."""
    event = events.find(context.database, due.event_seq)
    status, failure, last = None, "", due.attempts >= len(PAUSES)
    try:
        if event is None:
            raise NotSent("the event is missing from the audit log; `model-registry verify` says more")
        status = send(hook.address, message(context, hook, due.delivery_id, event))
    except NotSent as error:
        status = error.status
        failure = f"{error}; given up after {due.attempts} attempts" if last else str(error)
    with context.database.transaction() as transaction:
        delivered_at = None if failure else utc_text(context.now())
        stored.settle(transaction, due, delivered_at, status, failure, last=last)


def secret_of(context: Context, queries: Queries, hook: Stored) -> str:
    """The secret that messages to a webhook are signed with: no database and no backup holds it.

    Raises:
        StorageError: the registry's key cannot be read.
    """
    return rules.secret(context.seals.derived(queries, f"webhook {hook.name} {hook.nonce}"))


def message(context: Context, hook: Stored, delivery_id: str, event: Event | None) -> Message:
    """What a webhook gets: of an event, or None for a test."""
    now = context.now()
    kind = TEST if event is None else event.kind
    told: dict[str, Any] = {
        "event_id": None, "kind": kind, "label": EventKind.label_of(kind), "model_name": None, "model_id": None,
        "actor": context.actor, "at": utc_text(now), "reason": "", "before": {}, "after": {},
    }  # fmt: skip
    if event is not None:
        told |= {key: getattr(event, key) for key in told.keys() - {"kind", "label", "before", "after"}}
        told |= {"before": _masked(event.before), "after": _masked(event.after)}
    row = models.find(context.database, told["model_id"]) if told["model_id"] else None
    about = models.name_of_row(row) if row else told["model_name"]
    text = rules.sentence(kind, about, told["actor"], told["reason"])
    body = json.dumps({"delivery_id": delivery_id, "webhook": hook.name, "text": text, "event": told}).encode()
    timestamp = int(now.timestamp())
    headers = {
        "Webhook-Id": delivery_id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": rules.signature(secret_of(context, context.database, hook), delivery_id, timestamp, body),
    }
    return Message(body, f"Model Registry: {EventKind.label_of(kind)}", text, headers)


def _masked(document: Any) -> Any:
    """A document of an event, without the addresses of alerts that settings hold: they may be secret."""
    if isinstance(document, Mapping):
        return {
            key: [notifications.shown(str(each)) for each in value]
            if key == "notify" and isinstance(value, (list, tuple))
            else _masked(value)
            for key, value in document.items()
        }
    return [_masked(each) for each in document] if isinstance(document, (list, tuple)) else document
