"""Knowing the newest revision without asking each time: a thread waits for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from . import forks
from .errors import Unreachable

#: Waits for a revision after the given one (None: answers at once), for about as long as it likes.
Wait = Callable[[int | None], int]
#: Seconds before a server that is away is asked again.
PAUSE = 1.0


class Following:
    """The newest revision of a registry behind a server, and whether that server answers.

    What others commit is known a moment later; what ``stale`` was called after is known at once. While the server is
    away, the last revision stays.
    """

    def __init__(self, waiting: Callable[[], AbstractContextManager[Wait]], name: str) -> None:
        """Follow from the first question on.

        Args:
            waiting: opens a way to the server of its own; it is opened anew after each error.
            name: of the thread.
        """
        self._waiting, self._name = waiting, name
        #: Why the server does not answer; None while it does.
        self.away: str | None = None
        self._begin()
        forks.survive(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._revision: int | None = None
        #: Rises whenever what is being asked at this moment counts no more.
        self._question = 0
        self._fresh = False
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def revision(self) -> int | None:
        """The newest revision that is known; None until it was asked for."""
        return self._revision

    def known(self, ask: Callable[[], int]) -> int:
        """The newest revision that is known; asked for where none is, or where it is stale.

        Raises:
            Unreachable: none is known, and the server does not answer.
        """
        revision = self._revision
        if revision is None:
            return self.ask(ask)
        if not self._fresh and self.away is None:
            with suppress(Unreachable):
                return self.ask(ask)
        return revision

    def ask(self, ask: Callable[[], int]) -> int:
        """The revision as the server says now; from now on it is followed.

        Raises:
            Unreachable: the server does not answer.
        """
        question = self._question
        try:
            found = ask()
            self._learn(found, question)
        except Unreachable as error:
            self.away = str(error)
            raise
        finally:
            self._start()
        return found

    def stale(self) -> None:
        """Something was committed here: the revision is asked for at the next question."""
        with self._lock:
            self._question += 1
            self._fresh = False

    def _learn(self, revision: int, question: int) -> None:
        with self._lock:
            self.away = None
            if question == self._question:
                self._revision, self._fresh = revision, True

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(
                    target=self._follow, args=(self._stopped,), name=self._name, daemon=True
                )
                self._thread.start()

    def _follow(self, stopped: threading.Event) -> None:
        answered = False
        while not stopped.is_set():
            try:
                with self._waiting() as wait:
                    while not stopped.is_set():
                        question = self._question
                        self._learn(wait(self._revision if self._fresh else None), question)
                        answered = True
            # A server that is away, a way that was closed, a proxy that answers instead of it: asked again later.
            except Exception as error:
                if answered:
                    # A way that was cut. Behind it another server may take the next one at once.
                    answered = False
                    continue
                if not stopped.is_set():
                    self.away = str(error) if isinstance(error, Unreachable) else f"{type(error).__name__}: {error}"
                    stopped.wait(PAUSE)

    def after_fork(self, *, child: bool) -> None:
        """In a child there is no thread that follows: it asks anew."""
        if child:
            self._begin()

    def close(self) -> None:
        """Stop following. A thread that waits at this moment ends with its wait."""
        self._stopped.set()
