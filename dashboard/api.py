"""The HTTP API beside the pages: programs with a token, and whoever has a session here."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import served
from dashboard.sign_in import sessions
from registry_core import API_PATH, HttpApi, http_api_of


def make(ending: Callable[[], bool]) -> HttpApi | None:
    """The API of the registry that is shown; None where its libraries are not installed.

    Args:
        ending: whether the server takes no further requests: programs that wait for changes are answered then.
    """
    return http_api_of(
        served.registry,
        session=lambda cookies: sessions.principal(sessions.secret_of(cookies)),
        required=sessions.is_on,
        ending=ending,
    )


def is_below(scope: Scope) -> bool:
    """Whether a request is one for the API."""
    return scope["type"] == "http" and bool(scope["path"].startswith(f"{API_PATH}/"))


def is_of_a_program(scope: Scope) -> bool:
    """Whether a program sends a request for the API: a browser names the page it acts for, or sends its cookies."""
    headers = Headers(scope=scope)
    return is_below(scope) and "origin" not in headers and "cookie" not in headers


def has_token(scope: Scope) -> bool:
    """Whether a request for the API brings a token, which the API checks itself."""
    return is_below(scope) and "authorization" in Headers(scope=scope)


class ApiBeside:
    """Answers requests for the API, and lets all others through to the pages."""

    def __init__(self, app: ASGIApp, api: HttpApi | None) -> None:
        self.app, self.api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.api if self.api is not None and is_below(scope) else self.app
        await app(scope, receive, send)
