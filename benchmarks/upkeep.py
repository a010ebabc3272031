"""What upkeep takes in a registry of ten thousand versions: ``python -m benchmarks.upkeep``.

Every version is registered through the public API, with small real files, and something of everything happens on the
way: promotions, rollbacks, rejections, archives, reviews, a benchmark with evaluations, an alert, an experiment, trash
and pins. "Identical" compares every row of every table. The disk's read speed is that of reading the same files one
after the other, once dropped from memory and once from it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import Registry
from registry_core.actions import alert
from registry_core.catalog import dump

NAMES = ("Churn", "Fraud", "Demand", "Credit")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
INPUTS = 12
#: How many of the last versions the retention policy of the plan keeps, a name.
KEPT = 50

Line = tuple[str, str, str]
Rows = dict[str, list[tuple[Any, ...]]]


class _Clock:
    """A clock that moves on with every version."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


def data(seed: int, rows: int = 200) -> tuple[Any, Any]:
    """Rows of twelve inputs, and their truth."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(rows, INPUTS))
    return inputs, (inputs[:, :3].sum(axis=1) > 0).astype(int)


def fill(folder: Path, models: int, say: Callable[[str], None] = print) -> None:
    """A registry with so many versions of four names, and a history."""
    clock, chance = _Clock(), np.random.default_rng(7)
    inputs, truth = data(0)
    names = [f"x{n}" for n in range(INPUTS)]
    scaler = StandardScaler().fit(inputs)
    fitted = [LogisticRegression(C=weight).fit(inputs, truth) for weight in np.geomspace(0.01, 10, 50)]
    with Registry(folder, clock=clock, actor="benchmark") as registry:
        registry.configure(auto_evaluate=False, selection_margin=0.002)
        ids: dict[str, list[str]] = {name: [] for name in NAMES}
        for number in range(models):
            clock.now += timedelta(minutes=7)
            name, model = NAMES[number % len(NAMES)], fitted[number % len(fitted)]
            model.intercept_ = chance.normal(size=1)
            accuracy = float(0.6 + 0.3 * chance.random() * (0.5 + number / models / 2))
            ids[name].append(
                registry.register_model(
                    model,
                    scaler if number % 2 else None,
                    model_name=name,
                    model_type=("Logistic", "Ridge", "Tuned")[number % 3],
                    performance_metrics={**dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy), "log_loss": 0.4},
                    training_info={"data_quality_score": 1.0, "training_samples": 200},
                    feature_names=names,
                    hyperparameters={"C": float(model.C), "number": number},
                    description=f"run {number}",
                    tags=["nightly"] if number % 5 else [],
                )
            )
            _live(registry, ids[name], number)
            if number % 1000 == 999:
                say(f"{number + 1:,} versions")
        _finish(registry, ids, names, clock)


def _live(registry: Registry, ids: list[str], number: int) -> None:
    """Something happens now and then."""
    newest, name = ids[-1], NAMES[number % len(NAMES)]
    if registry.get_active_model_id(name) == newest:
        if number % 3 == 0 and registry.rollback_target(name) is not None:
            registry.rollback(name, reason="worse in the evening")
        return
    if number % 17 == 0:
        registry.reject(newest, reason="too slow")
    elif number % 19 == 0:
        registry.archive(newest, reason="not needed")
    elif number % 23 == 0:
        registry.review(newest, "comment", "looked at the curves", actor="anna")
    elif number % 499 == 0:
        registry.promote(newest, reason="by hand")
    elif number % 101 == 0:
        registry.pin(newest, reason="the paper quotes it")
    elif number % 29 == 0:
        registry.delete(newest, reason="a test run")


def _finish(registry: Registry, ids: dict[str, list[str]], names: list[str], clock: _Clock) -> None:
    inputs, truth = data(1)
    first = NAMES[0]
    frame = pd.DataFrame(inputs, columns=names).assign(truth=truth)
    registry.add_benchmark("holdout", first, frame, "truth", features=names)
    for model_id in ids[first][-3:]:
        registry.evaluate(model_id)
    for name in NAMES[1:]:
        champion = registry.get_active_model_id(name)
        challenger = next(
            each.model_id
            for each in registry.list_models(name, limit=50)
            if each.model_id != champion and each.status == "registered"
        )
        registry.start_experiment(name, challenger, reason="in shadow")
    context = registry._context
    with context.database.transaction() as transaction:
        alert.open_alert(
            context, transaction, clock(), model_name=first, kind="drift", severity="warning", key="drift:x0",
            text="x0 drifts",
        )  # fmt: skip


def tables(registry: Registry) -> Rows:
    """Every row of every table."""
    with registry._context.database.snapshot() as snapshot:
        return {table.name: [row for step in dump.rows(snapshot, table) for row in step] for table in dump.tables()}


def differing(before: Rows, after: Rows, *, further_events: int = 0) -> str:
    """How many rows there are, and which tables differ; the newest events are those of the verb itself."""
    rows = sum(map(len, before.values()))
    kept = {**after, "events": after["events"][: len(after["events"]) - further_events]}
    others = [name for name in before if before[name] != kept[name]]
    return f"DIFFERENT: {', '.join(others)}" if others else f"all {rows:,} rows identical"


@contextmanager
def timed(found: dict[str, float], what: str) -> Iterator[None]:
    """Note the seconds something took."""
    start = time.perf_counter()
    yield
    found[what] = time.perf_counter() - start


def read_speed(folder: Path, *, cold: bool) -> tuple[float, int]:
    """Seconds of reading every file of a registry's folders one after the other, and their bytes."""
    files = [path for place in ("models", "metadata") for path in sorted((folder / place).iterdir())]
    if cold:
        drop(files)
    start, size = time.perf_counter(), 0
    for path in files:
        size += len(path.read_bytes())
    return time.perf_counter() - start, size


def drop(files: list[Path]) -> None:
    """Take files out of the system's memory."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def lose(folder: Path) -> None:
    """Delete the catalog."""
    for file in folder.glob("registry.db*"):
        file.unlink()


def measure(folder: Path, models: int, scratch: Path) -> list[Line]:
    """All of it, of a filled registry; its folder is changed."""
    clock = _Clock()
    clock.now += timedelta(minutes=7 * models + 60)
    lines = [*_index(folder, clock), *_verified(folder, clock), *_moved(folder, scratch), *_cleaned(folder, clock)]
    return [*lines, *_large(scratch / "large")]


def _index(folder: Path, clock: _Clock) -> list[Line]:
    took: dict[str, float] = {}
    with Registry(folder, clock=clock) as registry:
        before = tables(registry)
        with timed(took, "rebuild"):
            report = registry.rebuild_index()
        in_place = differing(before, tables(registry))
        with timed(took, "export"):
            exported = registry.export_index()
    size = sum(Path(file).stat().st_size for file in exported.files)
    lose(folder)
    with timed(took, "recover"), Registry(folder, clock=clock) as registry:
        pass
    with Registry(folder, clock=clock) as registry:
        recovered = differing(before, tables(registry), further_events=1)
    return [
        ("rebuild of the index in place", f"{took['rebuild']:.1f} s, {in_place}", "<= 60 s, identical"),
        ("export of the index", f"{took['export']:.1f} s, {size / 1e6:.0f} MB", ""),
        (
            "catalog deleted, the folder opened again",
            f"{took['recover']:.1f} s, {recovered}{f', {len(report.left_out)} left out' if report.left_out else ''}",
            "<= 60 s, identical",
        ),
    ]


def _verified(folder: Path, clock: _Clock, what: str = "verify") -> list[Line]:
    lines = []
    files = [path for place in ("models", "metadata") for path in (folder / place).iterdir()]
    with Registry(folder, clock=clock) as registry:
        for cold in (True, False):
            reading, size = read_speed(folder, cold=cold)
            if cold:
                drop(files)
            report = registry.verify()
            speed = report.checked.get("bytes", 0) / report.seconds
            where = "from the disk" if cold else "from memory"
            lines.append(
                (
                    f"{what}, {len(files):,} files {where}",
                    f"{report.seconds:.1f} s, {speed / 1e6:,.0f} MB/s, {'clean' if report.clean else 'NOT CLEAN'}; "
                    f"reading alone {reading:.1f} s, {size / reading / 1e6:,.0f} MB/s",
                    "near the disk's" if cold else "",
                )
            )
    return lines


def _large(folder: Path, versions: int = 12, megabytes: int = 64) -> list[Line]:
    """The same for few large files, where reading is what takes the time."""
    inputs, truth = data(0)
    model = LogisticRegression().fit(inputs, truth)
    chance = np.random.default_rng(8)
    with Registry(folder) as registry:
        for number in range(versions):
            model.path_ = chance.random(megabytes * 125_000)
            registry.register_model(
                model, model_name="Large", model_type="Logistic", performance_metrics={"accuracy": 0.5 + number / 100},
                training_info={},
            )  # fmt: skip
    return _verified(folder, _Clock(), f"verify, {megabytes} MB a file")


def _moved(folder: Path, scratch: Path) -> list[Line]:
    took: dict[str, float] = {}
    with Registry(folder) as registry:
        before = tables(registry)
        with timed(took, "backup"):
            report = registry.backup(scratch / "backup.tar")
    with timed(took, "restore"):
        restored = Registry.from_backup(scratch / "backup.tar", scratch / "restored")
    with restored:
        same = differing(before, tables(restored), further_events=1)
    return [
        ("backup", f"{took['backup']:.1f} s, {report.files:,} files, {report.bytes / 1e6:.0f} MB", ""),
        ("restore of it", f"{took['restore']:.1f} s, {same}", "identical"),
    ]


def _cleaned(folder: Path, clock: _Clock) -> list[Line]:
    took: dict[str, float] = {}
    with Registry(folder, clock=clock) as registry:
        registry.configure(max_models_to_keep=KEPT, reason="to have something to do")
        with timed(took, "plan"):
            plan = registry.plan_cleanup()
        with timed(took, "plan again"):
            registry.plan_cleanup()
        with timed(took, "compress"):
            packed = registry.compress(0)
        with timed(took, "cleanup"):
            result = registry.cleanup(plan)
        clean = registry.verify().clean
    saved = packed.bytes_before - packed.bytes_after
    return [
        (
            f"cleanup plan of {len(plan.items):,} versions",
            f"{took['plan']:.2f} s, again {took['plan again']:.2f} s",
            "<= 1 s",
        ),
        (
            "compression of all of them",
            f"{took['compress']:.1f} s, {len(packed.compressed):,} packed, {len(packed.linked):,} shared, "
            f"{saved / 1e6:.1f} MB saved",
            "",
        ),
        ("carrying out the plan", f"{took['cleanup']:.1f} s, {len(result.trashed):,} into the trash", ""),
        ("verify after all of it", "clean" if clean else "NOT CLEAN", "clean"),
    ]


def table(lines: list[Line]) -> str:
    """Lines as a markdown table."""
    head = ["| what | measured | target |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {what} | {measured} | {target} |" for what, measured, target in lines)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10_000, help="versions in the registry")
    parser.add_argument("--filled", type=Path, help="keep the filled registry in this folder, and use it next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        filled = given.filled or scratch / "filled"
        if not filled.exists():
            start = time.perf_counter()
            fill(filled, given.models)
            print(f"{given.models:,} versions registered in {time.perf_counter() - start:.0f} s\n")
        shutil.copytree(filled, scratch / "registry")
        print(table(measure(scratch / "registry", given.models, scratch)))


if __name__ == "__main__":
    main()
