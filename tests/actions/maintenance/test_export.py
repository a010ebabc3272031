from __future__ import annotations

import errno
import json
from hashlib import sha256
from pathlib import Path

import pytest

from registry_core import InvalidInput, ModelMetadata, Registry, StorageError
from registry_core.actions.maintenance import export
from registry_core.artifacts.store import Store
from tests.actions.maintenance.lived import NAME, live, put
from tests.clock import Clock


def test_the_index_is_a_view_and_names_every_state(sqlite_registry: Registry, clock: Clock) -> None:
    ids = live(sqlite_registry, clock, measured=False)
    clock.tick(60)
    written = sqlite_registry.export_index()
    assert (written.models, written.last_event) == (7, sqlite_registry.count_events())
    index, history = (Path(file) for file in written.files)
    assert (index.name, history.name) == ("model_index.json", "model_history.json")
    entries = json.loads(index.read_text())
    assert {entry["exported_at"] for entry in entries.values()} == {written.at}
    folder = Path(sqlite_registry.location)
    for model_id, entry in entries.items():
        assert entry.pop("exported_at") == written.at
        known = sqlite_registry.get_metadata(model_id)
        # In the file as in the metadata file: relative, so that the folder may move.
        assert str(folder / entry["model_file_path"]) == known.model_file_path
        assert ModelMetadata(**entry).having(model_file_path=known.model_file_path) == known
    assert [entries[each]["status"] for each in ids] == [
        "registered", "registered", "disqualified", "registered", "rejected", "trashed",
    ]  # fmt: skip
    assert [each for each in ids if entries[each]["is_active"]] == [ids[3]]
    assert json.loads(history.read_text())["content"]["index_sha256"] == sha256(index.read_bytes()).hexdigest()


def test_it_is_read_as_it_was_written_or_not_at_all(sqlite_registry: Registry, clock: Clock, tmp_path: Path) -> None:
    put(sqlite_registry, 0.9)
    other = tmp_path / "far" / "away"
    files = [Path(file) for file in sqlite_registry.export_index(other).files]
    assert [file.parent for file in files] == [other, other]
    assert {file.name for file in other.iterdir()} == {file.name for file in files}
    assert not (Path(sqlite_registry.location) / "model_index.json").exists()
    store = Store(str(other))
    history = export.read_history(store)
    assert history.last_event == sqlite_registry.count_events()
    assert len(history.tables["events"][1]) == history.last_event
    assert list(export.read_index(store, history.index_sha256)) == list(history.documents)
    content = files[1].read_bytes()
    for place in range(0, len(content), 97):
        files[1].write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match="SHA-256 differs"):
            export.read_history(store)
    for cut in (0, 1, len(content) // 2, len(content) - 1):
        files[1].write_bytes(content[:cut])
        with pytest.raises(ValueError, match="SHA-256 differs"):
            export.read_history(store)
    # A later index with an earlier history: a pair that was torn.
    files[1].write_bytes(content)
    clock.tick(60)
    sqlite_registry.export_index(other)
    files[1].write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        export.read_index(store, export.read_history(store).index_sha256)


def test_it_is_one_moment_on_both_catalogs(registry: Registry) -> None:
    model_id = put(registry, 0.9)
    first = registry.export_index()
    assert first.files[0].endswith("/model_index.json")
    entries = json.loads(registry._context.store.read("model_index.json"))
    assert (entries[model_id]["is_active"], entries[model_id]["model_name"]) == (True, NAME)
    assert registry.export_index().last_event == first.last_event


def test_where_it_cannot_go(sqlite_registry: Registry, tmp_path: Path) -> None:
    for path in ("", "s3://bucket/index", "a\0b", 5):
        with pytest.raises(InvalidInput):
            sqlite_registry.export_index(path)  # pyrefly: ignore[bad-argument-type]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as raised:
        sqlite_registry.export_index(tmp_path / "file")
    assert raised.value.errno in (errno.ENOTDIR, errno.EEXIST)
    (tmp_path / "folder" / "model_index.json").mkdir(parents=True)
    with pytest.raises(StorageError):
        sqlite_registry.export_index(tmp_path / "folder")
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["model_index.json"]
