"""Who is answered: known hosts, and of what changes something only what the dashboard's own pages send."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from dashboard.middleware import SameOrigin, host_name

HOSTS = ("localhost", "127.0.0.1", "::1")


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "let.through"})


def ask(guard: SameOrigin, method: str, host: list[str], origin: list[str], **scope: Any) -> list[Message]:
    """All that is sent for one request, or for a handshake where the method is WEBSOCKET."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", each.encode()) for each in host] + [(b"origin", each.encode()) for each in origin]
    kind = {"type": "websocket"} if method == "WEBSOCKET" else {"type": "http", "method": method}
    asyncio.run(guard({**kind, "path": "/_stcore/stream", "headers": headers, **scope}, receive, send))
    return sent


def status(messages: list[Message]) -> int:
    return 200 if messages[0]["type"] == "let.through" else int(messages[0]["status"])


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "WEBSOCKET"])
@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        (["127.0.0.1:8501"], ["http://127.0.0.1:8501"], 200),
        (["localhost:8501"], ["https://localhost:8501"], 200),
        (["[::1]:8501"], ["http://[::1]:8501"], 200),
        (["127.0.0.1:8501"], [], 403),
        (["127.0.0.1:8501"], ["null"], 403),
        (["127.0.0.1:8501"], ["http://127.0.0.1:3000"], 403),
        (["127.0.0.1:8501"], ["http://localhost:8501"], 403),
        (["127.0.0.1:8501"], ["http://registry.example"], 403),
        (["127.0.0.1:8501"], ["http://127.0.0.1:8501.registry.example"], 403),
        (["127.0.0.1:8501"], ["http://127.0.0.1:8501/"], 403),
        (["127.0.0.1:8501"], ["http://registry.example", "http://127.0.0.1:8501"], 403),
        (["registry.example"], ["http://registry.example"], 400),
        (["127.0.0.1:8501", "registry.example"], ["http://127.0.0.1:8501"], 400),
        (["127.0.0.1@registry.example"], ["http://127.0.0.1@registry.example"], 400),
        ([], [], 400),
    ],
)
def test_only_own_pages_write(method: str, host: list[str], origin: list[str], expected: int) -> None:
    response: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}
    assert status(ask(SameOrigin(behind, HOSTS), method, host, origin, **response)) == expected


def test_what_only_reads_may_come_from_anywhere() -> None:
    for origin in ([], ["http://registry.example"]):
        assert status(ask(SameOrigin(behind, HOSTS), "GET", ["localhost"], origin)) == 200
    assert status(ask(SameOrigin(behind, HOSTS), "GET", ["registry.example"], [])) == 400


def test_a_server_that_cannot_answer_a_handshake_in_words_closes_it() -> None:
    (closed,) = ask(SameOrigin(behind, HOSTS), "WEBSOCKET", ["localhost"], ["null"])
    assert closed == {"type": "websocket.close", "code": 1008}


def test_other_machines_reach_it_by_address_or_by_a_name_that_was_given() -> None:
    guard = SameOrigin(behind, ("registry.internal",), any_address=True)
    for host, expected in (("10.1.2.3:8501", 200), ("REGISTRY.internal", 200), ("rebound.example", 400), ("10.1", 400)):
        assert status(ask(guard, "GET", [host], [])) == expected, host


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("LOCALHOST:80", "localhost"),
        ("[::1]", "::1"),
        ("[::1]:8501", "::1"),
        ("::1", None),
        ("a b", None),
        ("localhost:", None),
        ("localhost:80:80", None),
        ("localhost/..", None),
        ("", None),
    ],
)
def test_host_headers(host: str, name: str | None) -> None:
    assert host_name(host) == name
