"""Methods of a server of the HTTP API: calls that may be sent again."""

from __future__ import annotations

from collections.abc import Collection

from ..actions import requests
from ..catalog.requests import Request
from .verbs import Verbs


class RequestVerbs(Verbs):
    """Calls over HTTP, by the keys that their callers gave them. Only a server calls these."""

    def begin_request(self, caller: str, key: str, sha256: str) -> Request | None:
        """Note that a call begins, so that it is carried out once however often it is sent.

        Args:
            caller: who calls; a key is theirs alone.
            key: what the caller gave the call; kept for 24 hours.
            sha256: the SHA-256 of what is asked.

        Returns:
            None where the call is new, or its server ended before it changed anything: it is now to be carried out.
            Otherwise the call as it was begun before, with its answer once it has one.
        """
        return requests.begin(self._context, caller, key, sha256)

    def renew_requests(self, calls: Collection[tuple[str, str]]) -> None:
        """Note that calls, by caller and key, are under way. One of which this was not said for 10 s is interrupted."""
        requests.renew(self._context, calls)

    def end_request(self, caller: str, key: str, answer: str | None) -> None:
        """Keep the answer of a call; None: forget the call, since it changed nothing."""
        requests.end(self._context, caller, key, answer)

    def find_request(self, caller: str, key: str) -> Request | None:
        """A call that was begun within the last 24 hours; None where there is none."""
        return requests.find(self._context, caller, key)
