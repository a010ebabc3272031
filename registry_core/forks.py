"""What has to happen to open registries when their process forks.

A lock that another thread holds while a process forks is never given back in the child. So whatever holds a lock says
so here: in the child each of its locks is a new one, and it may put the rest of itself in order. What a child must not
find half done goes through a gate, and a fork waits until nobody else is inside.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}

#: How long a fork waits for other threads.
WAIT_SECONDS = 5.0

_ALL: dict[int, ref[Any]] = {}
_FORKING: list[Any] = []
#: Two threads may fork at the same time; each needs everything to stand still.
_turn = threading.Lock()


def survive(thing: Any) -> None:
    """Renew the locks of ``thing`` in every child this process forks from now on; it is not kept alive.

    Where it has them, its methods are called around the fork: ``before_fork()`` and ``after_fork(child=...)``.
    """
    key = id(thing)
    _ALL[key] = ref(thing, lambda _: _ALL.pop(key, None))


class _Gate:
    """Threads go in and out; while a process forks, only those go in that are inside already."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.inside: dict[int, int] = {}
        self.closed = False

    def enter(self) -> None:
        own = threading.get_ident()
        with self.changed:
            while self.closed and own not in self.inside:
                self.changed.wait()
            self.inside[own] = self.inside.get(own, 0) + 1

    def leave(self) -> None:
        own = threading.get_ident()
        with self.changed:
            depth = self.inside.pop(own, 1) - 1
            if depth:
                self.inside[own] = depth
            elif self.closed:
                self.changed.notify_all()

    def close(self) -> None:
        own = threading.get_ident()
        with self.changed:
            self.closed = True
            self.changed.wait_for(lambda: not self.inside.keys() - {own}, WAIT_SECONDS)

    def open(self) -> None:
        with self.changed:
            self.closed = False
            self.changed.notify_all()


_gate, _midway = _Gate(), False


@contextmanager
def undivided() -> Iterator[None]:
    """While it lasts, this process is not forked by another thread, unless it lasts for longer than five seconds."""
    gate = _gate
    gate.enter()
    try:
        yield
    finally:
        # A child that was forked in here has another gate.
        gate.leave()


def midway() -> bool:
    """Whether this process was forked in the middle of what should not have been divided."""
    return _midway


def _alive() -> list[Any]:
    return [thing for each in list(_ALL.values()) if (thing := each()) is not None]


def _before() -> None:
    _turn.acquire()
    _gate.close()
    _FORKING.extend(_alive())
    for thing in _FORKING:
        if hasattr(thing, "before_fork"):
            thing.before_fork()


def _after(*, child: bool) -> None:
    global _turn, _gate, _midway
    if child:
        _midway = _midway or bool(_gate.inside)
        _gate = _Gate()
    # A server that forks by itself may tell only the child.
    things = _FORKING or _alive()
    for thing in things:
        if child:
            for name, value in list(vars(thing).items()):
                if type(value) in _LOCKS:
                    setattr(thing, name, _LOCKS[type(value)]())
        if hasattr(thing, "after_fork"):
            thing.after_fork(child=child)
    _FORKING.clear()
    if child:
        _turn = threading.Lock()
    else:
        _gate.open()
        _turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(child=False),
        after_in_child=lambda: _after(child=True),
    )
