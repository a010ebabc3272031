"""Who acts, and what they may do: principals, roles, grants, tokens, sessions and review requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

#: The issuer of people who sign in by a link of this registry, without an identity provider.
LINKS = "links"
#: The issuer of tokens.
TOKENS = "tokens"

GranteeKind = Literal["person", "group", "token"]


class Role(StrEnum):
    """What a grant allows on the model names it is for. Every role but ``serve`` includes ``viewer``; no role includes
    another one.

    Attributes:
        label: the name on pages.
        help: what it allows.
    """

    label: str
    help: str

    def __new__(cls, value: str, label: str = "", help: str = "") -> Self:
        """A member, with what is known of it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.help = help
        return member

    VIEWER = "viewer", "Viewer", "Reads everything but model files and rows of data."
    DOWNLOADER = "downloader", "Downloader", "Downloads and loads model files, exports versions, reads predictions."
    CONTRIBUTOR = "contributor", "Contributor", "Registers and uploads versions, adds benchmarks, evaluates, predicts."
    REVIEWER = "reviewer", "Reviewer", "Approves and rejects versions, resolves alerts, marks protected columns."
    OPERATOR = "operator", "Operator", "Promotes, rolls back, runs experiments, archives, deletes and cleans up."
    ADMIN = "admin", "Admin", "Changes settings, trust, people, grants and tokens; backs up, imports and purges."
    SERVE = "serve", "Serve", "Predicts and records outcomes, and nothing else. For tokens of prediction services."


@dataclass(frozen=True)
class Principal:
    """Who calls a method, as somebody else established it: a sign-in, a token, or the machine itself.

    Attributes:
        kind: ``person`` or ``token``.
        issuer: who vouches for the subject: the URL of an identity provider, ``links`` or ``tokens``.
        subject: what the issuer calls them; it never changes.
        name: what pages and events call them.
        groups: the groups of the identity provider that they were in when they signed in.
        owner: of a token: issuer and subject of the person who answers for it.
    """

    kind: Literal["person", "token"]
    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...] = ()
    owner: tuple[str, str] | None = None

    @property
    def hand(self) -> tuple[str, str]:
        """Issuer and subject of the person who acts: of a token, its owner."""
        return self.owner or (self.issuer, self.subject)

    @property
    def text(self) -> str:
        """What events keep of a principal."""
        return json.dumps([self.kind, self.issuer, self.subject, *(self.owner or ())])


def hand_of(text: str) -> tuple[str, str] | None:
    """The person behind the principal of an event; None where a local user acted, whose name is only a word."""
    if not text:
        return None
    _, issuer, subject, *owner = json.loads(text)
    return (owner[0], owner[1]) if owner else (issuer, subject)


@dataclass(frozen=True, order=True)
class Grantee:
    """Who holds a grant: a person, a group of an identity provider, or a token."""

    kind: GranteeKind
    issuer: str
    subject: str


@dataclass(frozen=True)
class Grant:
    """A role on model names.

    Attributes:
        model_names: a pattern: a name, or with ``*``, ``?`` and ``[...]``, such as ``fraud-*``. ``*`` is all names.
        accepted: False if it was granted in another installation: it allows nothing until ``accept_foreign``.
    """

    grantee: Grantee
    role: Role
    model_names: str = "*"
    granted_at: str = ""
    granted_by: str = ""
    accepted: bool = True


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    issuer: str
    subject: str
    name: str
    email: str = ""
    added_at: str = ""
    added_by: str = ""
    signed_in_at: str | None = None

    @property
    def grantee(self) -> Grantee:
        """Who holds this person's grants."""
        return Grantee("person", self.issuer, self.subject)

    def principal(self, groups: tuple[str, ...] = ()) -> Principal:
        """This person as the caller of methods."""
        return Principal("person", self.issuer, self.subject, self.name, groups)


@dataclass(frozen=True)
class Workload:
    """Where a program runs, as the platform says in identity tokens (JWT) that are accepted in place of a secret.

    Attributes:
        issuer: the claim ``iss``: the URL of the platform.
        audience: what the claim ``aud`` is or contains.
        subject: a pattern of the whole claim ``sub``, with ``*``, ``?`` and ``[...]``.
        keys: the address of the issuer's keys, or the keys themselves (a JWKS as JSON); empty: those it publishes.
    """

    issuer: str
    audience: str
    subject: str
    keys: str = ""


@dataclass(frozen=True)
class Token:
    """A secret for a pipeline or a service, of which only the SHA-256 is stored; or a workload that needs none.

    ``owner`` is the person who answers for it; its grants are its own.
    """

    token_id: str
    name: str
    owner: str
    created_at: str
    created_by: str
    expires_at: str
    last_used: str | None = None
    revoked_at: str | None = None
    hand: tuple[str, str] = ("", "")
    grants: tuple[Grant, ...] = ()
    workload: Workload | None = None


@dataclass(frozen=True)
class Created:
    """A new token with its secret, which is not shown again."""

    token: Token
    secret: str = field(repr=False)


@dataclass(frozen=True)
class ReviewRequest:
    """A person or a role was asked to review a version.

    Attributes:
        asked: the name of a person, or a role.
        due: a day, ISO 8601; empty without one.
        closed_at: when it was answered or withdrawn; None while it is open.
    """

    request_id: int
    model_id: str
    model_name: str
    asked: str
    by: str
    at: str
    due: str = ""
    text: str = ""
    closed_at: str | None = None
    closed_because: str = ""
    person: tuple[str, str] | None = None
