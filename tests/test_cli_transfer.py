"""The verbs that move a registry, at the console."""

from pathlib import Path

import pytest

from registry_core import Registry
from tests import fitted
from tests.commands import answer, on_a_terminal, refused, run
from tests.elsewhere import another_user, foreign_registry
from tests.strangers import MAJORITY

DATABASE = Path(__file__).resolve().parent / "data" / "mlflow" / "mlflow.sqlite"


@pytest.fixture
def folder(registry_folder: Path) -> Path:
    """A registry with one version."""
    with Registry(registry_folder) as registry:
        fitted.register(registry)
    return registry_folder


def test_backup_and_restore(folder: Path, tmp_path: Path) -> None:
    shown = run(folder, "backup", str(tmp_path / "b.tar"))
    assert shown.exit_code == 0
    assert "versions           1" in shown.stdout
    assert answer(folder, "backup", str(tmp_path / "c.tar"))["models"] == 1
    refused(folder, 7, "StorageError", "backup", str(tmp_path / "b.tar"))
    into = tmp_path / "restored"
    document = answer(folder, "restore-backup", str(tmp_path / "b.tar"), "--into", str(into))
    assert (document["location"], document["models"], document["missing_files"]) == (str(into), 1, [])
    refused(folder, 4, "StateConflict", "restore-backup", str(tmp_path / "b.tar"), "--into", str(into))
    shown = run(folder, "restore-backup", str(tmp_path / "b.tar"), "--into", str(tmp_path / "again"))
    assert "1 of 1 model names" in shown.stdout
    assert answer(into, "list")
    (tmp_path / "b.tar").write_bytes(b"torn")
    refused(folder, 2, "InvalidInput", "restore-backup", str(tmp_path / "b.tar"), "--into", str(tmp_path / "third"))


def test_a_backup_without_everything_says_so(folder: Path, tmp_path: Path) -> None:
    (model,) = (folder / "models").glob("model_*")
    model.unlink()
    shown = run(folder, "backup", str(tmp_path / "b.tar"))
    assert shown.exit_code == 6
    assert f"skipped: models/{model.name}: " in shown.stdout
    shown = run(folder, "restore-backup", str(tmp_path / "b.tar"), "--into", str(tmp_path / "restored"))
    assert shown.exit_code == 6
    assert f"not in the backup: models/{model.name}" in shown.stdout


def test_export_and_import(folder: Path, tmp_path: Path) -> None:
    (known,) = answer(folder, "list")["models"]
    assert answer(folder, "export", str(tmp_path / "e.tar"), known["model_id"])["models"] == 1
    refused(folder, 3, "ModelNotFound", "export", str(tmp_path / "f.tar"), "--name", "None")
    other = tmp_path / "other"
    report = answer(other, "import", str(tmp_path / "e.tar"), "--promote-champions", "--reason", "moving")
    assert report["champions"] == {"Churn": known["model_id"]}
    shown = run(other, "import", str(tmp_path / "e.tar"))
    assert "imported before" in shown.stdout
    assert "0 imported, 1 skipped." in shown.stdout


def test_import_from_mlflow(tmp_path: Path) -> None:
    shown = run(tmp_path / "new", "import-mlflow", str(DATABASE), "--name", "House Prices")
    assert shown.exit_code == 0
    assert "House Prices/2 imported as House-Prices_LinearRegression_" in shown.stdout
    assert "is champion of House-Prices" in shown.stdout
    refused(tmp_path / "new", 2, "InvalidInput", "import-mlflow", str(tmp_path))


def test_progress_is_shown_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal(["backup", str(tmp_path / "b.tar"), "--registry", str(folder)], b"", tmp_path)
    assert code == 0
    assert "\rfiles 100 %" in shown
    assert "versions           1" in shown


def test_what_came_from_elsewhere_is_shown_and_accepted(tmp_path: Path) -> None:
    champion = foreign_registry(tmp_path / "theirs", tmp_path / "their keys")
    folder = tmp_path / "theirs"
    shown = run(folder, "accept")
    assert shown.exit_code == 0
    assert f"every model name may import {MAJORITY}" in shown.stdout
    assert f"{MAJORITY} is a class, defined in" in shown.stdout
    assert f"{champion} approved by friend" in shown.stdout
    assert "accept --reason" in shown.stdout
    assert answer(folder, "accept")["accepted"] is False
    refused(folder, 2, "InvalidInput", "accept", "--reason", "asked them")
    refused(folder, 4, "StateConflict", "key", "export", str(tmp_path / "key"))
    assert answer(folder, "accept", "--reason", "asked them", "--yes")["trusted_names"] == {"": [MAJORITY]}
    assert "No trust decisions from another installation" in run(folder, "accept").stdout
    assert answer(folder, "key", "export", str(tmp_path / "key"))["file"] == str(tmp_path / "key")
    refused(folder, 7, "StorageError", "key", "export", str(tmp_path / "key"))
    with another_user(tmp_path / "second"):
        assert answer(folder, "accept")["approvals"] == {champion: ["friend"]}
        assert answer(folder, "key", "import", str(tmp_path / "key"))["foreign_decisions"] is False
    (tmp_path / "wrong").write_text("no key")
    refused(folder, 2, "InvalidInput", "key", "import", str(tmp_path / "wrong"))


def test_a_backup_from_elsewhere_is_said_to_be_one(tmp_path: Path) -> None:
    foreign_registry(tmp_path / "theirs", tmp_path / "their keys")
    with another_user(tmp_path / "their keys"):
        answer(tmp_path / "theirs", "backup", str(tmp_path / "b.tar"))
        document = answer(
            tmp_path / "theirs", "restore-backup", str(tmp_path / "b.tar"), "--into", str(tmp_path / "one")
        )
        assert document["foreign_decisions"] is False
    shown = run(tmp_path / "theirs", "restore-backup", str(tmp_path / "b.tar"), "--into", str(tmp_path / "two"))
    assert "from another installation; `model-registry accept` lists them" in shown.stdout
