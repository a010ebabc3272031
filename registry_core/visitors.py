"""Whose turn it is, where one process serves many people."""

from __future__ import annotations

from contextvars import ContextVar

#: Who is asking, in any words that tell visitors apart; a server sets it for each of its visitors. While one file of a
#: visitor is looked into, loaded or asked, the next one of the same visitor waits, and those of others do not. Unset,
#: every thread is a visitor of its own.
visitor: ContextVar[str | None] = ContextVar("visitor", default=None)
