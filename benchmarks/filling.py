"""Catalogs of a size nobody waits for: rows straight by SQL, copied from a registered version; no artifacts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import estimators
from benchmarks.bench import Bench, register
from registry_core import Registry
from registry_core.catalog import row_checksums
from registry_core.catalog.events import digest

#: The versions are registered one after the other over so many days, the last of them a little before now.
DAYS = 360
TYPES = ("LogisticRegression", "RandomForest", "GradientBoosting")

_VALUES = "abs(random() % 1000000) / 1111111.0"


def bulk(bench: Bench, versions: int) -> Path:
    """A registry with so many versions of three types; the first is the best, and the champion."""
    if versions not in bench.bulk_filled:
        bench.say(f"inserting {versions:,} versions by SQL ...")
        folder = bench.new_folder(f"bulk-{versions}")
        begin = datetime.now(UTC) - timedelta(days=DAYS + 1)
        with Registry(folder, actor="benchmark", clock=lambda: begin) as registry:
            register(registry, 0)
        if versions > 1:
            with closing(sqlite3.connect(folder / "registry.db")) as connection:
                row_checksums.connect(connection)
                _copy(connection, versions, begin)
        bench.bulk_filled[versions] = folder
    return bench.bulk_filled[versions]


def _copy(connection: sqlite3.Connection, versions: int, begin: datetime) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    connection.row_factory = sqlite3.Row
    # Indexes are quicker made of all rows at once, in order, than row by row.
    tables = ("models", "model_metrics", "events")
    indexes = connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {tables}"
    ).fetchall()
    for index in indexes:
        connection.execute(f"DROP INDEX {index['name']}")
    first = connection.execute("SELECT * FROM models").fetchone()["seq"]
    # Events first: a version's number is that of its registration event.
    last = connection.execute("SELECT * FROM events ORDER BY seq DESC").fetchone()
    step = timedelta(days=DAYS) / versions
    connection.execute(
        "CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY, value REAL, model_id TEXT, model_type TEXT, at TEXT)"
    )
    connection.executemany(
        f"INSERT INTO temp.numbers VALUES (?, {_VALUES}, ?, ?, ?)", _numbers(connection, versions, begin, step)
    )
    template = connection.execute("SELECT * FROM events WHERE seq = ?", (first,)).fetchone()
    columns = list(dict(template))
    connection.executemany(
        f"INSERT INTO events ({', '.join(columns)}) VALUES ({', '.join(f':{each}' for each in columns)})",
        _events(connection, dict(template), last["seq"], last["hash"]),
    )
    metrics = {name: f"n.value - {place / 1000}" for place, name in enumerate(estimators.METRICS)}
    document = ", ".join(f"'{name}', {value}" for name, value in metrics.items())
    texts = {"model_id": "n.model_id", "model_type": "n.model_type"}
    times = {"registered_at": "n.at", "training_timestamp": "n.at"}
    inside = {**texts, **times, **metrics, "version": "'1.0.' || n.i", "metrics.log_loss": "1.2 - n.value"}
    paths = ", ".join(f"'$.{name}', {value}" for name, value in inside.items())
    _insert(
        connection,
        "models",
        f"seq = {first}",
        {
            **texts,
            **times,
            "seq": f"{last['seq']} + n.i",
            "ordinal": "n.i + 1",
            "search": "lower(n.model_id || ' ' || n.model_type)",
            "patch": "n.i",
            "score": "n.value",
            "metrics": f"json_object({document}, 'log_loss', 1.2 - n.value)",
        },
    )
    _insert(
        connection,
        "model_documents",
        f"model_seq = {first}",
        {"model_seq": f"{last['seq']} + n.i", "metadata": f"json_set(t.metadata, {paths})"},
    )
    _insert(
        connection,
        "model_metrics",
        f"model_seq = {first}",
        {
            "model_seq": f"{last['seq']} + n.i",
            "value": "CASE t.metric "
            + " ".join(f"WHEN '{name}' THEN {value}" for name, value in metrics.items())
            + " ELSE 1.2 - n.value END",
        },
    )
    for index in indexes:
        connection.execute(index["sql"])
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _numbers(
    connection: sqlite3.Connection, versions: int, begin: datetime, step: timedelta
) -> Iterator[tuple[int, str, str, str]]:
    name = connection.execute("SELECT model_id FROM models").fetchone()["model_id"]
    for i in range(1, versions):
        at = (begin + i * step).isoformat(timespec="microseconds")
        yield i, f"{name}_{i:07d}", TYPES[i % len(TYPES)], at


def _events(
    connection: sqlite3.Connection, event: dict[str, Any], last: int, previous: str
) -> Iterator[dict[str, Any]]:
    """The registrations as events, each with the hash that follows from the one before."""
    after = json.loads(event["after"]) | {"promoted": False, "because": "not better than the champion"}
    for i, value, model_id, _, at in connection.execute("SELECT * FROM temp.numbers ORDER BY i").fetchall():
        event |= {"seq": last + i, "at": at, "model_id": model_id}
        event["after"] = _canonical({**after, "composite_score": value, "version": f"1.0.{i}"})
        event["hash"] = previous = digest(previous, event)
        yield event


def _canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _insert(connection: sqlite3.Connection, table: str, where: str, changed: dict[str, str]) -> None:
    columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM temp.numbers n "
        f"CROSS JOIN (SELECT * FROM {table} WHERE {where}) t ORDER BY n.i"
    )
