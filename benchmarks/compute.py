"""Evaluating many versions on a cluster: beside joblib's own threads, and with a worker that is killed."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import joblib

from benchmarks.bench import NAME, Bench
from benchmarks.evidence import JOBS, measurable
from benchmarks.table import Check, Row
from registry_core import Evaluation, Registry

_ROUNDS = 3
#: At most so many times as long as by threads, for models that predict in milliseconds.
_MOST = 1.5


def compute(bench: Bench) -> list[Row]:
    """All versions on Dask with two workers."""
    with measurable(bench, bench.size.evaluations) as (registry, _, ids), _dask() as client:
        return [_beside_threads(registry, len(ids)), _killed(registry, client, len(ids))]


@contextmanager
def _dask() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=JOBS, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _beside_threads(registry: Registry, versions: int) -> Row:
    backends: dict[str, dict[str, Any]] = {
        "threads": {"backend": "threading", "n_jobs": JOBS},
        "processes": {"backend": "loky", "n_jobs": JOBS},
        "dask": {"backend": "dask"},
    }
    seconds: dict[str, list[float]] = {name: [] for name in backends}
    results: list[Any] = []
    # The first round starts processes and sandboxes, and is not counted.
    for number in range(_ROUNDS + 1):
        for name, settings in backends.items():
            with joblib.parallel_config(**settings):
                start = time.perf_counter()
                results.append(_said(registry.evaluate_all(NAME, again=True)))
                took = time.perf_counter() - start
            if number:
                seconds[name].append(took)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    ratios = {
        name: statistics.median(one / other for one, other in zip(seconds[name], seconds["threads"], strict=True))
        for name in ("processes", "dask")
    }
    return Row(
        "evaluate-dask",
        f"evaluate {versions} versions on Dask, {JOBS} workers",
        middle["dask"],
        middle["threads"],
        ratios["dask"],
        target=f"the same results, <= {_MOST:g}x",
        checks=[
            Check("the results differ", all(each == results[0] for each in results)),
            Check(f"{len(results[0])} of {versions} evaluated", len(results[0]) == versions),
            Check(f"{ratios['dask']:.2f} times as long", ratios["dask"] <= _MOST),
        ],
        notes=[
            f"the limit is joblib's own {JOBS} threads; {JOBS} processes of joblib take {ratios['processes']:.2f} "
            f"times as long; median of the ratios of {_ROUNDS} rounds"
        ],
    )


def _said(evaluations: list[Evaluation]) -> dict[str, Any]:
    return {each.model_id: (each.status, each.metrics, each.slices, each.in_training) for each in evaluations}


def _killed(registry: Registry, client: Any, versions: int) -> Row:
    killed: list[int] = []
    ids: list[str] = []

    def told(done: int, of: int, last: Evaluation) -> None:
        ids.append(last.model_id)
        if done >= of // 2 and not killed:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    with ExitStack() as stack:
        stack.enter_context(joblib.parallel_config(backend="dask"))
        start = time.perf_counter()
        found = registry.evaluate_all(NAME, again=True, progress=told)
        took = time.perf_counter() - start
    return Row(
        "evaluate-dask-killed",
        f"evaluate {versions} versions on Dask, one of {JOBS} workers killed in the middle: how many are done twice",
        len(ids) - len({*ids}),
        0,
        unit="",
        target="none, and none left out",
        checks=[
            Check("no worker was killed", bool(killed)),
            Check(f"{len(found)} of {versions} evaluated", len({*ids}) == versions),
            Check("the chain of events is broken", registry.verify_events() is None),
        ],
        notes=[f"took {took:.1f} s, the start of another worker included"],
    )
