"""Evaluations, feature impact and verify by the workers of a backend that joblib was told to use."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from registry_core import Evaluation, Registry, StorageError, Unreachable, WorkersLost, errors
from registry_core.actions import evaluate, workers
from registry_core.gates import GateReport
from tests.processes import children, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def loky_ends() -> Iterator[None]:
    """joblib keeps its processes for the next call; none of them outlives this file."""
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


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


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_threads_are_as_many_as_joblib_was_told(filled: Registry, n_jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def noted(bench: workers.Bench, asked: evaluate.Asked) -> evaluate.Outcome:
        threads.add(threading.get_ident())
        return whole(bench, asked)

    whole = evaluate.predicted
    monkeypatch.setattr(evaluate, "predicted", noted)
    with joblib.parallel_config(n_jobs=n_jobs):
        assert {each.status for each in filled.evaluate_all("Churn")} == {"measured"}
    assert len(threads) <= n_jobs
    assert (threading.get_ident() in threads) == (n_jobs == 1)


@pytest.mark.postgres
def test_a_task_is_small_and_has_neither_labels_nor_credentials(
    fresh_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    def noted(bench: workers.Bench, asked: evaluate.Asked) -> evaluate.Outcome:
        sent.append(pickle.dumps((bench, asked)))
        return whole(bench, asked)

    whole = evaluate.predicted
    with Registry(fresh_postgres, artifacts=tmp_path / "files", actor="anna") as registry:
        fill(registry, 2)
        monkeypatch.setattr(evaluate, "predicted", noted)
        registry.evaluate_all("Churn")
    assert len(sent) == 2
    for task in sent:
        assert len(task) < 5_000
        assert b"postgresql" not in task
        assert str(tmp_path / "files").encode() in task


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
            pytest.raises(
                WorkersLost,
                match=r"are gone .* of 20 versions were evaluated and stored, the same",
            ),
        ):
            registry.evaluate_all("Churn", progress=kill)
        stored = {each for each in ids if registry.evaluations(each)}
        assert 1 <= len(stored) < 20
        assert {each.model_id for each in registry.evaluate_all("Churn")} == {*ids} - stored
        assert registry.verify().clean


@pytest.mark.full
def test_who_gives_up_ends_the_workers_tasks(filled: Registry) -> None:
    def stop(done: int, of: int, last: Evaluation) -> None:
        raise KeyboardInterrupt

    with joblib.parallel_config(backend="loky", n_jobs=2):
        with pytest.raises(KeyboardInterrupt):
            filled.evaluate_all("Churn", again=True, progress=stop)
        assert len(filled.evaluate_all("Churn", again=True)) == 4


def test_feature_impact_and_verify_are_the_same_elsewhere(filled: Registry, tmp_path: Path) -> None:
    filled.evaluate_all("Churn")
    champion, *_, version = (each.model_id for each in reversed(filled.list_models("Churn")))
    here = filled.measure_feature_impact(version, repeats=2)
    told: list[tuple[int, int]] = []
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = filled.measure_feature_impact(
            version, repeats=2, progress=lambda _, done, of: told.append((done, of)), reason="elsewhere"
        )
        assert there.champion is None or there.champion.model_id == champion
        assert replace(there.impact, at="") == replace(here.impact, at="")
        assert told[-1][0] == told[-1][1]
        assert filled.verify().clean
        path = Path(filled.get_metadata(version).model_file_path)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        elsewhere = filled.verify()
    found = filled.verify()
    assert [each.kind for each in found.findings if each.severity == "error"] == ["altered"]
    assert (elsewhere.findings, elsewhere.checked) == (found.findings, found.checked)


def test_a_broken_file_is_a_failed_evaluation_elsewhere_too(filled: Registry) -> None:
    first, *_ = (each.model_id for each in filled.list_models("Churn"))
    path = Path(filled.get_metadata(first).model_file_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        found = {each.model_id: each for each in filled.evaluate_all("Churn", again=True)}
    assert {key for key, each in found.items() if each.status == "failed"} == {first}
    assert "was altered or truncated" in found[first].because


@pytest.mark.full
def test_a_worker_without_the_files_says_so_and_fails_no_version(
    filled: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "not here"
    monkeypatch.setattr(filled._context.store, "root", str(elsewhere))
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.raises(Unreachable, match=r"does not reach the files of the registry: .*not here.* the same folder"),
    ):
        filled.evaluate_all("Churn", again=True)
    assert not elsewhere.exists()
    # A folder that is there and lacks the files of versions.
    shutil.copytree(Path(filled.location) / "benchmarks", elsewhere / "benchmarks")
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.raises(StorageError, match=r"the worker .* does not read what is stored here: .* is missing"),
    ):
        filled.evaluate_all("Churn", again=True)
    assert all(
        each.status == "measured" for model in filled.list_models() for each in filled.evaluations(model.model_id)
    )


ARGUMENTS: dict[type[errors.RegistryError], tuple[Any, ...]] = {
    errors.ChampionChanged: ("Churn", "model_a", None),
    errors.GatesFailed: (GateReport("model_a", None, ()),),
    errors.AnswersDiffer: ("model_a", "2 of 8 predictions differ"),
    errors.SandboxFailure: ("the model", "exited early", "its output"),
    errors.SandboxIncomplete: (("seccomp is missing",),),
    errors.ArtifactMissing: (2, "it is missing"),
    **dict.fromkeys((errors.StorageError, errors.CatalogBusy, errors.Unreachable), (5, "it does not answer")),
}


@pytest.mark.parametrize(
    "kind",
    [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.RegistryError)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_comes_back_from_another_process(kind: type[errors.RegistryError]) -> None:
    error = kind(*ARGUMENTS.get(kind, ("it is wrong",)))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.args, vars(again)) == (kind, str(error), error.args, vars(error))
    assert getattr(again, "errno", None) == getattr(error, "errno", None)


@contextmanager
def dask(workers: int = 2, **settings: Any) -> Iterator[tuple[Any, Any]]:
    """A cluster of worker processes, and its client."""
    import distributed

    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", **settings) as made,
        distributed.Client(made) as client,
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=3),
    ):
        yield made, client


def test_a_cluster_of_dask_gives_the_same_and_outlasts_a_worker(filled: Registry) -> None:
    here = filled.evaluate_all("Churn")
    with dask() as (_, client):
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


@pytest.mark.full
@pytest.mark.parametrize("how", ["workers", "task"])
def test_a_cluster_that_dies_is_said_and_the_next_call_resumes(tmp_path: Path, how: str) -> None:
    with Registry(tmp_path / "registry") as registry:
        ids = fill(registry, 12)

        def lose(kill: Callable[[], object]) -> None:
            once = threading.Event()

            def told(done: int, of: int, last: Evaluation) -> None:
                if not once.is_set():
                    once.set()
                    kill()

            with pytest.raises(WorkersLost, match=r"are gone .* of 12 versions were evaluated and stored"):
                registry.evaluate_all("Churn", progress=told)

        # A task that takes its worker with it is an error of the task, which joblib does not pass on by itself.
        with dask(scheduler_kwargs={"allowed_failures": 0}) as (cluster, client):
            if how == "workers":
                lose(lambda: cluster.scale(0))
            else:
                lose(lambda: [os.kill(pid, signal.SIGKILL) for pid in client.run(os.getpid).values()])
        stored = {each for each in ids if registry.evaluations(each)}
        assert 1 <= len(stored) < 12
        assert {each.model_id for each in registry.evaluate_all("Churn")} == {*ids} - stored
        assert all(len(registry.evaluations(each)) == 1 for each in ids)


@pytest.mark.full
@pytest.mark.postgres
@pytest.mark.bucket
def test_workers_of_dask_read_a_bucket_themselves(fresh_postgres: str, bucket: str) -> None:
    with Registry(fresh_postgres, artifacts=f"{bucket}/registry") as registry:
        ids = fill(registry, 6)
        here = registry.evaluate_all("Churn")
        impact = registry.measure_feature_impact(ids[-1], repeats=2)
        with dask():
            assert said(registry.evaluate_all("Churn", again=True)) == said(here)
            assert replace(registry.measure_feature_impact(ids[-1], repeats=2).impact, at="") == replace(
                impact.impact, at=""
            )
            assert registry.verify().clean
