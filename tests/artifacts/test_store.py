from __future__ import annotations

import uuid
from hashlib import sha256
from pathlib import Path

import pytest

from registry_core import ArtifactMissing
from registry_core.artifacts.store import Sink, Store


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store in a folder, and one where nothing can be renamed in place, as in a bucket."""
    return Store(str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/prefix")


def test_bytes_written_in_pieces_come_back_with_their_digest(store: Store) -> None:
    def write(sink: Sink) -> None:
        sink.write(b"abc")
        assert sink.tell() == 3
        sink.write(memoryview(b"def"))

    staged = store.stage(write)
    assert not store.exists("models/m.pkl")
    store.publish({"models/m.pkl": staged})
    assert store.read("models/m.pkl") == b"abcdef"
    assert (staged.sha256, staged.size) == (sha256(b"abcdef").hexdigest(), 6)
    assert not store.exists(staged.key)


def test_nothing_is_left_of_a_file_that_failed_half_way(store: Store) -> None:
    keys = []

    def write(sink: Sink) -> None:
        sink.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        keys.append(store.stage(write).key)
    assert keys == []
    with pytest.raises(ArtifactMissing, match="restore it"):
        store.read("models/m.pkl")


def test_a_file_is_replaced_as_a_whole_and_may_be_removed_twice(store: Store) -> None:
    store.write("registry_config.json", b"1")
    store.write("registry_config.json", b"2")
    assert store.read("registry_config.json") == b"2"
    for _ in range(2):
        store.remove("registry_config.json")
    assert not store.exists("registry_config.json")
