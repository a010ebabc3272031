"""Calls over HTTP that may be sent again: each is carried out once, and its answer kept for a day."""

from __future__ import annotations

from datetime import timedelta

from ..catalog import requests as stored
from ..catalog.requests import Request
from ..records import utc_text
from .context import Context

KEPT = timedelta(hours=24)


def begin(context: Context, caller: str, key: str, sha256: str) -> Request | None:
    """See ``Registry.begin_request``."""
    with context.database.transaction() as transaction:
        stored.forget_before(transaction, utc_text(context.now() - KEPT))
        known = stored.find(transaction, caller, key)
        if known is None:
            stored.begin(transaction, caller, key, sha256, utc_text(context.now()))
    return known


def end(context: Context, caller: str, key: str, answer: str | None) -> None:
    """See ``Registry.end_request``."""
    with context.database.transaction() as transaction:
        if answer is None:
            stored.forget(transaction, caller, key)
        else:
            stored.end(transaction, caller, key, answer)


def find(context: Context, caller: str, key: str) -> Request | None:
    """See ``Registry.find_request``."""
    return stored.find(context.database, caller, key)
