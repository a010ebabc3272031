"""Rows: registering one model, and how often that makes the disk wait."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from benchmarks import estimators
from benchmarks.bare import BareFolder
from benchmarks.bench import NAME, Bench, register
from benchmarks.peer import ROOT, PeerFailed, environment
from benchmarks.table import Peer, Row, at_least, at_most, number, shown
from benchmarks.timing import Contestant
from registry_core import Registry


def regression(bench: Bench) -> list[Row]:
    """A logistic regression with its scaler."""
    numbers = itertools.count(1)
    objects = estimators.regression()
    bare = BareFolder(bench.new_folder("bare"))
    with Registry(bench.new_folder("registry"), actor="benchmark") as registry:
        register(registry, 0, scaled=True)
        contestants: dict[str, Contestant] = {
            "ours": lambda: void(register(registry, next(numbers), scaled=True)),
            "limit": lambda: bare.register(objects),
            "durable": lambda: bare.register_with_sidecar(objects, durably=True),
        }
        _add_peer(bench, contestants, "regression", ("tuned", "documented"))
        times = bench.race(
            contestants, seconds=2 * bench.size.seconds, every={"MLflow tuned": 2, "MLflow documented": 20}, block=5
        )
    with Registry(bench.new_folder("registry"), actor="benchmark") as registry:
        rising = itertools.count(1)

        def win() -> None:
            model, scaler = objects
            registry.register_model(
                model,
                scaler,
                model_name=NAME,
                model_type="LogisticRegression",
                performance_metrics=dict.fromkeys(estimators.METRICS, 1 - 0.9 / next(rising)),
                training_info={"data_quality_score": 0.97},
            )

        winning = bench.race({"ours": win, "limit": lambda: bare.register(objects)}, seconds=bench.size.seconds / 3)
    bare.close()
    tuned, documented = times.ratio("MLflow tuned", "ours"), times.ratio("MLflow documented", "ours")
    ratio = times.ratio("ours", "limit")
    return [
        Row(
            "register-lr",
            "register a logistic regression with its scaler",
            times.median("ours"),
            times.median("limit"),
            ratio,
            peers=_peers(times, ("tuned", "documented")),
            target="<= 2x limit; MLflow >= 20x tuned, >= 500x documented",
            checks=[
                *at_most("ours / limit", ratio, 2),
                *at_least("MLflow tuned / ours", tuned, 20),
                *at_least("MLflow documented / ours", documented, 500),
            ],
            notes=[
                f"as safe as ours (sidecar, new names synced in their folder): "
                f"{shown(times.median('durable'), 's')}, ours {number(times.ratio('ours', 'durable') or 0)}x of that; "
                f"when it becomes champion at once: {shown(winning.median('ours'), 's')}, "
                f"{number(winning.ratio('ours', 'limit') or 0)}x the limit"
            ],
            spread=times.spread("limit"),
        )
    ]


def forest(bench: Bench) -> list[Row]:
    """A forest of 100 trees, about 7 MB."""
    numbers = itertools.count(1)
    model = estimators.forest(bench.size.trees)
    bare = BareFolder(bench.new_folder("bare"))
    folder = bench.new_folder("registry")
    with Registry(folder, actor="benchmark") as registry:
        register(registry, 0)

        def ours() -> None:
            registry.register_model(
                model,
                model_name=NAME,
                model_type="RandomForest",
                performance_metrics=estimators.metrics(next(numbers)),
                training_info={"training_samples": 4000, "data_quality_score": 0.97},
                hyperparameters={"n_estimators": bench.size.trees},
                evaluation_set="holdout",
            )

        contestants: dict[str, Contestant] = {
            "ours": ours,
            "limit": lambda: bare.register([model]),
            "durable": lambda: bare.register_with_sidecar([model], durably=True),
        }
        _add_peer(bench, contestants, "forest", ("tuned",))
        times = bench.race(contestants, seconds=2 * bench.size.seconds, every={"MLflow tuned": 2}, block=3)
    bare.close()
    notes = [
        f"as safe as ours (sidecar, new names synced): {shown(times.median('durable'), 's')}, "
        f"ours {number(times.ratio('ours', 'durable') or 0)}x of that"
    ]
    if bench.peer is not None:
        try:
            seconds = bench.peer.seconds("register", what="forest", how="documented")
            notes.append(f"MLflow as documented: {shown(seconds, 's')}")
        except PeerFailed as error:
            notes.append(f"MLflow as documented fails: {str(error)[:150]}")
    shutil.rmtree(folder)
    ratio = times.ratio("ours", "limit")
    return [
        Row(
            "register-rf",
            f"register a forest of {bench.size.trees} trees",
            times.median("ours"),
            times.median("limit"),
            ratio,
            peers=_peers(times, ("tuned",)),
            target="<= 1.3x limit",
            checks=at_most("ours / limit", ratio, 1.3),
            notes=notes,
            spread=times.spread("limit"),
        )
    ]


def training_data(bench: Bench) -> list[Row]:
    """A logistic regression of 50 features with its training rows, which are hashed."""
    rows, features = bench.size.training_rows, 50
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(rows, features)), columns=[f"f{number}" for number in range(features)]
    )
    model = LogisticRegression().fit(frame.iloc[:1000], frame["f0"].iloc[:1000] > 0)
    with Registry(bench.new_folder("registry"), actor="benchmark") as registry:

        def ours(data: pd.DataFrame | None) -> None:
            registry.register_model(model, model_name=NAME, model_type="LogisticRegression", training_data=data)

        ours(frame)
        times = bench.race({"ours": lambda: ours(frame), "limit": lambda: ours(None)}, seconds=bench.size.seconds)
    cost, without = times.median("ours"), times.median("limit")
    more = None if cost is None or without is None else cost - without
    return [
        Row(
            "register-data",
            f"register it with {rows:,} training rows of {features} features",
            cost,
            without,
            times.ratio("ours", "limit"),
            target="<= 0.5 s more than without",
            checks=at_most("seconds more", more, 0.5),
            notes=["the limit is the same registration without training_data="],
            spread=times.spread("limit"),
        )
    ]


def void(answer: object) -> None:
    """Drop an answer, so that the clock of the caller counts."""


def _add_peer(bench: Bench, contestants: dict[str, Contestant], what: str, ways: Sequence[str]) -> None:
    if (peer := bench.peer) is None:
        return
    try:
        peer.ask("open", folder=str(bench.new_folder("mlflow-registering")))
        for how in ways:
            peer.ask("register", what=what, how=how)
            contestants[f"MLflow {how}"] = lambda how=how: peer.seconds("register", what=what, how=how)
    except PeerFailed as error:
        bench.lines.append(f"MLflow left out of registering: {error}")


def _peers(times: Any, ways: Sequence[str]) -> list[Peer]:
    found = []
    for how in ways:
        seconds = times.median(f"MLflow {how}")
        if seconds is not None:
            found.append(Peer(how, seconds, times.ratio(f"MLflow {how}", "ours")))
    return found


_OURS = """
import sys
from pathlib import Path
from benchmarks.bench import register
from registry_core import Registry
with Registry(Path(sys.argv[1])) as registry:
    for number in range(int(sys.argv[2])):
        register(registry, number, scaled=True)
"""
_PEER = """
import sys
from benchmarks.peer_mlflow import MLflow
peer = MLflow()
peer.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    peer.register("regression", "tuned")
"""


def syncs(bench: Bench) -> list[Row]:
    """How often one registration waits for the disk, counted by strace."""
    strace = shutil.which("strace")
    if strace is None:
        return [Row("syncs", "disk syncs of one registration", unit="", notes=["not counted: there is no strace"])]
    few, many = (2, 4) if bench.size.rounds < 10 else (4, 24)
    ours = _syncs(strace, [sys.executable], _OURS, bench, few, many, {**os.environ, "PYTHONPATH": str(ROOT)})
    peers = []
    if bench.mlflow_python is not None:
        theirs = _syncs(strace, [str(bench.mlflow_python)], _PEER, bench, 2, 6, environment())
        if theirs is not None:
            peers = [Peer("", theirs, theirs / ours if ours else None)]
    return [
        Row(
            "syncs",
            "disk syncs of one registration (strace)",
            ours,
            3,
            None if ours is None else ours / 3,
            unit="",
            peers=peers,
            target="counted",
            notes=["the limit is one for each of the two files and one for the commit"],
        )
    ]


def _syncs(
    strace: str, python: list[str], code: str, bench: Bench, few: int, many: int, variables: dict[str, str]
) -> float | None:
    """The difference of a longer and a shorter run, for each registration, so that starting and closing drop out."""
    counts = []
    for registrations in (few, many):
        folder = bench.new_folder("strace")
        folder.mkdir()
        log = folder / "strace.log"
        command = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync,msync,sync_file_range", "-o", str(log)]
        done = subprocess.run(
            [*command, *python, "-c", code, str(folder / "registry"), str(registrations)],
            env=variables,
            cwd=folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            bench.lines.append(f"disk syncs not counted: {done.stderr.decode(errors='replace').strip()[-200:]}")
            return None
        counts.append(_counted(log))
    return (counts[1] - counts[0]) / (many - few)


def _counted(log: Path) -> int:
    # A call that another thread interrupts is written in two lines; the second is no call of its own.
    return len(re.findall(r"^\d+\s+(?:fsync|fdatasync|msync|sync_file_range)\(", log.read_text(), flags=re.MULTILINE))
