"""What tells an operator's system whether a server lives, and whether it can work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..registry import Registry

_log = logging.getLogger(__name__)


def probes(registry: Callable[[], Registry]) -> list[Route]:
    """The routes ``/healthz`` and ``/readyz`` of a registry.

    Neither needs a token, so neither says more than the state: the reason is in the log.
    """

    async def healthz(_: Request) -> JSONResponse:
        """The process answers. A database that is away is no reason to end it: it comes back by itself."""
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        """Whether all engines answer: 200, or 503 with the state of each."""
        found = await asyncio.to_thread(lambda: registry().readiness())
        for engine, wrong in found.engines.items():
            if wrong:
                _log.warning("The %s does not answer: %s", engine, wrong)
        states = {engine: "unavailable" if wrong else "ok" for engine, wrong in found.engines.items()}
        status = "ok" if found.ready else "unavailable"
        return JSONResponse({"status": status, "engines": states}, status_code=200 if found.ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
