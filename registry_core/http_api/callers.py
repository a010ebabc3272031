"""Who calls: the principal of a token or of a session, or the local user of a registry without people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..access import Principal
from ..registry import Registry
from ..wire.methods import Method

#: Who acts where nobody has to sign in.
LOCAL = "local"
#: The principal of a session, by the cookies of a request.
Session = Callable[[Mapping[str, str]], Principal | None]


class NotSignedIn(Exception):
    """A request has neither a valid token nor a session, where one is required."""


@dataclass(frozen=True)
class Caller:
    """Whoever calls, with the registry as they use it. ``principal`` is None for a local user."""

    registry: Registry
    principal: Principal | None

    @property
    def key(self) -> str:
        """Whose uploads, checks and keys these are."""
        return LOCAL if self.principal is None else self.principal.text

    def call(self, method: Method, arguments: Mapping[str, Any]) -> Any:
        """Call a method of the registry."""
        acting = {"actor": LOCAL} if method.acts and self.principal is None else {}
        return getattr(self.registry, method.name)(**arguments, **acting)


def caller(
    registry: Registry, authorization: str, cookies: Mapping[str, str], session: Session | None, required: bool
) -> Caller:
    """Whoever sends a request.

    Args:
        authorization: the header of that name; empty without one.
        session: who has a session; None where the server has none.
        required: whether there is no local user, even where the registry has no people.

    Raises:
        NotSignedIn: a token is unknown, or nobody signed in.
    """
    if authorization:
        scheme, _, secret = authorization.partition(" ")
        principal = registry.principal_of_token(secret.strip()) if scheme.lower() == "bearer" else None
    else:
        principal = session(cookies) if session is not None else None
        if principal is None and not required and not registry.has_people():
            return Caller(registry, None)
    if principal is None:
        raise NotSignedIn
    return Caller(registry.as_principal(principal), principal)
