"""The audit log as it is written: server-sent events, for whoever keeps a connection open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..errors import NotAllowed
from ..records import Event
from ..wire.methods import MOST_ENTRIES
from ..wire.records import to_document
from .callers import Caller
from .changes import Changes

#: After so many seconds without an event a comment is sent: proxies close what is silent.
_SECONDS = 15


async def events(caller: Caller, changes: Changes, last: int | None) -> AsyncIterator[bytes]:
    """Events that the caller sees, the oldest first, from the one after ``last`` on; None: from now on.

    Their ids are those of the audit log, so that a client that was cut goes on where it was. The stream ends with the
    server, and when the caller has no role any more.
    """
    seen = await changes.since(-1, 0) if last is None else last
    while not changes.closed:
        present = await changes.since(seen, _SECONDS)
        if present == seen:
            yield b": no event\n\n"
            continue
        try:
            found = await asyncio.to_thread(_since, caller, seen)
        except NotAllowed:
            return
        for each in found:
            yield b"id: %d\nevent: %b\ndata: %b\n\n" % (each.event_id, each.kind.encode(), to_document(each))
        seen = max([present, *(each.event_id for each in found)])


def _since(caller: Caller, seen: int) -> list[Event]:
    """The events after one, the oldest first."""
    found: list[Event] = []
    while True:
        page = caller.registry.events(limit=MOST_ENTRIES, offset=len(found))
        new = [each for each in page if each.event_id > seen]
        found += new
        if len(new) < MOST_ENTRIES:
            return found[::-1]
