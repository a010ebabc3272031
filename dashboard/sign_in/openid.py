"""OpenID Connect: the code flow with PKCE, and what is believed of the provider's answer."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from dashboard.sign_in.configuration import OpenID
from registry_core import Issuer, IssuerUnavailable, TokenNotValid

#: So long somebody may take at the provider.
FLOW_SECONDS = 600
#: Of all, and of one address: whoever begins more ends their own, and those of nobody else.
_MOST_FLOWS, _MOST_OF_AN_ADDRESS = 10_000, 200
_TIMEOUT = 10
_MOST_GROUPS, _LONGEST = 500, 200


@dataclass(frozen=True)
class Identity:
    """Who the provider says somebody is. ``email`` is empty unless the provider verified it."""

    subject: str
    name: str
    email: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    """A sign-in that began here: what only this browser and this server know of it."""

    browser: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str
    goal: str
    began: float
    address: str


class Flows:
    """The sign-ins that are at the provider now. Each ends once, in the browser in which it began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._flows: dict[str, Flow] = {}
        self._lock = threading.Lock()

    def begin(self, browser: str, goal: str, address: str) -> tuple[str, Flow]:
        """A new flow and its state; ``address`` is where the browser is."""
        state = secrets.token_urlsafe(32)
        flow = Flow(browser, secrets.token_urlsafe(48), secrets.token_urlsafe(32), goal, self._clock(), address)
        with self._lock:
            own = [each for each, held in self._flows.items() if held.address == address]
            if len(own) >= _MOST_OF_AN_ADDRESS:
                del self._flows[own[0]]
            self._flows[state] = flow
            while len(self._flows) > _MOST_FLOWS:
                self._flows.pop(next(iter(self._flows)))
        return state, flow

    def end(self, state: str, browser: str) -> Flow | None:
        """The flow with a state, which is used up; None if it is unknown, used, too old, or another browser's."""
        with self._lock:
            flow = self._flows.pop(state, None)
        if flow is None or self._clock() - flow.began > FLOW_SECONDS:
            return None
        return flow if browser and compare_digest(flow.browser, browser) else None


class Provider:
    """The provider of the sign-in file. Every method may wait for it."""

    def __init__(self, settings: OpenID, redirect_uri: str) -> None:
        self.settings = settings
        self.issuer = Issuer(settings.issuer)
        self.redirect_uri = redirect_uri

    def address(self, state: str, flow: Flow) -> str:
        """Where the browser is sent.

        Raises:
            IssuerUnavailable: see there.
        """
        endpoint = self.issuer.address("authorization_endpoint")
        with self._session() as session:
            url, _ = session.create_authorization_url(
                endpoint, state=state, nonce=flow.nonce, code_verifier=flow.verifier
            )
        return str(url)

    def identity(self, code: str, flow: Flow) -> Identity:
        """Who came back with a code.

        Raises:
            IssuerUnavailable: see there.
            TokenNotValid: the code or the ID token is not valid.
        """
        token = self._exchange(code, flow).get("id_token")
        if not isinstance(token, str):
            raise TokenNotValid("the provider's answer has no ID token")
        return self._identity(self._claims(token, flow))

    def _exchange(self, code: str, flow: Flow) -> Mapping[str, Any]:
        endpoint = self.issuer.address("token_endpoint")
        with self._session() as session:
            try:
                answer: Mapping[str, Any] = session.fetch_token(
                    endpoint, code=code, code_verifier=flow.verifier, allow_redirects=False
                )
            except AuthlibBaseError as error:
                raise TokenNotValid(f"the provider refuses the code: {error}") from error
            except (OSError, ValueError) as error:
                raise IssuerUnavailable(f"{endpoint}: {error}") from error
        if not isinstance(answer, Mapping):
            raise IssuerUnavailable(f"{endpoint} answers with something else than an object")
        return answer

    def _claims(self, token: str, flow: Flow) -> dict[str, Any]:
        """The claims of an ID token that this provider made for this dashboard and this flow, and that holds now."""
        client = self.settings.client_id
        claims = self.issuer.claims(token, client, nonce=flow.nonce)
        audiences, party = claims["aud"], claims.get("azp")
        several = isinstance(audiences, list) and len(audiences) > 1
        if party != client if several or party is not None else False:
            raise TokenNotValid(f"the ID token was made for {party!r:.100}")
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        email = claims.get("email") if claims.get("email_verified") is True else ""
        names = (claims.get("name"), claims.get("preferred_username"), email, claims["sub"])
        groups = claims.get(self.settings.groups_claim, [])
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        if len(claims["sub"]) > _LONGEST or not claims["sub"].strip():
            raise TokenNotValid("the claim sub is blank, or longer than the standard allows")
        return Identity(
            subject=claims["sub"],
            name=next(each for each in names if isinstance(each, str) and each.strip()),
            email=email if isinstance(email, str) else "",
            groups=tuple(sorted({each for each in groups if isinstance(each, str) and each})[:_MOST_GROUPS]),
        )

    def _session(self) -> OAuth2Session:
        settings, methods = self.settings, self.issuer.discovered().get("token_endpoint_auth_methods_supported")
        method = "client_secret_basic"
        if isinstance(methods, list) and method not in methods and "client_secret_post" in methods:
            method = "client_secret_post"
        return OAuth2Session(
            settings.client_id,
            settings.client_secret or None,
            token_endpoint_auth_method=method if settings.client_secret else "none",
            scope="openid profile email",
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            default_timeout=_TIMEOUT,
        )
