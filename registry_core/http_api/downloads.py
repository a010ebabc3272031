"""Files of versions on their way out, piece by piece, from the byte on that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_CHUNK = 1 << 20


def answer(request: Request, file: IO[bytes], digest: str, size: int) -> Response:
    """A file as it is read, from the byte on that is asked for; its SHA-256 is its ETag. It is closed in the end."""
    tag = f'"{digest}"'
    headers = {"etag": tag, "accept-ranges": "bytes", "cache-control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        file.close()
        return Response(status_code=304, headers=headers)
    first, last, status = 0, size - 1, 200
    asked = request.headers.get("range", "")
    if asked and request.headers.get("if-range", tag) == tag:
        found = _range(asked, size)
        if found is None:
            file.close()
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
        first, last, status = *found, 206
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    headers["content-length"] = str(last - first + 1)

    def read() -> Iterator[bytes]:
        with file:
            file.seek(first)
            left = last - first + 1
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk

    return StreamingResponse(read(), status, headers, media_type="application/octet-stream")


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range; None if there is no such byte. Of several ranges none is served."""
    unit, _, bounds = asked.partition("=")
    start, dash, end = bounds.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (start + end).isascii() or not (start + end).isdigit():
        return None
    first = int(start) if start else max(0, size - int(end))
    last = min(int(end), size - 1) if start and end else size - 1
    return (first, last) if first <= last else None
