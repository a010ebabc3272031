"""Rows: looking into a file, measuring a model in the sandbox, and measuring many."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import estimators
from benchmarks.bench import NAME, Bench, register
from benchmarks.peer import ROOT
from benchmarks.table import Check, Row, number, shown, within
from benchmarks.timing import quantile, repeated
from registry_core import Registry
from registry_core.artifacts.sandbox import Worker

#: Larger files are not asked for within the target.
MOST_BYTES = 10_000_000
JOBS = 2


def evidence(bench: Bench) -> list[Row]:
    """All of them, with one registry for what is only looked at."""
    with Registry(bench.new_folder("registry"), actor="benchmark") as registry:
        rows = [*_inspecting(bench, registry), _measuring(bench)]
    return [*rows, _measuring_all(bench), _killed(bench), _registering(bench)]


def good_files(trees: int) -> Iterator[tuple[str, bytes]]:
    """Files that people really have, as (what, bytes): each model pickled, by joblib, and by joblib compressed."""
    import joblib

    for what, model in estimators.usual(trees):
        yield f"{what}, pickle", pickle.dumps(model, 5)
        for compression in (0, 3):
            buffer = io.BytesIO()
            joblib.dump(model, buffer, compress=compression)
            yield f"{what}, joblib{' compressed' if compression else ''}", buffer.getvalue()


def _inspecting(bench: Bench, registry: Registry) -> Iterator[Row]:
    trees = bench.size.trees
    for key, what, model in (
        ("inspect-lr", "inspect a logistic regression", estimators.regression()[0]),
        ("inspect-rf", f"inspect a forest of {trees} trees", estimators.forest(trees)),
    ):
        data = pickle.dumps(model, 5)
        times = bench.race(
            {
                "ours": repeated(lambda data=data: registry.inspect(io.BytesIO(data))),
                "limit": repeated(lambda data=data: pickle.loads(data)),
            },
            seconds=bench.size.seconds / 2,
        )
        yield Row(
            key,
            what,
            times.median("ours"),
            times.median("limit"),
            times.ratio("ours", "limit"),
            target="counted",
            notes=[f"{shown(len(data), 'bytes')}; the limit is to unpickle it unchecked"],
            spread=times.spread("limit"),
        )
    seconds: dict[str, float] = {}
    for what, data in good_files(trees):
        if len(data) <= MOST_BYTES:
            found = [_seconds(lambda data=data: registry.inspect(io.BytesIO(data))) for _ in range(3)]
            seconds[what] = statistics.median(found)
    middle, slowest = statistics.median(seconds.values()), max(seconds, key=lambda what: seconds[what])
    yield Row(
        "inspect-files",
        f"inspect a good file, median of {len(seconds)} up to {shown(MOST_BYTES, 'bytes')}",
        middle,
        target="<= 50 ms",
        checks=within(middle, 0.05),
        notes=[
            f"p90 {shown(quantile(list(seconds.values()), 0.9), 's')}; the slowest is {slowest}: "
            f"{shown(seconds[slowest], 's')}"
        ],
    )


def _measuring(bench: Bench) -> Row:
    with measurable(bench, 1) as (registry, _, (model_id,)):
        contestants: dict[str, Callable[[], float]] = {
            "ours": lambda: _seconds(lambda: registry.evaluate(model_id)),
            "limit": _start_of_a_sandbox,
        }
        times = bench.race(contestants, rounds=_rounds(bench))
        rows = registry.benchmarks(NAME)[0].rows
    ours, start = times.median("ours"), times.median("limit")
    assert ours is not None
    assert start is not None
    return Row(
        "evaluate",
        f"evaluate a logistic regression on {rows:,} rows",
        ours,
        start,
        times.ratio("ours", "limit"),
        target="counted",
        notes=[f"the limit is the start of the sandbox alone; {shown(max(ours - start, 0), 's')} are the evaluation"],
        spread=times.spread("limit"),
    )


def _start_of_a_sandbox() -> float:
    with closing(Worker(require_all=False)) as worker:
        return _seconds(worker.start)


def _measuring_all(bench: Bench) -> Row:
    versions = bench.size.evaluations
    some = max(1, versions // 10)
    with measurable(bench, versions) as (registry, _, ids):
        together = _seconds(lambda: registry.evaluate_all(NAME, jobs=JOBS))
        again = registry.evaluate_all(NAME, jobs=JOBS)
        measured = sum(registry.evaluations(each)[0].status == "measured" for each in ids)
        alone = _seconds(lambda: [registry.evaluate(each) for each in ids[:some]]) * versions / some
        # The same again with one process that stays: what of the difference is the second core's.
        warm = _seconds(lambda: registry.evaluate_all(NAME, jobs=1, again=True))
    return Row(
        "evaluate-all",
        f"evaluate {versions} versions, {JOBS} at once",
        together,
        alone,
        together / alone,
        target="all of them, once",
        checks=[Check(f"{measured} of {versions} measured, {len(again)} twice", measured == versions and not again)],
        notes=[
            f"the limit is evaluate() of one after the other, each in a process of its own: {some} of them, times "
            f"{number(versions / some)}; {number(alone / together)}x as fast; one at a time in one reused process: "
            f"{shown(warm, 's')}, {number(warm / together)}x"
        ],
    )


_UNTIL_KILLED = """
import os, signal, sys
from registry_core import Registry
with Registry(sys.argv[1]) as registry:
    def told(done, of, last):
        if done >= of // 2:
            os.kill(os.getpid(), signal.SIGKILL)
    registry.evaluate_all(sys.argv[2], jobs=int(sys.argv[3]), progress=told)
"""


def _killed(bench: Bench) -> Row:
    versions = max(2, bench.size.evaluations // 5)
    with measurable(bench, versions) as (registry, folder, ids):
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(bench.folder)}
        command = [sys.executable, "-c", _UNTIL_KILLED, str(folder), NAME, str(JOBS)]
        ended = subprocess.run(command, env=variables, capture_output=True, timeout=600, check=False)
        before = {each for each in ids if registry.evaluations(each)}
        rest = [each.model_id for each in registry.evaluate_all(NAME, jobs=JOBS)]
        whole = registry.verify_events() is None
        once = all(len(registry.evaluations(each)) == 1 for each in ids)
    killed = ended.returncode == -signal.SIGKILL and 0 < len(before) < versions
    return Row(
        "evaluate-killed",
        f"evaluate {versions} versions, killed in the middle and started again: how many are done twice",
        len({*rest} & before),
        0,
        unit="",
        target="none, and none left out",
        checks=[
            Check(f"it was not killed in the middle ({ended.returncode}, {len(before)} done)", killed),
            Check(f"{len(rest)} done after {len(before)} of {versions}", once and {*rest} == {*ids} - before),
            Check("the chain of events is broken", whole),
        ],
        notes=[f"{len(before)} were there after SIGKILL, {len(rest)} were done by the second start"],
    )


def _registering(bench: Bench) -> Row:
    numbers = itertools.count(1)
    with (
        measurable(bench, 1, auto_evaluate=True) as (measuring, _, (first,)),
        Registry(bench.new_folder("registry"), actor="benchmark") as plain,
    ):
        register(plain, 0)
        times = bench.race(
            {
                "ours": lambda: _seconds(lambda: register(measuring, next(numbers))),
                "limit": lambda: _seconds(lambda: register(plain, next(numbers))),
            },
            rounds=_rounds(bench),
        )
        measured = all(each.measured for each in measuring.list_models(NAME) if each.model_id != first)
    return Row(
        "register-evidence",
        "register a logistic regression where there is a benchmark",
        times.median("ours"),
        times.median("limit"),
        times.ratio("ours", "limit"),
        target="measured when it returns",
        checks=[Check("a version came back that was not measured", measured)],
        notes=["the limit is to register it where there is none; the difference is a new sandbox and the evaluation"],
        spread=times.spread("limit"),
    )


@contextmanager
def measurable(
    bench: Bench, versions: int, *, auto_evaluate: bool = False
) -> Iterator[tuple[Registry, Path, list[str]]]:
    """A registry with so many versions that are not measured yet, its folder, and a benchmark to measure them on."""
    folder = bench.new_folder("registry")
    with Registry(folder, actor="benchmark") as registry:
        registry.configure(auto_evaluate=auto_evaluate, reason="what is timed is asked for")
        # Nothing is timed here, so nothing has to survive a power failure either.
        with patch("os.fsync"):
            ids = [register(registry, each) for each in range(versions)]
        registry.add_benchmark("holdout", NAME, estimators.holdout(), "target")
        yield registry, folder, ids


def _rounds(bench: Bench) -> int:
    # Each starts a process, for a second or more.
    return 1 if bench.size.rounds < 10 else 15


def _seconds(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
