"""Sign-in links and sessions. Only the SHA-256 of a secret is stored."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

from ..access import Principal
from ..catalog import access as stored
from ..errors import InvalidInput
from ..events import EventKind
from ..records import utc_text
from . import access
from .context import Context, check_reason
from .people import require_person


def sign_in_link(context: Context, issuer: str, subject: str, hours: float, actor: str | None, reason: str) -> str:
    """See ``Registry.sign_in_link``."""
    who, why = context.who(actor), check_reason(reason)
    if not 0 < hours <= 24 * 30:
        raise InvalidInput(f"hours is {hours!r}; a sign-in link is valid for up to 720 hours")
    secret = secrets.token_urlsafe(32)
    with context.database.transaction() as transaction:
        person = require_person(transaction, issuer, subject)
        now = context.now()
        until = utc_text(now + timedelta(hours=hours))
        at = access.event(
            context, transaction, EventKind.LINK_CREATED, who, why, name=person.name, issuer=issuer, subject=subject,
            expires_at=until,
        )  # fmt: skip
        stored.put_session(
            transaction, stored.Session(access.digest(secret), "link", issuer, subject, (), at, at, until)
        )
    return secret


def redeem_link(context: Context, secret: str) -> Principal | None:
    """See ``Registry.redeem_link``."""
    with context.database.transaction() as transaction:
        found = stored.session(transaction, access.digest(secret))
        now = utc_text(context.now())
        if found is None or found.kind != "link" or found.ends_at <= now:
            return None
        person = stored.person(transaction, found.issuer, found.subject)
        if person is None or not stored.close_session(transaction, found.secret_sha256, now):
            return None
        stored.put_person(transaction, replace(person, signed_in_at=now))
    return person.principal()


def open_session(context: Context, principal: Principal, hours: float) -> str:
    """See ``Registry.open_session``."""
    secret = secrets.token_urlsafe(32)
    with context.database.transaction() as transaction:
        person = require_person(transaction, principal.issuer, principal.subject)
        now = context.now()
        stored.forget_sessions(transaction, utc_text(now - timedelta(days=30)))
        at = access.event(
            context, transaction, EventKind.SIGNED_IN, person.name, issuer=person.issuer, subject=person.subject,
            groups=list(principal.groups),
        )  # fmt: skip
        until = utc_text(now + timedelta(hours=hours))
        opened = stored.Session(
            access.digest(secret), "session", person.issuer, person.subject, principal.groups, at, utc_text(now), until
        )
        stored.put_session(transaction, opened)
    return secret


def session(context: Context, secret: str, idle_hours: float) -> Principal | None:
    """See ``Registry.session``."""
    found = stored.session(context.database, access.digest(secret))
    now = context.now()
    if found is None or found.kind != "session" or found.closed_at is not None or found.ends_at <= utc_text(now):
        return None
    idle = access.seconds_between(found.seen_at, now)
    if idle > idle_hours * 3600:
        return None
    person = stored.person(context.database, found.issuer, found.subject)
    if person is None:
        return None
    if idle > access.SECONDS_BETWEEN_NOTES:
        with context.database.transaction() as transaction:
            stored.note_seen(transaction, found.secret_sha256, utc_text(now))
    return person.principal(found.member_of)


def close_session(context: Context, secret: str) -> None:
    """See ``Registry.close_session``."""
    with context.database.transaction() as transaction:
        found = stored.session(transaction, access.digest(secret))
        if found is None or not stored.close_session(transaction, found.secret_sha256, utc_text(context.now())):
            return
        person = stored.person(transaction, found.issuer, found.subject)
        access.event(
            context, transaction, EventKind.SIGNED_OUT, person.name if person else found.subject, issuer=found.issuer,
            subject=found.subject, sessions=1,
        )  # fmt: skip


def close_sessions(context: Context, issuer: str, subject: str, actor: str | None, reason: str) -> int:
    """See ``Registry.close_sessions``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        person = require_person(transaction, issuer, subject)
        ended = stored.close_sessions(transaction, issuer, subject, utc_text(context.now()))
        if ended:
            access.event(
                context, transaction, EventKind.SIGNED_OUT, who, why, name=person.name, issuer=issuer,
                subject=subject, sessions=ended,
            )  # fmt: skip
    return ended
