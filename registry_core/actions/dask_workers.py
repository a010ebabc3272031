"""Dask's workers as joblib asks them, except that whoever waits is told when they are lost.

joblib hands back what a task returned or raised. Where a task did not come to its end, because it took several workers
with it, because the scheduler is gone or because no worker is left, joblib would wait forever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from joblib._dask import DaskDistributedBackend
else:
    # That of whoever has a cluster; without one, nobody needs the packages.
    DaskDistributedBackend = object

_LOOK_SECONDS = 1.0


def telling(backend: DaskDistributedBackend) -> DaskDistributedBackend:
    """A backend with the cluster and the settings of one that the caller made."""
    kind: Any = type("TellingBackend", (_Telling, type(backend)), {})
    return cast(
        "DaskDistributedBackend",
        kind(
            client=backend.client,
            wait_for_workers_timeout=backend.wait_for_workers_timeout,
            **backend.submit_kwargs,
        ),
    )


class _Telling(DaskDistributedBackend):
    """One computation on a cluster."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pending: dict[Future[Any], Callable[[Any], object]] = {}
        self._ended = threading.Event()

    def effective_n_jobs(self, n_jobs: int) -> int:
        try:
            return int(super().effective_n_jobs(n_jobs))
        except TimeoutError as error:
            raise BrokenExecutor(f"no worker for {self.wait_for_workers_timeout:g} seconds") from error
        except Exception as error:
            raise _lost(error) from error

    def start_call(self) -> None:
        super().start_call()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, args=(self._ended,), name="dask workers", daemon=True).start()

    def stop_call(self) -> None:
        self._ended.set()
        super().stop_call()

    def submit(self, func: Any, callback: Callable[[Any], object] | None = None) -> Future[Any]:
        assert callback is not None
        future: Future[Any] = super().submit(func, callback)
        self._pending[future] = callback
        future.add_done_callback(self._tell)
        return future

    def _tell(self, future: Future[Any]) -> None:
        """joblib calls back by itself where there is a result."""
        callback = self._pending.pop(future, None)
        error = future.exception()
        if callback is not None and error is not None:
            callback(error if isinstance(error, BrokenExecutor) else _lost(error))

    def retrieve_result_callback(self, out: Any) -> Any:
        if isinstance(out, BaseException):
            # Of a task that was cancelled, because the scheduler is gone, the result is the reason.
            raise out if isinstance(out, BrokenExecutor) else _lost(out)
        return super().retrieve_result_callback(out)

    def _watch(self, ended: threading.Event) -> None:
        """Give up when there has been no worker for as long as the caller would wait for the first."""
        patience = self.wait_for_workers_timeout or 10
        seen = time.monotonic()
        while not ended.wait(_LOOK_SECONDS):
            try:
                there = bool(self.client.ncores())
            except Exception:
                there = False
            if there:
                seen = time.monotonic()
            elif time.monotonic() - seen > patience:
                for future in list(self._pending):
                    with suppress(InvalidStateError):
                        future.set_exception(BrokenExecutor(f"no worker for {patience:g} seconds"))
                return


def _lost(error: BaseException) -> BrokenExecutor:
    return BrokenExecutor(f"{type(error).__name__}: {error}")
