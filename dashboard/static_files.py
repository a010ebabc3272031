"""Streamlit's scripts and styles: compressed, kept by the browser, with our words where it speaks to people."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
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

        async def send_with_link(message: Message) -> None:
            if message["type"] == "http.response.start" and self.ahead:
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("link", self.ahead)
            await send(message)

        await self.app(scope, receive, send_with_link)


@cache
def _response(path: str, zipped: bool) -> Response:
    content = (_FOLDER / path[1:]).read_bytes()
    texts = TEXTS.get(path.rpartition("/")[2].partition(".")[0], {}) if path.endswith(".js") else {}
    if texts:
        script = content.decode()
        for theirs, ours in texts.items():
            script = script.replace(theirs, ours)
        content = script.encode()
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    if zipped:
        content, headers["Content-Encoding"] = gzip.compress(content, 6, mtime=0), "gzip"
    kind = "text/javascript" if path.endswith(".js") else mimetypes.guess_type(path)[0]
    return Response(content, media_type=kind or "application/octet-stream", headers=headers)
