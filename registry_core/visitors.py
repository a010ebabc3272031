"""Whose turn it is, where one process serves many people."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

#: Who is asking, in any words that tell visitors apart; a server sets it for each of its visitors. While one file of a
#: visitor is looked into, loaded or asked, the next one of the same visitor waits, and those of others do not. Unset,
#: every thread is a visitor of its own.
visitor: ContextVar[str | None] = ContextVar("visitor", default=None)

#: Called several times a second while a file of this visitor waits for its turn, is scanned, or is loaded and asked in
#: the sandbox. What it raises ends that at once, and nothing is stored. A server sets it to what notices that its
#: visitor has left.
on_wait: ContextVar[Callable[[], None] | None] = ContextVar("on_wait", default=None)
#: How long nobody is asked, in seconds.
WAIT_SECONDS = 0.25


def still_waits() -> None:
    """Call ``on_wait``, where it is set."""
    call = on_wait.get()
    if call is not None:
        call()
