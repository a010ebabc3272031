"""Webhooks: added, changed, tested and removed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from ..catalog import events, notifications
from ..catalog import webhooks as stored
from ..catalog.database import Queries
from ..catalog.webhooks import Due, Standing, Stored
from ..errors import InvalidInput, NotFound, StateConflict
from ..events import EventKind
from ..records import utc_text
from ..rules.intake import check_text
from ..webhooks import TEST, Webhook, WebhookDelivery, WebhookSecret
from . import deliveries, notify, outgoing
from .context import Context, check_reason
from .people import known_pattern
from .posting import NotSent, send

_MOST = 50
_MOST_ADDRESS = 2000


def add_webhook(
    context: Context,
    name: str,
    address: str,
    kinds: Sequence[str],
    model_names: str,
    actor: str | None,
    reason: str,
) -> WebhookSecret:
    """See ``Registry.add_webhook``."""
    who, why = context.who(actor), check_reason(reason)
    shown = check_text(name, "name", 100).strip()
    if not shown or not shown.isprintable():
        raise InvalidInput(f"the name {name!r:.80} cannot be used; name the program or the team that gets the events")
    place = check_text(address, "address", _MOST_ADDRESS).strip()
    problem = outgoing.wrong(place)
    if problem:
        raise InvalidInput(f"webhook {shown}: {problem}")
    wanted, pattern = _known_kinds(kinds), known_pattern(model_names)
    with context.database.transaction() as transaction:
        known = stored.stored(transaction)
        if shown in {each.name for each in known}:
            raise StateConflict(f"there is a webhook {shown} already; change it, or choose another name")
        if len(known) >= _MOST:
            raise StateConflict(f"there are {_MOST} webhooks, which is the limit; remove one first")
        number, at = events.append(
            transaction, now=context.now(), kind=EventKind.WEBHOOK_ADDED, actor=who, reason=why,
            after={"webhook": shown, "kinds": list(wanted), "model_names": pattern},
        )  # fmt: skip
        one = Stored(shown, place, wanted, pattern, True, secrets.token_hex(16), number, at, who)
        stored.put(transaction, one)
        context.seals.seal(transaction, [deliveries.line_of(one)])
        secret = deliveries.secret_of(context, transaction, one)
    return WebhookSecret(_webhook(one, Standing(), accepted=True), secret)


def webhooks(context: Context) -> list[Webhook]:
    """See ``Registry.webhooks``."""
    with context.database.snapshot() as queries:
        found, standings = stored.stored(queries), stored.standings(queries)
        accepted = {each.name for each in deliveries.accepted(context, queries, found)}
    return [_webhook(each, standings.get(each.name, Standing()), accepted=each.name in accepted) for each in found]


def set_webhook(
    context: Context,
    name: str,
    enabled: bool | None,
    kinds: Sequence[str] | None,
    model_names: str | None,
    rotate_secret: bool,
    actor: str | None,
    reason: str,
) -> WebhookSecret:
    """See ``Registry.set_webhook``."""
    who, why = context.who(actor), check_reason(reason)
    wanted = None if kinds is None else _known_kinds(kinds)
    pattern = None if model_names is None else known_pattern(model_names)
    with context.database.transaction() as transaction:
        before = _require(transaction, name)
        accepted = bool(deliveries.accepted(context, transaction, [before]))
        if not accepted and not rotate_secret:
            raise StateConflict(
                f"the webhook {name} was added in another installation, and sends nothing from here; rotate its "
                "secret to accept it, or remove it"
            )
        after = before._replace(
            enabled=before.enabled if enabled is None else enabled,
            kinds=before.kinds if wanted is None else wanted,
            model_names=pattern or before.model_names,
            nonce=secrets.token_hex(16) if rotate_secret else before.nonce,
        )
        if after == before:
            raise StateConflict(f"the webhook {name} is as you want it already; nothing was changed")
        if before.enabled and accepted:
            # What happened before the change is sent as it was agreed then.
            while deliveries.take_in(transaction, [_require(transaction, name)], context.now()):
                pass
        number, _ = events.append(
            transaction, now=context.now(), kind=EventKind.WEBHOOK_CHANGED, actor=who, reason=why,
            before=_document(before), after={**_document(after), "accepted": True, "secret_rotated": rotate_secret},
        )  # fmt: skip
        # Events of a time in which it was disabled are not sent; of one that is accepted only now, nothing is left out.
        told_seq = before.told_seq if before.enabled and not accepted else number - 1
        stored.put(transaction, after._replace(told_seq=told_seq))
        context.seals.take_back(transaction, [deliveries.line_of(before)])
        context.seals.seal(transaction, [deliveries.line_of(after)])
        secret = deliveries.secret_of(context, transaction, after) if rotate_secret else None
        standing = stored.standings(transaction).get(name, Standing())
    return WebhookSecret(_webhook(after, standing, accepted=True), secret)


def remove_webhook(context: Context, name: str, actor: str | None, reason: str) -> None:
    """See ``Registry.remove_webhook``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        one = _require(transaction, name)
        context.seals.take_back(transaction, [deliveries.line_of(one)])
        stored.remove(transaction, name)
        events.append(
            transaction, now=context.now(), kind=EventKind.WEBHOOK_REMOVED, actor=who, reason=why,
            after={"webhook": name},
        )  # fmt: skip


def test_webhook(context: Context, name: str) -> WebhookDelivery:
    """See ``Registry.test_webhook``."""
    hook = _require_accepted(context, name)
    delivery_id, at = f"msg_{secrets.token_hex(16)}", utc_text(context.now())
    status, failure = None, ""
    try:
        status = send(hook.address, deliveries.message(context, hook, delivery_id, None))
    except NotSent as error:
        status, failure = error.status, str(error)
    delivered_at = None if failure else utc_text(context.now())
    tested = WebhookDelivery(
        delivery_id, name, None, TEST, None, at, "given up" if failure else "delivered", 1, at, delivered_at, status,
        failure,
    )  # fmt: skip
    with context.database.transaction() as transaction:
        _require(transaction, name)
        stored.note_test(transaction, tested)
    return tested


def webhook_deliveries(context: Context, name: str | None, limit: int | None, offset: int) -> list[WebhookDelivery]:
    """See ``Registry.webhook_deliveries``."""
    if name is not None:
        _require(context.database, name)
    return stored.deliveries(context.database, name, limit, offset)


def resend_delivery(context: Context, delivery_id: str) -> WebhookDelivery:
    """See ``Registry.resend_delivery``."""
    one = _require_delivery(context.database, delivery_id)
    if one.event_id is None:
        raise StateConflict(f"{delivery_id} is a test, which is not sent again; send another test to {one.webhook}")
    hook = _require_accepted(context, one.webhook)
    with context.database.transaction() as transaction:
        one = _require_delivery(transaction, delivery_id)
        if one.state == "waiting" and stored.waits_for_another(transaction, one):
            raise StateConflict(
                f"{delivery_id} waits for an earlier delivery of {one.model_name or 'the registry'} to {one.webhook}; "
                "resend that one"
            )
        assert one.event_id is not None
        due = Due(delivery_id, one.webhook, one.event_id, one.attempts)
        due = stored.attempt(transaction, due, deliveries.later(context.now()))
    deliveries.attempt(context, hook, due)
    notify.wake_sender(context)
    return _require_delivery(context.database, delivery_id)


def _known_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    known = {kind.value for kind in EventKind}
    for each in given:
        if each not in known:
            raise InvalidInput(f"{each!r:.80} is not a kind of event; there is: {', '.join(sorted(known))}")
    return tuple(dict.fromkeys(str(each) for each in given))


def _require(queries: Queries, name: str) -> Stored:
    found = stored.find(queries, name) if isinstance(name, str) else None
    if found is None:
        raise NotFound(f"there is no webhook {name!r:.120}; webhooks() and `model-registry webhook list` show them")
    return found


def _require_accepted(context: Context, name: str) -> Stored:
    hook = _require(context.database, name)
    if not deliveries.accepted(context, context.database, [hook]):
        raise StateConflict(
            f"the webhook {name} was added in another installation, and sends nothing from here; rotate its secret to "
            "accept it"
        )
    return hook


def _require_delivery(queries: Queries, delivery_id: str) -> WebhookDelivery:
    found = stored.delivery(queries, delivery_id) if isinstance(delivery_id, str) else None
    if found is None:
        raise NotFound(
            f"no delivery has the id {delivery_id!r:.120}; webhook_deliveries() and `model-registry webhook "
            "deliveries` show the newest"
        )
    return found


def _document(one: Stored) -> dict[str, object]:
    return {
        "webhook": one.name, "enabled": one.enabled, "kinds": list(one.kinds), "model_names": one.model_names,
    }  # fmt: skip


def _webhook(one: Stored, standing: Standing, *, accepted: bool) -> Webhook:
    return Webhook(
        one.name, notifications.shown(one.address), one.kinds, one.model_names, one.enabled, accepted, one.created_at,
        one.created_by, *standing,
    )  # fmt: skip
