"""Every kind of damage is found, named with its remedy, and mended where that is safe."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bitflips import Clock as Hand
from benchmarks.bitflips import build, killed, run
from registry_core import Finding, Registry, VerifyReport
from registry_core.actions.maintenance import verify as verifying
from registry_core.catalog import row_checksums
from tests import traffic
from tests.clock import Clock


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hand]:
    """A closed registry with everything in it; look at copies only."""
    folder = tmp_path_factory.mktemp("verify") / "registry"
    return folder, build(folder)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at it, but in one test."""
    monkeypatch.setattr(verifying, "_PAUSES", (0.0,))


class Sick:
    """A copy of the registry, to be damaged."""

    def __init__(self, folder: Path, clock: Hand) -> None:
        self.folder, self.clock = folder, clock

    def verify(self, **options: Any) -> VerifyReport:
        with Registry(self.folder, clock=self.clock, actor="vera", take_over_settings=False) as registry:
            return registry.verify(**options)

    def one(self, folder: str, pattern: str = "*") -> Path:
        return sorted((self.folder / folder).rglob(pattern))[0]

    def sql(self, statement: str, database: str = "registry.db", *, sums_too: bool = True) -> None:
        """Change rows as a program of somebody else would, or, without their sums, as a damaged disk would."""
        with closing(sqlite3.connect(self.folder / database, isolation_level=None)) as connection:
            row_checksums.connect(connection)
            if not sums_too:
                kept = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
                for name, _ in kept:
                    connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement)
            if not sums_too:
                for _, text in kept:
                    connection.execute(text)


@pytest.fixture
def sick(original: tuple[Path, Hand], tmp_path: Path) -> Sick:
    folder, clock = original
    shutil.copytree(folder, tmp_path / "registry")
    return Sick(tmp_path / "registry", clock)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_a_sound_registry_has_no_findings(sick: Sick) -> None:
    seen: list[tuple[str, int, int]] = []
    report = sick.verify(progress=lambda *told: seen.append(told))
    assert report.findings == ()
    assert report.clean
    assert all(report.checked[name] for name in ("files", "bytes", "events", "models", "rows", "windows"))
    assert seen
    assert all(done <= total for _, done, total in seen)


def test_a_sound_registry_has_no_findings_in_any_backend(registry: Registry, clock: Clock) -> None:
    first = traffic.register(registry)
    second = traffic.register(registry, 0.8, traffic.fitted(sign=-1))
    traffic.experiment(registry, second, mode="shadow")
    predictor = registry.predictor("Churn", log="sync")
    inputs, truth = traffic.rows()
    for day in range(3):
        answer = predictor.predict_proba(inputs[:40], [f"u{n}" for n in range(40)] if day else None)
        registry.record_outcomes(prediction_ids=answer.prediction_ids[:30], labels=truth[:30])
        clock.tick(days=1)
        if day == 1:
            registry.archive_performance(older_than_days=1)
    assert registry.verify().findings == ()
    registry._context.store.remove(f"models/model_{first}.pkl")
    (finding,) = registry.verify().findings
    assert (finding.kind, finding.subject) == ("missing", f"models/model_{first}.pkl")
    registry._context.store.write(f"metadata/model_{second}.json", b"{}")
    report = registry.verify(repair=True, actor="vera")
    assert {(each.kind, each.repaired) for each in report.findings} == {("missing", False), ("altered", True)}
    assert not report.clean
    event = registry.events(kinds=["repaired"])[0]
    assert event.actor == "vera"
    assert event.after == {"mended": {f"metadata/model_{second}.json": "altered"}}


def _edited(sick: Sick) -> None:
    path = sick.folder / "registry_config.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "max_models_to_keep": 7}))


def _torn(sick: Sick) -> None:
    (sick.folder / "registry_config.json").write_text("{")


def _packed(sick: Sick) -> None:
    sick.sql("DELETE FROM packed_files WHERE file = (SELECT max(file) FROM packed_files WHERE size < 480)")


def _left(sick: Sick) -> None:
    path = sick.folder / "models" / "model_nobodys.pkl"
    path.write_bytes(b"left behind")
    os.utime(path, (1_700_000_000, 1_700_000_000))


SAFE: dict[str, tuple[Callable[[Sick], object], str]] = {
    "a metadata file is altered": (lambda sick: flipped(sick.one("metadata")), "altered"),
    "a metadata file is gone": (lambda sick: sick.one("metadata").unlink(), "missing"),
    "a column is wrong": (lambda sick: sick.sql("UPDATE models SET score = 0.5, stem = 'x' WHERE seq = 3"), "derived"),
    "a metric is wrong": (lambda sick: sick.sql("UPDATE model_metrics SET value = 0 WHERE model_seq = 3"), "derived"),
    "a metric is gone": (lambda sick: sick.sql("DELETE FROM model_metrics WHERE model_seq = 3"), "derived"),
    "a state is wrong": (
        lambda sick: sick.sql("UPDATE models SET status = 'registered' WHERE status = 'purged'"), "state",
    ),
    "a window is wrong": (
        lambda sick: sick.sql("UPDATE windows SET predictions = predictions + 1 WHERE start = (SELECT max(start) "
                              "FROM windows)", "telemetry.db"),
        "statistics",
    ),
    "pairs are wrong": (
        lambda sick: sick.sql("DELETE FROM paired_windows WHERE start = (SELECT max(start) FROM paired_windows)",
                              "telemetry.db"),
        "statistics",
    ),
    "settings were edited": (_edited, "settings"),
    "the settings file is torn": (_torn, "settings"),
    "the settings file is gone": (lambda sick: (sick.folder / "registry_config.json").unlink(), "settings"),
    "the exported index is torn": (lambda sick: flipped(sick.folder / "model_index.json"), "export"),
    "the exported history is torn": (lambda sick: flipped(sick.folder / "model_history.json"), "export"),
    "half of the export is gone": (lambda sick: (sick.folder / "model_index.json").unlink(), "export"),
    "a packed file is not noted": (_packed, "packed"),
    "a file was left behind": (_left, "unclaimed"),
}  # fmt: skip


@pytest.mark.parametrize("what", SAFE)
def test_what_is_safe_to_mend_is_mended(sick: Sick, what: str) -> None:
    damage, kind = SAFE[what]
    damage(sick)
    before = {path: path.read_bytes() for path in (sick.folder / "models").iterdir()}
    report = sick.verify(repair=True)
    found = [each for each in report.findings if each.kind == kind]
    assert found
    assert all(each.repairable and each.repaired and each.remedy for each in found), report.findings
    assert report.clean
    again = sick.verify()
    assert again.clean
    assert {each.kind for each in again.findings} <= {"export"}
    assert all(path.read_bytes() == data for path, data in before.items() if path.exists())
    assert sum(not path.exists() for path in before) == (kind == "unclaimed")


GRAVE: dict[str, tuple[Callable[[Sick], object], str, str]] = {
    "a model is altered": (lambda sick: flipped(sick.one("models", "model_*")), "altered", "backup"),
    "a model is gone": (lambda sick: sick.one("models", "scaler_*").unlink(), "missing", "backup"),
    "a benchmark is altered": (lambda sick: flipped(sick.one("benchmarks")), "altered", "backup"),
    "answers are gone": (lambda sick: sick.one("evaluations").unlink(), "missing", "evaluate"),
    "archived predictions are altered": (lambda sick: flipped(sick.one("archive", "*.parquet")), "altered", "backup"),
    "an event is altered": (lambda sick: sick.sql("UPDATE events SET actor = 'eve' WHERE seq = 5"), "chain", "backup"),
    "the newest event is gone": (lambda sick: sick.sql("DELETE FROM events WHERE seq > 20"), "chain", "backup"),
    "a deployment is made up": (
        lambda sick: sick.sql("UPDATE deployments SET actor = 'eve'"), "deployments", "backup",
    ),
    "a champion is in the trash": (
        lambda sick: sick.sql("UPDATE models SET status = 'trashed' WHERE model_id = (SELECT model_id FROM deployments "
                              "WHERE ended_at IS NULL)"),
        "champions", "promote",
    ),
    "a row changed under its sum": (
        lambda sick: sick.sql("UPDATE reviews SET text = 'looks bad'", sums_too=False), "rows", "backup",
    ),
    "a prediction changed under its sum": (
        lambda sick: sick.sql("UPDATE predictions SET unit = 'unit 77'", "telemetry.db", sums_too=False),
        "rows", "backup",
    ),
    "a trigger is gone": (lambda sick: sick.sql("DROP TRIGGER row_sums_models_update"), "damaged", "backup"),
    "a document is gone": (
        lambda sick: sick.sql("DELETE FROM model_documents WHERE model_seq = 3"), "missing", "backup",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GRAVE)
def test_what_is_lost_is_named_with_its_remedy(sick: Sick, what: str) -> None:
    damage, kind, remedy = GRAVE[what]
    damage(sick)
    report = sick.verify(repair=True)
    found = [each for each in report.findings if each.kind == kind]
    assert found
    assert all(each.severity == "error" and remedy in each.remedy for each in found), report.findings
    assert not report.clean
    assert not any(each.repaired for each in found)


def test_the_remedy_depends_on_the_database_and_not_on_its_path(original: tuple[Path, Hand], tmp_path: Path) -> None:
    # The catalog can be rebuilt from its export, also where a folder is called like the other database.
    sick = Sick(shutil.copytree(original[0], tmp_path / "telemetry"), original[1])
    sick.sql("UPDATE reviews SET text = 'looks bad'", sums_too=False)
    sick.sql("UPDATE predictions SET unit = 'unit 77'", "telemetry.db", sums_too=False)
    remedies = {each.subject.partition(" ")[0]: each.remedy for each in sick.verify().findings if each.kind == "rows"}
    assert "rebuild-index" in remedies["reviews"]
    assert "rebuild-index" not in remedies["predictions"]


def test_a_damaged_row_that_follows_from_others_is_proved_to_be_whole_again(sick: Sick) -> None:
    sick.sql("UPDATE models SET description = 'worse', status = 'rejected' WHERE seq = 3", sums_too=False)
    sick.sql("UPDATE days SET labelled = labelled + 1", "telemetry.db", sums_too=False)
    kinds = {each.kind for each in sick.verify().findings}
    assert kinds >= {"rows", "derived", "statistics"}
    report = sick.verify(repair=True)
    assert all(each.repaired for each in report.findings)
    assert sick.verify().clean


def test_commits_that_were_confirmed_and_are_gone_are_missed(sick: Sick) -> None:
    copy = sick.folder / "older"
    shutil.copy(sick.folder / "registry.db", copy)
    with Registry(sick.folder, clock=sick.clock) as registry:
        registry.unpin(registry.list_models(where={"search": "110000"})[0].model_id)
    copy.replace(sick.folder / "registry.db")
    found = {each.kind: each for each in sick.verify().findings}
    assert "1 confirmed commit is gone" in found["lost"].text
    # Whoever writes meanwhile does not hide it.
    with Registry(sick.folder, clock=sick.clock) as registry:
        registry.unpin(registry.list_models(where={"search": "110000"})[0].model_id)
    assert "lost" in {each.kind for each in sick.verify().findings}
    report = sick.verify(repair=True)
    assert report.clean
    assert {each.kind for each in report.findings if each.repaired} == {"lost"}
    assert sick.verify().clean


def test_settings_that_were_taken_over_from_an_edited_file_are_noted(sick: Sick) -> None:
    _edited(sick)
    with Registry(sick.folder, clock=sick.clock, actor="vera") as registry:
        found = [each for each in registry.verify().findings if each.kind == "settings"]
    assert [(each.severity, "vera" in each.text) for each in found] == [("note", True)]


def test_a_young_file_is_somebodys_work(sick: Sick) -> None:
    (sick.folder / "models" / "model_young.pkl").write_bytes(b"being written")
    report = sick.verify(repair=True)
    assert [(each.kind, each.severity) for each in report.findings] == [("unclaimed", "note")]
    assert report.clean


def test_a_registry_without_traffic_gets_no_telemetry(sqlite_registry: Registry, registry_folder: Path) -> None:
    traffic.register(sqlite_registry)
    assert sqlite_registry.verify().clean
    assert not (registry_folder / "telemetry.db").exists()


def test_verify_while_others_write(registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found: list[Finding] = []
    stop = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with Registry(registry_folder) as registry:
                predictor = None
                for number in range(8):
                    model_id = traffic.register(registry, 0.5 + number / 100)
                    if predictor is None:
                        predictor = registry.predictor("Churn", log="sync")
                    answer = predictor.predict(traffic.rows()[0][:10])
                    registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=traffic.rows()[1][:10])
                    registry.compress(older_than_days=0)
                    if number > 2:
                        old = registry.list_models(order_by="registered_at", where={"status": "registered"})[0]
                        registry.reject(old.model_id) if not old.is_active else None
                        with_files = registry.list_models(where={"status": "rejected"})
                        for each in with_files[:1]:
                            registry.delete(each.model_id)
                            registry.purge(each.model_id)
                    assert model_id
        except BaseException as error:
            failed.append(error)
        finally:
            stop.set()

    with Registry(registry_folder) as watching:
        thread = threading.Thread(target=work)
        thread.start()
        while not stop.is_set():
            found += [each for each in watching.verify().findings if each.severity != "note"]
        thread.join()
        assert not failed
        assert not found
        assert watching.verify().findings == ()


def test_a_flipped_bit_is_found_wherever_it_is(sick: Sick, full: bool) -> None:
    missed: list[str] = []
    results = run(sick.folder, sick.clock, 1, 8 if full else 3, random.Random(1), missed.append)
    killed(sick.folder)
    logs = run(sick.folder, sick.clock, 0, 4, random.Random(2), missed.append)
    assert missed == []
    assert results["models/*.pkl"]["found"] >= 3
    assert logs["registry.db-wal"]["found"] == logs["registry.db-wal"]["tried"] > 0
