"""Restoring: every byte checked first, an empty place only, whole or not at all."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry_core import InvalidInput, Registry, StateConflict
from registry_core.actions.maintenance import restore
from registry_core.artifacts import bundle
from tests import fitted
from tests.actions.maintenance import whole

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def small(path: Path) -> bytes:
    """A bundle of a few members, and its bytes."""
    with bundle.writing(path, NOW) as out:
        out.add("manifest.json", json.dumps({"format": "small", "format_version": 1}).encode())
        out.add(f"files/{'long/' * 30}name", b"x" * 700)
        out.add_twin("files/twin", f"files/{'long/' * 30}name")
        with out.member("rows.jsonl") as take:
            take(b"[1]\n")
            take(b"[2]\n")
    return path.read_bytes()


def content(data: bytes) -> dict[str, bytes]:
    with bundle.reading(io.BytesIO(data), "small", 1) as found:
        return {name: found.read(name) for name in found.names()}


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    data = small(tmp_path / "b.tar")
    expected = content(data)
    found = 0
    for place in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        try:
            assert content(bytes(flipped)) == expected, place
        except InvalidInput:
            found += 1
    # The rest lies between the members.
    assert found > 200


def test_a_torn_bundle_is_found(tmp_path: Path) -> None:
    data = small(tmp_path / "b.tar")
    end = data.rindex(b"}") + 1
    for length in range(0, end, 100):
        with pytest.raises(InvalidInput):
            content(data[:length])
    with pytest.raises(InvalidInput, match=r"ends within the member rows.jsonl|after the member"):
        content(data[: data.index(b"[2]")])


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        manifest = json.dumps({"format": "small", "format_version": 1}).encode()
        for info, data in ((tarfile.TarInfo("manifest.json"), manifest), *members):
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (member("/etc/passwd"), "leads outside"),
        (member("../models/x"), "leads outside"),
        (member("models/../../x"), "leads outside"),
        (member("models/.hidden"), "leads outside"),
        (member("models/a\nb"), "leads outside"),
        (member("manifest.json"), "twice"),
        (member("models/x", tarfile.SYMTYPE, "/etc/passwd"), "not a regular file"),
        (member("models/x", tarfile.LNKTYPE, "/etc/passwd"), "which is missing"),
        (member("models/x", tarfile.DIRTYPE), "not a regular file"),
        (member("models/x", tarfile.FIFOTYPE), "not a regular file"),
        (member("models/x", tarfile.CHRTYPE), "not a regular file"),
        (member("models/x"), "without checksums.json"),
    ],
)
def test_what_no_bundle_holds_is_refused(bad: tarfile.TarInfo, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        content(packed((bad, b"")))


@pytest.mark.parametrize("data", [b"", b"no tar at all", b"\0" * 10240, b"PK\x03\x04" + b"\0" * 600])
def test_other_files_are_no_bundles(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="is not a small"):
        content(data)


def test_another_kind_and_a_newer_release(tmp_path: Path) -> None:
    small(tmp_path / "b.tar")
    with pytest.raises(InvalidInput, match="is not a model-registry backup but 'small'"):
        Registry.from_backup(tmp_path / "b.tar", tmp_path / "r")
    with bundle.writing(tmp_path / "new.tar", NOW) as out:
        out.add(
            "manifest.json",
            json.dumps({"format": "model-registry backup", "format_version": 2, "release": "9.9.9"}).encode(),
        )
    with pytest.raises(InvalidInput, match=r"release 9.9.9, which is newer: install that release first"):
        Registry.from_backup(tmp_path / "new.tar", tmp_path / "r")
    with pytest.raises(InvalidInput, match="cannot be read"):
        Registry.from_backup(tmp_path / "none.tar", tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a registry with one version."""
    folder = tmp_path_factory.mktemp("source") / "model_registry"
    with Registry(folder) as registry:
        fitted.register(registry)
    return folder


@pytest.fixture(scope="module")
def backup(source: Path) -> Path:
    """A backup of it."""
    with Registry(source) as registry:
        return Path(registry.backup(source.with_name("b.tar")).path)


def rewritten(source: Path, target: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Path:
    """A backup with another manifest and other members, its checksums in order."""
    with bundle.reading(source, "model-registry backup", 1) as found:
        manifest, members = found.manifest, {name: found.read(name) for name in found.names()}
    change(manifest, members)
    with bundle.writing(target, NOW) as out:
        out.add("manifest.json", json.dumps(manifest).encode())
        for name, data in members.items():
            out.add(name, data)
    return target


def test_a_backup_of_an_older_release(backup: Path, tmp_path: Path) -> None:
    def older(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        for table in ("trash", "packed_files"):
            del manifest["catalog"][table], members[f"catalog/{table}.jsonl"]
        place = manifest["catalog"]["models"]["columns"].index("pinned")
        del manifest["catalog"]["models"]["columns"][place]
        rows = [json.loads(line) for line in members["catalog/models.jsonl"].splitlines()]
        for row in rows:
            del row[place]
        members["catalog/models.jsonl"] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    with Registry.from_backup(rewritten(backup, tmp_path / "old.tar", older), tmp_path / "r") as other:
        assert other.load_best_model("Churn")[2].pinned is False


def newer_column(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    manifest["catalog"]["models"]["columns"].append("colour")


def newer_table(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    manifest["telemetry"]["colours"] = {"columns": ["colour"], "rows": 0}
    members["telemetry/colours.jsonl"] = b""


def lost_table(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    del members["catalog/events.jsonl"]


def stranger(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["files/registry.db"] = b""


def no_row(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["catalog/events.jsonl"] += b"{}\n"


def short_row(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["catalog/settings.jsonl"] += b'["colour"]\n'


def lead_elsewhere(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    for name, data in members.items():
        members[name] = data.replace(b'"Churn_', b'"../Churn_') if name.startswith("catalog/") else data


def unrelated(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["catalog/deployments.jsonl"] = members["catalog/deployments.jsonl"].replace(b'"Churn_', b'"Other_')


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (newer_column, "install that release, or a newer one"),
        (newer_table, "install that release, or a newer one"),
        (lost_table, "lacks catalog/events.jsonl"),
        (stranger, "does not belong to a backup"),
        (no_row, "catalog/events.jsonl that cannot be read"),
        (short_row, "catalog/settings.jsonl that cannot be read"),
        (lead_elsewhere, "lies outside the registry"),
        (unrelated, "catalog/deployments.jsonl that are inconsistent"),
    ],
)
def test_a_backup_that_does_not_fit_makes_nothing(backup: Path, tmp_path: Path, change: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Registry.from_backup(rewritten(backup, tmp_path / "other.tar", change), tmp_path / "r")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.tar"]


def test_an_altered_backup_makes_nothing(backup: Path, tmp_path: Path) -> None:
    data = bytearray(backup.read_bytes())
    data[data.index(b"scikit-learn")] ^= 1
    (tmp_path / "b.tar").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"has an altered member catalog/model_documents.jsonl"):
        Registry.from_backup(tmp_path / "b.tar", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_only_an_empty_folder_will_do(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    Registry.from_backup(backup, tmp_path / "empty").close()
    for place in (tmp_path / "empty", backup.parent):
        with pytest.raises(StateConflict, match="is not empty"):
            Registry.from_backup(backup, place)
    with pytest.raises(OSError, match="cannot be used"):
        Registry.from_backup(backup, backup)
    with pytest.raises(InvalidInput, match="cannot hold a catalog"):
        Registry.from_backup(backup, "memory://somewhere")


def test_a_folder_that_appears_meanwhile_stays(backup: Path, tmp_path: Path) -> None:
    def appear(what: str, done: int, total: int) -> None:
        (tmp_path / "r").mkdir(exist_ok=True)
        (tmp_path / "r" / "mine").touch()

    with pytest.raises(StateConflict, match="was created by another process"):
        Registry.from_backup(backup, tmp_path / "r", progress=appear)
    assert os.listdir(tmp_path / "r") == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]


@pytest.mark.postgres
def test_a_restore_into_a_database_goes_on_where_it_was_interrupted(
    source: Path, backup: Path, tmp_path: Path, fresh_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restore, "_check_claims", die)
        with pytest.raises(KeyboardInterrupt):
            Registry.from_backup(backup, fresh_postgres, artifacts=files)
    assert os.listdir(files / "models")
    with Registry(source) as registry:
        before = whole.files(registry)
        registry.backup(tmp_path / "second.tar")
    with pytest.raises(StateConflict, match="the restore of another backup was interrupted"):
        Registry.from_backup(tmp_path / "second.tar", fresh_postgres, artifacts=files)
    with Registry.from_backup(backup, fresh_postgres, artifacts=files) as other:
        assert whole.files(other) == before
    with pytest.raises(StateConflict, match="already holds a registry"):
        Registry.from_backup(backup, fresh_postgres, artifacts=tmp_path / "others")


@pytest.mark.postgres
def test_artifacts_need_an_empty_place_as_well(backup: Path, tmp_path: Path, fresh_postgres: str) -> None:
    (tmp_path / "files" / "models").mkdir(parents=True)
    (tmp_path / "files" / "models" / "mine.pkl").touch()
    with pytest.raises(StateConflict, match=r"mine.pkl exists already"):
        Registry.from_backup(backup, fresh_postgres, artifacts=tmp_path / "files")
