"""Backups: everything in them, of one moment, whatever others do meanwhile."""

import json
import os
import tarfile
import threading
from pathlib import Path

import pytest

from registry_core import Registry, StorageError
from registry_core.catalog import models
from tests import fitted, traffic
from tests.actions.maintenance import whole
from tests.clock import Clock


def same(one: Registry, other: Registry) -> None:
    """Both hold the same, but for the event that tells of the restore."""
    mine, theirs = whole.rows(one), whole.rows(other)
    restored = theirs["events"].pop(theirs["events"].index(max(theirs["events"])))
    assert "restored_backup" in restored
    assert theirs == mine
    assert whole.files(other) == whole.files(one)


def test_a_backup_holds_everything(registry: Registry, clock: Clock, tmp_path: Path) -> None:
    model_ids = whole.fill(registry, clock)
    told: list[tuple[str, int, int]] = []
    report = registry.backup(tmp_path / "b.tar", progress=lambda doing, done, of: told.append((doing, done, of)))
    assert (report.models, report.predictions, report.left_out) == (3, 5, {})
    assert report.bytes == os.path.getsize(report.path)
    assert {what for what, _, _ in told} == {"rows", "files"}
    assert all(done == total for _, done, total in (told[-1], [each for each in told if each[0] == "rows"][-1]))
    with Registry.from_backup(tmp_path / "b.tar", tmp_path / "restored", clock=clock, actor="anna") as other:
        same(registry, other)
        assert other.load_active_model("Churn")[2].model_id == registry.get_active_model_id("Churn")
        other.load_model(model_ids[2])
        event = other.events(limit=1)[0]
        assert (event.kind, event.actor, event.after["last_event"]) == ("restored_backup", "anna", report.last_event)
        assert (other.prediction_history("Churn").role != "shadow").sum() == 25
        # The same bytes lie there once.
        first, second = (tmp_path / "restored" / "models" / f"model_{each}.pkl" for each in model_ids[:2])
        assert first.samefile(second)
    # Nothing is taken over as an edit when it is opened again.
    with Registry(tmp_path / "restored") as again:
        assert again.events(limit=1)[0].kind == "restored_backup"


@pytest.mark.postgres
def test_of_a_folder_into_a_database(
    sqlite_registry: Registry, clock: Clock, tmp_path: Path, fresh_postgres: str
) -> None:
    whole.fill(sqlite_registry, clock)
    sqlite_registry.backup(tmp_path / "b.tar")
    with Registry.from_backup(tmp_path / "b.tar", fresh_postgres, artifacts=tmp_path / "files", clock=clock) as other:
        same(sqlite_registry, other)
        assert not (tmp_path / "files" / "restoring.json").exists()
        assert other.register_model(
            traffic.fitted(), model_name="Churn", model_type="New"
        )  # its numbers go on where they were


def test_while_others_register(registry_folder: Path, tmp_path: Path) -> None:
    with Registry(registry_folder) as registry:
        fitted.register(registry)
        done = threading.Event()

        def go_on() -> None:
            with Registry(registry_folder) as own:
                while not done.is_set():
                    traffic.register(own)

        other = threading.Thread(target=go_on)
        other.start()
        try:
            reports = [registry.backup(tmp_path / f"{n}.tar") for n in range(3)]
        finally:
            done.set()
            other.join()
    for number, report in enumerate(reports):
        assert not report.left_out
        with Registry.from_backup(report.path, tmp_path / str(number)) as restored:
            assert restored.count_models() == report.models
            for known in restored.list_models():
                restored.load_model(known.model_id)


def test_plain_tar_reads_it(sqlite_registry: Registry, tmp_path: Path) -> None:
    model_id = fitted.register(sqlite_registry)
    sqlite_registry.backup(tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
        assert names[0] == "manifest.json"
        assert names[-1] == "checksums.json"
        tar.extractall(tmp_path, filter="data")
    with Registry(tmp_path / "files") as adopted:
        assert adopted.get_active_model_id("Churn") is None
        assert adopted.load_model(model_id)[2].model_id == model_id


def test_a_version_purged_meanwhile(sqlite_registry: Registry, tmp_path: Path) -> None:
    model_id = fitted.register(sqlite_registry)
    context = sqlite_registry._context

    def purge(what: str, done: int, total: int) -> None:
        if what == "rows" and done == total and context.store.exists(f"models/model_{model_id}.pkl"):
            with context.database.transaction() as transaction:
                models.update(transaction, model_id, status="purged")
            context.store.remove(f"models/model_{model_id}.pkl")

    assert not sqlite_registry.backup(tmp_path / "b.tar", progress=purge).left_out
    with Registry.from_backup(tmp_path / "b.tar", tmp_path / "restored") as other:
        assert other.get_metadata(model_id).status == "purged"
        assert whole.files(other).keys() == {f"metadata/model_{model_id}.json", "registry_config.json"}


@pytest.mark.parametrize("noted", [True, False])
def test_a_file_compressed_meanwhile(sqlite_registry: Registry, tmp_path: Path, noted: bool) -> None:
    model_id = fitted.register(sqlite_registry)
    packed: list[str] = []

    def compress(what: str, done: int, total: int) -> None:
        if what == "rows" and done == total and not packed:
            packed.append(f"models/model_{model_id}.pkl")
            whole.pack(sqlite_registry, packed[0], noted=noted)

    sqlite_registry.backup(tmp_path / "b.tar", progress=compress)
    with Registry.from_backup(tmp_path / "b.tar", tmp_path / "restored") as other:
        assert [row[0] for row in whole.rows(other)["packed_files"]] == packed
        assert other.load_model(model_id)[2].model_id == model_id


def test_missing_and_damaged_files_are_left_out_and_told_of(sqlite_registry: Registry, tmp_path: Path) -> None:
    gone, altered, sound = (fitted.register(sqlite_registry, accuracy) for accuracy in (0.7, 0.8, 0.9))
    store = sqlite_registry._context.store
    store.remove(f"models/model_{gone}.pkl")
    store.write(f"models/model_{altered}.pkl", b"something else")
    store.remove(f"metadata/model_{sound}.json")
    report = sqlite_registry.backup(tmp_path / "b.tar")
    assert report.left_out.keys() == {f"models/model_{gone}.pkl", f"models/model_{altered}.pkl"}
    assert "SHA-256" in report.left_out[f"models/model_{altered}.pkl"]
    with Registry.from_backup(tmp_path / "b.tar", tmp_path / "restored") as other:
        assert other.events(limit=1)[0].after["missing_files"] == sorted(report.left_out)
        assert other.load_model(sound)[2].model_id == sound
        sidecar = json.loads((tmp_path / "restored" / "metadata" / f"model_{sound}.json").read_text())
        assert sidecar["model_id"] == sound


def test_a_file_that_exists_is_not_replaced(sqlite_registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(StorageError, match="exists already"):
        sqlite_registry.backup(tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"
    with pytest.raises(StorageError, match="cannot be written"):
        sqlite_registry.backup(tmp_path / "nowhere" / "b.tar")
    sqlite_registry._context.store.remove("registry_config.json")

    def late(what: str, done: int, total: int) -> None:
        (tmp_path / "late.tar").write_text("somebody else's")

    with pytest.raises(StorageError, match="exists already"):
        sqlite_registry.backup(tmp_path / "late.tar", progress=late)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "late.tar", "model_registry"]


def test_nothing_is_left_of_a_backup_that_fails(sqlite_registry: Registry, tmp_path: Path) -> None:
    def fail(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sqlite_registry.backup(tmp_path / "b.tar", progress=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["model_registry"]
