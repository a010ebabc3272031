"""The power fails at every single operation of every verb: ``python -m benchmarks.faults``.

For each verb a small registry is copied, the verb is begun in it, and at its n-th write, sync, rename or statement the
power fails (``tests/faults.py``); for every n. What is left, once with all that was written and then without what was
not synced, is opened again, and has to be what the last commit made of it: whole, verified, loadable; and the verb has
to work when it is asked for again. ``tests/test_faults.py`` does the same with a few verbs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import Conflict, ModelMetadata, NoModelAvailable, Registry, StorageError
from tests.faults import LOSSES, Disk, Loss, PowerCut

#: All that happens happens in this second, so that every run of a verb makes the very same rows and files.
NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(days=3)
NAME = "Churn"
COLUMNS = 40


@cache
def rows(count: int = 60) -> tuple[Any, Any]:
    """Inputs (count, 40), and what follows from the first of them."""
    chance = np.random.default_rng(0)
    inputs = chance.normal(size=(count, COLUMNS))
    return inputs, (inputs[:, 0] > 0).astype(int)


@cache
def fitted(strength: float) -> Any:
    """A classifier of its own for every strength."""
    inputs, truth = rows()
    return LogisticRegression(C=strength).fit(inputs, truth)


def register(registry: Registry, accuracy: float, *, strength: float | None = None, **changes: Any) -> str:
    """Register a classifier; the one with the highest accuracy becomes champion."""
    fields: dict[str, Any] = {
        "model_name": NAME,
        "model_type": "Logistic",
        "performance_metrics": dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy),
        "training_info": {"data_quality_score": 1.0},
        "hyperparameters": {"padding": "x" * 2000},
    }
    return registry.register_model(fitted(strength or accuracy), **{**fields, **changes})


@dataclass
class Bench:
    """A registry that is being tried: its folder, where things go beside it, and what is in it."""

    top: Path
    clock: datetime = NOW
    registry: Registry | None = None

    @property
    def folder(self) -> Path:
        return self.top / "registry"

    def open(self, clock: datetime | None = None) -> Registry:
        """The registry, opened anew."""
        at = clock or self.clock
        return Registry(self.folder, clock=lambda: at, actor="anna")

    @property
    def opened(self) -> Registry:
        """The registry that a verb is begun in."""
        assert self.registry is not None
        return self.registry


def _nothing(bench: Bench) -> None:
    pass


def _no_problem(bench: Bench) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True)
class Operation:
    """A verb to try.

    Attributes:
        act: does it.
        prepare: what has to be there before, on top of the six models.
        opens: whether ``act`` opens the registry itself.
        atomic: whether it is one commit: all of it or nothing.
        timed: whether its rows hold how long something took, and so are others every time.
        look: further problems, looked for after each power failure.
        again: what it may answer when it is asked for again although it had happened.
    """

    name: str
    act: Callable[[Bench], object]
    prepare: Callable[[Bench], None] = _nothing
    opens: bool = False
    atomic: bool = True
    timed: bool = False
    look: Callable[[Bench], Iterator[str]] = _no_problem
    again: tuple[type[Exception], ...] = (Conflict,)


@dataclass
class Tried:
    """What the power failures of one verb came to."""

    name: str
    points: int = 0
    failures: int = 0
    commits: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def fill(bench: Bench) -> None:
    """Six models of one name: two that were champion, one that is archived, one with a scaler, two pairs of twins."""
    with bench.open() as registry:
        ids = [register(registry, 0.5 + n / 100, strength=1.0 + n // 2) for n in range(5)]
        inputs, _ = rows()
        register(registry, 0.4, scaler_obj=StandardScaler().fit(inputs))
        registry.promote(ids[0], reason="first")
        registry.promote(ids[1], reason="better")
        registry.archive(ids[3], reason="old")


def raw_state(folder: Path) -> str | None:
    """What a catalog holds, whoever looks after it: a digest of every row of every table; None without a catalog."""
    path = folder / "registry.db"
    if not path.exists():
        return None
    digest = sha256()
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite_%' ORDER BY name"
        )
        for (name,) in names.fetchall():
            digest.update(name.encode())
            for row in sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))):
                digest.update(row.encode())
    return digest.hexdigest()


def _promised(folder: Path) -> tuple[dict[str, str], int]:
    """Each version with the state its row has, and how many predictions are kept; read without the registry."""
    path = folder / "registry.db"
    if not path.exists():
        return {}, 0
    with closing(sqlite3.connect(path)) as connection:
        versions = dict(connection.execute("SELECT model_id, status FROM models"))
    telemetry, predictions = folder / "telemetry.db", 0
    if telemetry.exists():
        with closing(sqlite3.connect(telemetry)) as connection, suppress(sqlite3.OperationalError):
            predictions = int(connection.execute("SELECT count(*) FROM predictions").fetchone()[0])
    return versions, predictions


def _sizes(top: Path) -> dict[str, int]:
    """Every file that has its name for good, with its size."""
    files = (path for path in top.rglob("*") if path.is_file() and ".db" not in path.name)
    return {str(path.relative_to(top)): path.stat().st_size for path in files if path.parent.name != ".staged"}


class Trial:
    """One verb, power failure by power failure."""

    def __init__(self, operation: Operation, template: Path, place: Path) -> None:
        self.operation, self.place = operation, place
        self.tried = Tried(operation.name)
        self.template = place / "template"
        shutil.copytree(template, self.template)
        operation.prepare(Bench(self.template))
        self.promised, self.predictions = _promised(self.template / "registry")
        self.answers: dict[str, Any] = {}
        self.states: list[str | None] = []
        self.trail: list[str] = []

    def record(self) -> None:
        """Do it once undisturbed: which operations there are, and what every commit makes of the catalog."""
        bench = self._copy()
        self.states = [raw_state(bench.folder)]

        def on_commit(path: Path) -> None:
            if path == bench.folder / "registry.db":
                self.states.append(raw_state(bench.folder))

        disk = Disk(bench.top, on_commit=on_commit)
        self._begin(bench, disk)
        done, files = raw_state(bench.folder), _sizes(bench.top)
        # What a verb has confirmed stays, however soon the power fails afterwards.
        disk.lose("names")
        lost = files.items() - _sizes(bench.top).items()
        if raw_state(bench.folder) != done or lost:
            self.tried.wrong.append(f"confirmed, and lost when the power failed right afterwards: {sorted(lost)}")
        self.trail, self.tried.commits = disk.trail, len(self.states) - 1
        if self.operation.atomic and len(set(self.states)) > 2:
            self.tried.wrong.append(f"it is not one step: {len(self.states) - 1} commits")
        self._look("undisturbed", bench, self.states[-1], None)

    def fail_at(self, number: int) -> None:
        """Let the power fail at the n-th operation; in as many ways as make a difference there."""
        # Whether all or half of the bytes are lost makes little difference: one after the other.
        for loss in (each for each in LOSSES if each != ("half", "bytes")[number % 2]):
            bench = self._copy()
            disk = Disk(bench.top, number)
            self._begin(bench, disk)
            unsynced = disk.anything_unsynced
            if not disk.dead:
                self.tried.wrong.append(f"operation {number} did not come a second time")
                return
            disk.lose(loss)
            self.tried.points += loss == "nothing"
            self.tried.failures += 1
            done = disk.commits.get("registry.db", 0)
            state = self.states[min(done, len(self.states) - 1)]
            if self.operation.timed and done:
                state = raw_state(bench.folder)
            at = f"{self.operation.name}, operation {number} ({disk.trail[-1]}), lost {loss}"
            self._look(at, bench, state, loss)
            shutil.rmtree(bench.top, ignore_errors=True)
            if not unsynced:
                return

    def _copy(self) -> Bench:
        top = self.place / "trial"
        shutil.rmtree(top, ignore_errors=True)
        shutil.copytree(self.template, top)
        return Bench(top)

    def _begin(self, bench: Bench, disk: Disk) -> None:
        with disk.watched(), suppress(PowerCut):
            # Opened by the same connections that are counted.
            if not self.operation.opens:
                bench.registry = bench.open()
            disk.begin()
            try:
                self.operation.act(bench)
            finally:
                if bench.registry is not None:
                    bench.registry.close()

    def _look(self, at: str, bench: Bench, state: str | None, loss: Loss | None) -> None:
        try:
            self.tried.wrong += [f"{at}: {each}" for each in self._problems(bench, state, loss)]
        except Exception as error:
            self.tried.wrong.append(f"{at}: {type(error).__name__}: {error}")

    def _problems(self, bench: Bench, state: str | None, loss: Loss | None) -> Iterator[str]:
        """All that is wrong with what the power failure left."""
        if not self.operation.opens and raw_state(bench.folder) != state:
            yield "the catalog is not what the last commit made it"
        with bench.open() as registry:
            yield from self._kept(registry)
            if (kept := _promised(bench.folder)[1]) < self.predictions:
                yield f"{self.predictions - kept} predictions are gone"
            for each in registry.verify(repair=True).findings:
                self.tried.findings[each.kind] += loss is not None
                # What was removed may come back, until it is removed again.
                if loss is None and each.severity != "note" and each.kind != "unclaimed":
                    yield f"done, and verify finds {each.kind}: {each.text}"
                if each.severity != "note" and not each.repaired:
                    yield f"verify finds what it does not mend: {each.kind}: {each.text}"
            yield from self._kept(registry)
        # What nobody claims is swept once it is a day old.
        for path in bench.folder.rglob("*"):
            if path.is_file():
                os.utime(path, (0, 0))
        with bench.open(LATER) as registry:
            plan = registry.plan_cleanup()
            registry.cleanup(plan, only=[each.key for each in plan.unclaimed], reason="swept")
            for each in registry.verify().findings:
                if each.severity != "note":
                    yield f"after the sweep verify still finds {each.kind}: {each.text}"
        yield from self.operation.look(bench)
        if loss is None:
            return
        try:
            bench.registry = None if self.operation.opens else bench.open()
            self.operation.act(bench)
        except self.operation.again:
            pass
        except Exception as error:
            yield f"asked for again: {type(error).__name__}: {error}"
        finally:
            if bench.registry is not None:
                bench.registry.close()
        with bench.open(LATER) as registry:
            yield from self._kept(registry)
            if not (report := registry.verify()).clean:
                yield f"done again, verify finds {report.findings[0].kind}: {report.findings[0].text}"
            if registry.verify_events() is not None:
                yield "the chain of events is broken"

    def _kept(self, registry: Registry) -> Iterator[str]:
        """Whether everything that was confirmed before is there, and answers as it did."""
        inputs, _ = rows()
        there = {each.model_id: each for each in registry.list_models()}
        yield from (f"{model_id} is gone" for model_id in self.promised if model_id not in there)
        for model_id, known in there.items():
            if known.status == "purged":
                continue
            if known.status == "trashed":
                registry.read_artifact(model_id)
                continue
            model, scaler, _ = registry.load_model(model_id)
            answer = model.decision_function(inputs if scaler is None else scaler.transform(inputs))
            if not np.array_equal(self.answers.setdefault(model_id, answer), answer):
                yield f"{model_id} answers otherwise"
        for each in {NAME} & set(registry.model_names()):
            champions = [one for one in registry.deployments(each) if one.ended_at is None]
            # A catalog that was lost without an export took with it who was champion.
            if len(champions) != 1 and (champions or self.promised):
                yield f"{len(champions)} champions of {each}"
            if champions:
                registry.load_active_model(each)


def try_out(operation: Operation, template: Path, *, every: int = 1) -> Tried:
    """Let the power fail at each (or each so-many-th) operation of a verb."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=template.parent) as place:
        trial = Trial(operation, template, Path(place))
        trial.record()
        for number in range(1, len(trial.trail) + 1, every):
            trial.fail_at(number)
    trial.tried.seconds = time.perf_counter() - start
    return trial.tried


def _version(bench: Bench, number: int) -> str:
    """The n-th registered version that the registry was filled with."""
    at = f"{NAME}_Logistic_{NOW:%Y%m%d_%H%M%S}"
    return at if number == 1 else f"{at}_{number}"


def _tight(bench: Bench) -> None:
    with bench.open() as registry:
        registry.configure(max_models_to_keep=3, retention={"keep_best": 1, "keep_champions": False})


def _automatic(bench: Bench) -> None:
    with bench.open() as registry:
        registry.configure(max_models_to_keep=4, retention={"keep_best": 0, "automatic": True})


def _in_the_trash(bench: Bench) -> None:
    with bench.open() as registry:
        registry.delete(_version(bench, 6), reason="old")


def _purgeable(bench: Bench) -> None:
    with bench.open() as registry:
        registry.configure(retention={"trash_days": 0})
        for number in (3, 5, 6):
            registry.delete(_version(bench, number), reason="old")


def _unclaimed(bench: Bench) -> None:
    for name in ("models/model_lost.pkl", "metadata/model_lost.json", "evaluations/lost.parquet"):
        path = bench.folder / name
        path.write_bytes(b"lost" * 100)
        os.utime(path, (0, 0))


def _compressed_in_the_trash(bench: Bench) -> None:
    with bench.open() as registry:
        registry.compress(0, reason="old")
    _in_the_trash(bench)


def _purged(bench: Bench) -> None:
    _in_the_trash(bench)
    with bench.open() as registry:
        registry.purge(_version(bench, 6), reason="old")


def _benchmark(bench: Bench) -> None:
    import pandas as pd

    inputs, truth = rows()
    frame = pd.DataFrame(inputs, columns=[f"x{n}" for n in range(COLUMNS)]).assign(truth=truth)
    with bench.open() as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        registry.add_benchmark("all", NAME, frame, "truth")


def _damaged(bench: Bench) -> None:
    _unclaimed(bench)
    metadata, models = bench.folder / "metadata", bench.folder / "models"
    (metadata / f"model_{_version(bench, 3)}.json").unlink()
    (metadata / f"model_{_version(bench, 4)}.json").write_bytes(b"{")
    # As somebody leaves it who is killed between the rename and the commit.
    packed = models / f"model_{_version(bench, 6)}.pkl"
    packed.write_bytes(zlib.compress(packed.read_bytes()))


def _export(bench: Bench) -> None:
    _in_the_trash(bench)
    with bench.open() as registry:
        registry.export_index()


def _lost_catalog(bench: Bench) -> None:
    _export(bench)
    _without_catalog(bench)


def _without_catalog(bench: Bench) -> None:
    for path in bench.folder.glob("registry.db*"):
        path.rename(bench.top / f"original{path.name.removeprefix('registry')}")


def _recovered(bench: Bench) -> Iterator[str]:
    """Whether states and history came back."""
    with closing(sqlite3.connect(bench.top / "original.db")) as connection:
        versions = dict(connection.execute("SELECT model_id, status FROM models"))
        (champion,) = connection.execute("SELECT model_id FROM deployments WHERE ended_at IS NULL").fetchone()
        (events,) = connection.execute("SELECT max(seq) FROM events").fetchone()
    with bench.open() as registry:
        if {each.model_id: each.status for each in registry.list_models()} != versions:
            yield "versions or their states did not come back"
        if registry.get_active_model_id(NAME) != champion:
            yield "the champion did not come back"
        if registry.revision() < events:
            yield "events did not come back"


def _all_there(bench: Bench) -> Iterator[str]:
    """Whether every version of the original is indexed again; states need an export."""
    with closing(sqlite3.connect(bench.top / "original.db")) as connection:
        versions = {each for (each,) in connection.execute("SELECT model_id FROM models")}
    with bench.open() as registry:
        if {each.model_id for each in registry.list_models()} != versions:
            yield "not every version is indexed again"


def _model_file(bench: Bench) -> None:
    import joblib

    joblib.dump(fitted(7.0), bench.top / "model.pkl")


def _upload(bench: Bench) -> None:
    said = {"model_name": NAME, "model_type": "Upload", "performance_metrics": {"accuracy": 0.3}}
    bench.opened.upload(bench.top / "model.pkl", metadata=said)


def _predicted(bench: Bench) -> None:
    with bench.open() as registry:
        answer = registry.predictor(NAME, log="sync").predict(rows()[0][:5])
        registry.record_outcomes(prediction_ids=answer.prediction_ids.tolist(), labels=[0, 1, 0, 1, 0])


def _backed_up(bench: Bench) -> None:
    _predicted(bench)
    _in_the_trash(bench)
    with bench.open() as registry:
        registry.compress(0, reason="old")
        registry.backup(bench.top / "backup.tar")


def _restored(bench: Bench) -> Iterator[str]:
    """Whether what lies where a backup is restored to is nothing, or all of it."""
    if not (bench.top / "restored").exists():
        return
    with Registry(bench.top / "restored", clock=lambda: NOW, actor="anna") as registry, bench.open() as original:
        if _without_place(registry) != _without_place(original) or registry.deployments() != original.deployments():
            yield "the restored catalog is another one"
        for each in registry.verify().findings:
            if each.severity != "note":
                yield f"restored, verify finds {each.kind}: {each.text}"


def _without_place(registry: Registry) -> list[ModelMetadata]:
    """Every version, without the folder its files lie in."""
    return [replace(each, model_file_path="", scaler_file_path=None) for each in registry.list_models()]


def _good_backup(bench: Bench) -> Iterator[str]:
    """Whether the backup is not there, or good."""
    if (bench.top / "backup.tar").exists():
        _restore(bench)
        yield from _restored(bench)
        shutil.rmtree(bench.top / "restored")


def _restore(bench: Bench) -> None:
    with Registry.from_backup(bench.top / "backup.tar", bench.top / "restored", clock=lambda: NOW, actor="anna"):
        pass


def _exported_models(bench: Bench) -> None:
    other = Bench(bench.top / "other")
    other.top.mkdir()
    with other.open() as registry:
        register(registry, 0.6, model_name="Fraud", strength=11.0)
        register(registry, 0.7, model_name="Fraud", strength=12.0, scaler_obj=StandardScaler().fit(rows()[0]))
        registry.export_models(bench.top / "models.tar")
    shutil.rmtree(other.top)


def _seed_folder(bench: Bench) -> None:
    _without_catalog(bench)
    for path in [*bench.folder.glob("telemetry.db*"), bench.folder / "registry_config.json"]:
        path.unlink()


def _no_folder(bench: Bench) -> None:
    shutil.rmtree(bench.folder)


def _first(bench: Bench) -> None:
    with bench.open() as registry:
        register(registry, 0.5)


def _open(bench: Bench) -> None:
    with bench.open():
        pass


#: Every verb that writes.
OPERATIONS = (
    Operation("register", lambda b: register(b.opened, 0.3)),
    Operation(
        "register with a scaler, a new champion",
        lambda b: register(b.opened, 0.99, scaler_obj=StandardScaler().fit(rows()[0])),
    ),
    Operation("register in a new folder", _first, _no_folder, opens=True, atomic=False),
    Operation("upload", _upload, _model_file),
    Operation("promote", lambda b: b.opened.promote(_version(b, 3), reason="better")),
    Operation("rollback", lambda b: b.opened.rollback(NAME, reason="worse"), again=(Conflict, NoModelAvailable)),
    Operation("undo a promotion", lambda b: b.opened.undo_promotion(NAME), again=(Conflict, NoModelAvailable)),
    Operation("configure", lambda b: b.opened.configure(ensemble_bonus=0.2, reason="more")),
    Operation("reject", lambda b: b.opened.reject(_version(b, 3), reason="no")),
    Operation("take back an archiving", lambda b: b.opened.restore(_version(b, 4))),
    Operation("evaluate", lambda b: b.opened.evaluate(_version(b, 3)), _benchmark, timed=True),
    Operation("pin", lambda b: b.opened.pin(_version(b, 3), reason="audit")),
    Operation("delete", lambda b: b.opened.delete(_version(b, 6), reason="old")),
    Operation("restore from the trash", lambda b: b.opened.restore(_version(b, 6)), _in_the_trash),
    Operation("purge", lambda b: b.opened.purge(_version(b, 6)), _in_the_trash),
    Operation("cleanup into the trash", lambda b: b.opened.cleanup(reason="tidy"), _tight, atomic=False),
    Operation("cleanup that purges", lambda b: b.opened.cleanup(reason="tidy"), _purgeable, atomic=False),
    Operation("cleanup that sweeps", lambda b: b.opened.cleanup(reason="tidy"), _unclaimed, atomic=False),
    Operation("register, cleaning up by itself", lambda b: register(b.opened, 0.3), _automatic, atomic=False),
    Operation("compress", lambda b: b.opened.compress(0, reason="old"), atomic=False),
    Operation("purge what is compressed", lambda b: b.opened.purge(_version(b, 6)),
              _compressed_in_the_trash),
    Operation("export the index", lambda b: b.opened.export_index()),
    Operation("rebuild in place", lambda b: b.opened.rebuild_index(reason="check"), _purged),
    Operation("rebuild a lost catalog", _open, _lost_catalog, opens=True, atomic=False, look=_recovered),
    Operation("index sidecars anew", _open, _without_catalog, opens=True, atomic=False, look=_all_there),
    Operation("adopt a folder", _open, _seed_folder, opens=True, atomic=False, look=_all_there),
    Operation("backup", lambda b: b.opened.backup(b.top / "backup.tar"), _predicted, look=_good_backup,
              again=(Conflict, StorageError)),
    Operation("restore a backup", _restore, _backed_up, opens=True, look=_restored, again=(Conflict, StorageError)),
    Operation("export models", lambda b: b.opened.export_models(b.top / "models.tar"), again=(Conflict, StorageError)),
    Operation("import models", lambda b: b.opened.import_models(b.top / "models.tar"), _exported_models, atomic=False),
    Operation("verify with repair", lambda b: b.opened.verify(repair=True), _damaged, atomic=False),
    Operation("optimize", lambda b: b.opened.optimize(), atomic=False),
)  # fmt: skip


def run(names: list[str] | None = None, every: int = 1, told: Callable[[Tried], None] = lambda _: None) -> list[Tried]:
    """Try verbs (all, or those whose names hold one of the words); the folders are made where files are quickest."""
    memory = Path("/dev/shm")
    found = []
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        template = Path(folder) / "filled"
        template.mkdir()
        fill(Bench(template))
        for operation in OPERATIONS:
            if not names or any(name in operation.name for name in names):
                found.append(try_out(operation, template, every=every))
                told(found[-1])
    return found


def main() -> None:
    """Print a line for each verb, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="words in the names of the verbs to try; all when left out")
    parser.add_argument("--every", type=int, default=1, help="only every so-many-th operation")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    def line(tried: Tried) -> None:
        if not given.json:
            seen = ", ".join(f"{count} {kind}" for kind, count in sorted(tried.findings.items())) or "nothing"
            print(
                f"| {tried.name} | {tried.points} | {tried.failures} | {tried.commits} | {seen} | {len(tried.wrong)} |",
                flush=True,
            )
        for each in tried.wrong[:20]:
            print(each, file=sys.stderr, flush=True)

    if not given.json:
        print("| verb | operations | power failures | commits | found by verify before repair | wrong |")
        print("|---|---|---|---|---|---|", flush=True)
    found = run(given.names, given.every, line)
    points, failures = sum(each.points for each in found), sum(each.failures for each in found)
    wrong = sum(len(each.wrong) for each in found)
    if given.json:
        print(json.dumps([vars(each) for each in found]))
    else:
        print(f"| all | {points:,} | {failures:,} | | | {wrong} |")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
