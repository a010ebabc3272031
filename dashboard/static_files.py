"""Streamlit's page, scripts and styles: compressed, kept by the browser, with our words where it speaks to people."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOLDER = Path(streamlit.__file__).parent / "static"
#: A file whose name changes with its content, so that a browser may keep it.
_NAMED_BY_CONTENT = re.compile(r"/static/(?:js|css|media)/[\w.-]+\.[\w-]{8}\.(?:js|css|woff2|png|svg)")
_COMPRESSED = (".js", ".css", ".svg")
_FOR_GOOD = "public, max-age=31536000, immutable"

#: By script, Streamlit's text and the text that is true here: the server that does not answer is this one, and the menu
#: of a column sorts the rows that are shown, while the order of all rows is chosen on the page and kept in the address.
TEXTS = {
    "index": {
        "Streamlit server is not responding. Are you connected to the internet?": "The dashboard's server does not "
        "answer. If it was stopped, start it again: model-registry dashboard",
        "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your terminal:": "The "
        "dashboard's server does not answer. If it was stopped, start it again:",
        "streamlit run yourscript.py": "model-registry dashboard",
    },
    "DataFrame": {
        "Sort ascending": "Sort these rows ascending",
        "Sort descending": "Sort these rows descending",
    },
}
#: The empty page says what it is, and that it is coming: on a slow line its scripts take seconds.
PAGE = {
    "<title>Streamlit</title>": "<title>Model Registry</title>",
    '<div id="root"></div>': '<div id="root"><p style="margin: 3rem; font-family: sans-serif; color: #808080">'
    "Loading Model Registry …</p></div>",
}


class StaticFiles:
    """Answers for Streamlit's static files, and has the script that draws charts fetched before one is needed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        charts = sorted(path.name for path in (_FOLDER / "static" / "js").glob("PlotlyChart.*.js"))
        self.ahead = ", ".join(f"</static/js/{name}>; rel=prefetch; as=script" for name in charts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if _NAMED_BY_CONTENT.fullmatch(path) and (_FOLDER / path[1:]).is_file():
            zipped = path.endswith(_COMPRESSED) and "gzip" in Headers(scope=scope).get("accept-encoding", "")
            # Compressing the largest takes a fifth of a second, once.
            response = await asyncio.to_thread(_response, path, zipped)
            await response(scope, receive, send)
            return

        await self.app(scope, receive, _with_page(send, self.ahead) if scope["method"] == "GET" else send)


def _with_page(send: Send, link: str) -> Send:
    """``send``, with our words in the page and with a ``link`` header; anything else goes through as it is."""
    page: Message | None = None
    content = b""

    async def send_page(message: Message) -> None:
        nonlocal page, content
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                page = message
                return
        elif page is not None and message["type"] == "http.response.body":
            content += message.get("body", b"")
            if message.get("more_body", False):
                return
            headers = MutableHeaders(scope=page)
            zipped = headers.get("content-encoding") == "gzip"
            content = _worded((gzip.decompress(content) if zipped else content).decode(), PAGE)
            content = gzip.compress(content, 6, mtime=0) if zipped else content
            headers["content-length"] = str(len(content))
            if link:
                headers.append("link", link)
            await send(page)
            message = {"type": "http.response.body", "body": content}
        await send(message)

    return send_page


def _worded(text: str, words: Mapping[str, str]) -> bytes:
    for theirs, ours in words.items():
        text = text.replace(theirs, ours)
    return text.encode()


@cache
def _response(path: str, zipped: bool) -> Response:
    content = (_FOLDER / path[1:]).read_bytes()
    texts = TEXTS.get(path.rpartition("/")[2].partition(".")[0]) if path.endswith(".js") else None
    if texts:
        content = _worded(content.decode(), texts)
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    if zipped:
        content, headers["Content-Encoding"] = gzip.compress(content, 6, mtime=0), "gzip"
    kind = "text/javascript" if path.endswith(".js") else mimetypes.guess_type(path)[0]
    return Response(content, media_type=kind or "application/octet-stream", headers=headers)
