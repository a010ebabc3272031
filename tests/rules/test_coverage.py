"""Intervals contain the truth about as often as they say; ``python -m benchmarks.coverage`` shows it more exactly."""

from __future__ import annotations

import pytest

from benchmarks.coverage import Population, main, paired_coverage, populations, single_coverage

# Wide enough for the simulation's own error, four of its standard errors, and no wider: intervals of 90%, the paired
# ones of 80%, leave them.
SINGLE_RUNS, SINGLE = 500, (0.912, 0.985)
PAIRED_RUNS, PAIRED = 200, (0.885, 0.995)
POPULATIONS = populations(20_000)


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("size", [300, pytest.param(1_500, marks=pytest.mark.full)])
def test_single_metrics(population: Population, size: int) -> None:
    found = single_coverage(population, size, SINGLE_RUNS)
    assert len(found) >= 3
    assert all(SINGLE[0] <= share <= SINGLE[1] for share in found.values()), found


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda each: each.name)
def test_paired_differences(population: Population) -> None:
    found = paired_coverage(population, 400, PAIRED_RUNS, resamples=400)
    assert len(found) >= 3
    assert all(PAIRED[0] <= share <= PAIRED[1] for share in found.values()), found


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(5, 2)
    printed = capsys.readouterr().out
    assert "One model" in printed
    assert "Difference of two models on the same rows" in printed
    assert printed.count("brier_score") == 8
