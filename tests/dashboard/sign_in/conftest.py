"""The gate over a registry in the time of a clock, with an application behind it that says what reached it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from dashboard import served
from dashboard.middleware import LOOPBACK_NAMES, SameOrigin
from dashboard.sign_in import sessions
from dashboard.sign_in.configuration import Configuration
from dashboard.sign_in.required import SignInRequired
from registry_core import Person, Registry

HERE = "http://localhost:8501"
TLS = "https://models.example.org"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the gate: it answers with the path and the headers that reached it."""
    seen = {"path": scope["path"], "headers": HTTPConnection(scope).headers.items()}
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.send_text(json.dumps(seen))
        await socket.close()
    else:
        await JSONResponse(seen)(scope, receive, send)


class Browser(TestClient):
    """A browser at a dashboard: it keeps cookies, sends an Origin, and follows no redirect by itself."""

    def __init__(self, gate: Any, address: str, peer: str) -> None:
        super().__init__(gate, base_url=address, follow_redirects=False, client=(peer, 50000))
        self.address = address

    def submit(self, path: str, **fields: str) -> Any:
        """Send a form of the dashboard."""
        return self.post(path, data=fields, headers={"origin": self.address})

    def handshake(self, **headers: str) -> Any:
        """Open the WebSocket of a page and give what the application says."""
        address = f"{self.address.replace('http', 'ws', 1)}/_stcore/stream"
        with self.websocket_connect(address, headers={"origin": self.address, **headers}) as socket:
            return json.loads(socket.receive_text())

    def refused_handshake(self, **headers: str) -> int:
        """The status with which the WebSocket of a page is refused."""
        with pytest.raises(WebSocketDenialResponse) as refused:
            self.handshake(**headers)
        return int(refused.value.status_code)

    @property
    def secret(self) -> str:
        """The secret of the session's cookie."""
        return self.cookies.get(sessions.configuration().cookie) or ""


@pytest.fixture
def timed(sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry in the time of `clock`, which the gate asks."""
    monkeypatch.setattr(served, "registry", lambda: sqlite_registry)
    return sqlite_registry


@pytest.fixture
def anna(timed: Registry) -> Person:
    """The first person, an admin."""
    person = timed.add_person("Anna", actor="owner")
    timed.grant(person.grantee, "admin", actor="owner")
    return person


@pytest.fixture
def arrive(timed: Registry) -> Iterator[Callable[..., Browser]]:
    """``arrive(configuration)`` is a browser at a fresh server; ``gate=`` of another one is at the same server."""

    def at(
        configuration: Configuration | None = None,
        *,
        address: str = HERE,
        peer: str = "127.0.0.1",
        local: bool = True,
        allowed: tuple[str, ...] = (),
        gate: Any = None,
    ) -> Browser:
        configuration = configuration or Configuration()
        if gate is None:
            sessions.configure(configuration)
            hosts = [*LOOPBACK_NAMES, *allowed, *([configuration.host] if configuration.host else [])]
            gate = SameOrigin(SignInRequired(behind, local), hosts)
        return Browser(gate, address, peer)

    yield at
    sessions.configure(Configuration())


@pytest.fixture
def sign_in(timed: Registry) -> Callable[[Browser, Person], Browser]:
    """``sign_in(browser, person)`` uses a link."""

    def use(browser: Browser, person: Person) -> Browser:
        secret = timed.sign_in_link(person.issuer, person.subject, actor="owner")
        assert browser.submit("/sign-in/link", secret=secret).status_code == 303
        return browser

    return use
