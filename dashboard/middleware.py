"""What stands in front of Streamlit: security headers, the hosts that are answered, and the pages that may write."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
#: These change nothing, so a page of another origin may send them; it cannot read the answer.
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_log = logging.getLogger(__name__)


class SecurityHeaders:
    """Adds the headers to every response, and hides what Streamlit publishes about its own process."""

    HIDDEN = ("/_stcore/metrics", "/_stcore/agent")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        if scope["path"].startswith(self.HIDDEN):
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def security_headers() -> dict[str, str]:
    """What a browser may do with our pages: talk to this server, run its scripts, and nothing else."""
    # Streamlit's page holds one inline script; its hash is read from the installed version, so an upgrade cannot
    # leave a stale one behind.
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script>(.*?)</script>", index, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    policy = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", "'wasm-unsafe-eval'", *(f"'sha256-{each}'" for each in hashes)]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


class SameOrigin:
    """Answers under known hosts only, and lets only this server's own pages open a WebSocket or write.

    A host that is not known is refused, which stops DNS rebinding. ``Origin`` is compared with ``Host`` here, by
    equality: Streamlit itself accepts any origin on this machine, and asks an address service on the internet about
    the others.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Iterable[str],
        any_address: bool = False,
        programs: Callable[[Scope], bool] = lambda scope: False,
    ) -> None:
        """Guard an application.

        Args:
            app: what is guarded.
            programs: whether a request comes from no browser: then there is no page that could be another one's.
            allowed_hosts: names and addresses without a port.
            any_address: also answer under every IP address: a page of somebody else cannot be loaded from one of ours.
        """
        self.app = app
        self.allowed_hosts = frozenset(host.lower().strip("[]") for host in allowed_hosts)
        self.any_address = any_address
        self.programs = programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        await refuse(scope, receive, send, *refusal)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and sentence with which a request is refused, or None."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._allows(hosts[0]):
            return 400, (
                "The dashboard does not serve this host name. Open the address that `model-registry dashboard` "
                "printed, or start it with --allow-host NAME."
            )
        if scope["type"] == "http" and (scope["method"] in READING_METHODS or self.programs(scope)):
            return None
        if len(origins) == 1 and origins[0] in (f"http://{hosts[0]}", f"https://{hosts[0]}"):
            return None
        return 403, (
            "The Origin of this request is not the address of the dashboard. Use the pages of the dashboard; a proxy "
            "has to pass on the Host header of the browser."
        )

    def _allows(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name in self.allowed_hosts or (self.any_address and is_address(name)))


async def refuse(
    scope: Scope, receive: Receive, send: Send, status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> None:
    """Answer a request with a status and a sentence, and a WebSocket before it is accepted."""
    _log.warning("Refused a request for %r with %d: %s", scope["path"], status, sentence)
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server answers 403
    else:
        await PlainTextResponse(sentence, status_code=status, headers=headers)(scope, receive, send)


def host_name(host: str) -> str | None:
    """The name or address in a Host header, without its port; None where it is malformed."""
    found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", host.lower())
    return found and (found[1] or found[2])


def is_address(name: str) -> bool:
    """Whether a host is an IP address and not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host, in brackets or not, is this machine itself."""
    name = host.strip("[]")
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)
