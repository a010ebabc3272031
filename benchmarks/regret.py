"""What the registry's own choices cost on real series: ``python -m benchmarks.regret``.

A pipeline trains a version again and again, and starts an experiment with the newest whenever none is running; outcomes
come late; whatever else happens is the registry's doing, with its default settings. Beside it stand who never touched
anything, the best version to have stayed with once it was there, whoever took each new version at once, and an oracle
that knows every version's error on every day and lets the best one answer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from benchmarks.real_packages import Unavailable
from benchmarks.series import SERIES, Series
from registry_core import Registry
from registry_core.errors import StorageError

Numbers = NDArray[np.float64]
NAME = "Series"
STAGES = ("shadow", 0.25, 0.5, 1.0)
#: How much worse than never touching anything the registry may be, as a part of that.
TOLERATED = 0.02
#: Where the world changes for good: of what the oracle wins against never touching anything.
LEAST_PART = 0.5
_BOOSTING = {"max_iter": 60, "max_leaf_nodes": 15, "random_state": 0}
#: Automatic, and of no consequence.
_UNTOLD = ("considered", "evaluated")


@dataclass(frozen=True)
class Played:
    """A series as it went.

    Attributes:
        series: which.
        rows: that were answered.
        registry: the sum of errors of what was answered.
        versions: (versions, days): the sum of each version's errors on each day; inf before it was there.
        since: the day from which each version was there, (versions,).
        said: what happened, a line each.
    """

    series: Series
    rows: int
    registry: float
    versions: Numbers
    since: tuple[int, ...]
    said: tuple[str, ...]

    @property
    def never(self) -> float:
        """Of the first version, all the time."""
        return float(self.versions[0].sum())

    @property
    def fixed(self) -> float:
        """Of the best version to have stayed with from the day it was there, the first one before."""
        return min(self._from(place) for place in range(len(self.since)))

    @property
    def newest(self) -> float:
        """Of each version from the day it was there until the next."""
        ends = [*self.since[1:], self.versions.shape[1] + self.since[0]]
        begin = self.since[0]
        each = zip(self.versions, self.since, ends, strict=True)
        return float(sum(errors[first - begin : end - begin].sum() for errors, first, end in each))

    @property
    def oracle(self) -> float:
        """Of the best version of each day."""
        return float(self.versions.min(axis=0).sum())

    def _from(self, place: int) -> float:
        day = self.since[place] - self.since[0]
        return float(self.versions[0, :day].sum() + self.versions[place, day:].sum())

    def line(self) -> tuple[str, bool]:
        """The line of the table, and whether its target is met."""
        worse = self.registry / self.never - 1
        each = (self.registry, self.never, self.fixed, self.newest, self.oracle)
        figures = " | ".join(f"{total / self.rows:.4g}" for total in each)
        part = (self.never - self.registry) / max(self.never - self.oracle, 1e-12)
        against = f"{self.registry / self.fixed - 1:+.1%} | {worse:+.1%} | {part:.0%}"
        asked = f"at most {TOLERATED:.0%} worse than never"
        good = worse <= TOLERATED
        if self.series.changes:
            asked, good = f"{asked}; at least {LEAST_PART:.0%} of the oracle's", good and part >= LEAST_PART
        head = f"| {self.series.what} | {self.rows:,} | {len(self.since)}"
        return f"{head} | {figures} | {against} | {asked} | {'met' if good else 'MISSED'} |", good


class _Calendar:
    def __init__(self, begin: datetime) -> None:
        self._begin = self.now = begin

    def __call__(self) -> datetime:
        return self.now

    def set(self, day: int, hour: int) -> None:
        self.now = self._begin + timedelta(days=day, hours=hour)


def play(series: Series, days: int | None = None) -> Played:
    """Play a series through the public API, or so many days of it from the day on which serving begins."""
    end = series.end if days is None else min(series.first + days, series.end)
    calendar = _Calendar(series.begin)
    with (
        tempfile.TemporaryDirectory(prefix="regret-") as folder,
        patch.dict(os.environ, MODEL_REGISTRY_KEYS=str(Path(folder) / "keys")),
        threadpool_limits(1),
        Registry(Path(folder) / "registry", clock=calendar, actor="pipeline") as registry,
    ):
        calendar.set(series.first, 0)
        registry.configure(NAME, auto_select_best=False, reason="New versions go through experiments")
        models = [_trained(series, series.first)]
        first = _registered(registry, series, models[0], series.first)
        registry.promote(first, reason="The first of its kind")
        since, lost = [series.first], 0.0
        untried: str | None = None
        predictor = registry.predictor(NAME, log="sync")
        waiting: deque[tuple[int, NDArray[np.int64], NDArray[Any]]] = deque()
        for day in range(series.first, end, series.step):
            calendar.set(day, 1)
            known = [waiting.popleft() for _ in range(sum(due <= day for due, _, _ in waiting))]
            if known:
                ids, truth = (np.concatenate([each[place] for each in known]) for place in (1, 2))
                registry.record_outcomes(prediction_ids=ids, labels=truth)
            if day >= since[-1] + series.every:
                models.append(_trained(series, day - series.late))
                untried = _registered(registry, series, models[-1], day)
                since.append(day)
            if untried is not None and all(each.ended_at is not None for each in registry.experiments(NAME)):
                registry.start_experiment(NAME, untried, stages=STAGES, reason="Trained on all there is")
                untried = None
            calendar.set(day, 23)
            rows = series.days(day, min(day + series.step, end))
            if rows.start < rows.stop:
                answer = predictor.predict(series.inputs[rows])
                lost += float(_errors(series, answer.values, series.target[rows]).sum())
                waiting.append((day + series.step - 1 + series.late, answer.prediction_ids, series.target[rows]))
        said = tuple(
            f"{event.at[:10]} {event.kind.replace('_', ' ')}: {event.reason}"
            for event in registry.events(limit=None)[::-1]
            if event.actor == "auto" and event.kind not in _UNTOLD
        )
    rows = series.days(series.first, end)
    return Played(series, rows.stop - rows.start, lost, _by_day(series, models, since, end), tuple(since), said)


def _trained(series: Series, end: int) -> Any:
    rows = series.days(0, end)
    classes = series.task == "classification"
    model = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(**_BOOSTING)
    return model.fit(series.inputs[rows], series.target[rows])


def _registered(registry: Registry, series: Series, model: Any, day: int) -> str:
    """Registered with what it shows on its own last rows of training: nothing that decides here."""
    rows = series.days(day - series.late - 60, day - series.late)
    errors = _errors(series, model.predict(series.inputs[rows]), series.target[rows])
    return registry.register_model(
        model,
        model_name=NAME,
        model_type="HistGradientBoosting",
        performance_metrics={"mae" if series.task == "regression" else "error_rate": float(errors.mean())},
        training_info={"data_quality_score": 1.0, "task": series.task},
        feature_names=list(series.names),
        input_example=series.inputs[rows][:8],
    )


def _errors(series: Series, values: NDArray[Any], truth: NDArray[Any]) -> Numbers:
    wrong = values != truth if series.task == "classification" else np.abs(values - truth)
    return np.asarray(wrong, np.float64)


def _by_day(series: Series, models: Sequence[Any], since: Sequence[int], end: int) -> Numbers:
    found = np.full((len(models), end - series.first), np.inf)
    for place, (model, day) in enumerate(zip(models, since, strict=True)):
        rows = series.days(day, end)
        errors = _errors(series, model.predict(series.inputs[rows]), series.target[rows])
        found[place, day - series.first :] = np.bincount(series.day[rows] - day, errors, end - day)
    return found


HEAD = (
    "| series | rows | versions | registry | never touching | best fixed version | newest at once | oracle "
    "| against best fixed | against never | part of the oracle's gain | target | |\n" + "|---" * 13 + "|"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and what happened; 1 when a target was missed, 2 when a series cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(SERIES), metavar="SERIES", help=", ".join(SERIES))
    parser.add_argument("--wheels", type=Path, metavar="FOLDER", help="where wheels are, or are kept once downloaded")
    parser.add_argument("--days", type=int, help="so many days of each")
    given = parser.parse_args(arguments)
    code, told = 0, list[str]()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="wheels-") as folder:
        for name in given.only or SERIES:
            try:
                series = SERIES[name](given.wheels or Path(folder))
            except (Unavailable, StorageError) as error:
                print(f"{name} cannot be had: {error}", file=sys.stderr)
                code = 2
                continue
            played = play(series, given.days)
            line, good = played.line()
            print(line, flush=True)
            code = code or int(not good)
            told += [f"\n{name}: {series.source}. Outcomes after {series.late} days.", *played.said]
    print("\n".join(told))
    return code


if __name__ == "__main__":
    sys.exit(main())
