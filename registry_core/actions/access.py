"""What may be done by whoever signed in: their grants, and the refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from ..access import Grant, Grantee, Principal, hand_of
from ..catalog import access as stored
from ..catalog import events
from ..catalog.database import Queries, Transaction
from ..errors import NotAllowed
from ..events import EventKind
from ..records import Permission
from ..rules import access as rules
from . import seals
from .context import Context

#: A use of a token or session within so many seconds of the last one is not noted again.
SECONDS_BETWEEN_NOTES = 60


def line_of(grant: Grant) -> seals.Line:
    """The line of a grant, see ``seals``."""
    grantee = grant.grantee
    return (seals.GRANT, grant.model_names, grant.role.value, grantee.kind, grantee.issuer, grantee.subject)


def grants(context: Context, queries: Queries, grantees: Sequence[Grantee] | None = None) -> list[Grant]:
    """Grants, of some who hold them or all; those that nobody here decided allow nothing."""
    return judged(context, queries, stored.grants(queries, grantees))


def judged(context: Context, queries: Queries, found: Sequence[Grant]) -> list[Grant]:
    """Grants as they were read, and of each whether it was decided here."""
    unsealed = context.seals.unsealed(queries, [line_of(each) for each in found])
    return [replace(each, accepted=line_of(each) not in unsealed) for each in found]


def grantees_of(principal: Principal) -> list[Grantee]:
    """Whose grants a principal has: its own and its groups'."""
    own = Grantee(principal.kind, principal.issuer, principal.subject)
    return [own, *(Grantee("group", principal.issuer, group) for group in principal.groups)]


def may(context: Context, verb: str, model_name: str | None, arguments: Mapping[str, Any] | None = None) -> Permission:
    """See ``Registry.may``."""
    if context.principal is None:
        return Permission(True)
    return rules.permitted(context.held(), context.principal, verb, model_name, arguments or {})


def registrar(queries: Queries, model_id: str) -> tuple[str, str] | None:
    """The person who registered a version, or whose token did; None where a local user did."""
    kinds = (EventKind.REGISTERED, EventKind.UPLOADED, EventKind.IMPORTED)
    found = events.listed(queries, model_id=model_id, kinds=kinds, limit=1)
    return hand_of(found[0].principal) if found else None


def refuse(context: Context, principal: Principal, verb: str, model_name: str | None, because: str) -> NotAllowed:
    """Record that a call was refused; the error to raise."""
    with context.whole.transaction() as transaction:
        transaction.principal = principal.text
        event(context, transaction, EventKind.REFUSED, principal.name, because, model_name, verb=verb)
    return NotAllowed(because)


def event(
    context: Context,
    transaction: Transaction,
    kind: EventKind,
    actor: str,
    reason: str = "",
    model_name: str | None = None,
    **after: Any,
) -> str:
    """Append an event about access; its time."""
    _, at = events.append(
        transaction, now=context.now(), kind=kind, actor=actor, reason=reason, model_name=model_name, after=after
    )
    return at


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return sha256(secret.encode()).hexdigest()


def seconds_between(earlier: str, later: datetime) -> float:
    """How long ago a stored time was."""
    return (later - datetime.fromisoformat(earlier)).total_seconds()
