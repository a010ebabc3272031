"""The table of ``python -m benchmarks.live_statistics`` with few runs: every part runs and prints what it measured."""

from __future__ import annotations

import pytest

from benchmarks.live_statistics import PARTS, against_gbstats, areas, main, power, within


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["0.005"]) in (0, 1)
    printed = capsys.readouterr().out
    assert printed.startswith("| what | target | measured | |\n")
    for what in (
        "false rejections, 50/50",
        "gbstats 0.8.0",
        "false alarms per million",
        "rollout, null",
        "area from bins",
    ):
        assert what in printed
    assert f"Runs: {PARTS[0][0].__name__} 20" in printed


def test_targets_that_need_few_runs() -> None:
    for part, runs in ((against_gbstats, 1), (areas, 1), (power, 200)):
        assert all(row.met for row in part(runs)), [str(row) for row in part(runs)]


def test_a_rate_is_met_but_for_the_simulations_own_error() -> None:
    assert within(0.059, 0.05, 2_000) == ("5.90% (simulation error 0.96%)", True)
    assert not within(0.061, 0.05, 2_000)[1]
