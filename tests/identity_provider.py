"""An OpenID Connect provider on the loopback, which checks what a client sends and can be made to misbehave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "model-registry", "the client's secret"


@cache
def rsa_key(kid: str, owner: str = "the provider", use: str = "sig") -> RSAKey:
    """A key, made once for each process: that takes longer than most tests."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": use})


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Provider:
    """A provider and what it does wrong.

    Attributes:
        person: the claims of whoever signs in next.
        claims: changes the claims of the next ID token.
        sign: makes the ID token of claims.
        answer: changes what comes back from an address, by its path; None answers with an error.
        asked: the paths that were asked for, in their order.
        people: the claims of those who may sign in on its page, by their names.
    """

    issuer: str = ""
    secret: str = SECRET
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001", "name": "Anna Adams"})
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    answer: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: rsa_key("first"))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sign: Callable[[dict[str, Any]], str] = self.signed

    def signed(self, claims: dict[str, Any]) -> str:
        """As it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key, ["RS256"])

    def unsigned(self, claims: dict[str, Any]) -> str:
        """``alg=none``."""
        return f"{encoded(json.dumps({'alg': 'none'}).encode())}.{encoded(json.dumps(claims).encode())}."

    def signed_with_the_public_key(self, claims: dict[str, Any]) -> str:
        """HS256, whose secret is what everybody can read."""
        head = encoded(json.dumps({"alg": "HS256", "kid": self.key.kid}).encode())
        body = f"{head}.{encoded(json.dumps(claims).encode())}"
        signature = hmac.digest(self.key.as_pem(private=False), body.encode(), "sha256")
        return f"{body}.{encoded(signature)}"

    def signed_by_another(self, claims: dict[str, Any]) -> str:
        """A key of somebody else, under the name of ours."""
        key = rsa_key(str(self.key.kid), owner="somebody else")
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key, ["RS256"])

    def altered(self, claims: dict[str, Any]) -> str:
        """The claims were changed after they were signed."""
        head, _, signature = self.signed(claims).split(".")
        return f"{head}.{encoded(json.dumps({**claims, 'sub': 'repo:example/another'}).encode())}.{signature}"

    def authorize(self, url: str) -> str:
        """What a person does in the browser; the address to which the provider sends it back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def page(self, query: str) -> str:
        """Where a browser is sent: whoever sits there says who they are."""
        buttons = "".join(f'<button name="person" value="{name}">I am {name}</button>' for name in self.people)
        hidden = "".join(
            f'<input type="hidden" name="{key}" value="{escape(value)}">' for key, value in parse_qsl(query)
        )
        icon = '<link rel="icon" href="data:,">'
        return f"<!doctype html><title>Provider</title>{icon}<form action='/chosen'>{hidden}{buttons}</form>"

    def token(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to a code, which is good once, for the client and the browser that began."""
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = encoded(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        right = given == f"{CLIENT}:{self.secret}" if self.secret else sent.get("client_id") == CLIENT
        if not right:
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != sent["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        token = self.sign(self.claims({**claims, **self.person}))
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}

    def read(self, path: str) -> dict[str, Any] | None:
        """What it publishes."""
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            }
        if path == "/keys":
            encryption = rsa_key("encryption", use="enc").as_dict(private=False)
            return {"keys": [self.key.as_dict(private=False), encryption, {"kty": "later", "kid": "unknown"}]}
        return None


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that listens until the context ends."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            if where.path == "/authorize":
                content = provider.page(where.query).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            elif where.path == "/chosen":
                provider.person = provider.people[parse_qs(where.query)["person"][0]]
                self.send_response(303)
                self.send_header("Location", provider.authorize(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._answer(200, provider.read(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(sent, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: dict[str, Any] | None) -> None:
            provider.asked.append(self.path)
            change = provider.answer.get(self.path)
            if change is not None and document is not None:
                document = change(document)
            content = json.dumps(document).encode()
            self.send_response(status if document is not None else 500)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
