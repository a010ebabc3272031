"""The verdict of every place: a fixed sample of ``python -m benchmarks.verdicts``."""

from pathlib import Path

from benchmarks import verdicts


def test_every_place_shows_the_verdict_of_the_core(tmp_path: Path) -> None:
    result = verdicts.run(8, 3, tmp_path)
    assert not result.wrong
    assert len(result.words) > 3
    assert {"model page", "leaderboard", "Compare", "Overview", "dialog", "command line", "event"} <= {*result.places}
