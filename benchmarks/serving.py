"""Rows: what a prediction service waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks import estimators
from benchmarks.bench import NAME, Bench, register
from benchmarks.peer import ROOT, PeerFailed, environment
from benchmarks.reading import plain
from benchmarks.table import Check, Peer, Row, at_most, drift, number, shown, within
from benchmarks.timing import Contestant, repeated
from registry_core import Registry

_PROMOTER = """
import sys
from registry_core import Registry
with Registry(sys.argv[1], actor="somebody else") as registry:
    for line in sys.stdin:
        registry.promote(line.strip(), reason="benchmark")
        print("done", flush=True)
"""


def again(bench: Bench) -> list[Row]:
    """The champion once more in the same process, and whether somebody else's promotion is seen."""
    folder = bench.new_folder("registry")
    with Registry(folder, actor="benchmark") as registry:
        pair = [register(registry, number, scaled=True) for number in range(2)]
        registry.load_active_model(NAME)
        with closing(plain(folder)) as connection:
            held = {NAME: registry.load_active_model(NAME)}

            def limit() -> object:
                connection.execute("PRAGMA data_version").fetchone()
                return held[NAME]

            contestants: dict[str, Contestant] = {
                "ours": repeated(lambda: registry.load_active_model(NAME), 0.005),
                "best": repeated(lambda: registry.load_best_model(NAME), 0.005),
                "dictionary": repeated(lambda: held[NAME], 0.005),
                "limit": repeated(limit, 0.005),
            }
            peer = bench.peer
            if peer is not None:
                try:
                    peer.ask("open", folder=str(bench.new_folder("mlflow-loading")))
                    peer.ask("fill", versions=3)
                    peer.ask("load")
                    contestants["MLflow"] = lambda: peer.seconds("load")
                except PeerFailed as error:
                    bench.lines.append(f"MLflow left out of loading: {error}")
            times = bench.race(contestants, seconds=bench.size.seconds / 2, every={"MLflow": 5})
        seen, first = _seen(registry, folder, pair, 4 if bench.size.rounds < 10 else 20)
    ours = times.median("ours")
    assert ours is not None
    theirs = times.median("MLflow")
    return [
        Row(
            "load-again",
            "load the champion again, same process",
            ours,
            times.median("limit"),
            times.ratio("ours", "limit"),
            peers=[] if theirs is None else [Peer("", theirs, times.ratio("MLflow", "ours"))],
            target="<= 15 us, promotions seen at the next call",
            checks=[
                *within(ours, 15e-6),
                Check("a promotion was not seen at the next call", all(seen)),
            ],
            notes=[
                f"{sum(seen)} of {len(seen)} promotions by another process were seen at the very next call, which took "
                f"{shown(first, 's')}; the limit is a dictionary ({shown(times.median('dictionary'), 's')}) behind "
                f"PRAGMA data_version; load_best_model: {shown(times.median('best'), 's')}",
                *drift(times.median("limit"), 2.8e-6),
            ],
            spread=times.spread("limit"),
        )
    ]


def _seen(registry: Registry, folder: Path, pair: list[str], trials: int) -> tuple[list[bool], float]:
    """Let another process promote, then ask at once."""
    seen, seconds = [], []
    with subprocess.Popen(
        [sys.executable, "-c", _PROMOTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            for trial in range(trials):
                wanted = pair[(trial + 1) % 2]
                other.stdin.write(wanted + "\n")
                other.stdin.flush()
                if other.stdout.readline() != "done\n":
                    seen.append(False)
                    break
                start = time.perf_counter()
                _, _, metadata = registry.load_active_model(NAME)
                seconds.append(time.perf_counter() - start)
                seen.append(metadata.model_id == wanted)
        finally:
            other.stdin.close()
            try:
                other.wait(20)
            except subprocess.TimeoutExpired:
                other.kill()
    return seen, sorted(seconds)[len(seconds) // 2] if seconds else 0.0


_ANSWERED = "\nimport time\nprint(time.monotonic())"
_OURS = (
    """
import sys
from registry_core import Registry
model, scaler, _ = Registry(sys.argv[1]).load_active_model("Benchmark")
row = [[0.1] * 20]
model.predict(row if scaler is None else scaler.transform(row))
"""
    + _ANSWERED
)
_LIMIT = (
    """
import sys
import joblib, sklearn
loaded = [joblib.load(path) for path in sys.argv[1:]]
row = [[0.1] * 20]
loaded[0].predict(row if len(loaded) == 1 else loaded[1].transform(row))
"""
    + _ANSWERED
)
_PEER = (
    """
import sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
mlflow.sklearn.load_model("models:/Benchmark@champion").predict([[0.1] * 20])
"""
    + _ANSWERED
)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def started(command: list[str], variables: dict[str, str]) -> Contestant:
    """The seconds from the start of a process to the time it prints."""

    def run() -> float:
        start = time.monotonic()
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=True)
        return float(done.stdout.split()[-1]) - start

    return run


def new_process(bench: Bench) -> list[Row]:
    """From the start of a process to its first prediction."""
    rows = []
    for key, what in (("load-new-lr", "a logistic regression"), ("load-new-rf", f"a forest of {bench.size.trees}")):
        folder = bench.new_folder("registry")
        with Registry(folder, actor="benchmark") as registry:
            if key == "load-new-lr":
                register(registry, 0, scaled=True)
            else:
                registry.register_model(
                    estimators.forest(bench.size.trees),
                    model_name=NAME,
                    model_type="RandomForest",
                    performance_metrics=estimators.metrics(0),
                    training_info={"data_quality_score": 0.97},
                )
            _, _, metadata = registry.load_active_model(NAME)
        paths = [path for path in (metadata.model_file_path, metadata.scaler_file_path) if path]
        contestants = {
            "ours": started([sys.executable, "-c", _OURS, str(folder)], _environment()),
            "limit": started([sys.executable, "-c", _LIMIT, *paths], _environment()),
        }
        peer = bench.peer if key == "load-new-lr" else None
        if peer is not None:
            try:
                home = bench.new_folder("mlflow-starting")
                peer.ask("open", folder=str(home))
                peer.ask("fill", versions=3)
                address = f"sqlite:///{home / 'mlflow.db'}"
                contestants["MLflow"] = started([str(peer.python), "-c", _PEER, address], environment())
            except PeerFailed as error:
                bench.lines.append(f"MLflow left out of {key}: {error}")
        times = bench.race(contestants, rounds=bench.size.starts, every={"MLflow": 3})
        ratio = times.ratio("ours", "limit")
        theirs = times.median("MLflow")
        rows.append(
            Row(
                key,
                f"load the champion in a new process, {what}: start to first prediction",
                times.median("ours"),
                times.median("limit"),
                ratio,
                peers=[] if theirs is None else [Peer("", theirs, times.ratio("MLflow", "ours"))],
                target="<= 1.15x limit",
                checks=at_most("ours / limit", ratio, 1.15),
                spread=times.spread("limit"),
            )
        )
    return rows


def importing(bench: Bench) -> list[Row]:
    """What `import registry_core` costs a process that has nothing else loaded."""
    contestants = {
        "ours": started([sys.executable, "-c", "import registry_core" + _ANSWERED], _environment()),
        "limit": started([sys.executable, "-c", "pass" + _ANSWERED], _environment()),
        "opened": started(
            [sys.executable, "-c", "import sys, registry_core; registry_core.Registry(sys.argv[1])" + _ANSWERED,
             str(bench.filled(min(bench.size.versions)))],
            _environment(),
        ),
    }  # fmt: skip
    if bench.mlflow_python is not None and bench.peer is not None:
        contestants["MLflow"] = started([str(bench.mlflow_python), "-c", "import mlflow" + _ANSWERED], environment())
    times = bench.race(contestants, rounds=bench.size.starts, every={"MLflow": 3})
    ours, limit = times.median("ours"), times.median("limit")
    assert ours is not None
    assert limit is not None
    theirs = times.median("MLflow")
    return [
        Row(
            "import",
            "import registry_core, start of Python included",
            ours,
            limit,
            times.ratio("ours", "limit"),
            peers=[] if theirs is None else [Peer("", theirs, times.ratio("MLflow", "ours"))],
            target="<= 200 ms above Python's start",
            checks=within(ours - limit, 0.2),
            notes=[
                f"the import itself {shown(max(0.0, ours - limit), 's')}; with a registry opened "
                f"{shown(times.median('opened'), 's')}, {number(times.ratio('opened', 'limit') or 0)}x Python's start",
                *drift(limit, 23e-3),
            ],
            spread=times.spread("limit"),
        )
    ]
