"""Whether the slices a verdict calls worse are worse: ``python -m benchmarks.worse_slices``.

Two models answer the same benchmark of 5,000 rows with three slice columns of 4, 10 and 20 values, each with its own
difficulty. Where the models are equally good everywhere, every slice that is named is a false discovery; where one
slice of 10% of the rows is 15 percentage points worse for the second model, it has to be found. Printed are the share
of benchmarks in which it happened and its one-sided 95% bound (Clopper-Pearson).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from registry_core.rules.answers import Answers
from registry_core.rules.pairing import slice_differences
from registry_core.rules.verdict import worse_slices

ROWS, VALUES = 5_000, (4, 10, 20)
#: The slice that is worse: the first value of the second column, 10% of the rows.
PLANTED = "column1=0"


@dataclass(frozen=True, eq=False)
class Drawn:
    """One benchmark with the answers of both models."""

    truth: NDArray[np.int64]
    first: Answers
    second: Answers
    columns: dict[str, NDArray[np.str_]]

    def worse(self) -> tuple[str, ...]:
        """The slices that the verdict would name."""
        found = slice_differences("classification", self.truth, self.first, self.second, self.columns, (0, 1))
        return worse_slices(found, "accuracy")


def draw(seed: int, planted: float) -> Drawn:
    """A benchmark; ``planted`` is by how much the second model is less accurate in the slice ``PLANTED``."""
    chance = np.random.default_rng(seed)
    levels = [chance.integers(values, size=ROWS) for values in VALUES]
    # Some slices are harder than others, for both models alike.
    error = 0.1 + sum(chance.uniform(0.0, 0.05, values)[level] for values, level in zip(VALUES, levels, strict=True))
    hard = chance.random(ROWS)
    truth = chance.integers(2, size=ROWS)
    wrong = []
    for extra in (0.0, planted):
        # Nine of ten rows are as hard for one model as for the other.
        own = np.where(chance.random(ROWS) < 0.9, hard, chance.random(ROWS))
        wrong.append(own < error + extra * (levels[1] == 0))
    first, second = (Answers(np.where(each, 1 - truth, truth)) for each in wrong)
    columns = {f"column{place}": level.astype(str) for place, level in enumerate(levels)}
    return Drawn(truth, first, second, columns)


def rows(runs: int) -> Iterator[list[str]]:
    """The table: equal models, and a slice that is worse."""
    named = sum(bool(draw(seed, 0.0).worse()) for seed in range(runs))
    upper = float(beta.ppf(0.95, named + 1, runs - named)) if named < runs else 1.0
    met = named / runs <= 0.05
    what = "equal models: any slice called worse"
    yield [what, f"{runs}", f"{named / runs:.1%} (<= {upper:.1%})", "<= 5%", _met(met)]
    found = sum(PLANTED in draw(seed, 0.15).worse() for seed in range(runs, 2 * runs))
    lower = float(beta.ppf(0.05, found, runs - found + 1)) if found else 0.0
    met = found / runs >= 0.8
    what = "a slice of 10% of the rows, 15 pp less accurate: found"
    yield [what, f"{runs}", f"{found / runs:.1%} (>= {lower:.1%})", ">= 80%", _met(met)]


def _met(met: bool) -> str:
    return "met" if met else "**missed**"


def main() -> int:
    """Print the table; the exit code is 0 where every target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="benchmarks of each row of the table")
    runs: int = parser.parse_args().runs
    table = list(rows(runs))
    print("| what | benchmarks | share (95% bound) | target | |\n|---|---|---|---|---|")
    for row in table:
        print(f"| {' | '.join(row)} |")
    return 0 if all(row[-1] == "met" for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
