"""The ASGI application: Streamlit with a health route, a host check, security headers and its own error page."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import socket
import sys
import tomllib
import webbrowser
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import streamlit
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from dashboard import api, served, uploads
from dashboard.middleware import LOOPBACK_NAMES, SameOrigin, SecurityHeaders, is_loopback
from dashboard.sign_in import configuration, sessions
from dashboard.sign_in.required import SignInRequired
from dashboard.static_files import StaticFiles
from registry_core import InvalidInput, probes_of

HERE = Path(__file__).resolve().parent
#: Addresses that pages had before, and where those pages are now.
MOVED = {
    "overview": "",
    "challenger": "experiments",
    "upkeep": "maintenance",
}

_log = logging.getLogger(__name__)


async def moved(request: Request) -> RedirectResponse:
    """Send an old address to the page it meant, with everything behind the question mark."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/{MOVED[request.url.path.strip('/')]}{query}", status_code=308)


def on_script_error(error: Exception) -> bool:
    """Log an unforeseen error under a reference, and show the reader that reference instead of a stack trace."""
    reference = secrets.token_hex(4)
    _log.error("Error %s on a page", reference, exc_info=error)
    streamlit.error(
        f"This page could not be drawn. The details are in the server's log under `{reference}`. Reload the page; if "
        "it happens again, give this reference to the administrator of the dashboard.",
        icon=":material/error:",
    )
    return True


def settings(host: str, port: int) -> dict[str, Any]:
    """Streamlit's options: ours in code, because a config file of the working folder must not change them."""
    with (HERE / "theme.toml").open("rb") as file:
        theme = tomllib.load(file)["theme"]
    return {
        **dict(_flat("theme", theme)),
        "server.address": host,
        "server.port": port,
        "server.headless": True,  # we open the browser ourselves, and nobody is asked for a mail address
        "server.fileWatcherType": "none",
        "server.maxUploadSize": uploads.FILE_MEBIBYTES,
        "server.disconnectedSessionTTL": uploads.STREAMLIT_SECONDS,
        "server.enableStaticServing": False,
        # The quota knows the address of uploads; the others are a second lock behind our own.
        "server.baseUrlPath": "",
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,  # it would export the page shown, not the filter; ours does
        "runner.magicEnabled": False,
        # A garbage collection after every rerun took 96% of its time; see `lifespan` for what stands in for it.
        "runner.postScriptGC": False,
        "global.disableWidgetStateDuplicationWarning": True,
        "logger.hideWelcomeMessage": True,
    }


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def application(
    allowed_hosts: Sequence[str] = LOOPBACK_NAMES,
    any_address: bool = False,
    announce: str = "",
    browse: str = "",
    local: bool = True,
) -> streamlit.App:
    """Build the ASGI application.

    Args:
        allowed_hosts: names under which it may be addressed; others are refused, which stops DNS rebinding.
        any_address: it may also be addressed by any IP address.
        announce: printed once it listens.
        browse: opened in the browser once it listens.
        local: only this machine reaches it.
    """

    listening: list[asyncio.Server] = []
    http_api = api.make(lambda: any(not each.is_serving() for each in listening))

    @asynccontextmanager
    async def lifespan(app: streamlit.App) -> AsyncIterator[dict[str, Any]]:
        served.registry().keep_sending()  # an unreadable registry is told now, not on the first page
        _send_at_once(asyncio.get_running_loop(), listening)
        # What is loaded by now stays for good: taking it out of the collector's sight makes each collection short.
        gc.collect()
        gc.freeze()
        if announce:
            print(announce, flush=True)
        if browse:
            asyncio.get_running_loop().call_later(0.2, webbrowser.open, browse)
        async with uploads.swept():
            yield {}
        if http_api is not None:
            await http_api.close()
        served.close()

    return streamlit.App(
        HERE / "app.py",
        lifespan=lifespan,
        routes=[*probes_of(served.registry), *(Route(f"/{page}", moved) for page in MOVED)],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(SameOrigin, allowed_hosts=allowed_hosts, any_address=any_address, programs=api.is_of_a_program),
            Middleware(SignInRequired, local=local),
            Middleware(api.ApiBeside, api=http_api),
            Middleware(uploads.UploadQuota),
            Middleware(StaticFiles),
        ],
        on_script_error=on_script_error,
    )


def _send_at_once(loop: asyncio.AbstractEventLoop, listening: list[asyncio.Server]) -> None:
    """Let answers go out without waiting for the one before to be acknowledged: 40 ms for each small file and rerun.

    What listens is added to ``listening``: it stops when the server begins to end.

    asyncio sees to it on sockets that name their protocol, and Streamlit's does not. Connections inherit it from the
    socket that listens, which the server hands to the loop once the lifespan has begun.
    """
    listen = loop.create_server

    async def listen_without_delay(*arguments: Any, **options: Any) -> asyncio.Server:
        bound = options.get("sock")
        if bound is not None and bound.family in (socket.AF_INET, socket.AF_INET6):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server: asyncio.Server = await listen(*arguments, **options)
        listening.append(server)
        return server

    loop.create_server = listen_without_delay  # pyrefly: ignore[method-assign]


def serve(
    location: str,
    host: str = "127.0.0.1",
    port: int = 8501,
    open_browser: bool = True,
    artifacts: str | None = None,
    *,
    allow_remote: bool = False,
    allowed_hosts: Sequence[str] = (),
    sign_in: Path | None = None,
) -> None:
    """Serve the dashboard of a registry until interrupted.

    Args:
        location: the registry's folder or database address.
        host: the address to listen on.
        port: the port to listen on.
        open_browser: open the page in a browser as soon as it is there.
        artifacts: with a database address, where its artifacts are.
        allow_remote: listen on an address that other machines reach, without sign-in: whoever reaches it may promote
            and upload.
        allowed_hosts: further names under which it may be addressed, for instance behind a proxy.
        sign_in: a sign-in file, see ``dashboard.sign_in.configuration``. People also sign in, by links and on this
            machine only, once the registry has people.

    Raises:
        InvalidInput: the host is not this machine, the sign-in file is not valid, or the port is taken.
        RegistryError: the registry cannot be opened.
    """
    people = configuration.read(sign_in) if sign_in else configuration.Configuration()
    local = is_loopback(host)
    if not local and not allow_remote and not people.has_tls:
        raise InvalidInput(
            f"other machines can reach {host!r}, and without sign-in their users can promote and upload. Omit --host "
            "to listen on 127.0.0.1, give --sign-in FILE with an https public_url, or give --allow-remote."
        )
    _check_free(host, port)
    sessions.configure(people)
    served.serve_from(location, artifacts)
    if not local and not people.has_tls and sessions.is_on():
        raise InvalidInput(
            f"other machines can reach {host!r}, and without TLS people sign in on this machine only. Omit --host to "
            "listen on 127.0.0.1, or give --sign-in FILE with an https public_url."
        )
    # The server would take a header's word for the address a request comes from. A listed proxy is told from others by
    # that address, so it stays the one of the connection.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    names = [*LOOPBACK_NAMES, *([people.host] if people.host else []), *allowed_hosts]
    unguarded = not local and not people.has_tls
    app = application(
        (*names, host, socket.gethostname()) if unguarded else names,
        any_address=unguarded,
        announce=f"Dashboard of {served.registry().location} on {url} (Ctrl+C stops it)",
        browse=(people.public_url or url) if open_browser else "",
        local=local,
    )
    with _launched_as_script():
        app.run(config=settings(host, port))


def _check_free(host: str, port: int) -> None:
    """Streamlit would end the process with a log line; a port that is taken deserves a sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            f"the dashboard cannot listen on {host}:{port} ({error}); stop the program that uses the port, or choose "
            "another port"
        ) from error


@contextmanager
def _launched_as_script() -> Iterator[None]:
    """Keep Streamlit from taking the console command's own folder for that of the app, and putting it on sys.path."""
    arguments, sys.argv = sys.argv, ["-c"]
    try:
        yield
    finally:
        sys.argv = arguments
