"""Waiting for changes: many requests wait, and one look at the catalog a few times a second answers them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ..registry import Registry

_SECONDS = 0.2


class Changes:
    """Tells requests that wait when the registry's revision moves on. Everything happens on one event loop."""

    def __init__(self, registry: Registry, ending: Callable[[], bool] = lambda: False) -> None:
        """Wait for the changes of a registry.

        Args:
            ending: whether the server takes no further requests, and only waits for those that are open.
        """
        self._registry, self._ending = registry, ending
        self._waiting: set[asyncio.Event] = set()
        self._looking: asyncio.Task[None] | None = None
        #: Whether the server is ending: nothing is waited for any more.
        self.closed = False

    async def since(self, revision: int, seconds: float) -> int:
        """The revision, as soon as it is another one than the given, or after some seconds."""
        present = await asyncio.to_thread(self._registry.revision)
        if present != revision or seconds <= 0 or self.closed:
            return present
        event = asyncio.Event()
        self._waiting.add(event)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(revision), name="look-for-changes")
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._waiting.discard(event)
        return await asyncio.to_thread(self._registry.revision)

    async def _look(self, revision: int) -> None:
        while self._waiting:
            await asyncio.sleep(_SECONDS)
            if self._ending():
                await self.close()
                return
            present = await asyncio.to_thread(self._registry.revision)
            if present != revision:
                revision = present
                for event in self._waiting:
                    event.set()

    async def close(self) -> None:
        """Answer all that wait, and whoever comes at once."""
        self.closed = True
        for event in self._waiting:
            event.set()
