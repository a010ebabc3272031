"""Evaluating many versions by the workers of a backend that joblib was told to use."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from registry_core import Evaluation, Registry, WorkersLost
from tests.processes import children, until


def fill(registry: Registry, versions: int) -> list[str]:
    frame = pd.DataFrame({"a": range(200), "b": [place % 7 for place in range(200)]})
    truth = [int(place % 7 > 2) for place in range(200)]
    ids = []
    for place in range(versions):
        model = LogisticRegression(C=0.001 * (place + 1)).fit(frame[: 60 + place], truth[: 60 + place])
        ids.append(
            registry.register_model(
                model,
                model_name="Churn",
                model_type="LogisticRegression",
                performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.8),
                training_info={"data_quality_score": 1.0},
            )
        )
    registry.add_benchmark("holdout", "Churn", frame.assign(target=truth), "target")
    return ids


def said(found: list[Evaluation]) -> dict[str, Any]:
    return {each.model_id: (each.status, each.metrics, each.slices, each.rows, each.in_training) for each in found}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry", actor="anna") as registry:
        fill(registry, 4)
        yield registry


def test_workers_of_another_backend_give_the_same_and_the_caller_stores_it(filled: Registry) -> None:
    here = filled.evaluate_all("Churn")
    told: list[tuple[int, int]] = []
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = filled.evaluate_all(
            "Churn", again=True, actor="boris", reason="elsewhere", progress=lambda n, of, _: told.append((n, of))
        )
    assert said(there) == said(here)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    newest = filled.events("Churn", kinds=["evaluated"], limit=4)
    assert {(each.actor, each.reason) for each in newest} == {("boris", "elsewhere")}
    assert filled.verify().clean


def test_threads_are_asked_as_ever(filled: Registry) -> None:
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert {each.status for each in filled.evaluate_all("Churn")} == {"measured"}


@pytest.mark.full
def test_workers_that_are_killed_leave_the_rest_to_the_next_call(tmp_path: Path) -> None:
    def kill(done: int, of: int, last: Evaluation) -> None:
        for pid in children():
            if b"popen_loky" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)

    with Registry(tmp_path / "registry") as registry:
        ids = fill(registry, 20)
        with (
            joblib.parallel_config(backend="loky", n_jobs=2),
            pytest.raises(WorkersLost, match=r"of 20 versions were evaluated and stored.*evaluates the others"),
        ):
            registry.evaluate_all("Churn", progress=kill)
        stored = {each for each in ids if registry.evaluations(each)}
        assert 1 <= len(stored) < 20
        assert {each.model_id for each in registry.evaluate_all("Churn")} == {*ids} - stored
        assert registry.verify().clean


@pytest.mark.full
def test_a_cluster_of_dask_gives_the_same_and_outlasts_a_worker(filled: Registry) -> None:
    from distributed import Client, LocalCluster

    here = filled.evaluate_all("Churn")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        assert said(filled.evaluate_all("Churn", again=True)) == said(here)
        killed = threading.Event()

        def kill(done: int, of: int, last: Evaluation) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        # Dask gives what the killed one had to do to another.
        assert said(filled.evaluate_all("Churn", again=True, progress=kill)) == said(here)
        assert killed.is_set()
        assert until(lambda: len(client.scheduler_info()["workers"]) == 2)
    assert filled.verify().clean
