"""What all parts of the benchmark share: how large, for how long, where, and beside whom."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import estimators
from benchmarks.peer import PeerFailed, PeerProcess
from benchmarks.timing import Contestant, Times, interleaved
from registry_core import Registry

NAME = "Benchmark"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    versions: tuple[int, ...] = (1_000, 10_000)
    #: Filled straight by SQL, without artifacts.
    bulk: tuple[int, ...] = ()
    #: Filled likewise, for the dashboard; each step in a browser so many times, and so many sessions held open.
    pages: tuple[int, ...] = (100, 10_000)
    visits: int = 20
    sessions: int = 40
    #: How long a comparison goes on.
    seconds: float = 6.0
    rounds: int = 1000
    trees: int = 100
    processes: int = 8
    registrations: int = 40
    openings: int = 24
    starts: int = 9
    #: Rows of the training data that a registration hashes.
    training_rows: int = 100_000
    #: Versions that are all measured on a holdout set.
    evaluations: int = 200
    peer_openings: int = 3
    #: Clients of a server at once, and how long; how often it is killed; the size of a file that is uploaded.
    clients: int = 16
    client_seconds: float = 10.0
    kills: int = 3
    upload_bytes: int = 400_000_000

    @property
    def many(self) -> int:
        """The most versions of a registry with artifacts."""
        return max(self.versions)


@dataclass
class Bench:
    """One run of the benchmark."""

    size: Size
    folder: Path
    mlflow_python: Path | None = None
    say: Callable[[str], None] = lambda line: None
    install: bool = False
    lines: list[str] = field(default_factory=list)
    _filled: dict[int, Path] = field(default_factory=dict)
    bulk_filled: dict[int, Path] = field(default_factory=dict)
    _peer_filled: set[int] = field(default_factory=set)
    _numbers: Any = field(default_factory=itertools.count)

    @cached_property
    def peer(self) -> PeerProcess | None:
        """MLflow, when there is one."""
        if self.mlflow_python is None:
            return None
        try:
            return PeerProcess(self.mlflow_python, self.folder / "mlflow")
        except (PeerFailed, OSError) as error:
            self.lines.append(f"MLflow left out: {error}")
            return None

    def close(self) -> None:
        """End what was started."""
        if "peer" in self.__dict__ and self.peer is not None:
            self.peer.close()

    def new_folder(self, what: str) -> Path:
        """A folder nobody used yet."""
        return self.folder / f"{what}-{next(self._numbers)}"

    def filled(self, versions: int) -> Path:
        """A registry with so many versions of one model name, registered through the public interface."""
        if versions not in self._filled:
            self.say(f"registering {versions:,} versions to ask about ...")
            folder = self.new_folder(f"registry-{versions}")
            # Nothing is timed here, so nothing has to survive a power failure either.
            with patch("os.fsync"), Registry(folder, actor="benchmark") as registry:
                for number in range(versions):
                    register(registry, number)
            self._filled[versions] = folder
        return self._filled[versions]

    def peer_filled(self, versions: int) -> PeerProcess | None:
        """MLflow with so many versions."""
        if self.peer is None:
            return None
        folder = self.folder / "mlflow" / f"filled-{versions}"
        try:
            self.peer.ask("open", folder=str(folder))
            if versions not in self._peer_filled:
                self.say(f"filling MLflow with {versions:,} versions ...")
                self.peer.ask("fill", versions=versions)
                self._peer_filled.add(versions)
        except PeerFailed as error:
            self.lines.append(f"MLflow with {versions:,} versions left out: {error}")
            return None
        return self.peer

    def race(
        self,
        contestants: Mapping[str, Contestant],
        *,
        every: Mapping[str, int] | None = None,
        seconds: float | None = None,
        rounds: int | None = None,
        block: int = 1,
    ) -> Times:
        """Run contestants in turns for the time this run allows, or a number of rounds; where MLflow fails it goes
        on without."""
        budget = seconds if seconds is not None else self.size.seconds if rounds is None else 120.0
        most = rounds or self.size.rounds
        try:
            return interleaved(contestants, seconds=budget, rounds=most, every=every, block=block)
        except PeerFailed as error:
            self.lines.append(f"MLflow left out of a comparison: {error}")
            ours = {name: each for name, each in contestants.items() if not name.startswith("MLflow")}
            return interleaved(ours, seconds=budget, rounds=most, block=block)


def register(registry: Registry, number: int, *, scaled: bool = False, model_name: str = NAME) -> str:
    """Register the logistic regression as the so-many-th version."""
    model, scaler = estimators.regression()
    return registry.register_model(
        model,
        scaler if scaled else None,
        model_name=model_name,
        model_type="LogisticRegression",
        performance_metrics=estimators.metrics(number),
        training_info={"training_samples": 500, "data_quality_score": 0.97},
        hyperparameters={"C": 1.0},
        evaluation_set="holdout",
    )


def machine() -> str:
    """On what this ran, without its name."""
    import platform
    import sqlite3
    from importlib.metadata import PackageNotFoundError, version

    libraries = []
    for name in ("scikit-learn", "numpy", "joblib", "pandas", "streamlit", "plotly"):
        try:
            libraries.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {', '.join(libraries)}; load when it began {load:.1f}"
    )
