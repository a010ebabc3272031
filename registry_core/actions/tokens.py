"""Tokens of pipelines and services: created, revoked, used. A workload is a token that nobody has to keep."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from ..access import TOKENS, Created, Grant, Grantee, Principal, Role, Token, Workload
from ..catalog import access as stored
from ..errors import InvalidInput, StateConflict
from ..events import EventKind
from ..records import utc_text
from ..rules import people as names
from ..rules.intake import check_text
from . import access, workloads
from .context import Context, check_reason
from .people import known_pattern, known_role, require_person, require_token

_MOST_DAYS = 3660


def create_token(
    context: Context,
    name: str,
    roles: Sequence[str],
    model_names: str,
    days: float,
    owner: tuple[str, str] | None,
    actor: str | None,
    reason: str,
) -> Created:
    """See ``Registry.create_token``."""
    secret = f"mr_{secrets.token_urlsafe(32)}"
    return Created(_add(context, name, roles, model_names, days, owner, actor, reason, secret), secret)


def add_workload(
    context: Context,
    name: str,
    roles: Sequence[str],
    workload: Workload,
    model_names: str,
    days: float,
    owner: tuple[str, str] | None,
    actor: str | None,
    reason: str,
) -> Token:
    """See ``Registry.add_workload``."""
    kept = workloads.checked(workload)
    # Nobody is told its secret.
    return _add(context, name, roles, model_names, days, owner, actor, reason, secrets.token_urlsafe(32), kept)


def _add(
    context: Context,
    name: str,
    roles: Sequence[str],
    model_names: str,
    days: float,
    owner: tuple[str, str] | None,
    actor: str | None,
    reason: str,
    secret: str,
    workload: Workload | None = None,
) -> Token:
    who, why = context.who(actor), check_reason(reason)
    shown = check_text(name, "name", 100).strip()
    if not shown or not shown.isprintable() or names.is_reserved(shown):
        raise InvalidInput(f"the name {name!r:.80} cannot be used; name the pipeline or service that uses the token")
    if isinstance(roles, str) or not roles:
        raise InvalidInput(f"roles is {roles!r:.80}; give a list of roles, such as ['contributor']")
    given = [known_role(each) for each in roles]
    if Role.REVIEWER in given:
        raise InvalidInput("a token never approves: remove the role reviewer")
    if not 0 < days <= _MOST_DAYS:
        raise InvalidInput(f"days is {days!r}; a token is valid for up to {_MOST_DAYS:,} days")
    pattern = known_pattern(model_names)
    token_id = secrets.token_hex(6)
    with context.database.transaction() as transaction:
        hand = owner or (context.principal.hand if context.principal is not None else None)
        if hand is None:
            raise InvalidInput("a token requires an owner: issuer and subject of the person who answers for it")
        person = require_person(transaction, *hand)
        now = context.now()
        until = utc_text(now + timedelta(days=days))
        at = access.event(
            context, transaction, EventKind.TOKEN_CREATED, who, why, token=token_id, name=shown, owner=person.name,
            roles=[each.value for each in given], model_names=pattern, expires_at=until,
            workload=None if workload is None else vars(workload),
        )  # fmt: skip
        grantee = Grantee("token", TOKENS, token_id)
        held = tuple(Grant(grantee, each, pattern, at, who) for each in given)
        token = Token(token_id, shown, person.name, at, who, until, None, None, hand, held, workload)
        stored.put_token(transaction, token, access.digest(secret))
        for each in held:
            stored.put_grant(transaction, each)
        context.seals.seal(transaction, [access.line_of(each) for each in held])
    return token


def tokens(context: Context) -> list[Token]:
    """See ``Registry.tokens``."""
    return stored.tokens(context.database)


def revoke_token(context: Context, token_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.revoke_token``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        token = require_token(transaction, token_id)
        if token.revoked_at is not None:
            raise StateConflict(f"the token {token.name} was revoked at {token.revoked_at} already")
        at = access.event(context, transaction, EventKind.TOKEN_REVOKED, who, why, token=token_id, name=token.name)
        stored.revoke_token(transaction, token_id, at)
        for each in token.grants:
            stored.remove_grant(transaction, each)
        context.seals.take_back(transaction, [access.line_of(each) for each in token.grants])


def principal_of_token(context: Context, secret: str) -> Principal | None:
    """See ``Registry.principal_of_token``."""
    found = stored.token_of(context.database, access.digest(secret)) or workloads.of_identity_token(context, secret)
    now = context.now()
    if found is None or found.revoked_at is not None or found.expires_at <= utc_text(now):
        return None
    if found.last_used is None or access.seconds_between(found.last_used, now) > access.SECONDS_BETWEEN_NOTES:
        with context.database.transaction() as transaction:
            stored.note_use(transaction, found.token_id, utc_text(now))
    return Principal("token", TOKENS, found.token_id, found.name, owner=found.hand)
