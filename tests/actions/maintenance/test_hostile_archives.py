"""Archives that somebody made to fill memory, to lead elsewhere, or to lie about what they hold."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry_core import InvalidInput, Registry
from registry_core.actions.maintenance import backup, transfer
from registry_core.artifacts import bundle
from tests.hostile_archives import archives, header, member

ARCHIVES = archives("small", 1)
#: By entrance, how an archive has to begin to be looked into.
MANIFESTS = {
    entrance: json.dumps({"format": module.KIND, "format_version": module.VERSION}).encode()
    for entrance, module in (("restore", backup), ("import", transfer))
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_refused_in_little_memory(name: str) -> None:
    file = io.BytesIO(ARCHIVES[name])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput), bundle.reading(file, "small", 1):
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 70_000_000


def _hole(path: Path, manifest: bytes) -> None:
    with path.open("wb") as file:
        file.write(member("manifest.json", manifest) + header("files/x", 1 << 42))
        file.truncate(1 << 43)


def _checksums(path: Path, manifest: bytes) -> None:
    with path.open("wb") as file:
        file.write(member("manifest.json", manifest) + header("checksums.json", 60_000_000))
        file.truncate(60_100_000)


@pytest.mark.parametrize(
    "make",
    [
        _hole,
        _checksums,
        lambda path, _: os.mkfifo(path),
        lambda path, _: path.mkdir(),
        lambda path, _: path.symlink_to("/dev/zero"),
        lambda path, _: path.symlink_to(path),
    ],
)
@pytest.mark.parametrize("entrance", ["restore", "import"])
def test_what_is_no_archive_does_not_hang(make: Callable[[Path, bytes], object], entrance: str, tmp_path: Path) -> None:
    path = tmp_path / "archive.tar"
    make(path, MANIFESTS[entrance])
    with pytest.raises(InvalidInput):
        if entrance == "restore":
            Registry.from_backup(path, tmp_path / "there")
        else:
            with Registry(tmp_path / "here") as registry:
                registry.import_models(path)
    assert not (tmp_path / "there").exists()


def test_a_row_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle, "_MOST_LINE", 3_000_000)
    with bundle.writing(tmp_path / "b.tar", datetime(2026, 3, 1, tzinfo=UTC)) as out:
        out.add("manifest.json", json.dumps({"format": "small", "format_version": 1}).encode())
        out.add("rows.jsonl", b"[" * 5_000_000)
    with (
        bundle.reading(tmp_path / "b.tar", "small", 1) as found,
        pytest.raises(InvalidInput, match="a row of more than"),
    ):
        list(found.lines("rows.jsonl"))
