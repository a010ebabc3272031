"""How one registry does as it grows: ``python -m benchmarks.planning``.

In a folder and in PostgreSQL: what a leaderboard, a promotion and a registration take with more and more versions, and
how many predictions and outcomes a second are stored. Versions are filled by SQL, without files; docs/planning.md has a
run.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import live
from benchmarks.bench import NAME, Bench, Size, register
from benchmarks.filling import bulk
from benchmarks.kill import where
from registry_core import Registry

_ENGINES = ("folder", "postgres")
#: In the order in which rows refer to each other.
_TABLES = ("events", "models", "model_documents", "model_metrics", "deployments", "settings", "proofs", "answer_checks")
_BATCH = 10_000


@dataclass(frozen=True)
class Line:
    """A size on an engine: seconds of each call, and how long it took to fill."""

    engine: str
    versions: int
    filled: float
    kilobytes: float
    opened: float
    leaderboard: float
    by_metric: float
    listed: float
    registered: float
    promoted: float


def _seconds(call: Callable[[], object], rounds: int = 15) -> float:
    def once() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    once()
    return statistics.median(once() for _ in range(rounds))


def measured(engine: str, versions: int, filled: float, address: dict[str, Any]) -> Line:
    """What calls take in a registry that has so many versions."""
    begun = time.perf_counter()
    with Registry(**address, actor="benchmark") as registry:
        opened = time.perf_counter() - begun
        registry.configure(auto_select_best=False, reason="by hand")
        new = [register(registry, number) for number in range(3)]
        turns = iter(new * 4)
        return Line(
            engine, versions, filled, _bytes(address) / versions / 1000, opened,
            _seconds(lambda: registry.get_model_comparison(25, NAME)),
            _seconds(lambda: registry.get_model_comparison(25, NAME, order_by="accuracy")),
            _seconds(lambda: registry.list_models(NAME, limit=25)),
            _seconds(lambda: register(registry, 1)),
            _seconds(lambda: registry.promote(next(turns), reason="turn", override=True), 7),
        )  # fmt: skip


def _bytes(address: dict[str, Any]) -> int:
    """What the catalog takes on disk."""
    if "artifacts" not in address:
        return (Path(address["location"]) / "registry.db").stat().st_size
    with psycopg.connect(address["location"]) as connection:
        return int((connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,))[0])


@contextmanager
def filled(engine: str, bench: Bench, versions: int) -> Iterator[tuple[float, dict[str, Any]]]:
    """A registry on an engine, and how long it took to fill."""
    begun = time.perf_counter()
    folder = bulk(bench, versions)
    if engine == "folder":
        yield time.perf_counter() - begun, {"location": folder}
        return
    with where(engine) as there:
        Registry(**there.address).close()
        begun = time.perf_counter()
        _copy(folder / "registry.db", there.address["location"])
        # Files are those of the folder.
        yield time.perf_counter() - begun, {"location": there.address["location"], "artifacts": folder}


def _copy(source: Path, address: str) -> None:
    """Copy the rows of a catalog into PostgreSQL, indexes last, as a restore does."""
    with closing(sqlite3.connect(source)) as old, psycopg.connect(address) as new:
        names = ", ".join(f"'{table}'" for table in _TABLES)
        indexes = new.execute(
            f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({names}) AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)".encode()
        ).fetchall()
        for name, _ in indexes:
            new.execute(f"DROP INDEX {name}".encode())
        for table in reversed(_TABLES):
            new.execute(f"DELETE FROM {table}".encode())
        for table in _TABLES:
            columns = [
                row[0]
                for row in new.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
                ).fetchall()
            ]
            known = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
            wanted = ", ".join(column for column in columns if column in known)
            with new.cursor() as cursor, cursor.copy(f"COPY {table} ({wanted}) FROM STDIN".encode()) as copy:
                for row in old.execute(f"SELECT {wanted} FROM {table}"):
                    copy.write_row(row)
        for _, definition in indexes:
            new.execute(definition.encode())
        new.commit()
        new.autocommit = True
        new.execute("ANALYZE")


def rates(engine: str, rows: int) -> tuple[float, float]:
    """Predictions and outcomes a second, stored."""
    with where(engine) as there:
        predictions = live.logging_rate(rows, address=there.address)
    with where(engine) as there:
        return predictions, live.outcome_rate(rows // 2, _BATCH, address=there.address)


def main() -> None:
    """Print a table of versions, and one of rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--versions", default="1000,10000,100000", metavar="N,N", help="up to 1000000, which takes minutes"
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="predictions of a rate")
    options = parser.parse_args()
    heads = ("engine", "versions", "filled in", "disk a version", "opened", "leaderboard", "by a metric", "list",
             "register", "promote")  # fmt: skip
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Size(), Path(place), None, lambda text: None, False)
        for versions in [int(each) for each in options.versions.split(",")]:
            for engine in _ENGINES:
                with filled(engine, bench, versions) as (seconds, address):
                    line = measured(engine, versions, seconds, address)
                cells = [f"{each * 1000:,.1f} ms" for each in (
                    line.opened, line.leaderboard, line.by_metric, line.listed, line.registered, line.promoted,
                )]  # fmt: skip
                head = f"| {engine} | {versions:,} | {line.filled:,.0f} s | {line.kilobytes:,.1f} kB"
                print(f"{head} | {' | '.join(cells)} |", flush=True)
    print("\n| engine | predictions a second | outcomes a second |\n|---|---|---|")
    for engine in _ENGINES:
        predictions, outcomes = rates(engine, options.rows)
        print(f"| {engine} | {predictions:,.0f} | {outcomes:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
