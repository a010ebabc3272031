"""Whatever lies in a folder from elsewhere: only plain files below it are read, and nothing hangs or fills memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry_core import ArtifactAltered, ArtifactError, InvalidInput, Registry, RegistryError
from registry_core.artifacts import mlmodel, regular
from tests.actions.test_adopt import put
from tests.fitted import forest
from tests.hostile_folders import TRICKS, Trick, dangling, linked, pipe

SECRET = b"root:x:0:0 nobody outside may read this"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that belongs to somebody else."""
    path = tmp_path / "passwd"
    path.write_bytes(SECRET)
    return path


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("name", ["models/model_A_20250731_120000.pkl", "models/scaler_A_20250731_120000.pkl"])
def test_a_trick_in_an_adopted_folder_is_not_read(
    trick: Trick, name: str, outside: Path, registry_folder: Path
) -> None:
    put(registry_folder, "A_20250731_120000", forest(), is_active=True)
    put(registry_folder, "B_20250731_120000", forest())
    (registry_folder / name).unlink(missing_ok=True)
    trick(registry_folder / name, outside)
    with Registry(registry_folder) as registry:
        assert "B_20250731_120000" in [each.model_id for each in registry.list_models()]
        (left,) = [each.after["left_out"] for each in registry.events(limit=None) if "left_out" in each.after] or [{}]
        if not left:
            assert registry.get_metadata("A_20250731_120000").artifact == "quarantined"
            with pytest.raises(ArtifactError):
                registry.load_model("A_20250731_120000")
        assert SECRET.decode() not in json.dumps(left)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_below_a_registered_version_is_not_read(trick: Trick, outside: Path, registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        model_id = registry.register_model(forest(), model_name="Cancer", model_type="Forest")
    path = registry_folder / "models" / f"model_{model_id}.pkl"
    path.unlink()
    trick(path, outside)
    with Registry(registry_folder) as registry:
        with pytest.raises(RegistryError):
            registry.load_model(model_id)
        with pytest.raises(RegistryError):
            registry.read_artifact(model_id)
        assert any(finding.subject == f"models/{path.name}" for finding in registry.verify().findings)
        with pytest.raises(RegistryError):
            registry.export_models(registry_folder.parent / "export.tar", [model_id])
        assert list(registry.backup(registry_folder.parent / "backup.tar").left_out) == [f"models/{path.name}"]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("name", ["registry_config.json", "model_index.json", "metadata/model_A_20250731_120000.json"])
def test_a_trick_in_place_of_a_document_does_not_hang(
    trick: Trick, name: str, outside: Path, registry_folder: Path
) -> None:
    put(registry_folder, "A_20250731_120000", forest())
    put(registry_folder, "B_20250731_120000", forest())
    (registry_folder / name).unlink(missing_ok=True)
    trick(registry_folder / name, outside)
    if name == "registry_config.json":
        with pytest.raises(RegistryError, match=name):
            Registry(registry_folder)
        return
    with Registry(registry_folder) as registry:
        assert registry.get_metadata("B_20250731_120000").artifact == "trusted"


@pytest.mark.parametrize("inner", ["models", "metadata", "benchmarks", "evaluations", ".staged"])
def test_a_linked_folder_is_neither_read_nor_written(inner: str, tmp_path: Path, registry_folder: Path) -> None:
    put(registry_folder, "A_20250731_120000", forest())
    elsewhere = tmp_path / "elsewhere"
    if (registry_folder / inner).exists():
        (registry_folder / inner).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (registry_folder / inner).symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    with pytest.raises(ArtifactAltered, match=inner):
        Registry(registry_folder)
    assert sorted(elsewhere.iterdir()) == before


@pytest.mark.parametrize("name", ["registry.db", "registry.db-wal", "registry.db-queue"])
@pytest.mark.parametrize("trick", [linked, dangling, pipe])
def test_a_database_that_lies_elsewhere_is_not_opened(
    name: str, trick: Trick, outside: Path, registry_folder: Path
) -> None:
    registry_folder.mkdir()
    trick(registry_folder / name, outside)
    with pytest.raises(ArtifactAltered, match=name):
        Registry(registry_folder)
    assert outside.read_bytes() == SECRET


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("name", ["MLmodel", "model.pkl", "data/model.pkl"])
def test_a_trick_in_an_mlflow_model_is_not_read(trick: Trick, name: str, outside: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "data").mkdir(parents=True)
    pickled = "data/model.pkl" if name == "data/model.pkl" else "model.pkl"
    (model / "MLmodel").write_text(f"flavors:\n  sklearn:\n    pickled_model: {pickled}\n")
    (model / pickled).write_bytes(b"\x80\x04N.")
    assert mlmodel.read(model).data == b"\x80\x04N."
    (model / name).unlink()
    trick(model / name, outside)
    with pytest.raises(InvalidInput):
        mlmodel.read(model)


@pytest.mark.parametrize(
    "named", ["../passwd", "/etc/passwd", "data/../../passwd", ".", "", "linked/passwd", "a\\..\\b"]
)
def test_an_mlflow_model_names_files_below_it_only(named: str, outside: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "linked").symlink_to(tmp_path)
    (model / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": {"pickled_model": named}}}))
    with pytest.raises(InvalidInput):
        mlmodel.read(model)
    assert outside.read_bytes() == SECRET


def test_plain_files_are_read_and_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "real" / "inner" / "file").write_bytes(b"12345")
    (tmp_path / "root").symlink_to("real")
    assert regular.read(str(tmp_path / "root"), "inner/file") == b"12345"
    assert regular.read(str(tmp_path / "root"), "inner/file", 5) == b"12345"
    with pytest.raises(ArtifactAltered, match="more than 4 bytes"):
        regular.read(str(tmp_path / "root"), "inner/file", 4)
    with pytest.raises(FileNotFoundError):
        regular.read(str(tmp_path / "root"), "inner/none")
