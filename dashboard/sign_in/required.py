"""In front of all that Streamlit serves: without a session nobody reaches a page, a file or the WebSocket."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import api, served
from dashboard.middleware import host_name, is_loopback, refuse
from dashboard.sign_in import page, sessions
from dashboard.sign_in.proxy import Ambiguous, Claim, claim_of, peer_of, without_claims
from dashboard.sign_in.throttle import Throttle
from dashboard.sign_in.ways import Ways, address_of, clear_session, set_session, sign_in_address, too_many
from registry_core import Principal, RegistryError

#: Whether the server works; everything else asks who comes.
_OPEN = ("/healthz", "/readyz")
_PAGE = re.compile(r"/[A-Za-z_-]*", re.ASCII)
_SIGN_IN_FIRST = "Sign in to the dashboard, then try again."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrival:
    """Who sends a request. ``principal`` is None without a session; ``opened`` is the secret of a new one."""

    principal: Principal | None
    secret: str = ""
    opened: str = ""


class SignInRequired:
    """Lets requests and handshakes through whose session holds, as the catalog says at this moment."""

    def __init__(self, app: ASGIApp, local: bool = True, throttle: Throttle | None = None) -> None:
        """Guard an application, as ``sessions.configuration()`` says.

        Args:
            app: what is guarded.
            local: only this machine reaches the server.
            throttle: counts the wrong secrets.
        """
        self.app = app
        self.local = local
        self.configuration = sessions.configuration()
        self.throttle = throttle or Throttle()
        self.ways = Ways(self.throttle)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or (scope["type"] == "http" and scope["path"] in _OPEN):
            await self.app(scope, receive, send)
            return
        scope = sessions.without_doubtful_cookies(scope)
        try:
            if not await asyncio.to_thread(sessions.is_on):
                await self._open(scope, receive, send)
            elif not self._safe(scope):
                await refuse(scope, receive, send, 403, page.NEEDS_TLS)
            elif scope["type"] == "http" and (scope["path"] == "/sign-out" or _is_below(scope["path"], "/sign-in")):
                await self.ways.router(scope, receive, send)
            elif api.has_token(scope):
                await self.app(scope, receive, send)
            else:
                await self._guard(scope, receive, send)
        except RegistryError as error:
            _log.error("The registry cannot be read: %s", error)
            await refuse(scope, receive, send, 503, "The registry cannot be read. The details are in the server's log.")

    def _safe(self, scope: Scope) -> bool:
        """Whether secrets stay between this server and the browser: with TLS, or on this machine."""
        host = host_name(HTTPConnection(scope).headers.get("host", ""))
        return self.configuration.has_tls or (self.local and is_loopback(host or ""))

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nobody has to sign in."""
        if scope["path"] == "/sign-out" or _is_below(scope["path"], "/sign-in"):
            await RedirectResponse("/", 303, page.NOT_KEPT)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            arrival = await asyncio.to_thread(self._arrival, scope)
        except Ambiguous as error:
            await refuse(scope, receive, send, 400, f"The proxy's request is ambiguous: {error}.")
            return
        if arrival.principal is not None:
            proxy = self.configuration.proxy
            # Who comes is known; what is behind us believes the session, and no header.
            passed = without_claims(scope, proxy) if proxy else scope
            await self.app(passed, receive, _with_session(send, arrival.opened) if arrival.opened else send)
            return
        answer = self._turn_away(scope, arrival.secret)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
        else:
            await refuse(scope, receive, send, answer, _SIGN_IN_FIRST)

    def _arrival(self, scope: Scope) -> Arrival:
        """Who comes. What a proxy says opens a session at a page, and has to agree with the session from then on."""
        secret = sessions.secret_of(HTTPConnection(scope).cookies)
        principal = sessions.principal(secret)
        if (proxy := self.configuration.proxy) is None:
            return Arrival(principal, secret)
        claim = claim_of(scope, proxy)
        if claim is None:
            return Arrival(None, secret)
        if principal is not None and _agree(principal, claim):
            return Arrival(principal, secret)
        if not _asks_for_a_page(scope):
            return Arrival(None, secret)
        registry = served.registry()
        if principal is not None:
            registry.close_session(secret)
        principal = registry.note_person(claim.issuer, claim.subject, claim.name).principal(claim.groups)
        return Arrival(principal, secret, sessions.open_for(principal))

    def _turn_away(self, scope: Scope, secret: str) -> Response | int:
        """The answer to whoever has no session: a page, or a status."""
        if (proxy := self.configuration.proxy) is not None:
            if not _asks_for_a_page(scope):
                return 401
            reason = page.NOT_NAMED if proxy.sends(peer_of(scope)) else page.BEHIND_PROXY
            return page.respond([], status=403, problem=reason.format(url=self.configuration.public_url))
        if secret:
            address = address_of(scope)
            if wait := self.throttle.wait(address):
                return too_many(wait) if scope["type"] == "http" else 429
            self.throttle.failed(address, secret)
        if not _asks_for_a_page(scope):
            return 401 if scope["type"] == "http" else 403
        response = RedirectResponse(sign_in_address(scope), 303, page.NOT_KEPT)
        if secret:
            clear_session(response)
        return response


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _asks_for_a_page(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _PAGE.fullmatch(scope["path"]) is not None


def _agree(principal: Principal, claim: Claim) -> bool:
    """Whether the session is that of the person whom the proxy names, with the same groups."""
    return (principal.issuer, principal.subject, tuple(sorted(principal.groups))) == (
        claim.issuer,
        claim.subject,
        claim.groups,
    )


def _with_session(send: Send, secret: str) -> Send:
    """``send``, with the cookie of a new session."""
    cookies = Response()
    set_session(cookies, secret)

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.append("set-cookie", cookies.headers["set-cookie"])
            headers["cache-control"] = "no-store"
        await send(message)

    return send_with_cookie
