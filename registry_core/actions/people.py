"""People and their roles: added, removed, granted and revoked."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace

from ..access import LINKS, Grant, Grantee, Person, Role, Token
from ..catalog import access as stored
from ..catalog.database import Queries, Transaction
from ..errors import InvalidInput, NotFound, StateConflict
from ..events import EventKind
from ..records import Permission, utc_text
from ..rules import access as rules
from ..rules import people as names
from ..rules.intake import check_text
from . import access
from .context import Context, check_reason

_PATTERN = re.compile(r"[A-Za-z0-9._\-*?\[\]!]{1,128}", re.ASCII)


def people(context: Context) -> list[Person]:
    """See ``Registry.people``."""
    return stored.people(context.database)


def add_person(
    context: Context, name: str, email: str, issuer: str, subject: str | None, actor: str | None, reason: str
) -> Person:
    """See ``Registry.add_person``."""
    who, why = context.who(actor), check_reason(reason)
    shown = check_text(name, "name", 100).strip()
    address = check_text(email, "email", 200).strip()
    vouching = check_text(issuer, "issuer", 300).strip()
    if not shown or not shown.isprintable():
        raise InvalidInput(f"the name {name!r:.80} cannot be used; give a name of printable characters")
    if names.is_reserved(shown):
        raise InvalidInput(f"{shown!r} is the name of the registry itself; give the person's name")
    if vouching != LINKS and subject is None:
        raise InvalidInput(f"a person of {vouching} needs subject=: what that provider calls them (the claim 'sub')")
    known = check_text(subject or shown, "subject", 300).strip()
    with context.database.transaction() as transaction:
        if stored.person(transaction, vouching, known) is not None:
            raise StateConflict(f"{known} of {vouching} has been added already; `model-registry user list` shows all")
        _check_distinct(transaction, shown)
        person = Person(vouching, known, shown, address, utc_text(context.now()), who)
        stored.put_person(transaction, person)
        access.event(context, transaction, EventKind.PERSON_ADDED, who, why, issuer=vouching, subject=known, name=shown)
    return person


def _check_distinct(transaction: Transaction, name: str) -> None:
    for each in stored.people(transaction):
        if names.same(each.name, name):
            raise InvalidInput(
                f"{name!r} reads like {each.name!r}, who is a person of this registry already; give a name that is not "
                "mistaken for another"
            )


def note_person(context: Context, issuer: str, subject: str, name: str, email: str) -> Person:
    """See ``Registry.note_person``."""
    now = utc_text(context.now())
    with context.database.transaction() as transaction:
        known = stored.person(transaction, issuer, subject)
        if known is None:
            shown = _distinct(transaction, name.strip() or email or subject, email or subject)
            known = Person(issuer, subject, shown, email, now, shown)
            access.event(
                context, transaction, EventKind.PERSON_ADDED, shown, "first sign-in", issuer=issuer, subject=subject,
                name=shown,
            )  # fmt: skip
        person = replace(known, email=email or known.email, signed_in_at=now)
        stored.put_person(transaction, person)
    return person


def _distinct(transaction: Transaction, name: str, further: str) -> str:
    """A name that nobody takes for another person: what the provider says more is put behind it where needed."""
    cleaned = "".join(each for each in name if each.isprintable())[:100] or further[:100]
    taken = [each.name for each in stored.people(transaction)]
    for candidate in (cleaned, f"{cleaned} ({further})"[:200], f"{cleaned} ({secrets.token_hex(3)})"):
        if not names.is_reserved(candidate) and not any(names.same(candidate, each) for each in taken):
            return candidate
    return f"{further[:100]} ({secrets.token_hex(6)})"


def remove_person(context: Context, issuer: str, subject: str, actor: str | None, reason: str) -> None:
    """See ``Registry.remove_person``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        person = require_person(transaction, issuer, subject)
        held = stored.grants(transaction, [person.grantee])
        for each in held:
            stored.remove_grant(transaction, each)
        _check_admin_left(transaction, held)
        context.seals.take_back(transaction, [access.line_of(each) for each in held])
        at = access.event(
            context, transaction, EventKind.PERSON_REMOVED, who, why, issuer=issuer, subject=subject, name=person.name
        )
        stored.close_sessions(transaction, issuer, subject, at)
        for token in stored.tokens(transaction):
            if token.hand == (issuer, subject):
                stored.revoke_token(transaction, token.token_id, at)
        stored.remove_person(transaction, person)


def require_person(queries: Queries, issuer: str, subject: str) -> Person:
    person = stored.person(queries, issuer, subject)
    if person is None:
        raise NotFound(
            f"no person of {issuer!r:.100} has the subject {subject!r:.100}; `model-registry user list` shows all "
            "people"
        )
    return person


def grant(context: Context, grantee: Grantee, role: str, model_names: str, actor: str | None, reason: str) -> Grant:
    """See ``Registry.grant``."""
    who, why = context.who(actor), check_reason(reason)
    given = known_role(role)
    pattern = known_pattern(model_names)
    if grantee.kind != "token" and given is Role.SERVE:
        raise InvalidInput("the role serve is for tokens of prediction services; give a person contributor")
    if grantee.kind == "token" and given is Role.REVIEWER:
        raise InvalidInput("a token never approves: give the role reviewer to a person or a group")
    with context.database.transaction() as transaction:
        _check_grantee(transaction, grantee)
        made = Grant(grantee, given, pattern, utc_text(context.now()), who)
        stored.put_grant(transaction, made)
        access.event(
            context, transaction, EventKind.ROLE_GRANTED, who, why, role=given.value, model_names=pattern,
            **_named(transaction, grantee),
        )  # fmt: skip
        context.seals.seal(transaction, [access.line_of(made)])
    return made


def known_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        raise InvalidInput(f"role is {role!r:.40}; the roles are {', '.join(Role)}") from error


def known_pattern(model_names: str) -> str:
    if not isinstance(model_names, str) or not _PATTERN.fullmatch(model_names):
        raise InvalidInput(
            f"model_names is {model_names!r:.140}; give a model name, or a pattern with * and ?, such as fraud-*"
        )
    return model_names


def _check_grantee(queries: Queries, grantee: Grantee) -> None:
    if grantee.kind == "person":
        require_person(queries, grantee.issuer, grantee.subject)
    elif grantee.kind == "token":
        require_token(queries, grantee.subject)
    elif not grantee.issuer or not grantee.subject:
        raise InvalidInput("a group needs the issuer's URL and the group's name as the identity provider gives it")


def _named(queries: Queries, grantee: Grantee) -> dict[str, str]:
    """A grantee as events keep it."""
    name = grantee.subject
    if grantee.kind == "person":
        name = require_person(queries, grantee.issuer, grantee.subject).name
    elif grantee.kind == "token":
        name = require_token(queries, grantee.subject).name
    return {"grantee": grantee.kind, "issuer": grantee.issuer, "subject": grantee.subject, "name": name}


def revoke(context: Context, grantee: Grantee, role: str, model_names: str, actor: str | None, reason: str) -> None:
    """See ``Registry.revoke``."""
    who, why = context.who(actor), check_reason(reason)
    taken = Grant(grantee, known_role(role), known_pattern(model_names))
    with context.database.transaction() as transaction:
        held = stored.grants(transaction, [grantee])
        if not any((each.role, each.model_names) == (taken.role, taken.model_names) for each in held):
            raise NotFound(
                f"{grantee.subject} does not hold the role {taken.role} on {taken.model_names}; `model-registry user "
                "list` shows all grants"
            )
        stored.remove_grant(transaction, taken)
        _check_admin_left(transaction, [taken])
        access.event(
            context, transaction, EventKind.ROLE_REVOKED, who, why, role=taken.role.value,
            model_names=taken.model_names, **_named(transaction, grantee),
        )  # fmt: skip
        context.seals.take_back(transaction, [access.line_of(taken)])


def _check_admin_left(transaction: Transaction, taken: Sequence[Grant]) -> None:
    """Refuse to take the last grant by which people are managed. Where there never was one, others can be taken.

    Raises:
        StateConflict: no person or group would be admin of all model names.
    """

    def manages(grant: Grant) -> bool:
        return grant.role is Role.ADMIN and grant.model_names == "*" and grant.grantee.kind != "token"

    if any(map(manages, taken)) and not any(map(manages, stored.grants(transaction))):
        raise StateConflict(
            "this would remove the last admin; grant the role admin on * to another person or group first"
        )


def why_may(context: Context, issuer: str, subject: str, verb: str, model_name: str | None) -> Permission:
    """See ``Registry.why_may``."""
    person = require_person(context.whole, issuer, subject)
    held = access.grants(context, context.whole, [person.grantee])
    found = rules.permitted(held, person.principal(), verb, model_name, {})
    if not found.allowed:
        return found
    roles = rules.roles_of(verb, {})
    giving = [
        f"{each.role} on {each.model_names}, granted by {each.granted_by} at {each.granted_at[:10]}"
        for each in held
        if rules.allows([each], roles, model_name)
    ]
    because = "; ".join(giving) or "everybody who signed in may"
    return Permission(True, f"{person.name} may call {verb}: {because}")


def require_token(queries: Queries, token_id: str) -> Token:
    found = next((each for each in stored.tokens(queries) if each.token_id == token_id), None)
    if found is None:
        raise NotFound(f"no token has the id {token_id!r:.80}; `model-registry token list` shows all")
    return found
