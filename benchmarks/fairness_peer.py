"""Fairness beside Fairlearn: ``python -m benchmarks.fairness_peer``, in an environment that has both.

Fairlearn is no requirement of the tests; ``pip install fairlearn pandas scikit-learn`` beside this checkout is enough.
Random benchmarks with two to six groups are drawn, and every rate, difference and ratio of both is compared; the exit
code is 0 where none differs by more than 1e-12. ``--example`` prints the numbers that the tests hold.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry_core.insights import FAIRNESS_RATES
from registry_core.rules import fairness

TOLERANCE = 1e-12


def draw(seed: int, groups: int, rows: int = 2_000) -> tuple[NDArray[np.str_], NDArray[np.intp], NDArray[np.intp]]:
    """The group of each row, its label, and what a model predicts."""
    chance = np.random.default_rng(seed)
    group = chance.integers(groups, size=rows)
    truth = (chance.random(rows) < chance.uniform(0.2, 0.6, groups)[group]).astype(np.intp)
    wrong = chance.random(rows) < chance.uniform(0.05, 0.4, groups)[group]
    return group.astype(str), truth, np.where(wrong, 1 - truth, truth)


def ours(group: NDArray[np.str_], truth: NDArray[np.intp], predicted: NDArray[np.intp]) -> dict[str, dict[str, float]]:
    """Rate -> the value of each group, ``difference`` and ``ratio``."""
    found = fairness.groups(group, truth, predicted, 2)
    gaps = fairness.gaps(found, 1)
    numbers: dict[str, dict[str, float]] = {}
    for rate in FAIRNESS_RATES:
        values = {each.name: each.rates[rate].value for each in found}
        ratio = gaps[rate].ratio
        assert ratio is not None
        numbers[rate] = {name: value for name, value in values.items() if value is not None}
        numbers[rate] |= {"difference": gaps[rate].difference.value, "ratio": ratio.value}
    return numbers


def fairlearns(group: NDArray[Any], truth: NDArray[Any], predicted: NDArray[Any]) -> dict[str, dict[str, float]]:
    """The same by Fairlearn's ``MetricFrame``."""
    peer: Any = importlib.import_module("fairlearn.metrics")
    accuracy = importlib.import_module("sklearn.metrics").accuracy_score
    metrics = {rate: getattr(peer, rate) for rate in FAIRNESS_RATES if rate != "accuracy"} | {"accuracy": accuracy}
    frame = peer.MetricFrame(metrics=metrics, y_true=truth, y_pred=predicted, sensitive_features=group)
    difference, ratio = frame.difference(), frame.ratio()
    return {
        rate: {str(name): float(value) for name, value in frame.by_group[rate].items()}
        | {"difference": float(difference[rate]), "ratio": float(ratio[rate])}
        for rate in FAIRNESS_RATES
    }


def largest(runs: int) -> float:
    """The largest distance of any number over some benchmarks."""
    found = 0.0
    for seed in range(runs):
        drawn = draw(seed, 2 + seed % 5)
        mine, theirs = ours(*drawn), fairlearns(*drawn)
        for rate in FAIRNESS_RATES:
            assert mine[rate].keys() == theirs[rate].keys()
            found = max(found, *(abs(mine[rate][name] - theirs[rate][name]) for name in mine[rate]))
    return found


def main() -> int:
    """Compare, or print the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="benchmarks that are drawn")
    parser.add_argument("--example", action="store_true", help="print Fairlearn's numbers of the first benchmark")
    arguments = parser.parse_args()
    if arguments.example:
        print(json.dumps(fairlearns(*draw(1, 3)), indent=2))
        return 0
    distance = largest(arguments.runs)
    print(
        f"{arguments.runs} benchmarks: rates, differences and ratios differ from Fairlearn's by {distance:.1e} at most"
    )
    return 0 if distance <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
