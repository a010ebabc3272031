"""A registry with a bit of everything, and all that is in one, so that two can be held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pandas as pd

from registry_core import EventKind, Registry
from registry_core.artifacts import packing
from registry_core.catalog import dump, events, evidence
from registry_core.catalog.schema import REGISTRY
from registry_core.catalog.telemetry.schema import TELEMETRY
from registry_core.evidence import Evaluation, Measured
from tests import traffic
from tests.clock import Clock


def fill(registry: Registry, clock: Clock) -> list[str]:
    """Three versions (two of the same bytes, one packed), reviews, evidence, live traffic and an archive of it."""
    model_ids = [traffic.register(registry, accuracy, traffic.fitted()) for accuracy in (0.8, 0.9)]
    model_ids.append(traffic.register(registry, 0.85, traffic.fitted(sign=-1)))
    registry.review(model_ids[2], "approved", text="looks good", actor="anna")
    registry.configure("Churn", selection_margin=0.01, reason="less to and fro")
    inputs, truth = traffic.rows(20)
    data = pd.DataFrame(inputs, columns=traffic.NAMES).assign(left=truth)
    registry.add_benchmark("holdout", model_name="Churn", data=data, target="left")
    _evaluation(registry, model_ids[0])
    with registry.predictor("Churn", log="sync") as predictor:
        answer = predictor.predict_proba(inputs, units=[f"unit {n}" for n in range(20)])
        clock.tick(days=40)
        predictor.predict_proba(inputs[:5])
    registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth)
    assert registry.archive_performance(30) == 20
    pack(registry, f"models/model_{model_ids[2]}.pkl")
    return model_ids


def _evaluation(registry: Registry, model_id: str) -> None:
    context, answers = registry._context, b"what it answered"
    key = f"evaluations/{sha256(answers).hexdigest()}.npz"
    context.store.write(key, answers)
    with context.database.transaction() as transaction:
        seq, at = events.append(
            transaction, now=context.now(), kind=EventKind.EVALUATED, actor="anna", reason="", model_name="Churn"
        )
        done = Evaluation(
            seq, model_id, "holdout", "f", at, "anna", "measured", "", 20, {"auc": Measured(0.5)}, {}, None, ()
        )
        evidence.insert_evaluation(transaction, done, key, sha256(answers).hexdigest())


def pack(registry: Registry, key: str, *, noted: bool = True) -> None:
    """Compress a file in place."""
    store = registry._context.store
    packed = packing.pack(store.read(key))
    store.write(key, packed)
    if noted:
        with registry._context.database.transaction() as transaction:
            transaction.insert(
                "packed_files", ("file", "sha256", "size"), [(key, sha256(packed).hexdigest(), len(packed))]
            )


def rows(registry: Registry) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    context = registry._context
    found: dict[str, list[tuple[Any, ...]]] = {}
    for database, schema in ((context.database, REGISTRY), (context.telemetry, TELEMETRY)):
        with database.snapshot() as queries:
            for table in dump.tables(schema):
                listed = [row for step in dump.rows(queries, table) for row in step]
                found[table.name] = sorted(listed, key=repr)
    return found


def files(registry: Registry) -> dict[str, str]:
    """Every file of the store but databases, with its sha256."""
    store = registry._context.store
    return {
        key: sha256(store.read(key)).hexdigest()
        for folder in ("models", "metadata", "benchmarks", "evaluations", "archive")
        for key in _keys(registry, folder)
    } | {"registry_config.json": sha256(store.read("registry_config.json")).hexdigest()}


def _keys(registry: Registry, folder: str) -> Iterator[str]:
    store = registry._context.store
    yield from (f"{folder}/{each.name}" for each in store.entries(folder))
    for inner in store.folders(folder):
        yield from _keys(registry, f"{folder}/{inner}")
