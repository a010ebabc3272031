"""The HTTP API: each method of ``Registry`` under its own name, checked by whoever calls.

The dashboard serves it beside its pages, ``model-registry serve`` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from ..access import Principal
from ..wire import API_PATH

if TYPE_CHECKING:
    from ..registry import Registry
    from .application import Server

__all__ = ["API_PATH", "HttpApi", "http_api_of", "log_as", "probes_of"]


class HttpApi:
    """An ASGI application with all paths below ``/api/v1``, made at its first request: it takes two seconds to make."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        session: Callable[[Mapping[str, str]], Principal | None] | None,
        required: Callable[[], bool],
        ending: Callable[[], bool],
    ) -> None:
        self._parts = (registry, session, required, ending)
        self._made: tuple[Server, Any] | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._made is None:
            async with self._making:
                if self._made is None:
                    self._made = await asyncio.to_thread(self._make)
        await self._made[1](scope, receive, send)

    def _make(self) -> tuple[Server, Any]:
        from .application import Server, application

        registry, session, required, ending = self._parts
        server = Server(registry, session=session, required=required, ending=ending)
        return server, application(server)

    async def close(self) -> None:
        """Finish the checks of uploads."""
        if self._made is not None:
            await self._made[0].close()


def http_api_of(
    registry: Callable[[], Registry],
    *,
    session: Callable[[Mapping[str, str]], Principal | None] | None = None,
    required: Callable[[], bool] = lambda: False,
    ending: Callable[[], bool] = lambda: False,
) -> HttpApi | None:
    """The HTTP API of a registry, to be served below ``/api/v1``; None where its libraries are not installed.

    Args:
        registry: the registry itself, which its owner opened.
        session: who has a session, by the cookies of a request; None where there are only tokens.
        required: whether a token or session is required even where the registry has no people.
        ending: whether the server takes no further requests, so that nothing is waited for any more.
    """
    return None if find_spec("fastapi") is None else HttpApi(registry, session, required, ending)


def probes_of(registry: Callable[[], Registry]) -> Sequence[Any]:
    """Routes for Starlette: ``/healthz``, whether the process answers, and ``/readyz``, whether all engines do."""
    from .probes import probes

    return probes(registry)


def log_as(form: Literal["text", "json"]) -> None:
    """Log requests and warnings of this process on standard error, a line each.

    Args:
        form: ``json`` has a document in each line; what a record knows, such as ``request_id``, are its fields.
    """
    from .logs import log

    log(form)
