"""How often the 95% intervals of the registry's own metrics hold what they promise: ``python -m benchmarks.coverage``.

A population of known rows stands for the world, so its metrics are the exact truth. Holdout sets are drawn from it with
replacement, and counted is how many intervals contain that truth: for single metrics, and for the difference of two
models on the same rows. Everything is seeded; the table is the same on every machine.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry_core.evidence import Difference, Measured, Task
from registry_core.rules.answers import Answers
from registry_core.rules.evaluation_metrics import measure_classification, measure_regression
from registry_core.rules.pairing import paired_differences

SIZES = (300, 1_000, 2_000)
POPULATION = 50_000


@dataclass(frozen=True, eq=False)
class Population:
    """Rows with the truth and the answers of two models."""

    name: str
    task: Task
    truth: NDArray[Any]
    first: Answers
    second: Answers
    classes: tuple[int, ...] = ()

    def rows(self, chosen: NDArray[np.intp]) -> Population:
        """The population of some of its rows, repeated as often as they are named."""
        first, second = self.first.of_rows(chosen), self.second.of_rows(chosen)
        return Population(self.name, self.task, self.truth[chosen], first, second, self.classes)

    def metrics(self) -> dict[str, Measured]:
        """The first model's."""
        if self.task == "regression":
            return measure_regression(self.truth, self.first.predicted)
        return measure_classification(self.truth, self.first.predicted, self.first.probabilities, self.classes)

    def differences(self, seed: int = 0, resamples: int = 2_000) -> dict[str, Difference]:
        """The second model's metrics minus the first's."""
        return paired_differences(
            self.task, self.truth, self.first, self.second, self.classes, seed=seed, resamples=resamples
        )


def populations(rows: int = POPULATION) -> list[Population]:
    """Two classes, five classes of different frequency, and a regression whose errors grow with the number itself."""
    chance = np.random.default_rng(20260301)
    return [
        _classes("2 classes", np.array([0.7, 0.3]), 1.7, rows, chance),
        _classes("5 classes", np.array([0.35, 0.25, 0.2, 0.12, 0.08]), 2.2, rows, chance),
        _numbers(rows, chance),
    ]


def hard_populations(rows: int = POPULATION) -> list[Population]:
    """Where few rows have to tell much: a class of 5%, and models that are hardly ever wrong."""
    chance = np.random.default_rng(20260302)
    return [
        _classes("rare class", np.array([0.95, 0.05]), 1.7, rows, chance),
        _classes("few errors", np.array([0.6, 0.4]), 3.2, rows, chance),
    ]


def _classes(name: str, shares: NDArray[Any], apart: float, rows: int, chance: np.random.Generator) -> Population:
    truth = chance.choice(len(shares), size=rows, p=shares)
    evidence = apart * np.eye(len(shares))[truth] + chance.normal(size=(rows, len(shares)))

    def answers(seen: NDArray[Any]) -> Answers:
        # The posterior of what was seen, made too sure of itself, as models are.
        weights = np.exp(1.3 * apart * seen) * shares
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        return Answers(probabilities.argmax(axis=1), probabilities)

    seen_better = evidence + 0.25 * chance.normal(size=evidence.shape)
    seen_worse = evidence + 0.45 * chance.normal(size=evidence.shape)
    return Population(
        name, "classification", truth, answers(seen_worse), answers(seen_better), tuple(range(len(shares)))
    )


def _numbers(rows: int, chance: np.random.Generator) -> Population:
    known, hidden = chance.normal(size=(2, rows))
    truth = 40 + 9 * known + 3 * hidden * (1 + 0.4 * np.abs(known))
    first, second = (39.5 + 9 * known + noise * chance.normal(size=rows) for noise in (1.6, 1.2))
    return Population("numbers", "regression", truth, Answers(first), Answers(second))


def drawn(population: Population, size: int, runs: int, seed: int) -> Iterator[Population]:
    """Holdout sets of a size."""
    chance = np.random.default_rng([seed, size])
    for _ in range(runs):
        yield population.rows(chance.integers(0, len(population.truth), size))


def single_coverage(population: Population, size: int, runs: int, seed: int = 1) -> dict[str, float]:
    """Metric -> the share of intervals that contain the population's metric."""
    truth = {name: measured.value for name, measured in population.metrics().items()}
    return _coverage(truth, (each.metrics() for each in drawn(population, size, runs, seed)))


def paired_coverage(
    population: Population, size: int, runs: int, resamples: int = 1_000, seed: int = 2
) -> dict[str, float]:
    """Metric -> the share of intervals of the difference that contain the population's difference."""
    exact = population.differences(resamples=2)
    truth = {name: difference.value for name, difference in exact.items()}
    samples = enumerate(drawn(population, size, runs, seed))
    return _coverage(truth, (each.differences(seed=run, resamples=resamples) for run, each in samples))


def _coverage(
    truth: Mapping[str, float], found: Iterator[dict[str, Measured]] | Iterator[dict[str, Difference]]
) -> dict[str, float]:
    held: Counter[str] = Counter()
    runs = 0
    for each in found:
        runs += 1
        for name, value in each.items():
            held[name] += value.low is not None and value.high is not None and value.low <= truth[name] <= value.high
    return {name: held[name] / runs for name in truth}


def main(single_runs: int = 1_000, paired_runs: int = 200) -> None:
    """Print the two tables."""
    for title, runs, coverage in (
        ("One model", single_runs, single_coverage),
        ("Difference of two models on the same rows", paired_runs, paired_coverage),
    ):
        error = 1.96 * (0.95 * 0.05 / runs) ** 0.5
        print(f"{title}: coverage of the 95% interval, {runs:,} runs, simulation error +-{error:.1%}")
        print(f"  {'rows':24}" + "".join(f"{size:>8,}" for size in SIZES))
        for population in [*populations(), *hard_populations()]:
            by_size = [coverage(population, size, runs) for size in SIZES]
            for name in by_size[0]:
                print(f"  {population.name:10}  {name:12}" + "".join(f"{each[name]:8.1%}" for each in by_size))
        print()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
