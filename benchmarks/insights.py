"""Whether the insights into a version hold: ``python -m benchmarks.insights``.

Slices: two models answer 5,000 rows with twenty numeric and three text columns. Where they are equally good
everywhere, every slice that is named is a false discovery; where one model is 15 percentage points worse on 10% of the
rows, the slice has to be found: named with at least half of its own rows in it, and half of its rows in the named one.

Intervals: samples are drawn from populations whose true values are known from 400,000 rows. Printed is how often the
95% interval of feature impact, of a value curve, of the difference in value and of a fairness gap holds the true value.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from registry_core import Registry
from registry_core.actions.feature_impact import permutations
from registry_core.evidence import Task
from registry_core.rules import fairness, feature_impact, outcome_value
from registry_core.rules.answers import Answers
from registry_core.rules.influence import influence
from registry_core.rules.losing_slices import losing_slices

ROWS, NUMBERS, TEXTS, SHARE, LOSS = 5_000, 20, (4, 10, 20), 0.1, 0.15
POPULATION = 400_000
#: Samples of so many rows for the coverage of intervals.
SAMPLE = 1_500
VALUES = {"hit": 20.0, "miss": -100.0, "false_alarm": -8.0, "correct_rejection": 0.0}
#: How often an interval has to hold: 95%, less what a simulation of some hundred runs may be off.
COVERS = 0.93

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """One benchmark with the answers of both models; ``planted`` are the rows of the slice that is worse."""

    truth: NDArray[np.int64]
    champion: Answers
    version: Answers
    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]]
    planted: NDArray[np.bool_]

    def named(self) -> tuple[str, ...]:
        """The conditions of the slices that are named."""
        found = losing_slices(
            "classification", self.truth, self.champion, self.version, self.columns, (0, 1), metric="accuracy"
        )
        return tuple(each.condition for each in found)

    def found(self) -> bool:
        """Whether a slice that is named is the planted one, as far as half of the rows of both."""
        for condition in self.named():
            rows = meets(condition, self.columns)
            shared = (rows & self.planted).sum()
            if shared >= rows.sum() / 2 and shared >= self.planted.sum() / 2:
                return True
        return False


def meets(condition: str, columns: dict[str, NDArray[np.float64] | NDArray[np.str_]]) -> NDArray[np.bool_]:
    """The rows that meet a condition as it is written."""
    rows = np.ones(len(next(iter(columns.values()))), np.bool_)
    for part in condition.split(" and "):
        name, relation, value = part.split(" ")
        column = columns[name]
        test: dict[str, Callable[[], NDArray[np.bool_]]] = {
            # pyrefly: ignore[bad-assignment, unsupported-operation]
            ">": lambda column=column, value=value: column > float(value),
            # pyrefly: ignore[bad-assignment, unsupported-operation]
            "≤": lambda column=column, value=value: column <= float(value),
            "=": lambda column=column, value=value: column == value,
            "≠": lambda column=column, value=value: column != value,
        }
        rows &= test[relation]()
    return rows


def draw(seed: int, planted: float) -> Drawn:
    """A benchmark; ``planted`` is by how much the second model is less accurate where the first number is large."""
    chance = np.random.default_rng(seed)
    numbers = chance.normal(size=(NUMBERS, ROWS))
    texts = [chance.integers(values, size=ROWS) for values in TEXTS]
    worse = numbers[0] > np.quantile(numbers[0], 1 - SHARE)
    # Some rows are harder than others, for both models alike.
    error = (
        0.1 + 0.1 * (numbers[1] > 0) + sum(chance.uniform(0.0, 0.05, n)[of] for n, of in zip(TEXTS, texts, strict=True))
    )
    hard, truth = chance.random(ROWS), chance.integers(2, size=ROWS)
    answers = []
    for extra in (0.0, planted):
        # Nine of ten rows are as hard for one model as for the other.
        own = np.where(chance.random(ROWS) < 0.9, hard, chance.random(ROWS))
        answers.append(Answers(np.where(own < error + extra * worse, 1 - truth, truth)))
    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {
        f"number{at}": each for at, each in enumerate(numbers)
    }
    columns |= {f"text{at}": each.astype(str) for at, each in enumerate(texts)}
    return Drawn(truth, answers[0], answers[1], columns, worse)


#: A model that is known: the weights of three features, of which the last has none.
WEIGHTS = np.array([1.2, 0.4, 0.0])


def features(rows: int, chance: np.random.Generator) -> Numbers:
    """Three features, of which the first two are correlated and the first has heavy tails."""
    found = chance.normal(size=(rows, 3))
    found[:, 1] += 0.5 * found[:, 0]
    found[:, 0] = np.sign(found[:, 0]) * np.abs(found[:, 0]) ** 1.3
    return found


def labels(task: Task, inputs: Numbers, chance: np.random.Generator) -> Numbers | NDArray[np.int64]:
    """Labels that follow the model, with noise."""
    level = inputs @ WEIGHTS - (0.8 if task == "classification" else 0.0)
    if task == "regression":
        numbers: Numbers = level + chance.standard_t(5, size=len(level))
        return numbers
    codes: NDArray[np.int64] = (chance.random(len(level)) < 1 / (1 + np.exp(-level))).astype(np.int64)
    return codes


def answers_of(task: Task, inputs: Numbers) -> Answers:
    """What the known model answers."""
    level = inputs @ WEIGHTS - (0.8 if task == "classification" else 0.0)
    if task == "regression":
        return Answers(level)
    share = 1 / (1 + np.exp(-level))
    return Answers((share >= 0.5).astype(np.int64), np.stack([1 - share, share], axis=1))


def exchanged(inputs: Numbers, place: int, order: NDArray[np.intp]) -> Numbers:
    """The features with the values of one exchanged."""
    found = inputs.copy()
    found[:, place] = inputs[order, place]
    return found


@cache
def true_impact(task: Task, metric: str, place: int) -> float:
    """The impact of a feature in the population."""
    chance = np.random.default_rng(place)
    inputs = features(POPULATION, chance)
    truth = labels(task, inputs, chance)
    classes = (0, 1) if task == "classification" else ()
    base, _ = influence(metric, task, truth, answers_of(task, inputs), classes)
    other, _ = influence(
        metric, task, truth, answers_of(task, exchanged(inputs, place, chance.permutation(POPULATION))), classes
    )
    return other - base if metric in ("log_loss", "mae", "rmse") else base - other


def impact_covers(seed: int, task: Task, metric: str, place: int) -> bool:
    """Whether the interval of one sample holds the impact of the population."""
    chance = np.random.default_rng(1_000_000 + seed)
    inputs = features(SAMPLE, chance)
    truth, orders = labels(task, inputs, chance), permutations(SAMPLE, 5, seed)
    found = feature_impact.impact(
        metric, task, truth, answers_of(task, inputs),
        [answers_of(task, exchanged(inputs, place, order)) for order in orders], [*orders],
        (0, 1) if task == "classification" else (),
    )  # fmt: skip
    assert found.low is not None
    assert found.high is not None
    return found.low <= true_impact(task, metric, place) <= found.high


def scores(rows: int, chance: np.random.Generator) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
    """Which rows are positive, a tenth, and the scores of two models of which the second is somewhat better."""
    positive = chance.random(rows) < 0.1
    level = np.where(positive, 1.4, 0.0) + chance.normal(size=rows)
    first = level + 0.7 * chance.normal(size=rows)
    second = level + 0.4 * chance.normal(size=rows)
    return positive, 1 / (1 + np.exp(2 - first)), 1 / (1 + np.exp(2 - second))


@cache
def true_values() -> tuple[Numbers, float]:
    """The value of the second model at every hundredth, and the difference of both at their best thresholds."""
    positive, first, second = scores(POPULATION, np.random.default_rng(0))
    grid = np.linspace(0.0, 1.0, 101)
    curves = [
        np.array(outcome_value.curve("", positive, score, score >= 0.5, grid, VALUES).values)
        for score in (first, second)
    ]
    return curves[1], float(curves[1].max() - curves[0].max())


def curve_coverage(seed: int) -> float:
    """At which share of the thresholds the band of one sample holds the true value."""
    positive, _, score = scores(SAMPLE, np.random.default_rng(2_000_000 + seed))
    grid = np.linspace(0.0, 1.0, 101)
    found = outcome_value.curve("", positive, score, score >= 0.5, grid, VALUES)
    truth, _ = true_values()
    inside = (np.array(found.low) <= truth) & (truth <= np.array(found.high))
    # Where all rows are called alike the curve is flat and no threshold is at stake.
    return float(inside[5:80].mean())


def value_covers(seed: int, resamples: int = 300) -> bool:
    """Whether the interval of one sample holds the difference in value."""
    positive, first, second = scores(SAMPLE, np.random.default_rng(2_000_000 + seed))
    found = outcome_value.difference(
        positive, first, second, outcome_value.thresholds(first, second), VALUES, resamples=resamples
    )
    return found.low <= true_values()[1] <= found.high


def gap_covers(seed: int, rates: tuple[float, ...]) -> bool:
    """Whether the interval of a fairness gap holds the true gap, with a hundred rows or so in each group."""
    chance = np.random.default_rng(3_000_000 + seed)
    group = chance.integers(len(rates), size=120 * len(rates))
    called = (chance.random(len(group)) < np.array(rates)[group]).astype(np.intp)
    found = fairness.groups(group.astype(str), called, called, 2)
    gap = fairness.gaps(found, 30)["selection_rate"].difference
    assert gap.low is not None
    assert gap.high is not None
    return gap.low <= max(rates) - min(rates) <= gap.high


def slice_rows(runs: int) -> Iterator[list[str]]:
    """Equal models, and a slice that is worse."""
    named = sum(bool(draw(seed, 0.0).named()) for seed in range(runs))
    upper = float(beta.ppf(0.95, named + 1, runs - named)) if named < runs else 1.0
    yield [
        "equal models: any slice named",
        f"{runs}",
        f"{named / runs:.1%} (<= {upper:.1%})",
        "<= 5%",
        _met(named / runs <= 0.05),
    ]
    found = sum(draw(seed, LOSS).found() for seed in range(runs, 2 * runs))
    lower = float(beta.ppf(0.05, found, runs - found + 1)) if found else 0.0
    what = "10% of the rows 15 pp less accurate: found"
    yield [what, f"{runs}", f"{found / runs:.1%} (>= {lower:.1%})", ">= 80%", _met(found / runs >= 0.8)]


def coverage_rows(runs: int) -> Iterator[list[str]]:
    """How often intervals hold."""
    of_impact: tuple[tuple[Task, str], ...] = (
        ("classification", "accuracy"), ("classification", "auc"), ("classification", "log_loss"),
        ("regression", "r2"), ("regression", "mae"),
    )  # fmt: skip
    for task, metric in of_impact:
        for place, kind in enumerate(("strong", "weak")):
            held = np.mean([impact_covers(seed, task, metric, place) for seed in range(runs)])
            yield _covered(f"impact of a {kind} feature, {metric}", runs, float(held))
    yield _covered("value curve, pointwise", runs, float(np.mean([curve_coverage(seed) for seed in range(runs)])))
    held = np.mean([value_covers(seed) for seed in range(runs)])
    yield _covered("difference in value at the best thresholds", runs, float(held))
    for rates in ((0.3, 0.45), (0.2, 0.2), (0.1, 0.2, 0.2, 0.35)):
        # They cost nothing, so that chance has less of a say.
        held = np.mean([gap_covers(seed, rates) for seed in range(10 * runs)])
        shown = ", ".join(f"{each:g}" for each in rates)
        yield _covered(f"gap of groups with rates {shown}", 10 * runs, float(held))


def _covered(what: str, runs: int, share: float) -> list[str]:
    return [what, f"{runs}", f"{share:.1%}", f">= {COVERS:.0%}", _met(share >= COVERS)]


def _met(met: bool) -> str:
    return "met" if met else "**missed**"


def cost_rows(rows: int = 10_000, columns: int = 50, trees: int = 100) -> Iterator[list[str]]:
    """How long each insight takes: two forests, evaluated before, in a folder of its own."""
    import pandas
    from sklearn.ensemble import RandomForestClassifier

    names = [f"x{at}" for at in range(columns)]
    chance = np.random.default_rng(0)

    def table(count: int) -> Any:
        made = pandas.DataFrame(chance.normal(size=(count, columns)), columns=names)
        level = 1.5 * made["x0"] + made["x1"] + chance.normal(size=count)
        return made.assign(group=chance.choice(["a", "b", "c"], count), late=(level > 1).astype(int))

    with TemporaryDirectory() as folder, Registry(folder) as registry:
        registry.configure(auto_evaluate=False, outcome_values=VALUES, reason="timed by hand")
        train = table(4_000)
        ids = []
        for seed in (0, 1):
            model = RandomForestClassifier(trees, random_state=seed, min_samples_leaf=2).fit(
                train[names], train["late"]
            )
            ids.append(registry.register_model(model, model_name="Late", model_type="Forest", performance_metrics={}))
        registry.add_benchmark(
            "holdout", "Late", table(rows), "late", features=names, slices=["group"], protected=["group"]
        )
        registry.promote(ids[0], override=True, reason="the one to compare with")
        steps: dict[str, Callable[[], object]] = {
            "evaluation with slices": lambda: [registry.evaluate(each) for each in ids],
            "losing slices": lambda: registry.losing_slices(ids[1]),
            "values by threshold": lambda: registry.outcome_value(ids[1]),
            "fairness": lambda: registry.fairness(ids[1]),
            "feature impact": lambda: registry.measure_feature_impact(ids[1]),
        }
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            yield [f"{name}, version and champion", f"{time.perf_counter() - begun:.1f} s"]


def main() -> int:
    """Print the tables; the exit code is 0 where every target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cost", action="store_true", help="time the insights instead, on 10,000 rows x 50 features")
    parser.add_argument("--runs", type=int, default=400, help="samples of each row of the table")
    arguments = parser.parse_args()
    if arguments.cost:
        print("| what | time |\n|---|---|")
        for row in cost_rows():
            print(f"| {' | '.join(row)} |", flush=True)
        return 0
    runs: int = arguments.runs
    print("| what | samples | share | target | |\n|---|---|---|---|---|")
    met = True
    for row in (*slice_rows(runs), *coverage_rows(runs)):
        print(f"| {' | '.join(row)} |", flush=True)
        met = met and row[-1] == "met"
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
