"""How one registry does as it grows: ``python -m benchmarks.planning``.

In a folder and in PostgreSQL: what calls and pages take with more and more versions, how live traffic is stored and
read beside more and more predictions, and how many writers register how much. Versions and old predictions are filled
by SQL, without files; docs/planning.md has a run.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks import live
from benchmarks.bench import NAME, Bench, Size, register
from benchmarks.filling import bulk
from benchmarks.kill import where
from dashboard import served
from registry_core import Registry

_ROOT = Path(__file__).resolve().parents[1]
_ENGINES = ("folder", "postgres")
#: In the order in which rows refer to each other.
_TABLES = ("events", "models", "model_documents", "model_metrics", "deployments", "settings", "proofs", "answer_checks")
_BATCH = 10_000
#: Old predictions lie over so many days.
_DAYS = 90
#: Predictions and outcomes of a rate, and seconds that writers write.
_RATE_ROWS, _WRITING_SECONDS = 500_000, 10.0


def _seconds(call: Callable[[], object], rounds: int = 15) -> float:
    def once() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    once()
    return statistics.median(once() for _ in range(rounds))


def of_versions(address: dict[str, Any]) -> dict[str, float]:
    """Seconds of each call in a registry."""
    begun = time.perf_counter()
    with Registry(**address, actor="benchmark") as registry:
        opened = time.perf_counter() - begun
        registry.configure(auto_select_best=False, reason="by hand")
        new = [register(registry, number) for number in range(3)]
        turns = iter(new * 4)
        return {
            "opened": opened,
            "leaderboard": _seconds(lambda: registry.get_model_comparison(25, NAME)),
            "by a metric": _seconds(lambda: registry.get_model_comparison(25, NAME, order_by="accuracy")),
            "list": _seconds(lambda: registry.list_models(NAME, limit=25)),
            "register": _seconds(lambda: register(registry, 1)),
            "promote": _seconds(lambda: registry.promote(next(turns), reason="turn", override=True), 7),
        }


def of_pages(address: dict[str, Any]) -> dict[str, float]:
    """Seconds in which the server has made each page, without a browser."""
    served.serve_from(str(address["location"]), None if "artifacts" not in address else str(address["artifacts"]))
    try:
        return {f"page {page}": _seconds(_shown(page), 7) for page in ("overview", "leaderboard", "activity")}
    finally:
        served.close()
        st.cache_resource.clear()


def _shown(page: str) -> Callable[[], object]:
    def show() -> None:
        app = AppTest.from_file(str(_ROOT / "dashboard" / "app.py"), default_timeout=300)
        if page != "overview":
            app.switch_page(f"../pages/{page}.py")
        app.run()
        assert not app.exception, app.exception

    return show


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


@dataclass(frozen=True)
class Traffic:
    """Live traffic beside so many predictions: seconds of reading it, and rows a second that are stored or leave."""

    filled: float
    bytes: float
    predictions: float
    outcomes: float
    by_unit: float
    archived: float
    seconds: dict[str, float]


def traffic(engine: str, rows: int) -> Traffic:
    """What live traffic takes in a registry that holds so many old predictions."""
    with where(engine) as there, live.registry(address=there.address, clock=lambda: live.NOW) as made:
        empty = _telemetry_bytes(there.address)
        begun = time.perf_counter()
        live.fill(made, rows, _DAYS)
        filled = time.perf_counter() - begun
        if engine != "folder":
            with psycopg.connect(there.address["location"], autocommit=True) as connection:
                connection.execute("ANALYZE")
        size = (_telemetry_bytes(there.address) - empty) / rows
        since = live.NOW - timedelta(days=_DAYS)
        seconds = {
            "a day": _seconds(lambda: made.prediction_history(live.NAME, since=live.NOW - timedelta(days=1)), 3),
            "by day": _seconds(lambda: made.performance_history(live.NAME, since=since, every="day"), 5),
            "health": _seconds(lambda: made.check_health(live.NAME, act=False), 5),
        }
        predictions = live.logged(made, _RATE_ROWS)
        outcomes = live.recorded(made, _RATE_ROWS // 2, _BATCH)
        by_unit = live.recorded(made, _RATE_ROWS // 10, _BATCH, by_unit=True)
        begun = time.perf_counter()
        gone = made.archive_performance(older_than_days=_DAYS - 1)
        return Traffic(filled, size, predictions, outcomes, by_unit, gone / (time.perf_counter() - begun), seconds)


def _telemetry_bytes(address: dict[str, Any]) -> int:
    if "artifacts" not in address:
        return sum(each.stat().st_size for each in Path(address["location"]).glob("telemetry.db*"))
    return _bytes(address)


def _write(address: dict[str, Any], number: int, ready: Any, counts: Any) -> None:
    """A process that registers versions of a name of its own for as long as it is told to."""
    with Registry(**address, actor=f"writer {number}") as registry:
        register(registry, 0, model_name=f"Model-{number}")
        ready.wait()
        done, end = 0, time.perf_counter() + _WRITING_SECONDS
        while time.perf_counter() < end:
            done += 1
            register(registry, done, model_name=f"Model-{number}")
    counts.put(done)


def writers(engine: str, count: int) -> float:
    """Registrations a second by so many processes, each of a name of its own."""
    context = multiprocessing.get_context("spawn")
    with where(engine) as there:
        Registry(**there.address).close()
        ready, counts = context.Barrier(count), context.Queue()
        crew = [
            context.Process(target=_write, args=(there.address, number, ready, counts), daemon=True)
            for number in range(count)
        ]
        for each in crew:
            each.start()
        total = sum(counts.get(timeout=600) for _ in crew)
        for each in crew:
            each.join()
    return total / _WRITING_SECONDS


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _head(*cells: str) -> None:
    _row(*cells)
    _row(*("---" for _ in cells))


def print_versions(sizes: Sequence[int]) -> None:
    """Print what versions take."""
    for place, versions in enumerate(sizes):
        # One size at a time: a million versions take 7 GB.
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Size(), Path(folder), None, lambda text: None, False)
            for engine in _ENGINES:
                with filled(engine, bench, versions) as (seconds, address):
                    kilobytes = _bytes(address) / versions / 1000
                    found = of_versions(address) | of_pages(address)
                if place == 0 and engine == _ENGINES[0]:
                    _head("engine", "versions", "filled in", "disk a version", *found)
                cells = [f"{each * 1000:,.1f} ms" for each in found.values()]
                _row(engine, f"{versions:,}", f"{seconds:,.0f} s", f"{kilobytes:,.1f} kB", *cells)


def print_traffic(sizes: Sequence[int]) -> None:
    """Print what live traffic takes."""
    _head("engine", "predictions held", "filled in", "disk each", "stored", "outcomes", "outcomes by unit", "archived",
          "one day's rows", "90 days by day", "health")  # fmt: skip
    for rows in sizes:
        for engine in _ENGINES:
            found = traffic(engine, rows)
            rates = [f"{each:,.0f}/s" for each in (found.predictions, found.outcomes, found.by_unit, found.archived)]
            _row(engine, f"{rows:,}", f"{found.filled:,.0f} s", f"{found.bytes:,.0f} B", *rates,
                 *(f"{each * 1000:,.1f} ms" for each in found.seconds.values()))  # fmt: skip


def print_writers(counts: Sequence[int]) -> None:
    """Print how much several writers register."""
    _head("engine", *(f"{count} at once" for count in counts))
    for engine in _ENGINES:
        _row(engine, *(f"{writers(engine, count):,.1f}/s" for count in counts))


def main() -> None:
    """Print a table each of versions, of live traffic and of writers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=_numbers, default=[10_000, 100_000], help="up to 1000000")
    parser.add_argument(
        "--predictions", type=_numbers, default=[1_000_000], help="held beside new ones; up to 10000000"
    )
    parser.add_argument("--writers", type=_numbers, default=[1, 2, 4, 8, 16])
    given = parser.parse_args()
    # Pages are made without a browser.
    logging.disable(logging.WARNING)
    if given.versions:
        print_versions(given.versions)
    for counts, show in ((given.predictions, print_traffic), (given.writers, print_writers)):
        if counts:
            print()
            show(counts)


if __name__ == "__main__":
    main()
