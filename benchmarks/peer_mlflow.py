"""Runs in MLflow's own environment, driven by ``peer.py``: one JSON request a line in, one answer a line out.

Needs no more of this project than the recipes of the models.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import estimators

NAME = "Benchmark"


def _mlflow(module: str = "mlflow") -> Any:
    return importlib.import_module(module)


class MLflow:
    """One way into MLflow's registry: a folder with an SQLite database and local artifacts."""

    def __init__(self) -> None:
        self.sklearn = _mlflow("mlflow.sklearn")
        self.mlflow = _mlflow()
        self.folder = Path()
        self.client: Any = None
        self.experiment = ""
        self.versions = 0

    def hello(self) -> dict[str, Any]:
        """Who answers."""
        return {"version": self.mlflow.__version__}

    def open(self, folder: str) -> dict[str, Any]:
        """Use a folder; made when missing."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._use(f"sqlite:///{self.folder / 'mlflow.db'}", str(self.folder / "artifacts"))
        return {}

    def connect(self, address: str) -> dict[str, Any]:
        """Use a server, which keeps the artifacts as well."""
        self._use(address, None)
        return {}

    def _use(self, address: str, artifacts: str | None) -> None:
        self.mlflow.set_tracking_uri(address)
        self.mlflow.set_registry_uri(address)
        self.client = self.mlflow.MlflowClient()
        known = self.client.get_experiment_by_name(NAME)
        self.experiment = (
            known.experiment_id if known else self.client.create_experiment(NAME, artifact_location=artifacts)
        )

    def register(self, what: str, how: str) -> dict[str, Any]:
        """Log and register one model; the seconds it took."""
        from sklearn.pipeline import make_pipeline

        if what == "regression":
            model, scaler = estimators.regression()
            model = make_pipeline(scaler, model)
        else:
            model = estimators.forest()
        options: dict[str, Any] = {}
        if how == "tuned":
            options["pip_requirements"] = [f"scikit-learn=={_mlflow('sklearn').__version__}"]
            if what == "forest":
                options["serialization_format"] = "cloudpickle"
        self.versions += 1
        start = time.perf_counter()
        with self.mlflow.start_run(experiment_id=self.experiment):
            self.mlflow.log_params({"C": 1.0})
            self.mlflow.log_metrics(estimators.metrics(self.versions))
            self.sklearn.log_model(model, name="model", registered_model_name=NAME, **options)
        return {"seconds": time.perf_counter() - start}

    def fill(self, versions: int) -> dict[str, Any]:
        """Register three through the interface, and copy the rows of the last into as many as are wanted."""
        for _ in range(3):
            self.register("regression", "tuned")
        newest = max(self.client.search_model_versions(f"name='{NAME}'"), key=lambda each: int(each.version))
        self.client.set_registered_model_alias(NAME, "champion", 1)
        _multiply(self.folder / "mlflow.db", newest.run_id, newest.source.removeprefix("models:/"), 3, versions)
        return {}

    def analyze(self) -> dict[str, Any]:
        """What MLflow leaves to its user: let SQLite count what its tables hold."""
        connection = sqlite3.connect(self.folder / "mlflow.db")
        connection.execute("ANALYZE")
        connection.commit()
        connection.close()
        # Statistics are read when a connection is opened.
        return self.open(str(self.folder))

    def top(self, how: str) -> dict[str, Any]:
        """The ten best by accuracy."""
        start = time.perf_counter()
        if how == "models":
            found = self.client.search_logged_models(
                [self.experiment], order_by=[{"field_name": "metrics.accuracy", "ascending": False}], max_results=10
            )
        else:
            found = self.client.search_runs([self.experiment], order_by=["metrics.accuracy DESC"], max_results=10)
        seconds = time.perf_counter() - start
        assert len(found) == 10
        return {"seconds": seconds}

    def newest(self) -> dict[str, Any]:
        """Ten versions of the registry itself, which knows no metrics, in the order it has."""
        start = time.perf_counter()
        found = self.client.search_model_versions(f"name='{NAME}'", max_results=10, order_by=["version_number DESC"])
        seconds = time.perf_counter() - start
        assert len(found) == 10
        return {"seconds": seconds}

    def every(self, how: str, sample: int = 200) -> dict[str, Any]:
        """All versions with their metrics as a DataFrame: as runs, or version by version (a sample, multiplied)."""
        pandas = _mlflow("pandas")
        start = time.perf_counter()
        if how == "runs":
            frame = self.mlflow.search_runs([self.experiment], max_results=50_000)
            return {"seconds": time.perf_counter() - start, "rows": len(frame)}
        versions: list[Any] = []
        token = None
        while token or not versions:
            page = self.client.search_model_versions(f"name='{NAME}'", max_results=10_000, page_token=token)
            versions += page
            token = page.token
            if not page:
                break
        listing = time.perf_counter() - start
        start = time.perf_counter()
        rows = [
            {**self.client.get_run(each.run_id).data.metrics, "version": each.version} for each in versions[:sample]
        ]
        pandas.DataFrame(rows)
        each = (time.perf_counter() - start) / max(1, len(rows))
        return {"seconds": listing + each * len(versions), "listing": listing, "rows": len(versions)}

    def promote(self, version: int) -> dict[str, Any]:
        """Move the alias that serves."""
        start = time.perf_counter()
        self.client.set_registered_model_alias(NAME, "champion", version)
        return {"seconds": time.perf_counter() - start}

    def champion(self) -> dict[str, Any]:
        """Which version the alias means."""
        start = time.perf_counter()
        self.client.get_model_version_by_alias(NAME, "champion")
        return {"seconds": time.perf_counter() - start}

    def load(self) -> dict[str, Any]:
        """Load what the alias means."""
        start = time.perf_counter()
        self.sklearn.load_model(f"models:/{NAME}@champion")
        return {"seconds": time.perf_counter() - start}

    def together(self, folder: str, processes: int, each: int) -> dict[str, Any]:
        """Several processes registering at once in a new folder; rate, times and errors."""
        self.open(folder)
        self.register("regression", "tuned")
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(processes)
        with context.Manager() as manager:
            answers = manager.list()
            crew = [
                context.Process(target=_register_some, args=(folder, each, barrier, answers)) for _ in range(processes)
            ]
            _run(crew)
            done = [tuple(answer) for answer in answers]
        if not done:
            return {"error": "no process finished"}
        seconds = [took for _, _, times, _ in done for took in times]
        errors = [text for *_, texts in done for text in texts]
        span = max(end for _, end, *_ in done) - min(start for start, *_ in done)
        return {"rate": len(seconds) / span, "times": seconds, "errors": errors}

    def first_open(self, folder: str, processes: int) -> dict[str, Any]:
        """Several processes opening a database nobody made yet; how many could."""
        Path(folder).mkdir(parents=True)
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(processes)
        with context.Manager() as manager:
            answers = manager.list()
            _run([context.Process(target=_open_new, args=(folder, barrier, answers)) for _ in range(processes)])
            return {"opened": sum(each == "" for each in answers), "errors": [each for each in answers if each]}


def _run(crew: list[Any], seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    for each in crew:
        each.start()
    for each in crew:
        each.join(max(0.0, deadline - time.monotonic()))
        if each.is_alive():
            each.kill()
            each.join()


def _register_some(folder: str, each: int, barrier: Any, answers: Any) -> None:
    peer = MLflow()
    peer.open(folder)
    peer.register("regression", "tuned")  # what is imported on the way
    barrier.wait(120)
    times, errors, start = [], [], time.monotonic()
    for _ in range(each):
        try:
            times.append(peer.register("regression", "tuned")["seconds"])
        except Exception as error:  # whatever it is, it is what a user would meet
            errors.append(f"{type(error).__name__}: {error}"[:200])
    answers.append((start, time.monotonic(), times, errors))


def _open_new(folder: str, barrier: Any, answers: Any) -> None:
    barrier.wait(60)
    try:
        peer = MLflow()
        peer.mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        peer.mlflow.MlflowClient().search_experiments()
        answers.append("")
    except Exception as error:  # whatever it is, it is what a user would meet
        answers.append(f"{type(error).__name__}: {error}"[:200])


def _multiply(database: Path, run: str, model: str, have: int, versions: int) -> None:
    """Copy every row that speaks of one run, its model and its version, under new ids and with other metrics."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = OFF")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    source = random.Random(0)
    news = [(f"{source.getrandbits(128):032x}", f"m-{source.getrandbits(128):032x}", number)
            for number in range(have + 1, versions + 1)]  # fmt: skip
    for table in tables:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        text = " || '|' || ".join(f"coalesce(\"{column}\", '')" for column in columns)
        templates = connection.execute(
            f'SELECT * FROM "{table}" WHERE instr({text}, ?) OR instr({text}, ?)', (run, model)
        ).fetchall()
        for template in templates:
            held = dict(zip(columns, template, strict=True))
            rows = []
            for new_run, new_model, number in news:
                row = {
                    column: value.replace(run, new_run).replace(model, new_model) if isinstance(value, str) else value
                    for column, value in held.items()
                }
                if "input_uuid" in row:
                    row["input_uuid"] = uuid.UUID(int=source.getrandbits(128)).hex
                if table == "model_versions":
                    row["version"] = number
                if table in ("metrics", "latest_metrics"):
                    row["value"] = estimators.metrics(number)[str(row["key"])]
                if table == "logged_model_metrics":
                    row["metric_value"] = estimators.metrics(number)[str(row["metric_name"])]
                rows.append(tuple(row.values()))
            connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(columns))})', rows)
    connection.commit()
    connection.close()


def main() -> None:
    """Answer until the input ends."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = MLflow()
    for line in sys.stdin:
        request = json.loads(line)
        action: Callable[..., dict[str, Any]] = getattr(peer, request.pop("do"))
        try:
            answer = action(**request)
        except Exception as error:  # told to the driver, which goes on without
            answer = {"error": f"{type(error).__name__}: {error}"[:400]}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
