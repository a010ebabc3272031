"""Workload identity: tokens that a platform signs for what runs on it, accepted in place of a secret."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from ..access import TOKENS, Grantee, Token, Workload
from ..catalog import access as stored
from ..errors import InvalidInput, TokenNotValid
from ..issuers import Issuer, unverified
from ..records import utc_text
from ..rules import access as rules
from ..rules.intake import check_text
from . import access
from .context import Context

_log = logging.getLogger(__name__)


class Issuers:
    """The issuers of a registry's workloads, each with the keys it published."""

    def __init__(self, _: Context) -> None:
        self._known: dict[tuple[str, str], Issuer] = {}
        self._lock = threading.Lock()

    def of(self, workload: Workload) -> Issuer:
        """The issuer of a workload."""
        with self._lock:
            key = (workload.issuer, workload.keys)
            if key not in self._known:
                self._known[key] = Issuer(*key)
            return self._known[key]

    def close(self) -> None:
        """Nothing: no connection is kept."""


def checked(workload: Workload) -> Workload:
    """A workload as it can be kept: of its keys only the public ones.

    Raises:
        InvalidInput: a part cannot be used; the message names it.
        InvalidConfiguration: the libraries for identity tokens are not installed.
    """
    texts = {each: check_text(getattr(workload, each), each, 300).strip() for each in ("issuer", "audience", "subject")}
    for name in ("audience", "subject"):
        if not texts[name].strip("*?") or not texts[name].isprintable():
            raise InvalidInput(
                f"{name} is {texts[name]!r:.80}; give the claim {name[:3]} of the workload's token"
                + (", or a pattern such as repo:example/churn:*" if name == "subject" else "")
            )
    if not rules.names_an_owner(texts["subject"]):
        raise InvalidInput(
            f"the subject {texts['subject']!r:.80} covers workloads of every owner at {texts['issuer']:.80}; begin it "
            "with the owner, as in repo:example/*"
        )
    keys = Issuer(texts["issuer"], check_text(workload.keys, "keys", 100_000).strip()).keys
    return Workload(**texts, keys=keys)


def of_identity_token(context: Context, text: str) -> Token | None:
    """The token of the workload that an identity token proves, named with its subject; None where it proves none.

    Raises:
        IssuerUnavailable: the issuer's keys are not available.
        InvalidConfiguration: the libraries for identity tokens are not installed.
    """
    claimed = unverified(text)
    now = context.now()
    for token in sorted(stored.tokens(context.database), key=_width):
        # Nobody is asked anything for a token that no accepted workload could have.
        if token.workload is None or token.revoked_at is not None or token.expires_at <= utc_text(now):
            continue
        if not rules.covers(token.workload, claimed) or not _is_accepted(context, token):
            continue
        try:
            issuer = context.part(Issuers).of(token.workload)
            claims = issuer.claims(text, token.workload.audience, int(now.timestamp()))
        except TokenNotValid as error:
            _log.warning("An identity token for %s was refused: %s", token.name, error)
            continue
        return replace(token, name=f"{token.name} ({claims['sub']})"[:200])
    return None


def _width(token: Token) -> tuple[bool, int]:
    """Where several workloads cover a subject, the one with the longest pattern is meant, an exact one first."""
    subject = token.workload.subject if token.workload else ""
    return any(each in subject for each in "*?["), -len(subject)


def _is_accepted(context: Context, token: Token) -> bool:
    grantee = Grantee("token", TOKENS, token.token_id)
    return any(each.accepted for each in access.grants(context, context.database, [grantee]))
