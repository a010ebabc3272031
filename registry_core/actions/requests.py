"""Calls over HTTP that may be sent again: each is carried out once, and its answer kept for a day."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta

from ..catalog import requests as stored
from ..catalog.requests import Request
from ..records import utc_text
from .context import Context

KEPT = timedelta(hours=24)
#: A server says every three seconds which calls it carries out. One of which it did not for so long was interrupted.
LEASE = timedelta(seconds=10)


def begin(context: Context, caller: str, key: str, sha256: str) -> Request | None:
    """See ``Registry.begin_request``."""
    with context.database.transaction() as transaction:
        now = context.now()
        stored.forget_before(transaction, utc_text(now - KEPT))
        known = stored.find(transaction, caller, key)
        if known is None:
            stored.begin(transaction, caller, key, sha256, utc_text(now))
            return None
        known = _as_of_now(context, known)
        if known.answer is None and not known.under_way and known.sha256 == sha256:
            # Its server ended, and it changed nothing.
            stored.renew(transaction, [(caller, key)], utc_text(now))
            return None
    return known


def renew(context: Context, calls: Collection[tuple[str, str]]) -> None:
    """See ``Registry.renew_requests``."""
    with context.database.transaction() as transaction:
        stored.renew(transaction, calls, utc_text(context.now()))


def end(context: Context, caller: str, key: str, answer: str | None) -> None:
    """See ``Registry.end_request``."""
    with context.database.transaction() as transaction:
        if answer is None:
            stored.forget(transaction, caller, key)
        else:
            stored.end(transaction, caller, key, answer)


def find(context: Context, caller: str, key: str) -> Request | None:
    """See ``Registry.find_request``."""
    known = stored.find(context.database, caller, key)
    return None if known is None else _as_of_now(context, known)


def _as_of_now(context: Context, known: Request) -> Request:
    """Whether a call is under way: it has no final answer, and its server said so a moment ago."""
    final = known.answer is not None and not json.loads(known.answer).get("interim")
    return known._replace(under_way=not final and known.begun_at >= utc_text(context.now() - LEASE))
