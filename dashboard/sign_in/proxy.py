"""What is believed of the headers in which a proxy names people: only from its addresses, once, in one spelling."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from dashboard.sign_in.configuration import Proxy

_LONGEST = 200
_MOST_GROUPS = 500


class Ambiguous(Exception):
    """A header that names a person came twice, or cannot be read."""


@dataclass(frozen=True)
class Claim:
    """Who the proxy says sends a request."""

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...]


def peer_of(scope: Scope) -> str:
    """The address from which a request arrived at this server."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def without_claims(scope: Scope, proxy: Proxy) -> Scope:
    """A request without headers that name a person, in any spelling that some server reads as the same."""
    names = {name.lower() for name in (proxy.header, proxy.name_header, proxy.groups_header) if name}
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name.decode("latin-1").lower().replace("_", "-").strip() not in names
    ]
    return {**scope, "headers": kept}


def claim_of(scope: Scope, proxy: Proxy) -> Claim | None:
    """Who the proxy says sends a request; None where it does not come from the proxy, or names nobody.

    Raises:
        Ambiguous: a header came twice, is no UTF-8, or is too long.
    """
    if not proxy.sends(peer_of(scope)):
        return None
    subject = _only(scope, proxy.header)
    if not subject:
        return None
    groups = {each.strip() for each in _only(scope, proxy.groups_header, 10_000).split(",")} - {""}
    return Claim(
        proxy.issuer, subject, _only(scope, proxy.name_header) or subject, tuple(sorted(groups)[:_MOST_GROUPS])
    )


def _only(scope: Scope, name: str, longest: int = _LONGEST) -> str:
    """The value of a header that may come once; empty without it."""
    values = [value for key, value in scope["headers"] if name and key.decode("latin-1").lower() == name.lower()]
    if len(values) > 1:
        raise Ambiguous(f"the header {name} came {len(values)} times")
    try:
        text = values[0].decode("utf-8").strip() if values else ""
    except UnicodeDecodeError as error:
        raise Ambiguous(f"the header {name} is not UTF-8") from error
    if len(text) > longest or not text.isprintable():
        raise Ambiguous(f"the header {name} is too long, or has control characters")
    return text
