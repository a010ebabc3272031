"""A registry that something of everything happened to, and all its tables as they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from registry_core import Registry
from registry_core.actions import alert
from registry_core.catalog import dump
from registry_core.catalog.database import Transaction
from tests.clock import Clock
from tests.strangers import stranger_file

NAME = "Churn"


def data(seed: int = 0) -> tuple[Any, Any]:
    """Forty rows of two inputs, and their truth."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(40, 2))
    return inputs, (inputs.sum(axis=1) > 0).astype(int)


def put(registry: Registry, accuracy: float, **changes: Any) -> str:
    """Register a small model."""
    fields: dict[str, Any] = {
        "model_name": NAME,
        "model_type": "Logistic",
        "performance_metrics": {**dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy), "log_loss": 1 - accuracy},
        "training_info": {"data_quality_score": 1, "training_samples": 40},
        "feature_names": ["a", "b"],
        "hyperparameters": {"C": accuracy},
    }
    inputs, truth = data()
    return registry.register_model(LogisticRegression(C=accuracy).fit(inputs, truth), **{**fields, **changes})


def live(registry: Registry, clock: Clock, *, measured: bool = True) -> list[str]:
    """Fill a registry; the ids of its versions of Churn, the oldest first."""
    ids = []
    for accuracy in (0.7, 0.8, 0.9, 0.85, 0.6, 0.65):
        clock.tick(60)
        more = {"description": f"Ångström {accuracy}", "tags": ["nightly"], "training_data": data()[0]}
        ids.append(put(registry, accuracy, **more))
    clock.tick(60)
    registry.upload(stranger_file(), metadata={"model_name": NAME, "model_type": "Stranger", "accuracy": 0.99})
    registry.rollback(NAME, reason="worse in the evening")
    registry.reject(ids[4], reason="too slow")
    registry.archive(ids[5])
    registry.review(ids[0], "comment", "looked at", actor="anna")
    registry.configure(NAME, performance_weight={"accuracy": 0.5, "log_loss": 0.5}, reason="losses count")
    registry.promote(ids[3], reason="by hand")
    registry.start_experiment(NAME, ids[0], reason="again")
    with registry._context.database.transaction() as transaction:
        alert.open_alert(
            registry._context, transaction, clock(),
            model_name=NAME, kind="drift", severity="warning", key="drift:a", text="a drifts", evidence={"psi": 0.3},
        )  # fmt: skip
        _put_aside(transaction, ids)
    if measured:
        _measure(registry, clock)
    return ids


def _put_aside(transaction: Transaction, ids: list[str]) -> None:
    """What takes more than a small registry: a frozen baseline, a notification, trash, a packed file, a pin."""
    at = "2025-07-31T13:00:00.000000+00:00"
    numbers: dict[str, Any] = dict(transaction.tuples("SELECT model_id, seq FROM models"))
    newest = transaction.query("SELECT max(seq) AS seq FROM deployments")[0]["seq"]
    alerted = transaction.query("SELECT max(seq) AS seq FROM alerts")[0]["seq"]
    transaction.query("UPDATE models SET status = 'trashed' WHERE model_id = :id", {"id": ids[5]})
    transaction.query("UPDATE models SET pinned = 1 WHERE model_id = :id", {"id": ids[0]})
    for name, row in {
        "baselines": (newest, NAME, "{}"),
        "notifications": (alerted, "https://example.org", 1, at, None, "no answer"),
        "trash": (numbers[ids[5]], at, at, "anna", "old", "archived"),
        "packed_files": (f"models/model_{ids[4]}.pkl", "0" * 64, 123),
    }.items():
        table = next(each for each in dump.tables() if each.name == name)
        transaction.insert(name, table.columns, [row])


def _measure(registry: Registry, clock: Clock) -> None:
    registry.configure("Measured", rank_by="measured", auto_evaluate=False)
    inputs, truth = data(1)
    frame = pd.DataFrame(inputs, columns=["a", "b"]).assign(truth=truth)
    registry.add_benchmark("holdout", "Measured", frame, "truth", features=["a", "b"])
    clock.tick(60)
    version = put(registry, 0.5, model_name="Measured")
    registry.evaluate(version)
    registry.measure_feature_impact(version, repeats=1)


def tables(registry: Registry) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the catalog."""
    with registry._context.database.snapshot() as snapshot:
        return {table.name: [row for step in dump.rows(snapshot, table) for row in step] for table in dump.tables()}
