"""Verbs that keep a registry sound, as people and scripts use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry_core import Finding, Registry, VerifyReport
from tests.commands import answer, on_a_terminal, refused, run
from tests.fitted import register


def test_rebuild_export_and_recover(registry_folder: Path, sqlite_registry: Registry, tmp_path: Path) -> None:
    model_id = register(sqlite_registry)
    document = answer(registry_folder, "rebuild-index", "--actor", "anna", "--reason", "to be sure")
    assert document.pop("seconds") >= 0
    assert document == {"source": "catalog", "exported_at": None, "models": 1, "changed": {}, "left_out": {}}
    assert "changed      nothing" in run(registry_folder, "rebuild-index").stdout
    sidecar = registry_folder / "metadata" / f"model_{model_id}.json"
    content = sidecar.read_bytes()
    sidecar.unlink()
    assert "skipped: metadata/" in run(registry_folder, "rebuild-index").stdout
    sidecar.write_bytes(content)

    exported = answer(registry_folder, "export-index", str(tmp_path / "elsewhere"))
    assert (exported["models"], exported["last_event"]) == (1, sqlite_registry.count_events())
    assert all(Path(file).parent == tmp_path / "elsewhere" for file in exported["files"])
    assert str(registry_folder / "model_history.json") in run(registry_folder, "export-index").stdout
    assert answer(registry_folder, "optimize") == {"optimized": True}

    assert "not damaged" in refused(registry_folder, 4, "StateConflict", "rebuild-index", "--damaged")
    sqlite_registry.close()
    (registry_folder / "registry.db").write_bytes(b"something else" * 1000)
    for file in registry_folder.glob("registry.db-*"):
        file.unlink()
    assert "damaged" in refused(registry_folder, 7, "StorageError", "list")
    document = answer(registry_folder, "rebuild-index", "--damaged")
    assert (document["source"], document["models"]) == ("export", 1)
    assert document["exported_at"]
    assert answer(registry_folder, "list")["total"] == 1
    refused(tmp_path / "nowhere", 3, "NoRegistry", "rebuild-index")
    refused(tmp_path / "nowhere", 2, "InvalidInput", "rebuild-index", "--damaged")


def test_how_far_it_is_on_a_terminal(registry_folder: Path, sqlite_registry: Registry, tmp_path: Path) -> None:
    register(sqlite_registry)
    code, shown = on_a_terminal(["rebuild-index", "--registry", str(registry_folder)], b"", tmp_path)
    assert code == 0
    assert "reading metadata files 100 %" in shown
    assert shown.rpartition("\r")[0] != shown


def finding(**changes: Any) -> Finding:
    told: dict[str, Any] = {
        "kind": "missing",
        "severity": "error",
        "subject": "models/model_x.pkl",
        "text": "it is\x1b[2J missing",
    }
    told |= {"remedy": "restore it from a backup", **changes}
    return Finding(**told)


@pytest.mark.parametrize(
    ("findings", "code", "expected"),
    [
        ([], 0, "integrity verified"),
        (
            [finding(severity="note", remedy="")],
            0,
            "NOTE     missing: it is\\x1b[2J missing\n         -> nothing to do",
        ),
        ([finding()], 7, "ERROR    missing: it is\\x1b[2J missing\n         -> restore it from a backup"),
        (
            [finding(severity="warning", repairable=True)],
            7,
            "-> restore it from a backup, or: model-registry verify --",
        ),
        ([finding(repairable=True, repaired=True)], 0, "         repaired"),
    ],
)
def test_verify_says_what_it_found(
    registry_folder: Path,
    sqlite_registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    findings: list[Finding],
    code: int,
    expected: str,
) -> None:
    asked: list[Any] = []

    def verify(self: Registry, **options: Any) -> VerifyReport:
        asked.append(options)
        return VerifyReport("2025-07-31", tuple(findings), {"files": 3, "bytes": 2_000_000}, 2.0)

    monkeypatch.setattr(Registry, "verify", verify)
    result = run(registry_folder, "verify", "--repair", "--actor", "anna")
    assert result.exit_code == code
    assert expected in result.stdout
    assert "3 files, 2,000,000 bytes" in result.stdout
    assert "1 MB/s" in result.stdout
    assert asked == [{"repair": True, "answers": False, "actor": "anna", "progress": None}]
    machine = run(registry_folder, "verify", "--json")
    assert machine.exit_code == code
    document = json.loads(machine.stdout)
    assert (document["clean"], document["bytes_per_second"]) == (code == 0, 1_000_000)
    assert len(document["findings"]) == len(findings)
