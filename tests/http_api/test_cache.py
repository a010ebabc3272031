"""What the cache of a remote client promises to several threads and processes that use it at once."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

from registry_core.remote.cache import Cache


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
    assert not list(folder.glob("*.turn"))


def test_a_turn_ends_with_an_error(tmp_path: Path) -> None:
    folder, marks = tmp_path / "cache", tmp_path / "marks"
    try:
        with Cache(folder).turn("checked", "a version"):
            raise ValueError
    except ValueError:
        _write_once(folder, marks)
    assert marks.exists()
