"""Whose session a request belongs to: the one place that reads the cookie and asks the catalog."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard import served
from dashboard.sign_in.configuration import Configuration
from registry_core import Principal

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


def principal(secret: str) -> Principal | None:
    """Who has the session with a secret, as the catalog says now; None where it is unknown, closed or over."""
    return served.registry().session(secret, idle_hours=_configuration.session.idle_hours) if secret else None


def open_for(person: Principal) -> str:
    """Open a session; gives the secret for its cookie."""
    return served.registry().open_session(person, hours=_configuration.session.hours)
