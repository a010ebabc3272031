"""What a machine keeps of buckets and servers."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from registry_core import ArtifactAltered, ArtifactMissing
from registry_core.artifacts.cache import Cache
from registry_core.artifacts.store import Store

DATA = b"a model"
DIGEST = sha256(DATA).hexdigest()

#: Says that it downloads, waits for its word or for a moment, and downloads.
ASK = """
import sys, time
from pathlib import Path
from registry_core.artifacts.cache import Cache
folder, digest, log, hang = sys.argv[1:]
def download(target):
    with open(log, "a") as file:
        file.write("downloaded\\n")
    time.sleep(600 if hang == "hang" else 0.3)
    target.write_bytes(b"a model")
print(Cache(Path(folder)).content(digest, download).decode())
"""


def _downloads(data: bytes, asked: list[bytes]) -> Callable[[Path], None]:
    def download(target: Path) -> None:
        asked.append(data)
        target.write_bytes(data)

    return download


def _ask(folder: Path, log: Path, hang: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(folder), DIGEST, str(log), hang], stdout=subprocess.PIPE, text=True
    )


def test_a_file_is_downloaded_once_and_again_when_it_was_altered(tmp_path: Path) -> None:
    cache, asked = Cache(tmp_path / "cache"), list[bytes]()
    for _ in range(2):
        assert cache.content(DIGEST, _downloads(DATA, asked)) == DATA
    assert len(asked) == 1
    (tmp_path / "cache" / DIGEST).write_bytes(b"other")
    assert cache.content(DIGEST, _downloads(DATA, asked)) == DATA
    assert len(asked) == 2
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [DIGEST]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    Cache(tmp_path / "cache").content(DIGEST, _downloads(DATA, []))
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / DIGEST).stat().st_mode) == 0o600


def test_the_limit_is_kept_and_what_was_used_last_stays(tmp_path: Path) -> None:
    cache, asked = Cache(tmp_path, most_bytes=25), list[bytes]()
    files = {sha256(data).hexdigest(): data for data in (b"a" * 10, b"b" * 10, b"c" * 10)}
    first, second, third = files
    for age, digest in enumerate((first, second)):
        cache.content(digest, _downloads(files[digest], asked))
        os.utime(tmp_path / digest, (age + 1, age + 1))
    # Being used again is what counts.
    cache.content(first, _downloads(files[first], asked))
    (tmp_path / "theirs.part").write_bytes(b"d" * 100)
    (tmp_path / "left.part").write_bytes(b"e" * 100)
    os.utime(tmp_path / "left.part", (1, 1))
    cache.content(third, _downloads(files[third], asked))
    assert {path.name for path in tmp_path.iterdir()} == {first, third, "theirs.part"}
    large = b"f" * 30
    assert cache.content(sha256(large).hexdigest(), _downloads(large, asked)) == large
    assert {path.name for path in tmp_path.iterdir()} == {"theirs.part"}


def test_of_processes_that_ask_at_the_same_time_one_downloads(tmp_path: Path) -> None:
    log = tmp_path / "log"
    asking = [_ask(tmp_path / "cache", log) for _ in range(4)]
    assert [each.communicate()[0] for each in asking] == ["a model\n"] * 4
    assert log.read_text() == "downloaded\n"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [DIGEST]


def test_whoever_waited_for_a_process_that_was_killed_downloads(tmp_path: Path) -> None:
    log = tmp_path / "log"
    hanging = _ask(tmp_path / "cache", log, "hang")
    while not log.exists() or not log.read_text():
        assert hanging.poll() is None
    waiting = _ask(tmp_path / "cache", log)
    hanging.kill()
    hanging.communicate()
    assert waiting.communicate()[0] == "a model\n"
    assert log.read_text() == "downloaded\n" * 2


def test_a_bucket_is_read_once_by_a_machine(bucket: str, tmp_path: Path) -> None:
    store = Store(bucket)
    store.write("models/a.pkl", DATA)
    assert not (tmp_path / "cache").exists()
    assert store.cached("models/a.pkl", DIGEST) == DATA
    store.remove("models/a.pkl")
    assert Store(bucket).cached("models/a.pkl", DIGEST) == DATA
    # Whether the store has it is another question.
    with pytest.raises(ArtifactMissing):
        store.content("models/a.pkl", DIGEST)
    store.write("models/b.pkl", b"other")
    with pytest.raises(ArtifactAltered):
        store.cached("models/b.pkl", "0" * 64)


def test_a_cache_that_cannot_be_written_is_done_without(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "file" / "cache"))
    store = Store(bucket)
    store.write("models/a.pkl", DATA)
    assert store.cached("models/a.pkl", DIGEST) == DATA
    with pytest.raises(ArtifactMissing):
        store.cached("models/none.pkl", DIGEST)


def test_a_folder_needs_no_cache(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.write("models/a.pkl", DATA)
    assert store.cached("models/a.pkl", DIGEST) == DATA
    store.remove("models/a.pkl")
    with pytest.raises(ArtifactMissing):
        store.cached("models/a.pkl", DIGEST)


def _write_once(folder: Path, marks: Path) -> None:
    cache = Cache(folder)
    with cache.turn("checked", "a version"):
        if cache.noted("checked", "a version") is None:
            with marks.open("a") as file:
                file.write("written\n")
            cache.note("checked", "a version")


def test_of_those_that_come_together_one_writes(tmp_path: Path) -> None:
    folder, marks = tmp_path / "cache", tmp_path / "marks"
    cache = Cache(folder)
    with cache.turn("checked", "a version"):
        waiting = [threading.Thread(target=_write_once, args=(folder, marks)) for _ in range(4)]
        process = multiprocessing.get_context("fork").Process(target=_write_once, args=(folder, marks))
        process.start()
        for each in waiting:
            each.start()
        with cache.turn("checked", "another version"):
            assert not marks.exists()
    for each in waiting:
        each.join()
    process.join()
    assert process.exitcode == 0
    assert marks.read_text() == "written\n"
    assert not list(folder.glob("*.lock"))


def test_a_turn_ends_with_an_error(tmp_path: Path) -> None:
    folder, marks = tmp_path / "cache", tmp_path / "marks"
    try:
        with Cache(folder).turn("checked", "a version"):
            raise ValueError
    except ValueError:
        _write_once(folder, marks)
    assert marks.exists()
