"""The benchmark of serving, with few rows: that it runs, and says what it is asked."""

from __future__ import annotations

import pytest

from benchmarks import live


@pytest.mark.full
def test_every_line_is_measured() -> None:
    lines = live.measure(rows=2_000, rounds=2, rate_rows=10_000, days=3)
    table = live.table(lines)
    assert table.startswith("| what | measured | target |\n|---|---|---|\n")
    assert len(lines) == 22
    assert "| one row | " in table
    assert "a health page" in table


def test_a_filled_page_shows_what_was_filled_in() -> None:
    with live.registry(clock=lambda: live.NOW) as made:
        live.fill(made, 4_800, 2)
        windows = made.performance_history()
        assert len(windows) == 48
        assert {(each.predictions, each.labelled) for each in windows} == {(100, 100)}
        assert len(made.prediction_history(live.NAME, since="2026-02-28T12:00:00")) == 1_200
        (last, first) = made.performance_history(every="day")[::-1]
        assert (first.predictions, last.predictions) == (2_400, 2_400)
        assert 0.78 < first.metrics["auc"] < 0.88
