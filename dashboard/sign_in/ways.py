"""The ways in and out: links, OpenID Connect, and the end of a session. What a signed-out visitor may reach."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Scope

from dashboard import served
from dashboard.middleware import is_address
from dashboard.sign_in import page, sessions
from dashboard.sign_in.proxy import peer_of
from dashboard.sign_in.throttle import Throttle
from registry_core import IssuerUnavailable, Principal, TokenNotValid

if TYPE_CHECKING:
    from dashboard.sign_in.openid import Flows, Provider

T = TypeVar("T")

#: An address below this server: a page and what stands behind its question mark. Never ``//host`` or ``/\\host``.
_LOCAL = re.compile(r"/[A-Za-z_-]*(?:\?[!-\[\]-~]{0,2000})?", re.ASCII)
_MOST_BYTES = 4096
#: So many sign-ins wait for the provider at a time, in threads of their own: nothing else waits with them.
_WAITING = 4

_log = logging.getLogger(__name__)


def local(address: str) -> str:
    """An address that somebody gave us to go on to, if it is one of our pages; else the first page."""
    return address if _LOCAL.fullmatch(address) else "/"


def sign_in_address(scope: Scope) -> str:
    """Where to sign in so as to come back to the page that was asked for."""
    query = scope.get("query_string", b"").decode("latin-1")
    return f"/sign-in?next={quote(scope['path'] + (f'?{query}' if query else ''), safe='')}"


def address_of(scope: Scope) -> str:
    """Whose tries are counted together: the address of the client, behind a proxy as the nearest one gives it."""
    configuration, peer = sessions.configuration(), peer_of(scope)
    if not configuration.has_tls and not (configuration.proxy and configuration.proxy.sends(peer)):
        return peer
    forwarded = HTTPConnection(scope).headers.getlist("x-forwarded-for")
    nearest = forwarded[-1].rpartition(",")[2].strip() if forwarded else ""
    return nearest if is_address(nearest) else peer


def set_session(response: Response, secret: str) -> None:
    """Give a browser the secret of its session. A cross-site link may bring it along (Lax), a form may not."""
    configuration = sessions.configuration()
    response.set_cookie(
        configuration.cookie,
        secret,
        max_age=int(configuration.session.hours * 3600),
        path="/",
        secure=configuration.has_tls,
        httponly=True,
        samesite="lax",
    )


def clear_session(response: Response) -> None:
    """Take the session's cookie from a browser."""
    configuration = sessions.configuration()
    response.delete_cookie(configuration.cookie, path="/", secure=configuration.has_tls, httponly=True, samesite="lax")


def too_many(seconds: int) -> Response:
    """The answer to whoever guessed too often."""
    minutes = -(-seconds // 60)
    return page.respond(
        [], status=429, headers={"Retry-After": str(seconds)}, problem=page.TOO_MANY.format(minutes=minutes)
    )


class Ways:
    """The addresses below ``/sign-in``, and ``/sign-out``."""

    def __init__(self, throttle: Throttle) -> None:
        self.configuration = sessions.configuration()
        self.throttle = throttle
        self.flow_cookie = sessions.flow_cookie()
        self._threads = ThreadPoolExecutor(_WAITING, thread_name_prefix="sign-in")
        self._openid: tuple[Provider, Flows] | None = None
        if (settings := self.configuration.openid) is not None:
            from dashboard.sign_in.openid import Flows, Provider

            self._openid = Provider(settings, f"{self.configuration.public_url}/sign-in/callback"), Flows()
        self.router = Router(
            [
                Route("/sign-in", self.sign_in),
                Route("/sign-in/link", self.link),
                Route("/sign-in/link", self.redeem, methods=["POST"]),
                Route("/sign-in/openid", self.begin),
                Route("/sign-in/callback", self.come_back),
                Route("/sign-in/{name}", self.asset),
                Route("/sign-out", self.sign_out, methods=["POST"]),
            ],
            redirect_slashes=False,
        )

    async def sign_in(self, request: Request) -> Response:
        """What somebody can do who is not signed in; whoever is goes on."""
        here = local(request.query_params.get("next", ""))
        if self.configuration.proxy is not None:
            # The page itself signs them in, or says why not.
            return RedirectResponse(here, 303, page.NOT_KEPT)
        secret = sessions.secret_of(request.cookies)
        if secret and await asyncio.to_thread(sessions.principal, secret) is not None:
            return RedirectResponse(here, 303, page.NOT_KEPT)
        if self.configuration.openid is None:
            return page.respond([page.BY_LINK, page.ADMIN])
        return page.respond([], self._openid_button(here))

    async def link(self, request: Request) -> Response:
        """The page on which a link ends: its button uses the link."""
        if self.configuration.proxy is not None:
            return RedirectResponse("/", 303, page.NOT_KEPT)
        return page.respond([page.ONE_CLICK], page.Button("Sign in"))

    async def redeem(self, request: Request) -> Response:
        """Use a link."""
        if self.configuration.proxy is not None:
            return RedirectResponse("/", 303, page.NOT_KEPT)
        address = address_of(request.scope)
        if wait := self.throttle.wait(address):
            return too_many(wait)
        secret = await _posted_secret(request)
        principal = await asyncio.to_thread(lambda: served.registry().redeem_link(secret))
        if principal is None:
            self.throttle.failed(address, secret)
            return page.respond([], status=403, problem=page.WRONG_LINK)
        return await self._welcome(request, principal, "/")

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        if self._openid is None:
            return RedirectResponse("/sign-in", 303, page.NOT_KEPT)
        address = address_of(request.scope)
        if wait := self.throttle.wait(address):
            return too_many(wait)
        (provider, flows), here = self._openid, local(request.query_params.get("next", ""))
        browser = request.cookies.get(self.flow_cookie) or secrets.token_urlsafe(32)
        state, flow = flows.begin(browser, here, address)
        answer = await self._ask(lambda: provider.address(state, flow), here)
        if isinstance(answer, Response):
            return answer
        response = RedirectResponse(answer, 303, page.NOT_KEPT)
        response.set_cookie(
            self.flow_cookie,
            browser,
            max_age=600,
            path="/",
            secure=self.configuration.has_tls,
            httponly=True,
            samesite="lax",
        )
        return response

    async def come_back(self, request: Request) -> Response:
        """The browser comes back from the provider."""
        if self._openid is None:
            return RedirectResponse("/sign-in", 303, page.NOT_KEPT)
        provider, flows = self._openid
        given, address = request.query_params, address_of(request.scope)
        flow = flows.end(given.get("state", ""), request.cookies.get(self.flow_cookie, ""))
        if flow is None:
            if wait := self.throttle.wait(address):
                return too_many(wait)
            self.throttle.failed(address, given.get("state", ""))
            return self._failed(page.STALE, "/")
        if given.get("iss", provider.settings.issuer) != provider.settings.issuer or not given.get("code"):
            _log.warning(
                "The provider came back with the error %r for the issuer %r", given.get("error"), given.get("iss")
            )
            return self._failed(page.DENIED, flow.goal)
        identity = await self._ask(lambda: provider.identity(given["code"], flow), flow.goal)
        if isinstance(identity, Response):
            self.throttle.failed(address, given["state"])
            return identity
        issuer = provider.settings.issuer
        principal = await asyncio.to_thread(
            lambda: (
                served.registry()
                .note_person(issuer, identity.subject, identity.name, identity.email)
                .principal(identity.groups)
            )
        )
        response = await self._welcome(request, principal, flow.goal)
        response.delete_cookie(self.flow_cookie, path="/", secure=self.configuration.has_tls, httponly=True)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        secret = sessions.secret_of(request.cookies)
        if secret:
            await asyncio.to_thread(lambda: served.registry().close_session(secret))
        proxied = self.configuration.proxy is not None
        response = page.respond([page.AT_THE_PROXY]) if proxied else RedirectResponse("/sign-in", 303, page.NOT_KEPT)
        clear_session(response)
        return response

    async def asset(self, request: Request) -> Response:
        """A file of the page."""
        return page.asset(request.path_params["name"]) or PlainTextResponse("Not found", status_code=404)

    async def _welcome(self, request: Request, principal: Principal, address: str) -> Response:
        """Open a session that nobody had before, end the browser's former one, and go on."""
        before = sessions.secret_of(request.cookies)

        def change() -> str:
            if before:
                served.registry().close_session(before)
            return sessions.open_for(principal)

        response = RedirectResponse(local(address), 303, page.NOT_KEPT)
        set_session(response, await asyncio.to_thread(change))
        return response

    async def _ask(self, question: Callable[[], T], here: str) -> T | Response:
        """The provider's answer, or the page that says why there is none."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except IssuerUnavailable as error:
            _log.error("The identity provider is not available: %r", error)
            return self._failed(page.UNAVAILABLE, here, 503)
        except TokenNotValid as error:
            _log.warning("A sign-in was not confirmed: %r", error)
            return self._failed(page.NOT_PROVEN, here)

    def _failed(self, sentence: str, here: str, status: int = 403) -> Response:
        problem = sentence.format(provider=self._label())
        return page.respond([], self._openid_button(here), status, problem=problem)

    def _openid_button(self, here: str) -> page.Button:
        # The flow begins and ends under one host, whichever of this machine's names was typed.
        address = f"{self.configuration.public_url}/sign-in/openid?next={quote(here, safe='')}"
        return page.Button(f"Sign in with {self._label()}", address)

    def _label(self) -> str:
        openid = self.configuration.openid
        return (openid.label or str(urlsplit(openid.issuer).hostname)) if openid else ""


async def _posted_secret(request: Request) -> str:
    """The secret of the form; empty where there is none, or far too much."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("secret", [""])[0]
