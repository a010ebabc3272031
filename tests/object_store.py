"""An object store of our own that speaks as much of S3 as the registry's driver asks for, and does what no other can be
told to: it answers late, refuses with any of S3's errors, ignores conditions, and counts what it is asked.

``python -m tests.object_store --late 0.05`` runs one in a process of its own; ``GET /-/asked`` gives what it was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import urlopen
from xml.sax.saxutils import escape

#: The secret key that the fixture ``endpoint`` gives out.
SECRET = "not-to-be-seen-anywhere"
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content"}


class Request(NamedTuple):
    """What was asked: ``PUT models/a.pkl``."""

    method: str
    key: str

    def __str__(self) -> str:
        return f"{self.method} {self.key}"


class _Object(NamedTuple):
    data: bytes
    at: datetime

    @property
    def tag(self) -> str:
        return f'"{md5(self.data, usedforsecurity=False).hexdigest()}"'


@dataclass
class ObjectStore:
    """Buckets in memory; one that is not there yet begins to be with its first object.

    Attributes:
        late: seconds by which each answer is late.
        refuse: the error of S3 that every request is refused with, by its HTTP status and code.
        conditions: whether a conditional put is one.
        asked: all requests so far, in their order.
        under_way: how many requests wait for their answer right now.
        meanwhile: called for each request, before it is answered.
    """

    late: float = 0.0
    refuse: tuple[int, str] | None = None
    conditions: bool = True
    asked: list[Request] = field(default_factory=list)
    meanwhile: Callable[[Request], None] = lambda request: None
    under_way: int = 0
    address: str = ""
    _objects: dict[str, _Object] = field(default_factory=dict)

    def lose(self, path: str) -> None:
        """Delete an object, by its bucket and key, as somebody else may."""
        self._objects.pop(path, None)

    @contextmanager
    def running(self) -> Iterator[ObjectStore]:
        """Serve from a thread of this process; ``address`` is where."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self.serve(), loop).result()
        try:
            yield self
        finally:

            async def end() -> None:
                server.close()
                others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)

            asyncio.run_coroutine_threadsafe(end(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def serve(self) -> asyncio.Server:
        """Begin to serve on a free port of the loopback."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._answered(reader, writer):
                pass
        writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        if "aws-chunked" in headers.get("content-encoding", ""):
            body = _unwrapped(body)
        split = urlsplit(target)
        path, query = unquote(split.path).lstrip("/"), {name: values[0] for name, values in _query(split.query).items()}
        if path == "-/asked":
            _send(writer, method, 200, json.dumps([str(each) for each in self.asked]).encode(), {})
        else:
            request = Request(method, path.partition("/")[2] or f"?{query.get('prefix', '')}")
            self.asked.append(request)
            self.under_way += 1
            try:
                self.meanwhile(request)
                if self.late:
                    await asyncio.sleep(self.late)
                status, content, more = self._answer(method, path, query, headers, body)
            finally:
                self.under_way -= 1
            _send(writer, method, status, content, more)
        await writer.drain()
        return True

    def _answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        if self.refuse is not None:
            return _error(*self.refuse)
        bucket, _, key = path.partition("/")
        held = self._objects.get(path)
        if not key:
            return 200, self._listing(bucket, query), {"content-type": "application/xml"}
        if method == "PUT":
            if held is not None and self.conditions and headers.get("if-none-match") == "*":
                return _error(412, "PreconditionFailed")
            self._objects[path] = _Object(body, datetime.now(UTC))
            return 200, b"", {"etag": self._objects[path].tag}
        if method == "DELETE":
            self._objects.pop(path, None)
            return 204, b"", {}
        if held is None:
            return _error(404, "NoSuchKey")
        more = {"etag": held.tag, "last-modified": format_datetime(held.at, usegmt=True), "accept-ranges": "bytes"}
        start, _, end = headers.get("range", "").removeprefix("bytes=").partition("-")
        if start:
            part = held.data[int(start) : int(end) + 1 if end else None]
            more["content-range"] = f"bytes {start}-{int(start) + len(part) - 1}/{len(held.data)}"
            return 206, part, more
        return 200, held.data, more

    def _listing(self, bucket: str, query: dict[str, str]) -> bytes:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        contents, common = [], set()
        for path, each in sorted(self._objects.items()):
            key = path.removeprefix(f"{bucket}/")
            if key == path or not key.startswith(prefix):
                continue
            folder, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if cut:
                common.add(prefix + folder + cut)
                continue
            contents.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(each.data)}</Size><ETag>{escape(each.tag)}</ETag>"
                f"<LastModified>{each.at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            )
        folders = (f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(common))
        inner = "".join([*contents, *folders])
        return (
            f'<?xml version="1.0"?><ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{inner}'
            "</ListBucketResult>"
        ).encode()


def _query(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)


def _error(status: int, code: str) -> tuple[int, bytes, dict[str, str]]:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>refused</Message></Error>'
    return status, text.encode(), {"content-type": "application/xml"}


def _send(writer: asyncio.StreamWriter, method: str, status: int, content: bytes, more: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Refused')}"]
    if status != 204:
        lines.append(f"content-length: {len(content)}")
    lines += [f"{name}: {value}" for name, value in more.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else content))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return b"".join(parts)


def _unwrapped(body: bytes) -> bytes:
    """The bytes in chunks that each say their size and signature, as the driver sends what it gives a checksum."""
    parts: list[bytes] = []
    at = 0
    while True:
        line = body.index(b"\r\n", at)
        size = int(body[at:line].partition(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


@contextmanager
def process(late: float) -> Iterator[str]:
    """A store in a process of its own; gives its address."""
    root = Path(__file__).resolve().parents[1]
    words = [sys.executable, "-m", "tests.object_store", "--late", str(late)]
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running.stdout.readline().strip()
        finally:
            running.terminate()


def asked(address: str) -> list[str]:
    """What a store in a process of its own was asked so far."""
    with urlopen(f"{address}/-/asked", timeout=60) as answer:
        found: list[str] = json.loads(answer.read())
    return found


async def _main(late: float) -> None:
    store = ObjectStore(late=late)
    server = await store.serve()
    print(store.address, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--late", type=float, default=0.0, help="seconds by which each answer is late")
    asyncio.run(_main(parser.parse_args().late))
