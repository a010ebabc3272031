"""A threaded service that starts processes, run by `tests/test_forks.py` as a program of its own.

python -m tests.forking WAY LOCATION [ARTIFACTS]
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from registry_core import Predictor, Registry
from tests.traffic import register, rows

ROWS, CHILDREN = 7, 3
#: A child that hangs ends by this, and the program with it.
PATIENCE = 100


def work(registry: Registry, predictor: Predictor) -> int:
    """What a child does: read, register, answer, and keep what it answered."""
    signal.alarm(PATIENCE)
    assert registry.get_active_model_id("Churn") is not None
    register(registry, 0.1)
    ids = predictor.predict(rows()[0][:ROWS]).prediction_ids
    registry.record_outcomes(dict.fromkeys(map(int, ids), 1))
    signal.alarm(0)
    return os.getpid()


def by_fork(registry: Registry, predictor: Predictor) -> None:
    for _ in range(CHILDREN):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(registry, predictor)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def by_processes(registry: Registry, predictor: Predictor, method: str) -> None:
    """The registry is an argument: inherited by a fork, pickled otherwise."""
    context: Any = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=(registry, predictor)) for _ in range(CHILDREN)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * CHILDREN


def by_pool(registry: Registry, predictor: Predictor, method: str) -> None:
    """Tasks carry the registry: one process opens it once."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert os.getpid() not in set(pool.map(work, [registry] * CHILDREN, [predictor] * CHILDREN))


def by_loky(registry: Registry, predictor: Predictor) -> None:
    from joblib import Parallel, delayed

    Parallel(n_jobs=2, backend="loky")(delayed(work)(registry, predictor) for _ in range(CHILDREN))


def main(way: str, location: str, artifacts: str | None = None) -> None:
    """Serve by three threads, start children, and say how many rows were answered."""
    registry = Registry(location, artifacts=artifacts, actor="service")
    champion = register(registry)
    predictor, stop = registry.predictor("Churn"), threading.Event()
    answered = [0, 0, 0]

    def serve(number: int) -> None:
        while not stop.is_set():
            predictor.predict(rows()[0][:ROWS])
            answered[number] += ROWS
            if number == 0:
                # Somebody holds the write lock as well, as often as not.
                registry.review(champion, "comment", "still there")
            # The children are to have their turn as well.
            time.sleep(0.01)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    kind, _, method = way.partition("-")
    if kind == "fork":
        by_fork(registry, predictor)
    elif kind == "loky":
        by_loky(registry, predictor)
    else:
        {"process": by_processes, "pool": by_pool}[kind](registry, predictor, method)
    stop.set()
    for thread in threads:
        thread.join()
    print(sum(answered) + CHILDREN * ROWS)


if __name__ == "__main__":
    main(*sys.argv[1:])
