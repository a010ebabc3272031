"""The commands for people who sign in: users, roles, tokens, review requests."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from registry_core import Grant, Grantee, InvalidInput, Person, Registry, Role, Token

from .arguments import json_object
from .console import Session, main, shared
from .options import options_of
from .output import table, visible, when

_role = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([each.value for each in Role]),
    help="Role to grant; repeatable.",
)
_names = click.option(
    "--model-names",
    default="*",
    show_default=True,
    metavar="PATTERN",
    help="Model names it is for, with * and ?, such as fraud-*.",
)
_url = click.option(
    "--url",
    default="http://localhost:8501",
    show_default=True,
    help="Address of the dashboard, for the sign-in link.",
)
_owner = click.option("--owner", required=True, metavar="NAME", help="Person who answers for it: name or subject.")


def _person(registry: Registry, name: str) -> Person:
    """The person with a name or a subject."""
    everybody = registry.people()
    found = [each for each in everybody if name in (each.name, each.subject)]
    if len(found) != 1:
        listed = ", ".join(f"{each.name} ({each.subject} of {each.issuer})" for each in found or everybody) or "none"
        raise InvalidInput(
            f"{name!r} names {'no person' if not found else 'several people'}; there is: {listed}. Give the name or "
            "the subject of one"
        )
    return found[0]


def _grantee(registry: Registry, name: str, group_of: str | None) -> Grantee:
    """The person with a name, or with ``--group-of`` the group of an identity provider."""
    return _person(registry, name).grantee if group_of is None else Grantee("group", group_of, name)


def _link(url: str, secret: str) -> str:
    return f"{url.rstrip('/')}/sign-in/link#{secret}"


@main.group()
def user() -> None:
    """Add people who sign in to the dashboard, and grant them roles."""


@user.command("add")
@click.argument("name")
@_role
@_names
@options_of(
    Registry.add_person,
    email="E-mail address, for whoever manages people; nothing is sent to it.",
    subject="What the identity provider calls them (the claim sub).",
)
@click.option(
    "--issuer",
    default="links",
    show_default=True,
    help="URL of the identity provider. With links they sign in with a link.",
)
@_url
@shared
def add_user(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    model_names: str,
    email: str,
    issuer: str,
    subject: str | None,
    url: str,
    reason: str,
    actor: str | None,
) -> None:
    """Allow NAME to sign in, with roles. Without an identity provider, print a link with which they sign in once.

    The first person needs the role admin on all model names, who manages the others.
    """
    with session.open() as registry:
        if not registry.has_people() and ("admin" not in roles or model_names != "*"):
            raise InvalidInput(
                "the first person has to be an admin of all model names, who can add the others: give --role admin"
            )
        person = registry.add_person(name, email, issuer=issuer, subject=subject, actor=actor, reason=reason)
        grants = [registry.grant(person.grantee, each, model_names, actor=actor, reason=reason) for each in roles]
        secret = registry.sign_in_link(person.issuer, person.subject, actor=actor) if issuer == "links" else None
    lines = [f"{visible(person.name)} may sign in: {', '.join(_words(each) for each in grants)}."]
    if secret is not None:
        lines += ["Sign-in link, valid once within 24 hours:", f"  {_link(url, secret)}"]
    session.answer(
        {
            "person": dataclasses.asdict(person),
            "grants": [_document(each) for each in grants],
            "link": None if secret is None else _link(url, secret),
        },
        lines,
    )


def _words(grant: Grant) -> str:
    lapsed = "" if grant.accepted else " (granted in another installation: `model-registry accept`)"
    return f"{grant.role.value} on {grant.model_names}{lapsed}"


def _document(grant: Grant) -> dict[str, object]:
    return {**dataclasses.asdict(grant), "role": grant.role.value}


@user.command("list")
@shared
def list_users(session: Session) -> None:
    """List people and groups with their roles."""
    with session.open() as registry:
        people, grants = registry.people(), registry.grants()
    held: dict[Grantee, list[str]] = {}
    for each in grants:
        held.setdefault(each.grantee, []).append(_words(each))
    rows = [
        [each.name, each.subject, each.issuer, "; ".join(held.get(each.grantee, ["none"])), when(each.signed_in_at)]
        for each in people
    ]
    rows += [
        [f"group {each.subject}", each.subject, each.issuer, "; ".join(roles), ""]
        for each, roles in held.items()
        if each.kind == "group"
    ]
    session.answer(
        {"people": [dataclasses.asdict(each) for each in people], "grants": [_document(each) for each in grants]},
        table(["name", "subject", "issuer", "roles", "last sign-in (UTC)"], rows)
        if rows
        else ["There is no sign-in yet. `model-registry user add NAME --role admin` adds the first person."],
    )


@user.command("remove")
@click.argument("name")
@options_of(Registry.remove_person)
@shared
def remove_user(session: Session, name: str, reason: str, actor: str | None) -> None:
    """Remove a person with their grants, sessions and tokens."""
    with session.open() as registry:
        person = _person(registry, name)
        registry.remove_person(person.issuer, person.subject, actor=actor, reason=reason)
    session.answer({"removed": dataclasses.asdict(person)}, [f"{visible(person.name)} is removed and signed out."])


_group = click.option(
    "--group-of", metavar="URL", help="NAME is a group of the identity provider with this URL, not a person."
)


@user.command("grant")
@click.argument("name")
@_role
@_names
@_group
@options_of(Registry.grant)
@shared
def grant_roles(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    model_names: str,
    group_of: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Grant roles to a person, or to a group of an identity provider."""
    with session.open() as registry:
        grantee = _grantee(registry, name, group_of)
        grants = [registry.grant(grantee, each, model_names, actor=actor, reason=reason) for each in roles]
    session.answer(
        {"grants": [_document(each) for each in grants]},
        [f"{visible(name)}: {', '.join(_words(each) for each in grants)}."],
    )


@user.command("revoke")
@click.argument("name")
@_role
@_names
@_group
@options_of(Registry.revoke)
@shared
def revoke_roles(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    model_names: str,
    group_of: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Take roles back from a person or a group."""
    with session.open() as registry:
        grantee = _grantee(registry, name, group_of)
        for each in roles:
            registry.revoke(grantee, each, model_names, actor=actor, reason=reason)
    session.answer(
        {"revoked": [{"role": each, "model_names": model_names} for each in roles]},
        [f"{visible(name)} no longer has: {', '.join(f'{each} on {model_names}' for each in roles)}."],
    )


@user.command("link")
@click.argument("name")
@click.option("--hours", default=24.0, show_default=True, type=float, help="Hours the link is valid.")
@options_of(Registry.sign_in_link)
@_url
@shared
def link(session: Session, name: str, hours: float, url: str, reason: str, actor: str | None) -> None:
    """Print a link with which a person signs in once."""
    with session.open() as registry:
        person = _person(registry, name)
        secret = registry.sign_in_link(person.issuer, person.subject, hours=hours, actor=actor, reason=reason)
    session.answer({"link": _link(url, secret)}, [_link(url, secret)])


@user.command("sign-out")
@click.argument("name")
@options_of(Registry.close_sessions)
@shared
def sign_out(session: Session, name: str, reason: str, actor: str | None) -> None:
    """End all sessions of a person, and their unused links."""
    with session.open() as registry:
        person = _person(registry, name)
        ended = registry.close_sessions(person.issuer, person.subject, actor=actor, reason=reason)
    session.answer({"sessions": ended}, [f"{visible(person.name)}: {ended} sessions and links ended."])


@user.command("why")
@click.argument("name")
@click.argument("method")
@options_of(Registry.why_may, model_name="Model name it is about.")
@shared
def why(session: Session, name: str, method: str, model_name: str | None) -> None:
    """Show whether a person may call METHOD, such as promote, and the grants that allow it."""
    with session.open() as registry:
        person = _person(registry, name)
        found = registry.why_may(person.issuer, person.subject, method, model_name)
    session.answer(dataclasses.asdict(found), [visible(found.reason)])


@main.group()
def token() -> None:
    """Create tokens for pipelines and services, list and revoke them."""


@token.command("create")
@click.argument("name")
@_role
@_names
@click.option("--days", default=90.0, show_default=True, type=float, help="Days the token is valid.")
@options_of(Registry.create_token)
@_owner
@shared
def create_token(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    model_names: str,
    days: float,
    owner: str,
    reason: str,
    actor: str | None,
) -> None:
    """Create a token for the pipeline or service NAME, and print its secret once."""
    with session.open() as registry:
        person = _person(registry, owner)
        made = registry.create_token(
            name, roles, model_names, days=days, owner=(person.issuer, person.subject), actor=actor, reason=reason
        )
    session.answer(
        {"token_id": made.token.token_id, "expires_at": made.token.expires_at, "secret": made.secret},
        [
            f"Token {made.token.token_id} for {visible(name)}, valid until {made.token.expires_at[:10]}: "
            f"{', '.join(_words(each) for each in made.token.grants)}.",
            "The secret is not shown again:",
            f"  {made.secret}",
        ],
    )


@token.command("add-workload")
@click.argument("name")
@_role
@_names
@options_of(
    Registry.add_workload,
    issuer="Claim iss of its tokens, such as https://token.actions.githubusercontent.com.",
    audience="Claim aud of its tokens: what the workload asks its token for.",
    subject="Claim sub of its tokens, or a pattern with * and ?, such as repo:example/churn:ref:refs/heads/main.",
)
@click.option(
    "--keys",
    metavar="FILE|URL",
    help="JWKS of the issuer, where it publishes none that this machine reaches. A file is stored as it is now.",
)
@click.option("--days", default=365.0, show_default=True, type=float, help="Days its tokens are accepted.")
@_owner
@shared
def add_workload(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    model_names: str,
    issuer: str,
    audience: str,
    subject: str,
    keys: str | None,
    days: float,
    owner: str,
    reason: str,
    actor: str | None,
) -> None:
    """Accept the identity tokens of a workload in place of a secret: a job of GitHub Actions, a service account."""
    if keys and not keys.startswith(("https://", "http://")):
        keys = json.dumps(json_object(Path(keys)))
    with session.open() as registry:
        person = _person(registry, owner)
        made = registry.add_workload(
            name, roles, model_names, issuer=issuer, audience=audience, subject=subject, keys=keys or "", days=days,
            owner=(person.issuer, person.subject), actor=actor, reason=reason,
        )  # fmt: skip
    session.answer(
        _token_document(made),
        [
            f"Token {made.token_id} for {visible(name)}, valid until {made.expires_at[:10]}: "
            f"{', '.join(_words(each) for each in made.grants)}.",
            f"It needs no secret, but an identity token of {visible(_credential(made))}.",
        ],
    )


def _credential(token: Token) -> str:
    """What a token's user proves it with."""
    return "secret" if token.workload is None else f"{token.workload.subject} of {token.workload.issuer}"


def _token_document(token: Token) -> dict[str, object]:
    return {**dataclasses.asdict(token), "grants": [_document(grant) for grant in token.grants]}


@token.command("list")
@shared
def list_tokens(session: Session) -> None:
    """List tokens and workloads with roles, owner, expiry and last use."""
    with session.open() as registry:
        tokens = registry.tokens()
    rows = [
        [
            each.token_id,
            each.name,
            "revoked" if each.revoked_at else "; ".join(_words(grant) for grant in each.grants),
            _credential(each),
            each.owner,
            each.expires_at[:10],
            when(each.last_used),
        ]
        for each in tokens
    ]
    session.answer(
        {"tokens": [_token_document(each) for each in tokens]},
        table(["token", "name", "roles", "credential", "owner", "expires", "last used (UTC)"], rows)
        if rows
        else ["No tokens."],
    )


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN")
@options_of(Registry.revoke_token)
@shared
def revoke_token(session: Session, token_id: str, reason: str, actor: str | None) -> None:
    """Revoke TOKEN, given by its id or name; it is refused at the next call."""
    with session.open() as registry:
        token_id = _token_id(registry, token_id)
        registry.revoke_token(token_id, actor=actor, reason=reason)
    session.answer({"revoked": token_id}, [f"Token {visible(token_id)} is revoked."])


def _token_id(registry: Registry, given: str) -> str:
    """The id of a token that is given by its id, or by a name that only one token in use has."""
    tokens = registry.tokens()
    named = [each.token_id for each in tokens if each.name == given and not each.revoked_at]
    if given in [each.token_id for each in tokens] or not named:
        return given
    if len(named) > 1:
        raise InvalidInput(f"{len(named)} tokens have the name {given:.80}: {', '.join(named)}; give the id of one")
    return named[0]


@main.command("request-review")
@click.argument("model_id")
@click.option("--person", metavar="NAME", help="Person to ask: name or subject.")
@options_of(
    Registry.request_review,
    role="Instead of a person: everybody with this role.",
    due="Day by which the review is needed, such as 2026-12-24.",
    text="What to look at.",
)
@shared
def request_review(
    session: Session, model_id: str, person: str | None, role: str | None, due: str, text: str, actor: str | None
) -> None:
    """Ask a person, or everybody with a role, to review a version. Their review closes the request."""
    with session.open() as registry:
        asked = None if person is None else _person(registry, person)
        made = registry.request_review(
            model_id,
            None if asked is None else (asked.issuer, asked.subject),
            role=role,
            due=due,
            text=text,
            actor=actor,
        )
    session.answer(dataclasses.asdict(made), [f"{visible(made.asked)} is asked to review {visible(model_id)}."])
