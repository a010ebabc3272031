"""OpenID Connect: the code flow with PKCE, and what is believed of the provider's answer."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from dashboard.middleware import is_loopback
from dashboard.sign_in.configuration import OpenID

#: Signatures by a key that only the provider has. ``none`` and those with a shared secret (HS256) are not among them.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
#: So many seconds the provider's clock may differ from ours.
LEEWAY = 60
#: So long somebody may take at the provider.
FLOW_SECONDS = 600
_MOST_FLOWS = 10_000
_TIMEOUT = 10
#: What the provider says of itself is asked again after so many seconds; its keys when one is new, not more often.
_DISCOVERY_SECONDS = 3600
#: A provider that did not answer is not asked again for so long: nobody else waits for it meanwhile.
_UNAVAILABLE_SECONDS = 10
_KEYS_SECONDS = 30
_MOST_GROUPS, _LONGEST = 500, 200


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as a provider does."""


class NotVerified(Exception):
    """What came back does not prove who somebody is; the text is for the log."""


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


class Flows:
    """The sign-ins that are at the provider now. Each ends once, in the browser in which it began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._flows: dict[str, Flow] = {}
        self._lock = threading.Lock()

    def begin(self, browser: str, goal: str) -> tuple[str, Flow]:
        """A new flow and its state."""
        state = secrets.token_urlsafe(32)
        flow = Flow(browser, secrets.token_urlsafe(48), secrets.token_urlsafe(32), goal, self._clock())
        with self._lock:
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
        self.redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._document: tuple[float, dict[str, Any]] | None = None
        self._failed: tuple[float, ProviderUnavailable] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def address(self, state: str, flow: Flow) -> str:
        """Where the browser is sent.

        Raises:
            ProviderUnavailable: see there.
        """
        endpoint = self._endpoint("authorization_endpoint")
        with self._session() as session:
            url, _ = session.create_authorization_url(
                endpoint, state=state, nonce=flow.nonce, code_verifier=flow.verifier
            )
        return str(url)

    def identity(self, code: str, flow: Flow) -> Identity:
        """Who came back with a code.

        Raises:
            ProviderUnavailable: see there.
            NotVerified: the code or the ID token is not valid.
        """
        token = self._exchange(code, flow).get("id_token")
        if not isinstance(token, str):
            raise NotVerified("the provider's answer has no ID token")
        return self._identity(self._claims(token, flow))

    def _exchange(self, code: str, flow: Flow) -> Mapping[str, Any]:
        endpoint = self._endpoint("token_endpoint")
        with self._session() as session:
            try:
                answer: Mapping[str, Any] = session.fetch_token(
                    endpoint, code=code, code_verifier=flow.verifier, allow_redirects=False
                )
            except AuthlibBaseError as error:
                raise NotVerified(f"the provider refuses the code: {error}") from error
            except (OSError, ValueError) as error:
                raise ProviderUnavailable(f"{endpoint}: {error}") from error
        if not isinstance(answer, Mapping):
            raise ProviderUnavailable(f"{endpoint} answers with something else than an object")
        return answer

    def _claims(self, token: str, flow: Flow) -> dict[str, Any]:
        """The claims of an ID token that this provider made for this dashboard and this flow, and that holds now."""
        settings = self.settings
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.client_id},
            nonce={"essential": True, "value": flow.nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            try:
                claims = jwt.decode(token, self._key_set(), ALGORITHMS).claims
            except InvalidKeyIdError:
                claims = jwt.decode(token, self._key_set(renew=True), ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise NotVerified(f"the ID token is not valid: {error}") from error
        audiences, party = claims["aud"], claims.get("azp")
        several = isinstance(audiences, list) and len(audiences) > 1
        if party != settings.client_id if several or party is not None else False:
            raise NotVerified(f"the ID token was made for {party!r:.100}")
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        email = claims.get("email") if claims.get("email_verified") is True else ""
        names = (claims.get("name"), claims.get("preferred_username"), email, claims["sub"])
        groups = claims.get(self.settings.groups_claim, [])
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        if len(claims["sub"]) > _LONGEST:
            raise NotVerified("the claim sub is longer than the standard allows")
        return Identity(
            subject=claims["sub"],
            name=next(each for each in names if isinstance(each, str) and each.strip()),
            email=email if isinstance(email, str) else "",
            groups=tuple(sorted({each for each in groups if isinstance(each, str) and each})[:_MOST_GROUPS]),
        )

    def _session(self) -> OAuth2Session:
        settings, methods = self.settings, self._discovered().get("token_endpoint_auth_methods_supported")
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

    def _endpoint(self, name: str) -> str:
        return self._checked(self._discovered().get(name), name)

    def _checked(self, url: Any, name: str) -> str:
        parts = urlsplit(url) if isinstance(url, str) else None
        local = parts is not None and parts.scheme == "http" and is_loopback(parts.hostname or "")
        if parts is None or (parts.scheme != "https" and not (local and self.settings.issuer.startswith("http:"))):
            raise ProviderUnavailable(f"the provider's {name} is {url!r:.200}, which is no https address")
        return str(url)

    def _discovered(self) -> dict[str, Any]:
        """What the provider says of itself."""
        with self._lock:
            now = time.monotonic()
            if self._document is not None and now - self._document[0] < _DISCOVERY_SECONDS:
                return self._document[1]
            if self._failed is not None and now - self._failed[0] < _UNAVAILABLE_SECONDS:
                raise ProviderUnavailable(str(self._failed[1]))
            try:
                document = self._discover()
            except ProviderUnavailable as error:
                self._failed = (time.monotonic(), error)
                raise
            self._document, self._failed = (time.monotonic(), document), None
            return document

    def _discover(self) -> dict[str, Any]:
        issuer = self.settings.issuer
        document = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise ProviderUnavailable(
                f"the provider calls itself {document.get('issuer')!r:.200}, and the sign-in file {issuer!r}; give the "
                "issuer exactly as the provider does"
            )
        return document

    def _key_set(self, renew: bool = False) -> KeySet:
        url = self._endpoint("jwks_uri")
        with self._lock:
            age = time.monotonic() - self._keys[0] if self._keys else None
            if self._keys is None or (renew and age is not None and age > _KEYS_SECONDS):
                found = self._get(url).get("keys")
                keys = [each for each in found if _signs(each)] if isinstance(found, list) else []
                try:
                    self._keys = (time.monotonic(), KeySet.import_key_set({"keys": keys}))
                except (JoseError, ValueError, KeyError) as error:
                    raise ProviderUnavailable(f"{url}: {error}") from error
            return self._keys[1]

    def _get(self, url: str) -> dict[str, Any]:
        with OAuth2Session(default_timeout=_TIMEOUT) as session:
            try:
                answer = session.request("GET", url, withhold_token=True, allow_redirects=False)
                answer.raise_for_status()
                document = answer.json()
            except (OSError, ValueError) as error:
                raise ProviderUnavailable(f"{url}: {error}") from error
        if answer.status_code != 200 or not isinstance(document, dict):
            raise ProviderUnavailable(f"{url} answers with {answer.status_code}, not with an object")
        return document


def _signs(key: Any) -> bool:
    """Whether a published key may sign an ID token: public, and for signatures."""
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
