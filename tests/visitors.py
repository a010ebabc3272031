"""A visitor without a browser: a WebSocket, pages by name, and uploads, as Streamlit's own pages do it."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.servers import PATIENCE

BOUNDARY = uuid.uuid4().hex


class Visitor:
    """One session of a running dashboard."""

    def __init__(self, address: str, socket: ClientConnection) -> None:
        self.address = address
        self.socket = socket
        self.session_id = ""

    def open(self, page: str) -> str:
        """Have a page drawn, and give all that it said, in the order it came."""
        request = BackMsg()
        request.rerun_script.page_name = page
        self.socket.send(request.SerializeToString())
        said = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = ForwardMsg()
            content = self.socket.recv(PATIENCE)
            assert isinstance(content, bytes)
            message.ParseFromString(content)
            said.append(str(message))
            if message.WhichOneof("type") == "new_session":
                self.session_id = message.new_session.initialize.session_id
            if message.WhichOneof("type") == "script_finished" and self.session_id:
                return "\n".join(said)
        raise AssertionError(f"the page {page} was not drawn to its end")

    def upload(self, content: bytes, name: str = "model.pkl", **headers: str) -> tuple[int, str]:
        """Upload a file as an upload field does; the status and the text of the answer."""
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/_stcore/health")
            answer = connection.getresponse()
            answer.read()
            cookie = (answer.headers["Set-Cookie"] or "").split(";")[0]
            token = cookie.partition("=")[2]
            sent = {
                "Origin": self.address,
                "Cookie": cookie,
                "X-Xsrftoken": token,
                "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                **headers,
            }
            path = f"/_stcore/upload_file/{self.session_id}/{uuid.uuid4()}"
            connection.request("PUT", path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@contextmanager
def visiting(address: str, origin: str | None = None, headers: Mapping[str, str] | None = None) -> Iterator[Visitor]:
    """A visitor whose page claims to come from ``origin``; from the dashboard itself unless said otherwise."""
    where = address.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(
        where,
        origin=Origin(address if origin is None else origin),
        subprotocols=[Subprotocol("streamlit")],
        additional_headers=headers,
        max_size=None,
        open_timeout=PATIENCE,
    ) as socket:
        yield Visitor(address, socket)
