"""The HTTP API: each method of ``Registry`` under its own name, checked by whoever calls.

The dashboard serves it beside its pages, ``model-registry serve`` alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from ..access import Principal
from ..wire import API_PATH

if TYPE_CHECKING:
    from ..registry import Registry

__all__ = ["API_PATH", "HttpApi", "http_api_of"]


class HttpApi(NamedTuple):
    """An ASGI application, and what ends it: whoever serves the application calls that."""

    application: Callable[..., Awaitable[None]]
    close: Callable[[], Awaitable[None]]


def http_api_of(
    registry: Callable[[], Registry],
    *,
    session: Callable[[Mapping[str, str]], Principal | None] | None = None,
    required: Callable[[], bool] = lambda: False,
) -> HttpApi | None:
    """The HTTP API of a registry, to be served below ``/api/v1``; None where its libraries are not installed.

    Args:
        registry: the registry itself, which its owner opened.
        session: who has a session, by the cookies of a request; None where there are only tokens.
        required: whether a token or session is required even where the registry has no people.
    """
    if find_spec("fastapi") is None:
        return None
    from .application import Server, application

    server = Server(registry, session=session, required=required)
    made: Any = application(server)
    return HttpApi(made, server.close)
