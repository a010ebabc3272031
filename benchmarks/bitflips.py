"""Every bit matters: ``python -m benchmarks.bitflips``.

A registry with everything in it is closed, and copied afresh for every flip of a single bit in one of its files. Then
``verify`` has to find it, and a model whose file it was must not load. In a database a flip may hit what holds nothing
(unused bytes of a page): where nothing is found, all rows of all tables must be those of the original.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import Registry, RegistryError

NAME, COLUMNS = "Churn", ["first", "second", "third"]
#: Files that hold nothing: an index of the log that SQLite makes anew, and locks.
EMPTY = ("-shm", "-queue")
DATABASES = ("registry.db", "telemetry.db")
Findings = set[tuple[str, str, str]]


class Clock:
    """A time that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **parts: float) -> None:
        self.now += timedelta(**parts)


def build(folder: Path) -> Clock:
    """A registry with everything in it."""
    clock, chance = Clock(), np.random.default_rng(7)
    inputs = chance.normal(size=(120, 3))
    truth = (inputs[:, 0] + 0.5 * chance.normal(size=120) > 0).astype(int)
    frame = pd.DataFrame(inputs, columns=COLUMNS)
    with Registry(folder, clock=clock, actor="anna") as registry:
        registry.configure(retention={"trash_days": 30}, monitoring={"on_degradation": "suggest"}, reason="ours")
        ids = []
        for number in range(6):
            scaler = StandardScaler().fit(frame)
            model = LogisticRegression(C=0.1 + number).fit(scaler.transform(frame), truth)
            ids.append(
                registry.register_model(
                    model, scaler, model_name=NAME, model_type="LogisticRegression",
                    performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.8 + number / 100),
                    training_info={"data_quality_score": 1.0}, feature_names=COLUMNS, reference=frame,
                )
            )  # fmt: skip
            clock.tick(hours=1)
        registry.add_benchmark("holdout", NAME, frame.assign(truth=truth), "truth")
        registry.evaluate(ids[-1])
        registry.review(ids[-2], "approved", "looks good", actor="jonas")
        registry.reject(ids[0], reason="too old")
        registry.delete(ids[1], reason="not needed")
        registry.delete(ids[2], reason="not needed either")
        registry.purge(ids[2])
        registry.pin(ids[3], reason="for the audit")
        registry.start_experiment(NAME, ids[-2], "shadow", reason="is it better?")
        predictor = registry.predictor(NAME, log="sync")
        for day in range(4):
            rows = slice(30 * day, 30 * day + 30)
            answer = predictor.predict_proba(frame[rows], [f"unit {each}" for each in range(30)])
            told = truth[rows][:25] if day < 3 else 1 - truth[rows][:25]
            registry.record_outcomes(prediction_ids=answer.prediction_ids[:25], labels=told)
            clock.tick(days=1)
        registry.archive_performance(older_than_days=2)
        registry.check_health(NAME)
        registry.compress(older_than_days=0)
        registry.export_index()
    return clock


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Registry]:
    """The registry as ``model-registry verify`` opens it."""
    with Registry(folder, clock=clock, take_over_settings=False) as registry:
        yield registry


def looked(folder: Path, clock: Clock) -> Findings:
    """What verify finds; that it cannot be opened is a finding as well."""
    try:
        with opened(folder, clock) as registry:
            return {(each.severity, each.kind, each.subject) for each in registry.verify().findings}
    except RegistryError as error:
        return {("error", "refused", str(error)[:120])}


def loads(folder: Path, clock: Clock, key: str) -> bool:
    """Whether the model that a file belongs to can be loaded."""
    model_id = Path(key).stem.partition("_")[2]
    try:
        with opened(folder, clock) as registry:
            registry.load_model(model_id)
    except RegistryError:
        return False
    return True


def dumped(path: Path) -> dict[str, list[Any]]:
    """All rows of all tables; the planner's statistics are no data."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%' ORDER BY name"
            )
        ]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def flip(path: Path, position: int, bit: int) -> None:
    """Flip one bit."""
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))


def kind(key: str) -> str:
    """What a file is, for the table of results."""
    return f"{Path(key).parent}/*{Path(key).suffix}" if "/" in key else key


def killed(folder: Path) -> None:
    """Leave a log behind: a process that writes, and is killed."""

    def work() -> None:
        registry = Registry(folder, clock=lambda: datetime(2026, 4, 1, tzinfo=UTC))
        for number in range(5):
            registry.pin(registry.list_models(NAME)[0].model_id, reason=str(number)) if number % 2 == 0 else (
                registry.unpin(registry.list_models(NAME)[0].model_id)
            )
        os.kill(os.getpid(), signal.SIGKILL)

    child = get_context("fork").Process(target=work)
    child.start()
    child.join()


def positions(path: Path, count: int, chance: random.Random) -> list[tuple[int, int]]:
    """Where to flip: bytes and bits at random; of more than one, the first and the last byte are among them."""
    size = path.stat().st_size
    if not size or not count:
        return []
    places = (
        {chance.randrange(size)} if count == 1 else {0, size - 1, *(chance.randrange(size) for _ in range(count - 2))}
    )
    return [(place, chance.randrange(8)) for place in sorted(places)]


def run(
    original: Path, clock: Clock, files: int, pages: int, chance: random.Random, say: Callable[[str], None]
) -> dict[str, Counter[str]]:
    """Flip and look; by kind of file how many flips were tried, found, harmless and missed, and altered ones loaded."""
    results: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as space:
        copy = Path(space) / "registry"
        shutil.copytree(original, copy)
        # Not of the original: whoever closes a database last takes its log in.
        known, whole = looked(copy, clock), {name: dumped(copy / name) for name in DATABASES}
        shutil.rmtree(copy)
        for path in sorted(each for each in original.rglob("*") if each.is_file()):
            key = str(path.relative_to(original))
            if key.endswith(EMPTY):
                continue
            database = next((name for name in DATABASES if key.startswith(name)), None)
            for position, bit in positions(path, pages if database else files, chance):
                shutil.copytree(original, copy)
                flip(copy / key, position, bit)
                counts = results[kind(key)]
                counts["tried"] += 1
                found = looked(copy, clock) - known
                if found:
                    counts["found"] += 1
                elif database is not None and dumped(copy / database) == whole[database]:
                    counts["harmless"] += 1
                else:
                    counts["missed"] += 1
                    say(f"missed: {key} byte {position} bit {bit}")
                if key.startswith("models/") and loads(copy, clock, key):
                    counts["loaded"] += 1
                    say(f"loaded: {key} byte {position} bit {bit}")
                shutil.rmtree(copy)
    return results


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8, help="flips a file")
    parser.add_argument("--pages", type=int, default=400, help="flips a database")
    parser.add_argument("--seed", type=int, default=20260301)
    given = parser.parse_args()
    begin, chance = time.perf_counter(), random.Random(given.seed)
    with tempfile.TemporaryDirectory() as space:
        folder = Path(space) / "registry"
        clock = build(folder)
        results = run(folder, clock, given.files, given.pages, chance, print)
        killed(folder)
        logs = run(folder, clock, 0, given.pages, chance, print)
    print("| file | flips | found | harmless | missed | altered ones loaded |\n|---|---|---|---|---|---|")
    named = [*results.items(), *((f"{name} (killed)", counts) for name, counts in logs.items())]
    for name, counts in named:
        columns = (counts[each] for each in ("tried", "found", "harmless", "missed", "loaded"))
        print(f"| {name} | {' | '.join(map(str, columns))} |")
    print(f"\n{time.perf_counter() - begin:.0f} s; the -shm files and the lock files hold no data and were left alone.")


if __name__ == "__main__":
    main()
