from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from registry_core import ArtifactMissing, StorageError
from registry_core.artifacts.store import Sink, Staged, Store


@pytest.fixture(params=["folder", "memory", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder, and places where nothing can be renamed: in memory, and in a bucket behind HTTP."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/a prefix/of [ours]"
    return str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/prefix"


@pytest.fixture
def store(address: str) -> Store:
    return Store(address)


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
    assert store.names(".staged") == []


def test_nothing_is_left_of_a_file_that_failed_half_way(store: Store) -> None:
    def write(sink: Sink) -> None:
        sink.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.stage(write)
    assert store.names(".staged") == []
    with pytest.raises(ArtifactMissing, match="restore it"):
        store.read("models/m.pkl")


def test_a_file_is_replaced_as_a_whole_and_may_be_removed_twice(store: Store) -> None:
    store.write("registry_config.json", b"1")
    store.write("registry_config.json", b"2")
    assert store.read("registry_config.json") == b"2"
    for _ in range(2):
        store.remove("registry_config.json")
    assert not store.exists("registry_config.json")


def test_what_is_not_there_is_empty(store: Store) -> None:
    for folder in ("models", "archive", "archive/Churn"):
        assert (store.entries(folder), store.folders(folder)) == ([], [])
    assert store.names("models") == []
    assert not store.exists("models/none.pkl")
    with pytest.raises(ArtifactMissing):
        store.digest("models/none.pkl")


def test_what_others_did_is_seen_at_once(store: Store, address: str) -> None:
    other = Store(address)
    other.make_folder("archive/Churn")
    store.write("models/a.pkl", b"a")
    assert store.names("models") == other.names("models") == ["a.pkl"]
    other.write("models/b.pkl", b"bb")
    other.write("archive/Churn/c.parquet", b"ccc")
    assert [(entry.name, entry.size) for entry in store.entries("models")] == [("a.pkl", 1), ("b.pkl", 2)]
    assert store.folders("archive") == ["Churn"]
    assert {"archive", "models"} <= set(store.folders(""))
    assert store.exists("models/b.pkl")
    other.write("models/a.pkl", b"longer than before")
    assert store.read("models/a.pkl") == b"longer than before"
    assert store.digest("models/a.pkl")[1] == 18
    for key in ("models/a.pkl", "models/b.pkl"):
        other.remove(key)
        assert not store.exists(key)
    assert store.names("models") == []


def test_a_large_file_comes_back_as_it_was(store: Store) -> None:
    data = os.urandom(20_000_000)
    store.write("models/large.pkl", data)
    assert store.digest("models/large.pkl") == (sha256(data).hexdigest(), len(data))
    assert store.content("models/large.pkl", sha256(data).hexdigest()) == data
    assert store.names(".staged") == []


def test_a_folder_somebody_made_by_hand_is_no_file(bucket: str) -> None:
    files = S3FileSystem()
    store = Store(f"{bucket}/team")
    store.write("models/a.pkl", b"a")
    for marker in ("models/", "archive/", "archive/Churn/"):
        files.pipe_file(f"{bucket}/team/{marker}", b"")
    assert store.names("models") == ["a.pkl"]
    assert store.names("archive") == []
    assert store.folders("archive") == ["Churn"]


def test_a_name_is_claimed_once_and_never_by_halves(store: Store) -> None:
    def staged(data: bytes) -> Staged:
        return store.stage(lambda sink: sink.write(data))

    assert store.reserves()
    first = {"models/a.pkl": staged(b"a"), "models/b.pkl": staged(b"b")}
    assert store.claim(first)
    second = {"models/c.pkl": staged(b"c"), "models/b.pkl": staged(b"other")}
    assert not store.claim(second)
    assert store.names("models") == ["a.pkl", "b.pkl"]
    assert store.read("models/b.pkl") == b"b"
    # What got no name may get another one.
    assert store.claim({"models/c.pkl": second["models/c.pkl"], "models/d.pkl": second["models/b.pkl"]})
    assert store.read("models/d.pkl") == b"other"
    store.drop(staged(b"unwanted"))
    assert store.names(".staged") == []


def test_of_many_who_claim_a_name_one_gets_it(store: Store) -> None:
    def claim(number: int) -> bool:
        return store.claim({"models/a.pkl": store.stage(lambda sink: sink.write(b"%d" % number))})

    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(claim, range(8)))
    assert sum(got) == 1
    assert store.read("models/a.pkl") == b"%d" % got.index(True)


def test_what_a_killed_process_left_aside_goes_after_a_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(".staged/half", b"half")
    address = store.address("")
    assert Store(address).names(".staged") == ["half"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 90_000)
    assert Store(address).names(".staged") == []


def test_a_bucket_that_cannot_be_reached_is_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"nowhere.*bucket does not exist; create the bucket"):
        Store("s3://nowhere-at-all/x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageError, match="no credentials were found; set"):
        Store(bucket)
