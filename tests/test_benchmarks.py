"""The benchmark itself: every part runs, at a size that takes no time, and gives its rows. Nothing is timed here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import checksums, pages
from benchmarks.__main__ import PARTS, main, run
from benchmarks.bench import Bench, Size
from benchmarks.filling import bulk
from benchmarks.table import REASONS, Check, Peer, Result, Row, shown
from benchmarks.timing import Times, interleaved, quantile
from registry_core import Registry

pytestmark = pytest.mark.slow

TINY = Size(
    versions=(5, 20),
    bulk=(30,),
    pages=(110,),
    visits=1,
    sessions=2,
    seconds=0.05,
    rounds=3,
    trees=2,
    processes=2,
    registrations=2,
    openings=2,
    starts=1,
    training_rows=100,
    evaluations=2,
    clients=2,
    client_seconds=1.0,
    kills=1,
    upload_bytes=40_000_000,
)
IN_A_BROWSER = ("start", "pages")
# These take most of the time, whatever the size: they start processes, or visit every page.
LONG = (
    "pages",
    "start",
    "first-open",
    "load-new",
    "syncs",
    "evidence",
    "together",
    "bucket-requests",
    "bucket-together",
    "compute",
    "http-again",
    "http-first",
    "http-killed",
    "http-register",
    "http-together",
    "http-upload",
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A run that measures next to nothing, without MLflow."""
    bench = Bench(TINY, tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(
            part,
            marks=[
                *([pytest.mark.browser] if part in IN_A_BROWSER else []),
                *([pytest.mark.postgres] if part.startswith("bucket-") else []),
                *([pytest.mark.full] if part in LONG else []),
            ],
        )
        for part in PARTS
    ],
)
def test_a_part_runs_and_prints_its_rows(bench: Bench, part: str) -> None:
    result = run(bench, [part])
    assert result.rows
    text = result.to_markdown()
    assert "FAILED" not in text
    assert all(f"| {row.what}" in text for row in result.rows)
    assert "MLflow left out" in text


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, numbers = tmp_path / "table.md", tmp_path / "numbers.json"
    options = ["--only", "install", "--quick", "--mlflow-python", str(tmp_path / "none")]
    assert main([*options, "--markdown", str(table), "--json", str(numbers)]) == 0
    printed = capsys.readouterr()
    assert "packages, core" in printed.out
    page = table.read_text()
    assert page.startswith("# Benchmarks\n")
    assert all(line in page for line in printed.out.splitlines())
    assert str(tmp_path) not in page
    assert [row["key"] for row in json.loads(numbers.read_text())["rows"]] == [*["install"] * 2, "install-dashboard"]
    assert "MLflow is left out" in printed.err


def test_rows_inserted_in_bulk_read_like_registered_ones(bench: Bench) -> None:
    with Registry(bulk(bench, 30)) as registry:
        assert registry.count_models() == 30
        rows = registry.get_model_comparison(None, order_by="accuracy")
        assert len({row["model_id"] for row in rows}) == len({row["version"] for row in rows}) == 30
        assert [row["accuracy"] for row in rows] == sorted((row["accuracy"] for row in rows), reverse=True)
        assert registry.verify_events() is None
        for row in rows[:3]:
            metadata = registry.get_metadata(row["model_id"])
            assert metadata.accuracy == pytest.approx(row["accuracy"])
            assert metadata.model_id == row["model_id"]


def test_a_page_that_grows_with_the_versions_misses_its_target() -> None:
    figures = {versions: pages.Figures() for versions in (pages.BARE, 100, 10_000)}
    for versions, seconds in ((pages.BARE, 0.1), (100, 0.2), (10_000, 0.3)):
        figures[versions].seconds["select"] = [seconds] * 5
    assert pages._step("select", 100, figures).result == "met"
    assert "1.5x the median of 100 versions" in pages._step("select", 10_000, figures).result


def test_ratios_are_taken_within_a_round() -> None:
    times = Times({"a": {0: 2.0, 1: 20.0, 2: 6.0}, "b": {0: 1.0, 1: 10.0}})
    assert times.ratio("a", "b") == 2.0
    assert times.median("a") == 6.0
    assert times.median("c") is None
    assert times.ratio("a", "c") is None


def test_contestants_take_turns() -> None:
    calls: list[str] = []

    def contestant(name: str) -> float:
        calls.append(name)
        return 1.0

    times = interleaved(
        {"a": lambda: contestant("a"), "rare": lambda: contestant("rare")},
        seconds=0,
        least=4,
        every={"rare": 2},
        block=3,
    )
    assert len(times.all("a")) == 4
    assert calls.count("a") == 12
    assert calls.count("rare") == 2


def test_a_row_says_what_was_missed() -> None:
    row = Row("x", "x", 0.002, 0.001, 2.0, peers=[Peer("tuned", 0.1, 50)], checks=[Check("2 instead of 1", False)])
    assert row.result == "MISSED: 2 instead of 1"
    assert Row("x", "x", checks=[Check("", True)]).result == "met"
    assert Row("x", "x").result == ""
    assert "2 ms" in Result("m", [row]).to_markdown()


def test_a_page_says_why_a_target_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REASONS, "slow-", "It is slow.")
    missed = [Row(key, key, checks=[Check("2 instead of 1", False)]) for key in ("slow-1", "other")]
    page = Result("m", [*missed, Row("good", "good", checks=[Check("", True)])]).to_page("How.")
    assert "2 of 3 rows with a target missed it." in page
    assert "- **slow-1**: 2 instead of 1. It is slow." in page
    assert "- **other**: 2 instead of 1. Reason not known." in page
    assert "No row missed its target." in Result("m").to_page("How.")


def test_quantities_are_shown_in_a_unit_that_suits() -> None:
    assert [shown(value, "s") for value in (2.0, 0.0123, 4e-6)] == ["2 s", "12.3 ms", "4 us"]
    assert shown(282e6, "bytes") == "282 MB"
    assert shown(952.4, "per second") == "952/s"
    assert quantile([3, 1, 2], 0.99) == 3


def test_checksums_are_measured_with_and_without_their_triggers(tmp_path: Path) -> None:
    results = checksums.measure(tmp_path, seconds=0.0, rounds=1)
    for times in results.values():
        assert len(times.ratios(checksums.WITH, checksums.WITHOUT)) == 1
    assert checksums.drop_triggers(tmp_path / checksums.WITHOUT) == 0
    assert checksums.drop_triggers(tmp_path / checksums.WITH) > 0
