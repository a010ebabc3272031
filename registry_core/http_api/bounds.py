"""How large a call may be."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: A call without files has at most so many bytes.
MOST_BODY = 32_000_000


class Bounded:
    """Refuses bodies that are too large for a call; those of uploads are read piece by piece, and have other limits."""

    def __init__(self, app: ASGIApp, streamed: Sequence[str]) -> None:
        """Guard an application.

        Args:
            streamed: the paths below which bodies are read piece by piece.
        """
        self.app, self.streamed = app, tuple(streamed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.streamed):
            await self.app(scope, receive, send)
            return
        arrived = 0

        async def bounded() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > MOST_BODY:
                raise HTTPException(413, f"a call has at most {MOST_BODY:,} bytes; send files with POST /uploads")
            return message

        await self.app(scope, bounded, send)
