"""The power fails in the middle of a verb; ``python -m benchmarks.faults`` tries every operation of every verb."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import faults
from registry_core.artifacts import places
from tests.faults import LOSSES, Disk, Loss, PowerCut


def _write(folder: Path) -> None:
    """A file written as the store does it: aside, synced, renamed, and its folder synced."""
    aside = folder / "aside"
    with aside.open("wb") as file:
        file.write(b"0123456789")
        os.fsync(file.fileno())
    aside.rename(folder / "file")
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _after(folder: Path, die_at: int | None, loss: Loss) -> tuple[dict[str, bytes], list[str]]:
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"before")
    disk = Disk(folder, die_at)
    with disk.watched():
        disk.begin()
        try:
            _write(folder)
        except PowerCut:
            with pytest.raises(PowerCut):
                (folder / "another").write_bytes(b"")
    disk.lose(loss)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, disk.trail


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks the kernel which file a descriptor is")
def test_what_a_power_failure_takes_is_what_was_not_synced(tmp_path: Path) -> None:
    whole, old = {"file": b"0123456789"}, {"file": b"before"}
    left, trail = _after(tmp_path / "whole", None, "names")
    assert left == whole
    assert trail == ["create aside", "write aside", "sync aside", "rename aside to file", "sync ."]
    for number, (nothing, without_bytes, half, names) in enumerate(
        [
            (old, old, old, old),
            (old | {"aside": b""}, old | {"aside": b""}, old | {"aside": b""}, old),
            (
                old | {"aside": b"0123456789"}, old | {"aside": b""}, old | {"aside": b"01234"}, old,
            ),
            (old | {"aside": b"0123456789"}, old | {"aside": b"0123456789"}, old | {"aside": b"0123456789"}, old),
            (whole, whole, whole, old),
        ],
        start=1,
    ):  # fmt: skip
        for loss, expected in zip(LOSSES, (nothing, without_bytes, half, names), strict=True):
            left, _ = _after(tmp_path / f"{number}-{loss}", number, loss)
            assert left == expected, (number, loss)


def test_a_transaction_that_was_not_committed_never_was(tmp_path: Path) -> None:
    counted = []
    for number in range(1, 7):
        path = tmp_path / str(number) / "some.db"
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (n)")
        disk = Disk(path.parent, number)
        with disk.watched():
            disk.begin()
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                for statement in ("BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "COMMIT"):
                    connection.execute(statement)
            except PowerCut:
                with pytest.raises(PowerCut):
                    connection.execute("SELECT 1")
            connection.close()
        with closing(sqlite3.connect(path)) as connection:
            counted.append(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    # The fifth operation is the moment after the commit, before anybody heard of it.
    assert counted == [0, 0, 0, 0, 2, 2]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks the kernel which file a descriptor is")
def test_wherever_the_power_fails_nothing_is_lost(full: bool) -> None:
    tried = faults.run(
        ["upload", "configure", "cleanup that purges", "compress", "export the"], every=3 if full else 15
    )
    assert [wrong for each in tried for wrong in each.wrong] == []
    assert {each.name for each in tried} >= {"upload", "configure", "compress", "export the index"}
    assert sum(each.failures for each in tried) > 12


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks the kernel which file a descriptor is")
@pytest.mark.parametrize("step", ["sync", "sync_folders"])
def test_a_step_that_is_left_out_is_noticed(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.Folder, step, lambda place, what: None)
    (tried,) = faults.run(["upload"], every=1000)
    assert any("undisturbed" in wrong for wrong in tried.wrong)
