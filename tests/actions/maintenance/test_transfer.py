"""Versions out of one registry and into another: claims there, judged here."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry_core import ArtifactAltered, ArtifactMissing, InvalidInput, ModelNotFound, Registry, StateConflict
from registry_core.artifacts import bundle
from registry_core.catalog import models
from tests import fitted, traffic
from tests.actions.maintenance import whole
from tests.clock import Clock

KIND = "model-registry export"


@pytest.fixture
def other(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    """Another registry, empty."""
    with Registry(tmp_path / "other", clock=clock) as registry:
        yield registry


def test_a_version_comes_along_with_all_that_is_known_of_it(
    registry: Registry, other: Registry, tmp_path: Path, clock: Clock
) -> None:
    model_ids = [fitted.register(registry, accuracy, tags=["spring"]) for accuracy in (0.8, 0.9)]
    registry.review(model_ids[0], "comment", text="too slow", actor="bert")
    registry.archive(model_ids[0], actor="anna", reason="old")
    whole.pack(registry, f"models/model_{model_ids[1]}.pkl")
    told: list[tuple[str, int, int]] = []
    report = registry.export_models(tmp_path / "e.tar", progress=lambda doing, done, of: told.append((doing, done, of)))
    assert (report.models, report.files, report.left_out, told[-1]) == (2, 6, {}, ("versions", 2, 2))
    clock.tick(days=1)
    brought = other.import_models(tmp_path / "e.tar", actor="carla", reason="moving")
    assert brought.imported == {each: each for each in model_ids}
    assert brought.champions == {}
    assert brought.notes == (f"{model_ids[1]} was champion in the export; promote it to make it champion",)
    for model_id in model_ids:
        mine, theirs = other.get_metadata(model_id), registry.get_metadata(model_id)
        for field in ("version", "metrics", "accuracy", "feature_names", "tags", "training_timestamp", "model_sha256"):
            assert getattr(mine, field) == getattr(theirs, field)
        assert (mine.origin, mine.status, mine.registered_by) == ("upload", "registered", "carla")
        assert other.get_best_model_id("Churn") is None
    came = other.get_metadata(model_ids[0]).training_info["imported_from"]
    assert came["status"] == "archived"
    assert came["registered_at"] == registry.get_metadata(model_ids[0]).registered_at
    assert [each["text"] for each in came["reviews"]] == ["too slow"]
    event = other.events(model_id=model_ids[0])[0]
    assert (event.kind, event.actor, event.reason) == ("imported", "carla", "moving")
    assert (event.after["source"], event.after["source_id"]) == ("e.tar", model_ids[0])
    other.promote(model_ids[1])
    assert other.load_active_model("Churn")[1] is not None


def test_importing_twice_brings_nothing_in_twice(sqlite_registry: Registry, other: Registry, tmp_path: Path) -> None:
    model_id = fitted.register(sqlite_registry)
    sqlite_registry.export_models(tmp_path / "e.tar", model_id)
    assert sqlite_registry.import_models(tmp_path / "e.tar").skipped == {
        model_id: "it exists already, with the same bytes"
    }
    # Another version has that id here, so it comes in under another one, once.
    traffic.register(other, model_type="LogisticRegression")
    assert other.list_models()[0].model_id == model_id
    with (tmp_path / "e.tar").open("rb") as file:
        first = other.import_models(file)
    assert first.imported == {model_id: f"{model_id}_2"}
    assert first.notes[:2] == (
        f"{model_id}: version 1.0.0 is taken; imported as 2.0.0",
        f"{model_id} is the id of another version here: imported as {model_id}_2",
    )
    again = other.import_models(tmp_path / "e.tar")
    assert again.skipped == {model_id: f"imported before as {model_id}_2"}
    assert other.count_models() == 2


def test_what_was_purged_here_may_come_in_again(sqlite_registry: Registry, tmp_path: Path) -> None:
    model_id = fitted.register(sqlite_registry)
    sqlite_registry.export_models(tmp_path / "e.tar", model_id)
    with sqlite_registry._context.database.transaction() as transaction:
        models.update(transaction, model_id, status="purged")
    report = sqlite_registry.import_models(tmp_path / "e.tar")
    assert report.imported == {model_id: f"{model_id}_2"}
    with pytest.raises(StateConflict, match="its files were purged"):
        sqlite_registry.export_models(tmp_path / "gone.tar", model_id)
    assert sqlite_registry.export_models(tmp_path / "rest.tar").left_out.keys() == {model_id}


def test_champions_are_promoted_when_asked_for(sqlite_registry: Registry, other: Registry, tmp_path: Path) -> None:
    good, odd = fitted.register(sqlite_registry), traffic.register(sqlite_registry, model_name="Odd")
    traffic.trust(sqlite_registry)
    strange = traffic.register(sqlite_registry, 0.95, traffic.fitted(traffic.Picky), model_name="Odd")
    sqlite_registry.export_models(tmp_path / "e.tar", [strange, good, odd])
    report = other.import_models(tmp_path / "e.tar", promote_champions=True)
    assert report.champions == {"Churn": good}
    assert other.get_active_model_id("Churn") == good
    # Trust is not handed on: here nobody has looked at that class.
    assert other.get_metadata(strange).artifact == "quarantined"
    assert [note for note in report.notes if strange in note and "quarantined" in note]
    assert other.get_active_model_id("Odd") is None


def test_only_some_versions(sqlite_registry: Registry, tmp_path: Path) -> None:
    churn, odd = fitted.register(sqlite_registry), fitted.register(sqlite_registry, model_name="Odd")
    assert sqlite_registry.export_models(tmp_path / "a.tar", model_name="Odd").models == 1
    with bundle.reading(tmp_path / "a.tar", KIND, 1) as found:
        assert found.manifest["models"] == [odd]
    wrong: tuple[tuple[dict[str, Any], type[Exception], str], ...] = (
        ({"model_ids": "none"}, ModelNotFound, "no model has the id"),
        ({"model_ids": []}, InvalidInput, "model_ids is empty"),
        ({"model_ids": churn, "model_name": "Odd"}, InvalidInput, "is a version of Churn, not of Odd"),
        ({"model_name": "None"}, ModelNotFound, "no model has the name"),
    )
    for arguments, error, why in wrong:
        with pytest.raises(error, match=why):
            sqlite_registry.export_models(tmp_path / "b.tar", **arguments)
    sqlite_registry._context.store.write(f"models/model_{churn}.pkl", b"altered")
    with pytest.raises(ArtifactAltered):
        sqlite_registry.export_models(tmp_path / "b.tar", churn)
    assert sqlite_registry.export_models(tmp_path / "b.tar").left_out.keys() == {churn}
    sqlite_registry._context.store.remove(f"models/model_{odd}.pkl")
    with pytest.raises(ArtifactMissing):
        sqlite_registry.export_models(tmp_path / "c.tar", odd)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar", "model_registry"]


def rewritten(source: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> io.BytesIO:
    """An export with another content, its checksums in order."""
    with bundle.reading(source, KIND, 1) as found:
        manifest, members = found.manifest, {name: found.read(name) for name in found.names()}
    change(manifest, members)
    target = source.with_name("changed.tar")
    with bundle.writing(target, datetime(2026, 1, 1, tzinfo=UTC)) as out:
        out.add("manifest.json", json.dumps(manifest).encode())
        for name, data in members.items():
            out.add(name, data)
    data = target.read_bytes()
    target.unlink()
    return io.BytesIO(data)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An export of one version, and its id."""
    folder = tmp_path_factory.mktemp("export")
    with Registry(folder / "registry", clock=Clock()) as registry:
        model_id = fitted.register(registry)
        registry.export_models(folder / "e.tar")
    return folder / "e.tar", model_id


@pytest.mark.parametrize(
    ("member", "data", "why"),
    [
        ("model.pkl", b"cos\nsystem\n(S'true'\ntR.", "is refused"),
        ("model.json", b"{", "is not JSON"),
        ("model.json", b"[]", "does not describe a version"),
        ("model.json", b'{"document": {}, "states": {}, "measured": {}}', "model_name is missing"),
        (
            "model.json",
            b'{"document": {"model_name": "../x", "model_type": "T"}, "states": {}, "measured": {}}',
            "cannot be used",
        ),
        ("model.pkl", None, "its model file is not in the export"),
    ],
)
def test_what_cannot_be_accepted_is_skipped(
    other: Registry, export: tuple[Path, str], member: str, data: bytes | None, why: str
) -> None:
    source, model_id = export

    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        if data is None:
            del members[f"models/{model_id}/{member}"]
        else:
            members[f"models/{model_id}/{member}"] = data

    report = other.import_models(rewritten(source, change))
    assert not report.imported
    assert why in report.skipped[model_id]
    assert other.count_models() == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda manifest, members: manifest.update(models=["../x"]), "does not list its versions"),
        (lambda manifest, members: manifest.pop("models"), "does not list its versions"),
        (lambda manifest, members: members.update({"models/x/model.pkl": b""}), "does not belong to a version"),
        (lambda manifest, members: manifest.update(format_version=2), "which is newer"),
    ],
)
def test_other_files_are_refused_whole(other: Registry, export: tuple[Path, str], change: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        other.import_models(rewritten(export[0], change))
    with pytest.raises(InvalidInput, match="is not a file"):
        other.import_models(5)  # pyrefly: ignore[bad-argument-type]


def test_an_id_that_leads_elsewhere_or_is_another_name(other: Registry, export: tuple[Path, str]) -> None:
    source, model_id = export

    def rename(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["models"] = ["A_free_name"]
        for name in list(members):
            members[name.replace(model_id, "A_free_name")] = members.pop(name)

    assert other.import_models(rewritten(source, rename)).imported == {"A_free_name": "A_free_name"}
    assert other.load_model("A_free_name")[2].version == "1.0.0"
