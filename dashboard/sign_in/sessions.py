"""Whose session a request belongs to: the one place that reads the cookie and asks the catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.types import Scope

from dashboard import served
from dashboard.sign_in.configuration import Configuration
from registry_core import Principal

_INVISIBLE = re.compile(r"[^!-~]")

_configuration = Configuration()


def configure(configuration: Configuration) -> None:
    """Say how people sign in, before the first request is answered."""
    global _configuration
    _configuration = configuration


def configuration() -> Configuration:
    """How people sign in."""
    return _configuration


def is_on() -> bool:
    """Whether people have to sign in: a sign-in file was given, or the registry has people.

    The registry is asked each time, so that it holds as soon as the first person is added.
    """
    return bool(_configuration.public_url) or served.registry().has_people()


def secret_of(cookies: Mapping[str, str]) -> str:
    """The secret in the session's cookie; empty without one."""
    return cookies.get(_configuration.cookie, "")


def without_doubtful_cookies(scope: Scope) -> Scope:
    """A request with each cookie of ours in its exact spelling and once, so that every parser reads the same.

    A browser takes ``__Host-`` from this host only. Another host of the domain gets around that by a byte in front that
    a parser takes for a space, or by a second cookie of the name, to put its own session under another person.
    """
    ours = (_configuration.cookie, flow_cookie())
    given = b";".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    pairs = [pair.strip(" \t") for pair in given.split(";")]
    names = [pair.partition("=")[0] for pair in pairs]
    kept = [
        pair
        for pair, name in zip(pairs, names, strict=True)
        if (names.count(name) == 1 if name in ours else _INVISIBLE.sub("", name) not in ours)
    ]
    if len(kept) == len(pairs):
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": [*others, (b"cookie", "; ".join(kept).encode("latin-1"))]}


def flow_cookie() -> str:
    """The name of the cookie of a sign-in that is at the provider now."""
    return f"{_configuration.cookie}-flow"


def principal(secret: str) -> Principal | None:
    """Who has the session with a secret, as the catalog says now; None where it is unknown, closed or over."""
    return served.registry().session(secret, idle_hours=_configuration.session.idle_hours) if secret else None


def open_for(person: Principal) -> str:
    """Open a session; gives the secret for its cookie."""
    return served.registry().open_session(person, hours=_configuration.session.hours)
