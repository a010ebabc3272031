"""Uploads that are being checked: registered by processes of their own, whose memory is no part of the server's.

A check is a call of ``upload`` with its key, as the catalog remembers it: it is found after a restart of the server,
and a key that is sent again registers nothing twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import copy_context
from typing import Any

from ..access import Principal
from ..errors import NotFound, RegistryError
from ..events import EventKind
from ..registry import Registry
from ..visitors import Call, visitor
from ..visitors import call as present_call
from ..wire.problems import problem
from .callers import LOCAL, Caller
from .calls import Calls

_PROCESSES = 2
#: So often the catalog is asked for the end of a check that another server makes, in seconds.
_ASKED = 0.5
_log = logging.getLogger(__name__)


class Checks:
    """Runs the checks of a server, and knows which are under way."""

    def __init__(self, registry: Registry, calls: Calls) -> None:
        self._registry, self._calls = registry, calls
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[tuple[str, str], Future[None]] = {}
        self._lock = threading.Lock()

    def begin(self, caller: Caller, key: str, arguments: Mapping[str, Any]) -> Future[None]:
        """Check and register an upload; ``find`` has what becomes of it."""
        with self._lock:
            if self._pool is None:
                # Started, not forked: the server has threads.
                self._pool = ProcessPoolExecutor(
                    _PROCESSES,
                    multiprocessing.get_context("spawn"),
                    initializer=_end_with_parent,
                    initargs=(os.getpid(),),
                )
            future = self._pool.submit(_check, self._registry, caller.principal, caller.key, key, dict(arguments))
            self._running[caller.key, key] = future
            self._calls.add(caller.key, key)
        future.add_done_callback(lambda done: self._ended(caller.key, key, done))
        return future

    def _ended(self, caller: str, key: str, done: Future[None]) -> None:
        error = done.exception() if not done.cancelled() else None
        if error is not None:
            _log.error("A check ended without an answer", exc_info=error)
            with self._lock:
                if isinstance(error, BrokenProcessPool):
                    self._pool = None
        with self._lock:
            self._running.pop((caller, key), None)
            self._calls.discard(caller, key)

    async def wait(self, caller: str, key: str, seconds: float) -> None:
        """Wait until a check that is under way has ended, here or in another server, at most for some seconds."""
        future = self._running.get((caller, key))
        if future is not None:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
            return
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            known = await asyncio.to_thread(self._registry.find_request, caller, key)
            if known is None or not known.under_way:
                return
            await asyncio.sleep(min(_ASKED, seconds))

    def find(self, caller: str, key: str) -> dict[str, Any]:
        """What became of a check: its state is received, registered, refused or interrupted.

        Raises:
            NotFound: the caller has no check of that id.
        """
        # Asked before the catalog is: a check that ends in between has its answer there.
        running = (caller, key) in self._running
        known = self._registry.find_request(caller, key)
        if known is None:
            raise NotFound(f"no check has the id {key!r:.80}; checks are kept for 24 hours")
        if running or known.under_way:
            return {"check": key, "state": "received"}
        if known.answer is not None:
            answer = json.loads(known.answer)
            answer.pop("interim", None)
            return {"check": key, **answer}
        return {"check": key, "state": "interrupted"}

    def close(self) -> None:
        """End the processes; a check that is under way is finished first."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _check(registry: Registry, principal: Principal | None, caller: str, key: str, arguments: dict[str, Any]) -> None:
    """In a process of its own: register an upload, and keep what became of it."""
    # What this call is, is nothing to whatever runs here afterwards.
    copy_context().run(_register, registry, principal, caller, key, arguments)


def _register(
    registry: Registry, principal: Principal | None, caller: str, key: str, arguments: dict[str, Any]
) -> None:
    visitor.set(caller)
    call = Call(caller, key, _interim)
    present_call.set(call)
    acting = registry if principal is None else registry.as_principal(principal)
    try:
        by: dict[str, Any] = {"actor": LOCAL} if principal is None else {}
        answer: dict[str, Any] = {"state": "registered", "model_id": acting.upload(**arguments, **by)}
    except RegistryError as error:
        answer = {"state": "refused", "problem": problem(error)}
    except Exception:
        _log.exception("An upload could not be checked")
        failed = {"type": "RegistryError", "status": 500, "title": "Internal error"}
        sentence = "the upload could not be checked; the details are in the server's log"
        answer = {"state": "refused", "problem": {**failed, "detail": sentence}}
    if not call.taken_over:
        registry.end_request(caller, key, json.dumps(answer))


def _interim(kind: str, model_id: str | None) -> str | None:
    """Once the version is there it is registered, whatever becomes of this process."""
    if kind != EventKind.UPLOADED:
        return None
    return json.dumps({"state": "registered", "model_id": model_id, "interim": True})


def _end_with_parent(parent: int) -> None:
    """A server that was killed leaves no process behind, also where it was killed while this one began."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
