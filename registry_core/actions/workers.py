"""Work that need not be done here: by threads of this process, or where the caller's ``joblib.parallel_config`` says.

A task is small: where the files lie, their keys and their SHA-256. Whoever carries it out reads the files from the
store, through the cache of its own machine and with the credentials of its own environment, and lets models predict in
a sandbox of its own. It needs no catalog: what comes back is scored and written here.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ..artifacts import sandbox
from ..artifacts.store import Store
from ..errors import InvalidInput, StorageError, Unreachable, WorkersLost

if TYPE_CHECKING:
    import pandas as pd

#: As many at once where neither the call nor ``joblib.parallel_config`` says how many.
USUAL_JOBS = 2
_MOST_JOBS = 64
#: So many tasks for each worker are prepared, and their results held, at once.
_WINDOW = 64
#: A sandbox of a worker process ends by itself after so long without a task, and is not used again after half of it.
_IDLE_SECONDS = 60.0

Task = TypeVar("Task")
Result = TypeVar("Result")
Names = tuple[str, ...]


class Bench:
    """What a task works with where it is carried out: the files of a registry, and warm sandboxes.

    Sent to another process, it is the bench that this process has for the same place.
    """

    def __init__(self, root: str, store: Store | None = None, *, idle_seconds: float | None = None) -> None:
        """Open nothing yet.

        Args:
            root: where the files lie, as a store is opened with it.
            store: the store, where it is open.
            idle_seconds: how long a sandbox waits for its next task; None as long as the bench is used.
        """
        self.root = root
        self._store = store
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition(threading.Lock())
        self._opening = threading.Lock()
        self._busy: list[sandbox.Worker] = []
        self._idle: list[tuple[float, Names, sandbox.Worker]] = []
        self._dismissed = False
        self._table: tuple[tuple[str, Names], pd.DataFrame] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _bench_of, (self.root,)

    @property
    def store(self) -> Store:
        """The files.

        Raises:
            Unreachable: this process does not reach them.
        """
        with self._opening:
            if self._store is None:
                try:
                    # A worker may be allowed to read alone, and must not make an empty registry where it has none.
                    store = Store(self.root, prepared=True)
                    store.probe()
                except (StorageError, InvalidInput) as error:
                    raise Unreachable(
                        errno.ENXIO,
                        f"the worker {_here()} does not reach the files of the registry: {error}. Every worker needs "
                        "the same folder under the same path, or the same bucket and its credentials",
                    ) from error
                self._store = store
        return self._store

    def check(self) -> None:
        """Stop a task whose sandbox may have been ended under it: what came of that says nothing of the model."""
        if self._dismissed:
            raise InterruptedError("the computation was stopped")

    @contextmanager
    def lend(self, trusted: Names, *, alone: bool = False) -> Iterator[sandbox.Worker]:
        """A sandbox whose models may load these names beside the usual ones: one that is idle, or a new one.

        Args:
            alone: for a file that nobody trusts: one for itself, with every limit.
        """
        with self._changed:
            self.check()
            worker = None if alone else self._warm(trusted)
            if worker is None:
                worker = sandbox.Worker(extra_trusted=trusted, require_all=alone, idle_seconds=self._idle_seconds)
            self._busy.append(worker)
        try:
            yield worker
        finally:
            if alone:
                worker.close()
            with self._changed:
                self._busy.remove(worker)
                if not alone:
                    self._idle.append((time.monotonic(), trusted, worker))
                self._changed.notify_all()

    def _warm(self, trusted: Names) -> sandbox.Worker | None:
        """One that waits, and will not have ended by itself before it is asked."""
        if self._idle_seconds is not None:
            old = [each for each in self._idle if time.monotonic() - each[0] > self._idle_seconds / 2]
            self._idle = [each for each in self._idle if each not in old]
            for _, _, worker in old:
                worker.close()
        found = next((each for each in self._idle if each[1] == trusted), None)
        if found is None:
            return None
        self._idle.remove(found)
        return found[2]

    def dismiss(self) -> None:
        """End what is under way, wait until every thread has let go of its sandbox, and close them all."""
        with self._changed:
            self._dismissed = True
            while self._busy:
                for worker in self._busy:
                    worker.interrupt()
                self._changed.wait(0.2)
            for _, _, worker in self._idle:
                worker.close()
            self._idle.clear()

    def table(self, key: str, digest: str, columns: Sequence[str]) -> pd.DataFrame:
        """Columns of a table in the store, its bytes checked; the last one is kept.

        Raises:
            ArtifactMissing, ArtifactAltered: it is not there, or not the one that was registered.
        """
        wanted = (digest, tuple(columns))
        held = self._table
        if held is None or held[0] != wanted:
            import pandas

            content = self.store.cached(key, digest)
            held = self._table = (wanted, pandas.read_parquet(io.BytesIO(content), columns=[*columns]))
        return held[1]


#: The benches of a process that works for others: where the files lie -> its bench.
_BENCHES: dict[str, Bench] = {}


def _bench_of(root: str) -> Bench:
    return _BENCHES.setdefault(root, Bench(root, idle_seconds=_IDLE_SECONDS))


def _here() -> str:
    """The machine and the process that this runs in, as messages name them."""
    return f"{socket.gethostname()}, process {os.getpid()}"


def check_jobs(jobs: int | None) -> int | None:
    """How many at once, as a call says it.

    Raises:
        InvalidInput: not a whole number from 1 to 64.
    """
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= _MOST_JOBS):
        raise InvalidInput(f"jobs is {jobs!r:.80}; give a whole number from 1 to {_MOST_JOBS}")
    return jobs


def carried_out(
    bench: Bench,
    act: Callable[[Bench, Task], Result],
    tasks: Iterator[Task],
    *,
    jobs: int | None = None,
    ordered: bool = False,
    stopped: Callable[[], str],
) -> Generator[tuple[Task, Result, str]]:
    """Each task, what comes of it, and the process that carried it out, as soon as it is there.

    Close the generator to end what is under way. Tasks are taken from their iterator in the caller's thread, some for
    each worker at once.

    Args:
        act: a function of a module; another process imports it.
        jobs: how many at once. Default: what ``joblib.parallel_config`` says, else 2.
        ordered: in the order of the tasks.
        stopped: what the caller should know and do when the workers end in the middle, in words.

    Raises:
        WorkersLost: there are no workers, or they ended in the middle.
        Exception: the error of a task.
    """
    from joblib import Parallel, delayed

    try:
        backend, n_jobs = _backend(jobs)
        parallel = Parallel(
            n_jobs=n_jobs,
            backend=backend,
            return_as="generator" if ordered else "generator_unordered",
        )
        with parallel:
            most = _WINDOW * max(1, backend.effective_n_jobs(n_jobs))
            while window := list(islice(tasks, most)):
                results = parallel(delayed(_carried_out)(act, bench, *each) for each in enumerate(window))
                try:
                    # Not "yield from", which would close these before what is under way is ended.
                    for number, result, where in results:
                        yield window[number], result, where
                except BaseException:
                    bench.dismiss()
                    # Those under way end with an interruption; joblib would warn that they were for nothing.
                    with suppress(InterruptedError), warnings.catch_warnings():
                        warnings.simplefilter("ignore", UserWarning)
                        results.close()
                    raise
    except BrokenExecutor as error:
        cause = str(error).partition("\n")[0].rstrip(". ")
        raise WorkersLost(f"the workers of this computation are gone ({cause:.300}); {stopped()}") from error
    finally:
        bench.dismiss()


def _carried_out(
    act: Callable[[Bench, Task], Result], bench: Bench, number: int, task: Task
) -> tuple[int, Result, str]:
    return number, act(bench, task), _here()


def _backend(jobs: int | None) -> tuple[Any, int]:
    """The backend of joblib that the caller chose, else threads; and for how many at once it is asked."""
    from joblib.parallel import get_active_backend

    _, configured = get_active_backend()
    backend, _ = get_active_backend(prefer="threads")
    if type(backend).__module__ == "joblib._dask":
        # Only whoever has a cluster has the package.
        from .dask_workers import telling

        backend = telling(backend)
    usual = USUAL_JOBS if backend.default_n_jobs == 1 else backend.default_n_jobs
    return backend, jobs or configured or usual
