"""The benchmarks of decisions: worlds are as told, stories are counted, a series is added up. No target is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks import decision_stories as stories
from benchmarks import decisions, regret
from benchmarks.decisions import Found, Measure, Row
from benchmarks.real_packages import Unavailable
from benchmarks.series import Series
from benchmarks.worlds import NAME, Rates, Traffic, world
from registry_core.errors import InvalidInput

FEW = Traffic(20)


def chance() -> np.random.Generator:
    return np.random.default_rng(0)


def test_versions_err_as_told_on_rows_that_are_hard_for_both() -> None:
    with world(chance(), Traffic(2_000, positives=0.2), 2) as made:
        first = made.serve(rates=(0.30, 0.10), days=2)
        second = made.serve(rates=(0.30, 0.10), days=2)
        assert made.champion == second
        made.tell()
        shown = [made.registry.live_performance(NAME, each).metrics["accuracy"] for each in (first, second)]
        assert shown == pytest.approx([0.70, 0.90], abs=0.02)
        assert made.told == {0: 2_000, 1: 2_000, 2: 2_000, 3: 2_000}
        rows = made.registry.prediction_history(NAME)
        assert rows["truth"].mean() == pytest.approx(0.2, abs=0.02)


def test_errors_may_depend_on_the_truth_and_outcomes_come_when_told() -> None:
    traffic = Traffic(1_000, delay=lambda _, truth: np.where(truth == 1, 1, 3))
    with world(chance(), traffic, 1) as made:
        made.serve(rates=((0.0, 0.5),), days=2)
        made.tell()
        metrics = made.registry.live_performance(NAME).metrics
        # Only positives are known by now.
        assert metrics["accuracy"] == pytest.approx(0.5, abs=0.05)
        made.live(((0.0, 0.5),))
        made.tell()
        assert made.registry.live_performance(NAME).metrics["accuracy"] > 0.6


def test_days_vary_as_told_and_the_segment_errs_by_itself() -> None:
    with world(chance(), Traffic(400, day_sd=0.05), 1) as made:
        made.serve()
        for _ in range(20):
            made.live((0.10,), segment=(0.60,))
        made.tell()
        days = made.registry.performance_history(NAME, every="day")
        wrong = [1 - day.metrics["accuracy"] for day in days]
        assert np.mean(wrong) == pytest.approx(0.10 + 0.05 * 0.50, abs=0.03)
        # Of independent rows it would be 0.018.
        assert np.std(wrong) > 0.03


def test_bounds_are_those_of_clopper_and_pearson() -> None:
    assert decisions.bound(0, 200, lower=False) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert decisions.bound(200, 200, lower=True) == pytest.approx(0.05 ** (1 / 200))
    assert decisions.bound(0, 200, lower=True) == 0
    assert decisions.bound(200, 200, lower=False) == 1
    assert decisions.bound(2, 200, lower=False) == pytest.approx(0.0311, abs=1e-4)


def short(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> None:
    """Let these rows alone be played, with a few days in place of months."""
    monkeypatch.setattr(decisions, "ROWS", {row.key: row for row in rows})
    monkeypatch.setattr(stories, "WELL", 2)
    monkeypatch.setattr(stories, "EARLIER", 1)
    monkeypatch.setattr(stories, "LOOKED_FOR", 40)


STORIES = {
    "broken": (stories.broken(0.10, 0.20, traffic=FEW, days=2), {"early", "rolled", "retrain"}),
    "well": (stories.well(FEW, 3, stories.cycles), {"rolled", "alerted"}),
    "equal": (stories.equal(FEW, 2, 2, mode="split", share=0.5), {"stopped"}),
    "better": (stories.better(FEW, 2), {"promoted", "stopped"}),
    "failing": (stories.failing(share=0.5, often=1.0, most=8, every=8), {"alert"}),
    "sudden": (stories.sudden(0.05, FEW, icc=0.01, gradual=True), {"early", "well", "found"}),
    "batches": (stories.batches(Traffic(6), 4, 2), {*stories.CALLS} - {"a day"}),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_played_again_the_same_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    story, happens = STORIES[name]
    short(monkeypatch, Row("it", "What happens", str(FEW), story, (Measure(next(iter(happens)), "it", most=1.0),)))
    once, again = decisions.play(("it", 1, 0)), decisions.play(("it", 1, 0))
    assert once == again
    assert {*once} <= happens
    assert {*once} & happens


def test_the_command_prints_what_was_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = stories.well(FEW, 1)

    def story(given: np.random.Generator) -> stories.Happened:
        return {**drawn(given), "odd": float(given.integers(1, 100)), "never": None}

    measures = (
        Measure("rolled", "rolled back", most=0.01),
        Measure("odd", "it happens", least=0.5, median=100),
        Measure("never", "it does not", least=0.5),
    )
    short(monkeypatch, Row("it", "What happens", str(FEW), story, measures))
    assert decisions.main(["--runs", "4", "--seeds", "5", "6"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert "| 4 | 0.0% (0 + 0; <= 52.7%) |  | <= 1% | met |" in printed[2]
    assert "| 4 | 100.0% (2 + 2; >= 47.3%) |" in printed[3]
    assert printed[3].endswith("labels | >= 50%, median <= 100 | met |")
    assert printed[4].endswith("| not in half of the runs | >= 50% | MISSED |")
    assert printed[-1].startswith("Seeds 5, 6; ")


def test_a_story_that_the_registry_refuses_is_missed_with_the_reason() -> None:
    def story(_: np.random.Generator) -> stories.Happened:
        raise InvalidInput("there is no such setting | anywhere")

    row = Row("it", "What happens", "20 a day", story, (Measure("found", "found", least=0.9),))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(decisions.ROWS, "it", row)
        ((line, good),) = decisions.measured(row, 3, [0]).lines()
    assert not good
    assert "refused: there is no such setting / anywhere" in line
    assert line.count("|") == 8


def test_only_runs_in_which_something_else_happened_may_count() -> None:
    row = Row("it", "It", "", lambda _: {}, (Measure("rolled", "rolled back", most=0.1, after="promoted"),))
    runs: list[tuple[int, stories.Happened]] = [
        (0, {"promoted": 3.0, "rolled": None}),
        (0, {"promoted": None}),
        (1, {"promoted": 2.0, "rolled": 9.0}),
    ]
    ((line, good),) = Found(row, runs, 1.0).lines()
    assert "| 2 | 50.0% (0 + 1; " in line
    assert not good


def series(*, changes: bool) -> Series:
    """Sixty days of ten rows; where it changes, a slope turns round on the thirtieth."""
    drawn = chance()
    day = np.repeat(np.arange(60), 10)
    inputs = drawn.normal(size=(len(day), 2))
    target = inputs[:, 0] * np.where(changes & (day >= 30), -1.0, 1.0)
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    names = ("one", "two")
    return Series("slopes", "drawn", "regression", names, inputs, target, day, begin, 20, 15, 2, changes=changes)


def test_a_series_is_played_with_outcomes_late_and_a_version_every_so_often() -> None:
    played = regret.play(series(changes=True))
    assert (played.rows, played.since) == (400, (20, 35, 50))
    assert played.versions.shape == (3, 40)
    assert np.isinf(played.versions[1, :15]).all()
    assert np.isfinite(played.versions[1, 15:]).all()
    worst = np.where(np.isinf(played.versions), 0, played.versions).max(axis=0).sum()
    assert played.oracle <= played.registry <= worst
    assert played.oracle <= played.fixed <= played.never


@pytest.mark.parametrize(("lost", "changes", "good"), [(10.1, False, True), (10.3, False, False), (8.0, True, False)])
def test_choices_are_held_against_never_touching_and_against_an_oracle(lost: float, changes: bool, good: bool) -> None:
    # Two versions over four days, the second there from the third day on.
    versions = np.array([[1.0, 1.0, 4.0, 4.0], [np.inf, np.inf, 1.0, 2.0]])
    played = regret.Played(series(changes=changes), 40, lost, versions, (20, 22), ())
    assert (played.never, played.fixed, played.newest, played.oracle) == (10.0, 5.0, 5.0, 5.0)
    line, met = played.line()
    assert met is good
    assert f"| {lost / 40:.4g} | 0.25 | 0.125 | 0.125 | 0.125 | {lost / 5 - 1:+.1%} | {lost / 10 - 1:+.1%} |" in line
    assert ("of the oracle's" in line) is changes


def test_the_oracle_takes_the_best_version_of_each_day() -> None:
    versions = np.array([[1.0, 5.0, 1.0], [np.inf, 2.0, 3.0]])
    played = regret.Played(series(changes=False), 30, 7.0, versions, (20, 21), ())
    assert (played.never, played.fixed, played.newest, played.oracle) == (7.0, 6.0, 6.0, 4.0)


def test_the_command_says_which_series_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def gone(_: Path) -> Series:
        raise Unavailable("pip has none")

    monkeypatch.setattr(regret, "SERIES", {"gone": gone, "slopes": lambda _: series(changes=False)})
    assert regret.main(["--days", "5", "--wheels", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.err == "gone cannot be had: pip has none\n"
    assert "| slopes |" in printed.out
    assert "slopes: drawn. Outcomes after 2 days." in printed.out


def test_rates_may_go_with_the_hour() -> None:
    seen: list[float] = []

    def rates(hour: float) -> Rates:
        seen.append(hour)
        return (0.5,)

    with world(chance(), Traffic(8, calls=4), 1) as made:
        made.serve()
        made.live(rates)
    assert seen == [3.0, 9.0, 15.0, 21.0]
