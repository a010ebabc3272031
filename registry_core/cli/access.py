"""The commands for people who sign in: users, their roles and links."""

from __future__ import annotations

import dataclasses

import click

from registry_core import Grant, Grantee, InvalidInput, Person, Registry, Role

from .console import Session, main, shared
from .options import options_of
from .output import table, visible, when

role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([each.value for each in Role]),
    help="Role to grant; repeatable.",
)
names_option = click.option(
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


def person_named(registry: Registry, name: str) -> Person:
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
    return person_named(registry, name).grantee if group_of is None else Grantee("group", group_of, name)


def _link(url: str, secret: str) -> str:
    return f"{url.rstrip('/')}/sign-in/link#{secret}"


@main.group()
def user() -> None:
    """Add people who sign in to the dashboard, and grant them roles."""


@user.command("add")
@click.argument("name")
@role_option
@names_option
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
    lines = [f"{visible(person.name)} may sign in: {', '.join(words_of(each) for each in grants)}."]
    if secret is not None:
        lines += ["Sign-in link, valid once within 24 hours:", f"  {_link(url, secret)}"]
    session.answer(
        {
            "person": dataclasses.asdict(person),
            "grants": [document_of(each) for each in grants],
            "link": None if secret is None else _link(url, secret),
        },
        lines,
    )


def words_of(grant: Grant) -> str:
    lapsed = "" if grant.accepted else " (granted in another installation: `model-registry accept`)"
    return f"{grant.role.value} on {grant.model_names}{lapsed}"


def document_of(grant: Grant) -> dict[str, object]:
    return {**dataclasses.asdict(grant), "role": grant.role.value}


@user.command("list")
@shared
def list_users(session: Session) -> None:
    """List people and groups with their roles."""
    with session.open() as registry:
        people, grants = registry.people(), registry.grants()
    held: dict[Grantee, list[str]] = {}
    for each in grants:
        held.setdefault(each.grantee, []).append(words_of(each))
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
        {"people": [dataclasses.asdict(each) for each in people], "grants": [document_of(each) for each in grants]},
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
        person = person_named(registry, name)
        registry.remove_person(person.issuer, person.subject, actor=actor, reason=reason)
    session.answer({"removed": dataclasses.asdict(person)}, [f"{visible(person.name)} is removed and signed out."])


_group = click.option(
    "--group-of", metavar="URL", help="NAME is a group of the identity provider with this URL, not a person."
)


@user.command("grant")
@click.argument("name")
@role_option
@names_option
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
        {"grants": [document_of(each) for each in grants]},
        [f"{visible(name)}: {', '.join(words_of(each) for each in grants)}."],
    )


@user.command("revoke")
@click.argument("name")
@role_option
@names_option
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
        person = person_named(registry, name)
        secret = registry.sign_in_link(person.issuer, person.subject, hours=hours, actor=actor, reason=reason)
    session.answer({"link": _link(url, secret)}, [_link(url, secret)])


@user.command("sign-out")
@click.argument("name")
@options_of(Registry.close_sessions)
@shared
def sign_out(session: Session, name: str, reason: str, actor: str | None) -> None:
    """End all sessions of a person, and their unused links."""
    with session.open() as registry:
        person = person_named(registry, name)
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
        person = person_named(registry, name)
        found = registry.why_may(person.issuer, person.subject, method, model_name)
    session.answer(dataclasses.asdict(found), [visible(found.reason)])
