"""One attempt to send a message to an address: by HTTP, or through apprise."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import InvalidConfiguration
from . import outgoing

#: An attempt takes no longer, however slowly the address answers.
TIMEOUT_SECONDS = 5.0


class NotSent(Exception):
    """An attempt failed; the text says why, without any address. ``status`` is that of the answer, if there was one."""

    def __init__(self, because: str, status: int | None = None) -> None:
        super().__init__(because)
        self.status = status


@dataclass(frozen=True)
class Message:
    """What is sent: ``body`` with ``headers`` to a web address, ``title`` and ``text`` to anything else."""

    body: bytes
    title: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    level: Literal["info", "warning", "failure"] = "info"


def send(channel: str, message: Message) -> int | None:
    """Send a message to an address, or to the one that the environment variable of ``env:NAME`` holds.

    Returns:
        the HTTP status; None where apprise sent it.

    Raises:
        NotSent: and why.
    """
    address = channel
    if channel.startswith("env:"):
        address = os.environ.get(channel.removeprefix("env:"), "")
        if not address:
            raise NotSent(f"the environment variable {channel.removeprefix('env:')} is not set in this process")
    try:
        problem = outgoing.wrong(address)
        if problem:
            raise NotSent(problem)
        with outgoing.only_allowed() as refused:
            try:
                if address.partition(":")[0].lower() in outgoing.WEB_SCHEMES:
                    return _post(address, message)
                _by_apprise(address, message)
                return None
            except NotSent as error:
                # Libraries tell of a refused connection in words of their own, or not at all.
                raise (NotSent(refused[-1]) if refused else error) from None
    except InvalidConfiguration as error:
        raise NotSent(str(error)) from None


class _Deadline:
    """Cuts a connection whose other end answers byte by byte, which no limit of a single read notices."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(TIMEOUT_SECONDS, self._cut)
        self._timer.daemon = True

    def watch(self, kind: Any) -> Any:
        """A class of connections that are cut."""
        sockets = self._sockets

        class Watched(kind):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        return Watched

    def _cut(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _post(address: str, message: Message) -> int:
    from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
    from urllib.error import HTTPError
    from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

    deadline = _Deadline()

    class Plain(HTTPHandler):
        def http_open(self, request: Request) -> HTTPResponse:
            return self.do_open(deadline.watch(HTTPConnection), request)

    class Encrypted(HTTPSHandler):
        def https_open(self, request: Request) -> HTTPResponse:
            return self.do_open(deadline.watch(HTTPSConnection), request)

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object, **__: object) -> None:
            return None

    # Of urllib's handlers those for http and https only: an address must not name a file.
    opener = OpenerDirector()
    opener.addheaders = [("User-Agent", "model-registry")]
    for handler in (ProxyHandler(), Plain(), Encrypted(), Stay()):
        opener.add_handler(handler)
    try:
        headers = {"Content-Type": "application/json", **message.headers}
        request = Request(address, message.body, headers, method="POST")
        with deadline, opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            status: int = answer.status
    except HTTPError as error:
        error.close()
        status = error.code
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", None)
        raise NotSent(_unreached(why if isinstance(why, Exception) else error)) from None
    if not 200 <= status < 300:
        raise NotSent(f"the address returned HTTP status {status}", status)
    return status


def _unreached(error: Exception) -> str:
    """Why nothing answered, in words of our own: those of the error may quote the address, which may hold a secret."""
    known = {
        socket.gaierror: "its host name is not known",
        TimeoutError: f"no answer within {TIMEOUT_SECONDS:g} s",
        ConnectionRefusedError: "nothing listens there",
        ConnectionError: "the connection was cut",
    }
    why = next((words for kind, words in known.items() if isinstance(error, kind)), type(error).__name__)
    return f"the address cannot be reached: {why}"


def _by_apprise(address: str, message: Message) -> None:
    try:
        import apprise
    except ModuleNotFoundError:
        raise NotSent(
            "addresses other than http and https require: pip install 'model-registry-dashboard[notify]'"
        ) from None
    try:
        # One address is one service: apprise would take a list of them, or a file that holds some, for one as well.
        asset = apprise.AppriseAsset(async_mode=False, http_redirects=False, storage_mode="memory")
        sender = apprise.Apprise.instantiate(address, asset=asset)
        if sender is None:
            raise NotSent("apprise does not support this address; see its list of services")
        sender.redirects = False  # the address may ask for them
        kind = getattr(apprise.NotifyType, message.level.upper())
        sent = sender.notify(body=message.text, title=message.title, notify_type=kind)
    except NotSent:
        raise
    except Exception as error:
        # A plug-in for one of a hundred services may raise anything; whatever it says may quote the address.
        raise NotSent(f"apprise failed with {type(error).__name__}") from None
    if not sent:
        raise NotSent("apprise could not deliver the notification; test the address with the apprise command")
