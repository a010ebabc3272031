"""The commands for the tokens of pipelines and services, and for workloads that need no secret."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from registry_core import InvalidInput, Registry, Token

from .access import document_of, names_option, person_named, role_option, words_of
from .arguments import json_object
from .console import Session, main, shared
from .options import options_of
from .output import table, visible, when

_owner = click.option("--owner", required=True, metavar="NAME", help="Person who answers for it: name or subject.")


@main.group()
def token() -> None:
    """Create tokens for pipelines and services, list and revoke them."""


@token.command("create")
@click.argument("name")
@role_option
@names_option
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
        person = person_named(registry, owner)
        made = registry.create_token(
            name, roles, model_names, days=days, owner=(person.issuer, person.subject), actor=actor, reason=reason
        )
    session.answer(
        {"token_id": made.token.token_id, "expires_at": made.token.expires_at, "secret": made.secret},
        [
            f"Token {made.token.token_id} for {visible(name)}, valid until {made.token.expires_at[:10]}: "
            f"{', '.join(words_of(each) for each in made.token.grants)}.",
            "The secret is not shown again:",
            f"  {made.secret}",
        ],
    )


@token.command("add-workload")
@click.argument("name")
@role_option
@names_option
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
        person = person_named(registry, owner)
        made = registry.add_workload(
            name, roles, model_names, issuer=issuer, audience=audience, subject=subject, keys=keys or "", days=days,
            owner=(person.issuer, person.subject), actor=actor, reason=reason,
        )  # fmt: skip
    session.answer(
        _token_document(made),
        [
            f"Token {made.token_id} for {visible(name)}, valid until {made.expires_at[:10]}: "
            f"{', '.join(words_of(each) for each in made.grants)}.",
            f"It needs no secret, but an identity token of {visible(_credential(made))}.",
        ],
    )


def _credential(token: Token) -> str:
    """What a token's user proves it with."""
    return "secret" if token.workload is None else f"{token.workload.subject} of {token.workload.issuer}"


def _token_document(token: Token) -> dict[str, object]:
    return {**dataclasses.asdict(token), "grants": [document_of(grant) for grant in token.grants]}


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
            "revoked" if each.revoked_at else "; ".join(words_of(grant) for grant in each.grants),
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
