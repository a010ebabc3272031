"""Files of a registry are their owner's alone, or the group's where the folder is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import Registry
from registry_core.artifacts.sandbox import forkserver_handle
from tests.fitted import forest


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Whatever the user's umask is."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def filled(folder: Path) -> dict[str, int]:
    """What lies in a registry that was used, with its mode."""
    with Registry(folder) as registry:
        model_id = registry.register_model(
            forest(), model_name="Cancer", model_type="Forest",
            performance_metrics={"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9},
            training_info={"data_quality_score": 1.0},
        )  # fmt: skip
        registry.predictor("Cancer").predict([[0.0] * 30])
        registry.export_index()
        registry.backup(folder.parent / "backup.tar")
        registry.export_models(folder.parent / "export.tar", [model_id])
        found = {
            str(path.relative_to(folder)): path.stat().st_mode
            for path in folder.rglob("*")
            if not path.name.endswith("-shm")
        }
    assert {
        "registry.db",
        "registry.db-wal",
        "registry.db-queue",
        "telemetry.db",
        "registry_config.json",
    } <= found.keys()
    return found


def modes(found: dict[str, int], what: int) -> set[int]:
    return {stat.S_IMODE(mode) for mode in found.values() if stat.S_IFMT(mode) == what}


def test_nobody_else_reads_a_registry(umask: int, tmp_path: Path) -> None:
    found = filled(tmp_path / "own")
    assert modes(found, stat.S_IFREG) == {0o600}
    assert modes(found, stat.S_IFDIR) == {0o700}
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    for name in ("backup.tar", "export.tar"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_folder_of_the_group_shares_what_is_made_in_it(umask: int, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2770)
    found = filled(tmp_path / "shared")
    assert modes(found, stat.S_IFREG) == {0o660}
    assert modes(found, stat.S_IFDIR) == {0o2770}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o707, 0o702])
def test_a_folder_that_everybody_writes_is_said_to_be_one(mode: int, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    with pytest.warns(UserWarning, match="chmod o-w"):
        registry = Registry(tmp_path / "open")
    with registry:
        registry.register_model(forest(), model_name="Cancer", model_type="Forest")
        (finding,) = [each for each in registry.verify().findings if each.kind == "place"]
        assert (finding.severity, finding.remedy) == ("warning", f"chmod o-w {tmp_path / 'open'}")
    (tmp_path / "open").chmod(mode & 0o775)
    with Registry(tmp_path / "open") as registry:
        assert not [each for each in registry.verify().findings if each.kind == "place"]


def test_the_sandbox_takes_over_no_folder_of_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libpython3.11.so").write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}::/usr/lib")
    assert str(tmp_path) not in forkserver_handle._environment().get("LD_LIBRARY_PATH", "")


def test_health_warns_of_a_folder_that_everybody_may_write(tmp_path: Path) -> None:
    filled(tmp_path / "open")
    (tmp_path / "open").chmod(0o777)
    with pytest.warns(UserWarning, match="chmod o-w"):
        registry = Registry(tmp_path / "open")
    with registry:
        found = registry.check_health("Cancer")
        assert found.state == "warning"
        assert f"every user of this machine can write to {tmp_path / 'open'}" in found.sentence
        assert found.sentence.endswith(f"chmod o-w {tmp_path / 'open'}")
        (tmp_path / "open").chmod(0o700)
        assert "can write" not in registry.check_health("Cancer").sentence
