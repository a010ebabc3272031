"""The command that tries everything hostile: what it counts as a failure, and the process that it watches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.hostile import MOST_BYTES, Point, points
from benchmarks.watched import Watched
from tests import watched_tasks

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="memory and processes are read from /proc")
def test_what_a_task_does_to_its_process_is_seen() -> None:
    watched = Watched(watched_tasks.begin, seconds=60)
    try:
        quiet, full, holding, running = (watched.handle(task) for task in ("answer", "fill", "hold", "run"))
        assert quiet is not None
        assert (quiet.outcome, quiet.ran) == ("refused", ())
        assert full is not None
        assert full.grown_bytes >= 64 << 20 > quiet.grown_bytes
        assert holding is not None
        assert holding.hold_seconds > quiet.hold_seconds
        assert running is not None
        assert [event.partition(" ")[0] for event in running.ran] == ["subprocess.Popen"]
        assert watched.handle("end") is None
        assert (watched.ended, watched.hung) == (1, 0)
        # The next one is there.
        assert watched.handle("answer") is not None
    finally:
        watched.close()


def test_every_kind_has_files_enough_and_each_failure_counts(tmp_path: Path) -> None:
    every = points(tmp_path / "marker")
    assert not [point.name for point in every if len(point.files) < 15]
    for point in every:
        labels = [label for label, _ in point.files]
        assert len({*labels}) == len(labels), point.name
    done = Point("x", [("file", [])], reached=1)
    assert not done.fails
    for change in (
        {"executed": 1},
        {"ended": 1},
        {"raised": 1},
        {"frozen": 1},
        {"grown_bytes": MOST_BYTES + 1},
        {"reached": 0},
    ):
        # pyrefly: ignore[bad-argument-type]
        assert Point("x", [("file", [])], **{"reached": 1, **change}).fails, change
