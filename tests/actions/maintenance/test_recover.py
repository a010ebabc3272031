"""The catalog is gone: what comes back, from what, and what is said of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from registry_core import InvalidInput, NotEligible, Registry, StateConflict, StorageError
from tests.actions.maintenance.lived import NAME, live, put, tables
from tests.actions.test_adopt import put as put_seed
from tests.clock import Clock
from tests.fitted import forest


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a registry that is closed; every test has a copy of it."""
    place = tmp_path_factory.mktemp("lived") / "model_registry"
    clock = Clock()
    with Registry(place, clock=clock) as registry:
        live(registry, clock, measured=False)
    return place


@pytest.fixture
def folder(lived_in: Path, registry_folder: Path, clock: Clock) -> Path:
    """The folder of a registry that is closed, an hour later."""
    clock.tick(3600)
    return Path(shutil.copytree(lived_in, registry_folder))


def lose(folder: Path) -> None:
    for file in folder.glob("registry.db*"):
        file.unlink()


def recovered(registry: Registry) -> list[dict[str, Any]]:
    return [event.after for event in registry.events(kinds=["recovered"])]


def test_everything_is_back_as_it_was_exported(catalog_url: dict[str, Any], clock: Clock) -> None:
    with Registry(**catalog_url, clock=clock) as registry:
        live(registry, clock, measured=False)
        before = tables(registry)
        exported = registry.export_index()
    place = str(catalog_url["location"])
    if place.startswith("postgresql://"):
        schema = place.partition("search_path%3D")[2]
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}".encode())
    else:
        lose(Path(place))
    clock.tick(60)
    with Registry(**catalog_url, clock=clock, actor="anna") as registry:
        after = tables(registry)
        event = registry.events(limit=1)[0]
        assert (event.kind, event.actor, event.event_id) == ("recovered", "anna", exported.last_event + 1)
        assert exported.at in event.reason
        assert event.after == {
            "source": "export", "exported_at": exported.at, "last_event": exported.last_event, "models": 7, "newer": 0,
        }  # fmt: skip
        assert after.pop("events")[:-1] == before.pop("events")
        assert after == before
        assert registry.verify_events() is None
        registry.load_active_model(NAME)
    with Registry(**catalog_url, clock=clock) as again:
        assert again.count_events() == exported.last_event + 1


def test_what_was_registered_since_the_export_is_taken_as_it_was(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        registry.export_index()
        clock.tick(60)
        newer = put(registry, 0.95, model_type="Newer", tags=["late"])
        upload = registry.upload(
            Path(registry.get_metadata(newer).model_file_path), metadata={"model_name": NAME, "model_type": "Sent"}
        )
        altered = put(registry, 0.5, model_type="Altered")
        registry.promote(newer, reason="the best so far")
        known = [registry.get_metadata(each) for each in (newer, upload, altered)]
        documents = dict(registry._context.database.tuples("SELECT model_seq, metadata FROM model_documents"))
    lose(folder)
    file = folder / "models" / f"model_{altered}.pkl"
    file.write_bytes(file.read_bytes() + b".")
    clock.tick(60)
    with Registry(folder, clock=clock) as registry:
        # Who was promoted since then is not known any more: it is the champion of the export.
        assert registry.get_active_model_id(NAME) not in (None, newer)
        found = [registry.get_metadata(each) for each in (newer, upload, altered)]
        assert [each.having(is_active=True, is_best=True) for each in found[:1]] == known[:1]
        assert found[1] == known[1]
        texts = registry._context.database.tuples("SELECT metadata FROM model_documents")
        assert {documents[seq] for seq in sorted(documents)[-3:-1]} <= {text for (text,) in texts}
        assert (found[2].artifact, found[2].inspection["verdict"]) == ("quarantined", "refused")
        assert recovered(registry)[0]["newer"] == 3
        registry.load_model(newer)
        with pytest.raises(NotEligible):
            registry.promote(altered, reason="now", override=True)
        assert registry.rebuild_index().changed == {}
        assert registry.verify_events() is None


def test_a_version_of_the_export_stays_without_its_files(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        registry.export_index()
        before, ids = tables(registry), [each.model_id for each in registry.list_models()]
    lose(folder)
    for model_id in ids[:2]:
        (folder / "models" / f"model_{model_id}.pkl").unlink()
        (folder / "metadata" / f"model_{model_id}.json").unlink()
    altered = folder / "metadata" / f"model_{ids[2]}.json"
    altered.write_text(altered.read_text().replace('"tags": [', '"tags": ["x", '))
    with Registry(folder, clock=clock) as registry:
        after = tables(registry)
        assert after["model_documents"] == before["model_documents"]
        assert after["models"] == before["models"]
        left = recovered(registry)[0]["left_out"]
        assert set(left) == {f"metadata/model_{model_id}.json" for model_id in ids[:3]}
        assert all("model_index.json was used" in why for why in left.values())


@pytest.mark.parametrize("torn", ["index", "both"])
def test_a_torn_export_loses_as_little_as_can_be(folder: Path, clock: Clock, torn: str) -> None:
    with Registry(folder, clock=clock) as registry:
        before = tables(registry)
        champion = registry.get_active_model_id(NAME)
        states = {each.model_id: (each.status, each.pinned) for each in registry.list_models()}
        registry.export_index()
    lose(folder)
    with (folder / "model_index.json").open("a") as file:
        file.write(" ")
    if torn == "both":
        history = folder / "model_history.json"
        history.write_bytes(history.read_bytes()[:-100])
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with Registry(folder, clock=clock, actor="anna") as registry:
        after = tables(registry)
        (said,) = recovered(registry)
        assert registry.get_active_model_id(NAME) == champion
        assert registry.verify_events() is None
        if torn == "index":
            assert "model_index.json" in said["left_out"]
            assert after["models"] == before["models"]
        else:
            (event,) = registry.events(kinds=["recovered"])
            assert (said["source"], event.event_id) == ("sidecars", 2)
            assert "SHA-256 differs" in event.reason
            # The trash is lost with its table: what was in it is archived, and chosen by nobody.
            assert {each.model_id: (each.status, each.pinned) for each in registry.list_models()} == {
                model_id: ("archived" if status == "trashed" else status, pinned)
                for model_id, (status, pinned) in states.items()
            }
            assert [row[1] for row in after["model_documents"]] == [row[1] for row in before["model_documents"]]
    assert {path: path.read_bytes() for path in files} == files


def test_telemetry_is_kept(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        predictor = registry.predictor(NAME)
        predictor.predict_proba([[0.1, 0.2]] * 5)
        predictor.flush()
        registry.export_index()
        before = registry.performance_history(NAME)
    assert before
    lose(folder)
    with Registry(folder, clock=clock) as registry:
        assert registry.performance_history(NAME) == before


def test_settings_that_were_edited_since_hold(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        registry.export_index()
        registry.configure(max_models_to_keep=7, reason="later")
    lose(folder)
    with Registry(folder, clock=clock) as registry:
        assert registry.configuration().policy(NAME).max_models_to_keep == 7
        assert [event.kind for event in registry.events(limit=2)] == ["configured", "recovered"]


def test_an_adopted_folder_comes_back_as_it_was(registry_folder: Path, clock: Clock) -> None:
    put_seed(registry_folder, "RandomForest_20250731_120000", forest(), is_active=True)
    with Registry(registry_folder, clock=clock) as registry:
        before = tables(registry)
        assert registry.rebuild_index().left_out == {}
        registry.export_index()
    lose(registry_folder)
    with Registry(registry_folder, clock=clock) as registry:
        after = tables(registry)
        assert after.pop("events")[:-1] == before.pop("events")
        assert after == before
        assert "left_out" not in recovered(registry)[0]


def test_a_damaged_catalog_is_moved_aside(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        registry.export_index()
        before = tables(registry)
    with pytest.raises(StateConflict, match="not damaged"):
        Registry.recover(folder)
    content = (folder / "registry.db").read_bytes()
    for damage in (b"no database" * 1000, content[:4096] + b"\xff" * (len(content) - 4096)):
        (folder / "registry.db").write_bytes(damage)
        (folder / "registry.db-wal").write_bytes(b"a log of something else")
        clock.tick(60)
        report = Registry.recover(folder, clock=clock, actor="anna")
        assert (report.source, report.models, report.left_out) == ("export", 7, {})
        with Registry(folder, clock=clock) as registry:
            assert tables(registry)["models"] == before["models"]
            assert registry.events(limit=1)[0].actor == "anna"
    # A bit that flipped in a row leaves every page sound.
    content = (folder / "registry.db").read_bytes()
    (folder / "registry.db").write_bytes(content.replace(b"worse in the evening", b"worse in the evenink"))
    clock.tick(60)
    assert Registry.recover(folder, clock=clock).source == "export"
    assert len({path.name[:35] for path in folder.glob("registry.db.damaged-*")}) == 3
    # An empty file is a catalog nobody wrote into yet.
    lose(folder)
    (folder / "registry.db").touch()
    with Registry(folder, clock=clock) as registry:
        assert tables(registry)["models"] == before["models"]
    for place in ("postgresql://host/x", folder / "nowhere"):
        with pytest.raises(InvalidInput):
            Registry.recover(place)


def test_a_history_whose_rows_do_not_fit_is_not_used(folder: Path, clock: Clock) -> None:
    with Registry(folder, clock=clock) as registry:
        database: Any = registry._context.database
        with database._connection() as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("UPDATE reviews SET model_id = 'nobody'")
            connection.execute("PRAGMA foreign_keys = ON")
        registry.export_index()
        with pytest.raises(StorageError, match="are inconsistent"):
            registry.rebuild_index()
        assert registry.count_models() == 7
    lose(folder)
    with Registry(folder, clock=clock) as registry:
        assert registry.count_models() == 7
        assert "are inconsistent" in registry.events(kinds=["recovered"])[0].reason


def test_an_export_of_a_later_release_is_read_as_far_as_it_goes(folder: Path, clock: Clock) -> None:
    from registry_core.actions.maintenance import export

    with Registry(folder, clock=clock) as registry:
        registry.export_index()
    history = folder / "model_history.json"
    content = json.loads(history.read_bytes())["content"]
    content["tables"]["models"]["columns"].append("colour")
    for row in content["tables"]["models"]["rows"]:
        row.append("red")
    content["tables"]["novelties"] = {"columns": ["seq"], "rows": [[1]]}
    history.write_bytes(export._sealed(json.dumps(content).encode()))
    lose(folder)
    with Registry(folder, clock=clock) as registry:
        assert registry.count_models() == 7
        left = recovered(registry)[0]["left_out"]
        assert left == {
            "model_history.json": "this release does not know novelties",
            "model_history.json: models": "this release does not know colour",
        }
