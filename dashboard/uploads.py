"""How much visitors may upload: a quota for each session and one for all, given back when the session is gone."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from dashboard import formatting

#: The most one file may have, in MiB; Streamlit says so on its upload fields.
FILE_MEBIBYTES = 200
#: The most the uploads of one session may have: a model and a scaler of the largest size, and some more.
SESSION_BYTES = 500_000_000
#: The most the uploads of all sessions may have.
TOTAL_BYTES = 1_500_000_000
#: A session whose browser is gone keeps its uploads for so long: a connection that only broke comes back sooner.
GRACE_SECONDS = 60
#: Streamlit keeps such a session itself for so long, out of our reach afterwards.
STREAMLIT_SECONDS = 2 * GRACE_SECONDS
_SWEEP_SECONDS = 5.0

_PATH = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)")


class Sessions(Protocol):
    """What is asked of Streamlit's runtime."""

    def is_active_session(self, session_id: str) -> bool: ...

    def close_session(self, session_id: str) -> None: ...


class Quota:
    """Who holds how much, and what was refused. Everything here happens on the server's event loop but ``refusal``."""

    def __init__(self, session_bytes: int = SESSION_BYTES, total_bytes: int = TOTAL_BYTES) -> None:
        self.session_bytes = session_bytes
        self.total_bytes = total_bytes
        self._arriving: dict[str, int] = {}
        self._gone_since: dict[str, float] = {}
        self._refusals: dict[str, str] = {}

    def held(self, files: MemoryUploadedFileManager) -> dict[str, int]:
        """Bytes by session: what is stored and what is arriving."""
        sessions = {
            session: sum(len(record.data) for record in list(records.values()))
            for session, records in list(files.file_storage.items())
        }
        for session, size in self._arriving.items():
            sessions[session] = sessions.get(session, 0) + size
        return sessions

    def refuse(self, files: MemoryUploadedFileManager, session: str, size: int) -> str | None:
        """Why so many more bytes of a session are too many, in words; None where they are not."""
        held = self.held(files)
        wanted = held.get(session, 0) + size
        if wanted > self.session_bytes:
            return (
                f"Uploads of one session are limited to {formatting.size(self.session_bytes)}; with this file they "
                f"would have {formatting.size(wanted)}. Nothing was stored. Remove a file you no longer need, then "
                "upload this file again."
            )
        if sum(held.values()) + size > self.total_bytes:
            return (
                f"The uploads of all users have reached {formatting.size(self.total_bytes)}, the limit of this "
                "server. Nothing was stored. Upload this file again when others have finished."
            )
        return None

    @contextmanager
    def arriving(self, session: str, size: int) -> Iterator[None]:
        """Counts bytes that are not stored yet, so that uploads side by side cannot pass the quota together."""
        self._arriving[session] = self._arriving.get(session, 0) + size
        try:
            yield
        finally:
            self._arriving[session] -= size
            if not self._arriving[session]:
                del self._arriving[session]

    def remember(self, file_id: str, sentence: str) -> None:
        """Keep the sentence for the page: it is drawn again once the browser believes the upload done."""
        self._refusals[file_id] = sentence
        while len(self._refusals) > 1000:
            self._refusals.pop(next(iter(self._refusals)))

    def refusal(self, file_id: str) -> str | None:
        """The sentence for a file that was refused."""
        return self._refusals.get(file_id)

    def sweep(self, files: MemoryUploadedFileManager, sessions: Sessions, now: float) -> list[str]:
        """Close the sessions that hold uploads and whose browser is gone for good; gives their ids."""
        gone = {session for session in list(files.file_storage) if not sessions.is_active_session(session)}
        self._gone_since = {session: self._gone_since.get(session, now) for session in gone}
        closed = [session for session, since in self._gone_since.items() if now - since >= GRACE_SECONDS]
        for session in closed:
            sessions.close_session(session)
            # Streamlit may have forgotten the session already, and its files not.
            files.remove_session_files(session)
        return closed


QUOTA = Quota()


class UploadQuota:
    """Refuses uploads beyond the quota before they are stored."""

    def __init__(self, app: ASGIApp, quota: Quota = QUOTA) -> None:
        self.app = app
        self.quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        # Streamlit answers at once for a session that is not there, and for a file beyond its limit.
        if upload is None or not get_instance().is_active_session(upload["session"]):
            await self.app(scope, receive, send)
            return
        # The server lets no more bytes through than this header says, so it may be counted on.
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal():
            sentence = "The upload has no Content-Length. Upload the file on the Upload page of the dashboard."
            await PlainTextResponse(sentence, status_code=411)(scope, receive, send)
            return
        files, session, size = stored_files(), upload["session"], int(length)
        refusal = self.quota.refuse(files, session, size) if size <= FILE_MEBIBYTES * 1024**2 else None
        if refusal is None:
            with self.quota.arriving(session, size):
                await self.app(scope, receive, send)
            return
        # An upload field shows no words of the server when an upload fails, and the page is not drawn again. So the
        # browser is told that all went well, and the page, drawn again, finds an empty file and says why.
        await _drain(receive)
        self.quota.remember(upload["file"], refusal)
        files.add_file(session, UploadedFileRec(upload["file"], "refused", "text/plain", b""))
        await Response(status_code=204)(scope, receive, send)


async def _drain(receive: Receive) -> None:
    """Read what the browser is sending and forget it: it would take an early answer for a broken connection."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
        pass


def stored_files() -> MemoryUploadedFileManager:
    """Where Streamlit keeps uploads."""
    files = get_instance().uploaded_file_mgr
    assert isinstance(files, MemoryUploadedFileManager)
    return files


@asynccontextmanager
async def swept(quota: Quota = QUOTA) -> AsyncIterator[None]:
    """Give back the uploads of sessions that are gone, for as long as the server runs."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            if quota.sweep(stored_files(), get_instance(), time.monotonic()):
                # A session is full of circles, and its pages refer to the bytes.
                await asyncio.to_thread(gc.collect)

    task = asyncio.create_task(sweep(), name="sweep-uploads")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
