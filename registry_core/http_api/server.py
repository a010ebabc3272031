"""The HTTP API alone, without the dashboard: a process that listens until it is stopped."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from ..errors import InvalidInput
from ..registry import Registry
from .application import Server, application
from .probes import probes


def serve(
    registry: Registry,
    host: str = "127.0.0.1",
    port: int = 8502,
    *,
    certificate: str | None = None,
    key: str | None = None,
    allow_remote: bool = False,
    uploads: Path | None = None,
    announce: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the HTTP API of a registry until interrupted.

    Args:
        registry: the registry itself; its owner closes it.
        host: the address to listen on. On one that other machines reach, every call needs a token.
        port: the port to listen on; 0 chooses a free one.
        certificate, key: files of the TLS certificate and its key (PEM).
        allow_remote: listen on an address that other machines reach without TLS, which a proxy in front has.
        uploads: folder for files on their way in. Default: ``uploads`` in the registry's folder.
        announce: called with the address once it listens.

    Raises:
        InvalidInput: other machines reach the host and there is no TLS, or the port is taken.
    """
    local = _is_loopback(host)
    if not local and certificate is None and not allow_remote:
        raise InvalidInput(
            f"other machines can reach {host!r}, and without TLS their tokens can be read on the way. Give "
            "--certificate and --key, or --allow-remote where a proxy in front has TLS"
        )
    running: uvicorn.Server | None = None
    server = Server(
        lambda: registry,
        required=lambda: not local,
        uploads=uploads,
        ending=lambda: running is not None and running.should_exit,
    )
    scheme = "http" if certificate is None else "https"

    class _Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                bound = self.servers[0].sockets[0].getsockname()[1]
                announce(f"{scheme}://{f'[{host}]' if ':' in host else host}:{bound}")

    config = uvicorn.Config(
        whole(server),
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        # A header's word for the address of a client counts for nothing here.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        # Its loggers have no handlers of their own, so that all lines have one form.
        log_config=None,
        timeout_graceful_shutdown=30,
    )
    running = _Announced(config)
    try:
        running.run()
    except SystemExit as error:
        raise InvalidInput(
            f"the server cannot listen on {host}:{port}; stop the program that uses the port, or choose another port"
        ) from error


def whole(server: Server) -> Starlette:
    """The application of the API alone, with the routes that say whether it works."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await server.close()

    routes = [*probes(lambda: server.registry), Mount("/", application(server))]
    return Starlette(routes=routes, lifespan=lifespan)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
