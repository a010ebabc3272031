"""Issuers of identity tokens (JWT): what they publish of themselves, and whether a token is one of theirs."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from .errors import InvalidConfiguration, InvalidInput, IssuerUnavailable, TokenNotValid

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

T = TypeVar("T")

#: Signatures by a key that only the issuer has. ``none`` and those with a shared secret (HS256) are not among them.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
#: So many seconds the issuer's clock may differ from ours.
LEEWAY = 60
#: So many seconds an issuer has for an answer, and so many bytes.
_TIMEOUT, _MOST_BYTES = 10, 1_000_000
#: What an issuer publishes is asked for again after so many seconds.
_KEPT_SECONDS = 3600
#: When a token names a key that is not known, the keys are asked for again, and not more often than that.
_RENEWED_SECONDS = 30
#: An issuer that did not answer is not asked again for so long: nobody else waits for it meanwhile.
_UNAVAILABLE_SECONDS = 10
_LONGEST_TOKEN = 100_000


class Issuer:
    """An issuer with its public keys, which are asked for when they are needed, and kept. Its methods may wait for it.

    Args:
        url: what its tokens have as ``iss``, exactly.
        keys: the address of its keys, or the keys themselves (a JWKS as JSON). Default: those that it publishes.

    Raises:
        InvalidInput: an address is neither https nor on this machine, or the keys are no JWKS.
        InvalidConfiguration: the libraries for tokens are not installed.
    """

    def __init__(self, url: str, keys: str = "") -> None:
        self.url = _checked(url, "issuer")
        if find_spec("joserfc") is None or find_spec("requests") is None:
            raise InvalidConfiguration(
                "identity tokens require joserfc and requests: pip install 'model-registry-dashboard[sign-in]'"
            )
        given = keys.lstrip().startswith("{")
        self._given = _key_set(_parsed(keys)) if given else None
        self._keys_url = _checked(keys, "keys") if keys and not given else ""
        #: What to keep of ``keys``: the address, or the public keys as JSON.
        self.keys = json.dumps(self._given.as_dict(private=False)) if self._given is not None else self._keys_url
        self._lock = threading.RLock()
        self._document: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, str] | None = None

    def discovered(self) -> Mapping[str, Any]:
        """What it says of itself.

        Raises:
            IssuerUnavailable: it does not answer, or calls itself otherwise.
        """
        with self._lock:
            if self._document is None or time.monotonic() - self._document[0] > _KEPT_SECONDS:
                self._document = (time.monotonic(), self._ask(self._discover))
            return self._document[1]

    def address(self, name: str) -> str:
        """One of the addresses that it publishes, such as ``token_endpoint``.

        Raises:
            IssuerUnavailable: see ``discovered``; or it is no https address.
        """
        url = self.discovered().get(name)
        if not isinstance(url, str) or not _is_safe(url) or (url.startswith("http:") > self.url.startswith("http:")):
            raise IssuerUnavailable(f"the issuer's {name} is {url!r:.200}, which is no https address")
        return url

    def claims(self, token: str, audience: str, now: int | None = None, **further: str) -> dict[str, Any]:
        """The claims of a token that this issuer made for an audience, and that holds now.

        Args:
            token: the signed token, in its compact form.
            audience: what its claim ``aud`` is or contains.
            now: seconds since 1970. Default: the present.
            further: claims with the values that they must have.

        Raises:
            IssuerUnavailable: its keys are not available.
            TokenNotValid: it is not such a token; the text is for a log.
        """
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        required: Any = {name: {"essential": True, "value": value} for name, value in further.items()}
        registry = jwt.JWTClaimsRegistry(
            now,
            LEEWAY,
            iss={"essential": True, "value": self.url},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            **required,
        )
        if len(token) > _LONGEST_TOKEN:
            raise TokenNotValid("the token is too long")
        try:
            try:
                claims = jwt.decode(token, self._current(), ALGORITHMS).claims
            except InvalidKeyIdError:
                claims = jwt.decode(token, self._current(renew=True), ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise TokenNotValid(f"the token is not valid: {error}") from error
        return claims

    def _current(self, renew: bool = False) -> KeySet:
        """Its keys; new ones where a token names one that is not known."""
        if self._given is not None:
            return self._given
        with self._lock:
            age = time.monotonic() - self._keys[0] if self._keys is not None else None
            if self._keys is None or age is None or age > (_RENEWED_SECONDS if renew else _KEPT_SECONDS):
                url = self._keys_url or self.address("jwks_uri")
                self._keys = (time.monotonic(), self._ask(lambda: _published(url)))
            return self._keys[1]

    def _ask(self, question: Callable[[], T]) -> T:
        """What the issuer answers; after a failure it is left alone for a while."""
        if self._failed is not None and time.monotonic() - self._failed[0] < _UNAVAILABLE_SECONDS:
            raise IssuerUnavailable(self._failed[1])
        try:
            return question()
        except IssuerUnavailable as error:
            self._failed = (time.monotonic(), str(error))
            raise

    def _discover(self) -> dict[str, Any]:
        document = _get(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self.url:
            raise IssuerUnavailable(
                f"the issuer calls itself {document.get('issuer')!r:.200}, and is configured as {self.url!r}; give the "
                "issuer exactly as it writes itself"
            )
        return document


def unverified(token: str) -> dict[str, Any]:
    """What a token says of itself, before anything of it is believed; empty where it is no signed token."""
    from base64 import urlsafe_b64decode

    parts = token.split(".") if len(token) <= _LONGEST_TOKEN else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _checked(url: str, name: str) -> str:
    plain = url.isascii() and url.isprintable() and " " not in url and "#" not in url and len(url) <= 300
    if not plain or not _is_safe(url):
        raise InvalidInput(
            f"{name} is {url!r:.200}; give an https address, such as https://token.actions.githubusercontent.com"
        )
    return url


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can change what comes from an address: TLS, or this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(keys: str) -> dict[str, Any]:
    try:
        document = json.loads(keys)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"keys are no JSON ({error}); give the JWKS document of the issuer, or its address"
        ) from error
    return dict(document)


def _key_set(document: Mapping[str, Any]) -> KeySet:
    """The keys of a JWKS that may sign: public ones for signatures.

    Raises:
        InvalidInput: there is none.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    listed = document.get("keys")
    keys: Any = [each for each in listed if _signs(each)] if isinstance(listed, list) else []
    try:
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"keys hold no public key for signatures ({error}); give the issuer's JWKS") from error


def _signs(key: Any) -> bool:
    # Whoever may read a private key could sign with it.
    public = isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and "d" not in key
    return public and key.get("use", "sig") == "sig"


def _published(url: str) -> KeySet:
    try:
        return _key_set(_get(url))
    except InvalidInput as error:
        raise IssuerUnavailable(f"{url}: {error}") from error


def _get(url: str) -> dict[str, Any]:
    """A JSON object from an address, which redirects nowhere."""
    import requests

    until, content = time.monotonic() + _TIMEOUT, b""
    try:
        with requests.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                raise IssuerUnavailable(f"{url} answers with the status {answer.status_code}")
            for chunk in answer.iter_content(65_536):
                content += chunk
                if len(content) > _MOST_BYTES or time.monotonic() > until:
                    raise IssuerUnavailable(f"{url} answers at too great length, or too slowly")
        document = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:  # those of requests are OSErrors
        raise IssuerUnavailable(f"{url}: {error}") from error
    if not isinstance(document, dict):
        raise IssuerUnavailable(f"{url} answers with something else than an object")
    return document
