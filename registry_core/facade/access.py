"""Methods for people who sign in: who they are, what they may do, tokens, sessions, review requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from ..access import LINKS, Created, Grant, Grantee, Person, Principal, ReviewRequest, Role, Token, Workload
from ..actions import access, people, review_requests, sign_in, tokens
from ..catalog import access as stored
from ..records import Permission
from ..rules.access import NEEDS
from . import signed_in
from .verbs import Verbs


class AccessVerbs(Verbs):
    """People, roles, tokens and review requests.

    Whoever can write to the registry's folder, or has the database's password, owns the registry: their calls are not
    checked, and ``actor`` is their own word. Calls of ``as_principal`` are checked, by the roles that were granted.
    """

    def as_principal(self, principal: Principal) -> Self:
        """This registry as a signed-in person or a token uses it: every method is checked against their roles.

        It shows only the model names on which they have a role. Methods that change something check the role again
        inside their transaction, and record a refusal. ``actor=`` cannot be given.

        Raises (by its methods):
            NotAllowed: no role allows the call.
        """
        return signed_in.as_principal(self, principal)

    def may(self, verb: str, model_name: str | None = None, **arguments: Any) -> Permission:
        """Whether the caller's roles allow a method, and the reason if not.

        Args:
            verb: the name of a method, such as ``promote``.
            model_name: the model name it is about; None: about all.
            arguments: arguments that decide about the role, such as ``verdict="approved"`` of ``review``.

        Raises:
            InvalidInput: no method of that name can be called by a signed-in person.
        """
        return access.may(self._context, verb, model_name, arguments)

    def method_roles(self) -> dict[str, tuple[Role, ...]]:
        """The roles of which each method needs one, on the model names it is about; empty: every signed-in person."""
        return {verb: need.roles for verb, need in NEEDS.items()}

    def why_may(self, issuer: str, subject: str, verb: str, model_name: str | None = None) -> Permission:
        """Whether a person's own grants allow a method, with the grants that do. Groups are known only at sign-in.

        Raises:
            NotFound: there is no such person.
        """
        return people.why_may(self._context, issuer, subject, verb, model_name)

    def people(self) -> list[Person]:
        """Everybody who may sign in, by name."""
        return people.people(self._context)

    def has_people(self) -> bool:
        """Whether any person may sign in: then a dashboard asks for it."""
        return stored.has_people(self._context.database)

    def add_person(
        self,
        name: str,
        email: str = "",
        *,
        issuer: str = LINKS,
        subject: str | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Person:
        """Allow a person to sign in. Without a grant they see nothing.

        Args:
            name: how pages and events call them; no other person's name may read like it.
            email: for whoever manages people; nothing is sent to it.
            issuer: ``links`` (they sign in with a link), or the URL of an identity provider.
            subject: what the identity provider calls them (the claim ``sub``); with links, by default the name.

        Raises:
            InvalidInput: the name cannot be used, or reads like another person's.
            StateConflict: they were added already.
        """
        return people.add_person(self._context, name, email, issuer, subject, actor, reason)

    def note_person(self, issuer: str, subject: str, name: str, email: str = "") -> Person:
        """Note that a person of an identity provider signed in; one who is new is added, without any grant."""
        return people.note_person(self._context, issuer, subject, name, email)

    def remove_person(self, issuer: str, subject: str, *, actor: str | None = None, reason: str = "") -> None:
        """Remove a person with their grants; their sessions end and their tokens are revoked at once.

        Raises:
            NotFound: there is no such person.
            StateConflict: they are the last admin.
        """
        people.remove_person(self._context, issuer, subject, actor, reason)

    def grants(self) -> list[Grant]:
        """All grants. Those made in another installation are not ``accepted`` and allow nothing."""
        return access.grants(self._context, self._context.database)

    def grant(
        self, grantee: Grantee, role: str, model_names: str = "*", *, actor: str | None = None, reason: str = ""
    ) -> Grant:
        """Grant a role on model names to a person, a group of an identity provider, or a token.

        Args:
            grantee: such as ``person.grantee``, or ``Grantee("group", "https://id.example.org", "ml-reviewers")``.
            role: see ``Role``.
            model_names: a name, or a pattern such as ``fraud-*``; ``*`` is all.

        Raises:
            InvalidInput: an unknown role or an invalid pattern, ``reviewer`` for a token, ``serve`` for a person.
            NotFound: there is no such person or token.
        """
        return people.grant(self._context, grantee, role, model_names, actor, reason)

    def revoke(
        self, grantee: Grantee, role: str, model_names: str = "*", *, actor: str | None = None, reason: str = ""
    ) -> None:
        """Take a grant back; it holds no more at the next call.

        Raises:
            NotFound: there is no such grant.
            StateConflict: it is the last admin's.
        """
        people.revoke(self._context, grantee, role, model_names, actor, reason)

    def create_token(
        self,
        name: str,
        roles: Sequence[str],
        model_names: str = "*",
        *,
        days: float = 90,
        owner: tuple[str, str] | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Created:
        """Create a token for a pipeline or a service. Its secret is shown once; its SHA-256 is stored.

        Args:
            name: the pipeline or service that uses it.
            roles: see ``Role``; ``["serve"]`` for a prediction service. A token never approves.
            model_names: as in ``grant``.
            days: how long it is valid.
            owner: issuer and subject of the person who answers for it. Default: whoever signed in and creates it. The
                owner cannot approve what the token registers.

        Raises:
            InvalidInput: an unknown role, ``reviewer``, an invalid pattern, or no owner.
            NotFound: there is no such owner.
        """
        return tokens.create_token(self._context, name, roles, model_names, days, owner, actor, reason)

    def add_workload(
        self,
        name: str,
        roles: Sequence[str],
        model_names: str = "*",
        *,
        issuer: str,
        audience: str,
        subject: str,
        keys: str = "",
        days: float = 365,
        owner: tuple[str, str] | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Token:
        """Accept the identity tokens (JWT) of a workload, such as a job of GitHub Actions, in place of a secret.

        Args:
            name: the pipeline or service; events add the subject.
            roles: as in ``create_token``.
            model_names: as in ``grant``.
            issuer: the claim ``iss`` of its tokens: the URL of the platform, https or on this machine.
            audience: what their claim ``aud`` is or contains.
            subject: what their whole claim ``sub`` is, or a pattern with ``*``, ``?`` and ``[...]``. Where the patterns
                of several workloads match, the longest counts.
            keys: the address of the issuer's keys, or the keys themselves (a JWKS as JSON). Default: what the issuer
                publishes (OpenID Connect discovery).
            days: how long its tokens are accepted.
            owner: as in ``create_token``.

        Raises:
            InvalidInput: as in ``create_token``; an address that is not https, a subject without a letter, or keys that
                are no JWKS.
            InvalidConfiguration: the extra ``sign-in`` is not installed.
            NotFound: there is no such owner.
        """
        workload = Workload(issuer, audience, subject, keys)
        return tokens.add_workload(self._context, name, roles, workload, model_names, days, owner, actor, reason)

    def tokens(self) -> list[Token]:
        """All tokens and workloads, the newest first, without their secrets."""
        return tokens.tokens(self._context)

    def revoke_token(self, token_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Revoke a token or a workload; it is refused at the next call.

        Raises:
            NotFound: no token has that id.
            StateConflict: it was revoked already.
        """
        tokens.revoke_token(self._context, token_id, actor, reason)

    def principal_of_token(self, secret: str) -> Principal | None:
        """The principal of a token's secret, or of a workload's identity token; None if it is unknown or does not hold.

        An identity token counts with a signature by a key of its issuer (not ``none``, not HS256), the issuer, audience
        and subject of a workload, and between ``nbf`` and ``exp``; clocks may differ by 60 s. The issuer's keys are
        fetched at first use and kept for an hour; a token with a new key has them fetched again, once in 30 s at most.

        Raises:
            IssuerUnavailable: the issuer of an identity token does not answer.
            InvalidConfiguration: there is a workload, and the extra ``sign-in`` is not installed.
        """
        return tokens.principal_of_token(self._context, secret)

    def sign_in_link(
        self, issuer: str, subject: str, *, hours: float = 24, actor: str | None = None, reason: str = ""
    ) -> str:
        """Create the secret of a link with which a person signs in once.

        Raises:
            NotFound: there is no such person.
        """
        return sign_in.sign_in_link(self._context, issuer, subject, hours, actor, reason)

    def redeem_link(self, secret: str) -> Principal | None:
        """The person whose link this is, who signs in with it; None if it is unknown, used or expired."""
        return sign_in.redeem_link(self._context, secret)

    def open_session(self, principal: Principal, *, hours: float = 12) -> str:
        """Open a session for a person who signed in: the secret for their cookie, of which the SHA-256 is stored.

        Raises:
            NotFound: there is no such person.
        """
        return sign_in.open_session(self._context, principal, hours)

    def session(self, secret: str, *, idle_hours: float = 4) -> Principal | None:
        """Who has a session; None if it is unknown, closed, expired, or was idle for too long."""
        return sign_in.session(self._context, secret, idle_hours)

    def close_session(self, secret: str) -> None:
        """Close a session; nothing happens if it is unknown or closed."""
        sign_in.close_session(self._context, secret)

    def close_sessions(self, issuer: str, subject: str, *, actor: str | None = None, reason: str = "") -> int:
        """Close all sessions and links of a person.

        Returns:
            how many were open.

        Raises:
            NotFound: there is no such person.
        """
        return sign_in.close_sessions(self._context, issuer, subject, actor, reason)

    def request_review(
        self,
        model_id: str,
        person: tuple[str, str] | None = None,
        *,
        role: str | None = None,
        due: str = "",
        text: str = "",
        actor: str | None = None,
    ) -> ReviewRequest:
        """Ask a person, or everybody with a role, to review a version. Their review closes the request.

        Args:
            person: issuer and subject.
            role: instead of a person, such as ``reviewer``.
            due: a day, ISO 8601.
            text: what to look at, up to 2,000 characters.

        Raises:
            InvalidInput: both or neither of person and role, or an invalid day.
            ModelNotFound, NotFound: there is no such version or person.
        """
        return review_requests.request_review(self._context, model_id, person, role, due, text, actor)

    def review_requests(
        self, model_id: str | None = None, *, mine: bool = False, closed: bool = False
    ) -> list[ReviewRequest]:
        """The open review requests (of a version), those that are due first at the top.

        Args:
            mine: only those that wait for the caller, or for a role that the caller has.
            closed: also those that were answered or withdrawn.
        """
        return review_requests.review_requests(self._context, model_id, mine=mine, closed=closed)

    def reviewers(self, model_name: str) -> list[Person]:
        """The people who were granted the role reviewer on a model name, by name; without those of groups."""
        return review_requests.reviewers(self._context, model_name)

    def withdraw_review_request(self, request_id: int, *, actor: str | None = None, reason: str = "") -> None:
        """Withdraw an open review request.

        Raises:
            NotFound: no request has that number.
            StateConflict: it is closed already.
        """
        review_requests.withdraw_review_request(self._context, request_id, actor, reason)
