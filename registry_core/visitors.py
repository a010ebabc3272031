"""Whose turn it is, and which call is being carried out, where one process serves many people."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

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


@dataclass
class Call:
    """A call that its caller gave a key, while it is carried out.

    Attributes:
        caller, key: whose it is, and what they named it by.
        interim: what it is answered with should its server end after an event, by the event's kind and version; None:
            the event says nothing of it.
        taken_over: another server carried it out instead.
    """

    caller: str
    key: str
    interim: Callable[[str, str | None], str | None]
    taken_over: bool = False


#: The call that this thread carries out. The transaction of a change also notes that the call has changed something.
call: ContextVar[Call | None] = ContextVar("call", default=None)


def still_waits() -> None:
    """Call ``on_wait``, where it is set."""
    check = on_wait.get()
    if check is not None:
        check()
