"""People, grants, tokens, sessions and review requests; and what somebody who signed in may do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from ..access import LINKS, TOKENS, Created, Grant, Grantee, Person, Principal, ReviewRequest, Role, Token, hand_of
from ..catalog import access as stored
from ..catalog import events
from ..catalog.database import Queries, Transaction
from ..errors import InvalidInput, NotAllowed, NotFound, StateConflict
from ..events import EventKind
from ..records import Permission, utc_text
from ..rules import access as rules
from ..rules import people as names
from ..rules.intake import check_text
from . import seals
from .context import Context, check_reason
from .model_records import require

_PATTERN = re.compile(r"[A-Za-z0-9._\-*?\[\]!]{1,128}", re.ASCII)
_MOST_DAYS = 3660
#: A use of a token or session within so many seconds of the last one is not noted again.
_SECONDS_BETWEEN_NOTES = 60


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return sha256(secret.encode()).hexdigest()


def line_of(grant: Grant) -> seals.Line:
    """The line of a grant, see ``seals``."""
    grantee = grant.grantee
    return (seals.GRANT, grant.model_names, grant.role.value, grantee.kind, grantee.issuer, grantee.subject)


def grants(context: Context, queries: Queries, grantees: Sequence[Grantee] | None = None) -> list[Grant]:
    """Grants, of some who hold them or all; those that nobody here decided allow nothing."""
    found = stored.grants(queries, grantees)
    unsealed = context.seals.unsealed(queries, [line_of(each) for each in found])
    return [replace(each, accepted=line_of(each) not in unsealed) for each in found]


def grantees_of(principal: Principal) -> list[Grantee]:
    """Whose grants a principal has: its own and its groups'."""
    own = Grantee(principal.kind, principal.issuer, principal.subject)
    return [own, *(Grantee("group", principal.issuer, group) for group in principal.groups)]


def people(context: Context) -> list[Person]:
    """See ``Registry.people``."""
    return stored.people(context.database)


def _event(
    context: Context,
    transaction: Transaction,
    kind: EventKind,
    actor: str,
    reason: str = "",
    model_name: str | None = None,
    **after: Any,
) -> str:
    _, at = events.append(
        transaction, now=context.now(), kind=kind, actor=actor, reason=reason, model_name=model_name, after=after
    )
    return at


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
        _event(context, transaction, EventKind.PERSON_ADDED, who, why, issuer=vouching, subject=known, name=shown)
    return person


def _check_distinct(transaction: Transaction, name: str) -> None:
    for each in stored.people(transaction):
        if names.same(each.name, name):
            raise InvalidInput(
                f"{name!r} reads like {each.name!r}, who is a person of this registry already; give a name that nobody "
                "mistakes for another"
            )


def note_person(context: Context, issuer: str, subject: str, name: str, email: str) -> Person:
    """See ``Registry.note_person``."""
    now = utc_text(context.now())
    with context.database.transaction() as transaction:
        known = stored.person(transaction, issuer, subject)
        if known is None:
            shown = _distinct(transaction, name.strip() or email or subject, email or subject)
            known = Person(issuer, subject, shown, email, now, shown)
            _event(
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
        person = _require_person(transaction, issuer, subject)
        held = stored.grants(transaction, [person.grantee])
        for each in held:
            stored.remove_grant(transaction, each)
        _check_admin_left(context, transaction)
        context.seals.take_back(transaction, [line_of(each) for each in held])
        at = _event(
            context, transaction, EventKind.PERSON_REMOVED, who, why, issuer=issuer, subject=subject, name=person.name
        )
        stored.close_sessions(transaction, issuer, subject, at)
        for token in stored.tokens(transaction):
            if token.hand == (issuer, subject):
                stored.revoke_token(transaction, token.token_id, at)
        stored.remove_person(transaction, person)


def _require_person(queries: Queries, issuer: str, subject: str) -> Person:
    person = stored.person(queries, issuer, subject)
    if person is None:
        raise NotFound(
            f"nobody is called {subject!r:.100} by {issuer!r:.100}; `model-registry user list` shows everybody"
        )
    return person


def grant(context: Context, grantee: Grantee, role: str, model_names: str, actor: str | None, reason: str) -> Grant:
    """See ``Registry.grant``."""
    who, why = context.who(actor), check_reason(reason)
    given = _role(role)
    pattern = _pattern(model_names)
    if grantee.kind != "token" and given is Role.SERVE:
        raise InvalidInput("the role serve is for tokens of prediction services; give a person contributor")
    if grantee.kind == "token" and given is Role.REVIEWER:
        raise InvalidInput("a token never approves: give the role reviewer to a person or a group")
    with context.database.transaction() as transaction:
        _check_grantee(transaction, grantee)
        made = Grant(grantee, given, pattern, utc_text(context.now()), who)
        stored.put_grant(transaction, made)
        _event(
            context, transaction, EventKind.ROLE_GRANTED, who, why, role=given.value, model_names=pattern,
            **_named(transaction, grantee),
        )  # fmt: skip
        context.seals.seal(transaction, [line_of(made)])
    return made


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        raise InvalidInput(f"role is {role!r:.40}; the roles are {', '.join(Role)}") from error


def _pattern(model_names: str) -> str:
    if not isinstance(model_names, str) or not _PATTERN.fullmatch(model_names):
        raise InvalidInput(
            f"model_names is {model_names!r:.140}; give a model name, or a pattern with * and ?, such as fraud-*"
        )
    return model_names


def _check_grantee(queries: Queries, grantee: Grantee) -> None:
    if grantee.kind == "person":
        _require_person(queries, grantee.issuer, grantee.subject)
    elif grantee.kind == "token":
        _require_token(queries, grantee.subject)
    elif not grantee.issuer or not grantee.subject:
        raise InvalidInput("a group needs the issuer's URL and the group's name as the identity provider gives it")


def _named(queries: Queries, grantee: Grantee) -> dict[str, str]:
    """A grantee as events keep it."""
    name = grantee.subject
    if grantee.kind == "person":
        name = _require_person(queries, grantee.issuer, grantee.subject).name
    elif grantee.kind == "token":
        name = _require_token(queries, grantee.subject).name
    return {"grantee": grantee.kind, "issuer": grantee.issuer, "subject": grantee.subject, "name": name}


def revoke(context: Context, grantee: Grantee, role: str, model_names: str, actor: str | None, reason: str) -> None:
    """See ``Registry.revoke``."""
    who, why = context.who(actor), check_reason(reason)
    taken = Grant(grantee, _role(role), _pattern(model_names))
    with context.database.transaction() as transaction:
        held = stored.grants(transaction, [grantee])
        if not any((each.role, each.model_names) == (taken.role, taken.model_names) for each in held):
            raise NotFound(
                f"{grantee.subject} does not hold the role {taken.role} on {taken.model_names}; `model-registry user "
                "list` shows all grants"
            )
        stored.remove_grant(transaction, taken)
        _check_admin_left(context, transaction)
        _event(
            context, transaction, EventKind.ROLE_REVOKED, who, why, role=taken.role.value,
            model_names=taken.model_names, **_named(transaction, grantee),
        )  # fmt: skip
        context.seals.take_back(transaction, [line_of(taken)])


def _check_admin_left(context: Context, transaction: Transaction) -> None:
    """Refuse what would leave people without anybody who can change it.

    Raises:
        StateConflict: no person or group would be admin of all model names.
    """
    left = stored.grants(transaction)
    admins = [each for each in left if each.role is Role.ADMIN and each.model_names == "*"]
    if not any(each.grantee.kind != "token" for each in admins):
        raise StateConflict(
            "this would remove the last admin; grant the role admin on * to another person or group first"
        )


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
    who, why = context.who(actor), check_reason(reason)
    shown = check_text(name, "name", 100).strip()
    if not shown or not shown.isprintable() or names.is_reserved(shown):
        raise InvalidInput(f"the name {name!r:.80} cannot be used; name the pipeline or service that uses the token")
    if isinstance(roles, str) or not roles:
        raise InvalidInput(f"roles is {roles!r:.80}; give a list of roles, such as ['contributor']")
    given = [_role(each) for each in roles]
    if Role.REVIEWER in given:
        raise InvalidInput("a token never approves: remove the role reviewer")
    if not 0 < days <= _MOST_DAYS:
        raise InvalidInput(f"days is {days!r}; a token is valid for up to {_MOST_DAYS:,} days")
    pattern = _pattern(model_names)
    secret = f"mr_{secrets.token_urlsafe(32)}"
    token_id = secrets.token_hex(6)
    with context.database.transaction() as transaction:
        hand = owner or (context.principal.hand if context.principal is not None else None)
        if hand is None:
            raise InvalidInput("a token requires an owner: issuer and subject of the person who answers for it")
        person = _require_person(transaction, *hand)
        now = context.now()
        until = utc_text(now + timedelta(days=days))
        at = _event(
            context, transaction, EventKind.TOKEN_CREATED, who, why, token=token_id, name=shown, owner=person.name,
            roles=[each.value for each in given], model_names=pattern, expires_at=until,
        )  # fmt: skip
        grantee = Grantee("token", TOKENS, token_id)
        held = tuple(Grant(grantee, each, pattern, at, who) for each in given)
        token = Token(token_id, shown, person.name, at, who, until, None, None, hand, held)
        stored.put_token(transaction, token, digest(secret))
        for each in held:
            stored.put_grant(transaction, each)
        context.seals.seal(transaction, [line_of(each) for each in held])
    return Created(token, secret)


def tokens(context: Context) -> list[Token]:
    """See ``Registry.tokens``."""
    return stored.tokens(context.database)


def _require_token(queries: Queries, token_id: str) -> Token:
    found = next((each for each in stored.tokens(queries) if each.token_id == token_id), None)
    if found is None:
        raise NotFound(f"no token has the id {token_id!r:.80}; `model-registry token list` shows all")
    return found


def revoke_token(context: Context, token_id: str, actor: str | None, reason: str) -> None:
    """See ``Registry.revoke_token``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        token = _require_token(transaction, token_id)
        if token.revoked_at is not None:
            raise StateConflict(f"the token {token.name} was revoked at {token.revoked_at} already")
        at = _event(context, transaction, EventKind.TOKEN_REVOKED, who, why, token=token_id, name=token.name)
        stored.revoke_token(transaction, token_id, at)
        for each in token.grants:
            stored.remove_grant(transaction, each)
        context.seals.take_back(transaction, [line_of(each) for each in token.grants])


def principal_of_token(context: Context, secret: str) -> Principal | None:
    """See ``Registry.principal_of_token``."""
    found = stored.token_of(context.database, digest(secret))
    now = context.now()
    if found is None or found.revoked_at is not None or found.expires_at <= utc_text(now):
        return None
    if found.last_used is None or _seconds_between(found.last_used, now) > _SECONDS_BETWEEN_NOTES:
        with context.database.transaction() as transaction:
            stored.note_use(transaction, found.token_id, utc_text(now))
    return Principal("token", TOKENS, found.token_id, found.name, owner=found.hand)


def _seconds_between(earlier: str, later: datetime) -> float:
    return (later - datetime.fromisoformat(earlier)).total_seconds()


def sign_in_link(context: Context, issuer: str, subject: str, hours: float, actor: str | None, reason: str) -> str:
    """See ``Registry.sign_in_link``."""
    who, why = context.who(actor), check_reason(reason)
    if not 0 < hours <= 24 * 30:
        raise InvalidInput(f"hours is {hours!r}; a sign-in link is valid for up to 720 hours")
    secret = secrets.token_urlsafe(32)
    with context.database.transaction() as transaction:
        person = _require_person(transaction, issuer, subject)
        now = context.now()
        until = utc_text(now + timedelta(hours=hours))
        at = _event(
            context, transaction, EventKind.LINK_CREATED, who, why, name=person.name, issuer=issuer, subject=subject,
            expires_at=until,
        )  # fmt: skip
        stored.put_session(transaction, stored.Session(digest(secret), "link", issuer, subject, (), at, at, until))
    return secret


def redeem_link(context: Context, secret: str) -> Principal | None:
    """See ``Registry.redeem_link``."""
    with context.database.transaction() as transaction:
        found = stored.session(transaction, digest(secret))
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
        person = _require_person(transaction, principal.issuer, principal.subject)
        now = context.now()
        stored.forget_sessions(transaction, utc_text(now - timedelta(days=30)))
        at = _event(
            context, transaction, EventKind.SIGNED_IN, person.name, issuer=person.issuer, subject=person.subject,
            groups=list(principal.groups),
        )  # fmt: skip
        until = utc_text(now + timedelta(hours=hours))
        stored.put_session(
            transaction,
            stored.Session(
                digest(secret), "session", person.issuer, person.subject, principal.groups, at, utc_text(now), until
            ),
        )
    return secret


def session(context: Context, secret: str, idle_hours: float) -> Principal | None:
    """See ``Registry.session``."""
    found = stored.session(context.database, digest(secret))
    now = context.now()
    if found is None or found.kind != "session" or found.closed_at is not None or found.ends_at <= utc_text(now):
        return None
    idle = _seconds_between(found.seen_at, now)
    if idle > idle_hours * 3600:
        return None
    person = stored.person(context.database, found.issuer, found.subject)
    if person is None:
        return None
    if idle > _SECONDS_BETWEEN_NOTES:
        with context.database.transaction() as transaction:
            stored.note_seen(transaction, found.secret_sha256, utc_text(now))
    return person.principal(found.member_of)


def close_session(context: Context, secret: str) -> None:
    """See ``Registry.close_session``."""
    with context.database.transaction() as transaction:
        found = stored.session(transaction, digest(secret))
        if found is None or not stored.close_session(transaction, found.secret_sha256, utc_text(context.now())):
            return
        person = stored.person(transaction, found.issuer, found.subject)
        _event(
            context, transaction, EventKind.SIGNED_OUT, person.name if person else found.subject, issuer=found.issuer,
            subject=found.subject, sessions=1,
        )  # fmt: skip


def close_sessions(context: Context, issuer: str, subject: str, actor: str | None, reason: str) -> int:
    """See ``Registry.close_sessions``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        person = _require_person(transaction, issuer, subject)
        ended = stored.close_sessions(transaction, issuer, subject, utc_text(context.now()))
        if ended:
            _event(
                context, transaction, EventKind.SIGNED_OUT, who, why, name=person.name, issuer=issuer,
                subject=subject, sessions=ended,
            )  # fmt: skip
    return ended


def request_review(
    context: Context,
    model_id: str,
    person: tuple[str, str] | None,
    role: str | None,
    due: str,
    text: str,
    actor: str | None,
) -> ReviewRequest:
    """See ``Registry.request_review``."""
    who, words = context.who(actor), check_reason(text)
    if (person is None) == (role is None):
        raise InvalidInput("a review request names either a person or a role")
    if due:
        try:
            due = datetime.fromisoformat(due).date().isoformat()
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"due is {due!r:.40}; give a day, such as 2026-12-24") from error
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        asked = _role(role or "").value if person is None else _require_person(transaction, *person).name
        seq, at = events.append(
            transaction, now=context.now(), kind=EventKind.REVIEW_REQUESTED, actor=who, reason=words,
            model_name=row["model_name"], model_id=model_id, after={"asked": asked, "due": due},
        )  # fmt: skip
        made = ReviewRequest(seq, model_id, row["model_name"], asked, who, at, due, words, person=person)
        stored.put_request(transaction, made)
    return made


def review_requests(context: Context, model_id: str | None, *, closed: bool) -> list[ReviewRequest]:
    """See ``Registry.review_requests``."""
    return stored.requests(context.database, model_id, closed=closed)


def withdraw_review_request(context: Context, request_id: int, actor: str | None, reason: str) -> None:
    """See ``Registry.withdraw_review_request``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        found = stored.request(transaction, request_id)
        if found is None:
            raise NotFound(
                f"no review request has the number {request_id!r:.40}; review_requests() lists the open ones"
            )
        if found.closed_at is not None:
            raise StateConflict(f"the review request {request_id} is closed already: {found.closed_because}")
        _, at = events.append(
            transaction, now=context.now(), kind=EventKind.REVIEW_REQUEST_WITHDRAWN, actor=who, reason=why,
            model_name=found.model_name, model_id=found.model_id, after={"asked": found.asked},
        )  # fmt: skip
        stored.close_request(transaction, request_id, at, f"withdrawn by {who}")


def answer_requests(context: Context, transaction: Transaction, model_id: str, verdict: str, who: str, at: str) -> None:
    """Close the review requests that a review answers: those of the reviewer, and of a role that the reviewer has."""
    hand = context.principal.hand if context.principal is not None else None
    held: Iterable[Grant] = ()
    if context.principal is not None:
        held = grants(context, transaction, grantees_of(context.principal))
    for each in stored.requests(transaction, model_id):
        mine = each.person is not None and hand == each.person
        if each.person is None:
            mine = hand is None or rules.allows(held, (Role(each.asked),), each.model_name)
        if mine:
            stored.close_request(transaction, each.request_id, at, f"{verdict} by {who}")


def may(context: Context, verb: str, model_name: str | None, arguments: Mapping[str, Any] | None = None) -> Permission:
    """See ``Registry.may``."""
    if context.principal is None:
        return Permission(True)
    return permitted(context, context.principal, verb, model_name, arguments or {})


def permitted(
    context: Context, principal: Principal, verb: str, model_name: str | None, arguments: Mapping[str, Any]
) -> Permission:
    """Whether somebody may call a method on a model name."""
    if verb not in rules.NEEDS:
        raise InvalidInput(f"{verb!r:.60} is no method that somebody who signed in can call")
    roles = rules.roles_of(verb, arguments)
    if not roles:
        return Permission(True)
    held = grants(context, context.whole, grantees_of(principal))
    if principal.kind == "token" and roles == (Role.REVIEWER,):
        return Permission(False, f"{principal.name} is a token, and tokens never approve; a person has to review")
    if rules.allows(held, roles, model_name):
        return Permission(True)
    if model_name is None and rules.NEEDS[verb].filtered and rules.allows_somewhere(held, roles):
        return Permission(True)
    return Permission(False, rules.refusal(principal, verb, roles, model_name))


def registrar(queries: Queries, model_id: str) -> tuple[str, str] | None:
    """The person who registered a version, or whose token did; None where a local user did."""
    kinds = (EventKind.REGISTERED, EventKind.UPLOADED, EventKind.IMPORTED)
    found = events.listed(queries, model_id=model_id, kinds=kinds, limit=1)
    return hand_of(found[0].principal) if found else None


def why_may(context: Context, issuer: str, subject: str, verb: str, model_name: str | None) -> Permission:
    """See ``Registry.why_may``."""
    person = _require_person(context.whole, issuer, subject)
    found = permitted(context, person.principal(), verb, model_name, {})
    if not found.allowed:
        return found
    roles = rules.roles_of(verb, {})
    held = grants(context, context.whole, [person.grantee])
    giving = [
        f"{each.role} on {each.model_names}, granted by {each.granted_by} at {each.granted_at[:10]}"
        for each in held
        if rules.allows([each], roles, model_name)
    ]
    because = "; ".join(giving) or "everybody who signed in may"
    return Permission(True, f"{person.name} may call {verb}: {because}")


def refuse(context: Context, principal: Principal, verb: str, model_name: str | None, because: str) -> NotAllowed:
    """Record that a call was refused; the error to raise."""
    with context.whole.transaction() as transaction:
        transaction.principal = principal.text
        _event(context, transaction, EventKind.REFUSED, principal.name, because, model_name, verb=verb)
    return NotAllowed(because)
