"""Catalogs of a size nobody waits for: rows straight by SQL, copied from a registered version; no artifacts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks import estimators
from benchmarks.bench import Bench, register
from registry_core import Registry

_VALUES = "abs(random() % 1000000) / 1111111.0"


def bulk(bench: Bench, versions: int) -> Path:
    """A registry with so many versions."""
    if versions not in bench.bulk_filled:
        bench.say(f"inserting {versions:,} versions by SQL ...")
        folder = bench.new_folder(f"bulk-{versions}")
        with Registry(folder, actor="benchmark") as registry:
            register(registry, 0)
        with closing(sqlite3.connect(folder / "registry.db")) as connection:
            _copy(connection, versions)
        bench.bulk_filled[versions] = folder
    return bench.bulk_filled[versions]


def _copy(connection: sqlite3.Connection, versions: int) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    (first,) = connection.execute("SELECT seq FROM models").fetchone()
    connection.execute(
        "CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        f"SELECT i, {_VALUES} AS value FROM n",
        (versions - 1,),
    )
    # Events first: a version's number is that of its registration event. The chain of hashes is not continued.
    (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
    _insert(connection, "events", f"seq = {first}", {"seq": f"{last} + i", "model_id": "model_id || '_' || i"})
    metrics = {name: f"value - {place / 1000}" for place, name in enumerate(estimators.METRICS)}
    document = ", ".join(f"'{name}', {value}" for name, value in metrics.items())
    _insert(
        connection,
        "models",
        f"seq = {first}",
        {
            "seq": f"{last} + i",
            "model_id": "model_id || '_' || i",
            "ordinal": "i + 1",
            "patch": "i",
            "score": "value",
            "metrics": f"json_object({document}, 'log_loss', 1.2 - value)",
            "metadata": f"json_set(metadata, '$.model_id', model_id || '_' || i, {_paths(metrics)})",
        },
    )
    _insert(
        connection,
        "model_metrics",
        f"model_seq = {first}",
        {
            "model_seq": f"{last} + i",
            "value": "CASE metric "
            + " ".join(f"WHEN '{name}' THEN n.value - {place / 1000}" for place, name in enumerate(metrics))
            + " ELSE 1.2 - n.value END",
        },
    )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _paths(metrics: dict[str, str]) -> str:
    return ", ".join(f"'$.{name}', {value}" for name, value in metrics.items())


def _insert(connection: sqlite3.Connection, table: str, where: str, changed: dict[str, str]) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    for name in ("model_id", "metadata"):
        values = values.replace(f"{name} ||", f"t.{name} ||").replace(f"json_set({name},", f"json_set(t.{name},")
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM temp.numbers n "
        f"CROSS JOIN (SELECT * FROM {table} WHERE {where}) t ORDER BY n.i"
    )
