"""The registry this server shows: opened once for all sessions, with the answers it gave at its present revision."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import streamlit as st

from registry_core import InvalidInput, Principal, Registry

T = TypeVar("T")

#: Answers kept per registry. They are small: a count, a page of names, one history.
REMEMBERED = 256
#: For so many people their answers are kept.
PRINCIPALS = 64
#: For so many seconds all sessions share an answer about live traffic, which does not move the revision.
LIVE_SECONDS = 2.5

_address: tuple[str, str | None] | None = None
#: The error of whoever starts a page with Streamlit's own command.
HOW_TO_START = (
    "The dashboard does not run under `streamlit run`, which lacks the checks of hosts and origins, the security "
    "headers and the upload quota. Start it with: model-registry dashboard FOLDER"
)


def serve_from(location: str, artifacts: str | None = None) -> None:
    """Say which registry the pages show, before the first page is drawn."""
    global _address
    _address = (str(location), artifacts)


def is_known() -> bool:
    """Whether somebody said which registry the pages show, as our server does."""
    return _address is not None


def registry() -> Registry:
    """The registry itself, opened once for all sessions. Only the server and sign-in use it: it checks nobody's roles.

    Raises:
        InvalidInput: no server of ours runs this page.
    """
    return shared().registry


def close() -> None:
    """Give back its connections."""
    shared().registry.close()
    _opened.clear()


class Shared:
    """One open registry and the answers it gave, each kept until the registry's revision moves on."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._brief: dict[Hashable, tuple[float, Any]] = {}
        self._asking: dict[Hashable, threading.Lock] = {}
        self._seen: OrderedDict[Principal, Shared] = OrderedDict()
        self._revision = -1
        self._lock = threading.Lock()

    def seen_by(self, principal: Principal) -> Shared:
        """The same registry as somebody sees it, with answers of their own: nobody is shown what another may see."""
        with self._lock:
            found = self._seen.pop(principal, None) or Shared(self.registry.as_principal(principal))
            self._seen[principal] = found
            while len(self._seen) > PRINCIPALS:
                self._seen.popitem(last=False)
        return found

    def recall(self, revision: int, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer to a question, asked again only after something changed."""
        with self._lock:
            if revision != self._revision:
                self._answers.clear()
                self._revision = revision
            elif key in self._answers:
                self._answers.move_to_end(key)
                return cast(T, self._answers[key])
        answer = ask()
        with self._lock:
            if revision == self._revision:
                self._answers[key] = answer
                while len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
        return answer

    def recall_briefly(self, key: Hashable, ask: Callable[[], T], seconds: float = LIVE_SECONDS) -> T:
        """The answer to a question about live traffic, asked again after a moment; who comes meanwhile waits for it."""
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            with self._lock:
                until, known = self._brief.get(key, (0.0, None))
                if time.monotonic() < until:
                    return cast(T, known)
            answer = ask()
            with self._lock:
                now = time.monotonic()
                self._brief = {each: kept for each, kept in self._brief.items() if now < kept[0]}
                self._brief[key] = (now + seconds, answer)
                self._asking = {each: lock for each, lock in self._asking.items() if each in self._brief}
        return answer


def shared(principal: Principal | None = None) -> Shared:
    """The registry the pages show, with the answers it gave: as somebody sees it who signed in, or all of it.

    Raises:
        InvalidInput: no server of ours runs this page.
    """
    if _address is None:
        raise InvalidInput(HOW_TO_START)
    own = _opened(*_address)
    return own if principal is None else own.seen_by(principal)


@st.cache_resource(show_spinner=False)
def _opened(location: str, artifacts: str | None) -> Shared:
    return Shared(Registry(location, artifacts=artifacts))
