"""A service in a time of its own: versions that are right and wrong as told, traffic, outcomes that come late.

Every feature is what one version shall answer: its model is a fitted tree that looks at its own feature alone. What the
registry sees is real, the models, the calls, the outcomes; only who errs when is made up. All of it is seeded.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from registry_core import Predictor, Registry

Numbers = NDArray[np.float64]
#: The share of wrong answers of each version, (versions,), or by the truth as well, (versions, 2): of 0, of 1.
Rates = Sequence[float] | Sequence[Sequence[float]]
#: Days from a prediction until its outcome is told, (rows,), from the truth of each.
Delay = Callable[[np.random.Generator, NDArray[np.int64]], NDArray[np.int64]]

NAME = "Service"
#: A Monday.
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
#: Where a registry of a run lives: in memory, so that a disk's speed decides nothing.
MEMORY = Path("/dev/shm")
#: The share of rows that belong to the segment of which a story may speak.
SEGMENT = 0.05
#: Outcomes are told at six minutes past midnight.
TOLD_HOUR = 0.1
_FURTHER = ("segment", "strange")


def next_day(_: np.random.Generator, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every outcome is told the day after."""
    return np.ones(len(truth), np.int64)


@dataclass(frozen=True)
class Traffic:
    """What comes, and how far rows and versions hang together.

    Attributes:
        rows: labels a day.
        calls: calls a day in which they come, evenly over the day.
        day_sd: standard deviation, from day to day, of every version's share of wrong answers; its mean stays.
        days_shared: all versions have good and bad days together; else each has its own.
        correlation: of how hard two versions find one row, as normal scores: rows are hard or easy for all.
        positives: share of rows whose truth is 1.
        delay: when outcomes are told.
    """

    rows: int = 200
    calls: int = 1
    day_sd: float = 0.0
    days_shared: bool = True
    correlation: float = 0.8
    positives: float = 0.5
    delay: Delay = next_day

    def __str__(self) -> str:
        shared = "" if self.days_shared or not self.day_sd else ", each version its own days"
        return f"{self.rows:,} a day, day sd {self.day_sd * 100:.2g} points{shared}"


class Clock:
    """The world's time, in days since its beginning."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def set(self, day: int, hour: float) -> None:
        self.now = BEGIN + timedelta(days=day, hours=hour)


class World:
    """A registry of one model name, and what happens around it.

    Attributes:
        registry: where all of it happens.
        day: the day that comes next, from 0.
        told: outcomes told so far, by the day of their prediction.
        own: outcomes told so far of rows that a model answered, or scored in shadow, by its id.
    """

    def __init__(
        self, folder: Path, chance: np.random.Generator, traffic: Traffic, versions: int, **monitoring: Any
    ) -> None:
        self.traffic, self.day = traffic, 0
        self.told, self.own = Counter[int](), Counter[str]()
        self._chance, self._versions, self._clock = chance, versions, Clock()
        self._waiting: defaultdict[int, list[tuple[int, NDArray[Any], NDArray[Any], list[str]]]] = defaultdict(list)
        self.registry = Registry(folder, clock=self._clock, actor="pipeline")
        self.registry.configure(
            NAME, auto_select_best=False, monitoring=monitoring, reason="Who serves is decided by what follows"
        )
        self._predictor: Predictor | None = None
        self._registered = 0

    def close(self) -> None:
        self.registry.close()

    @property
    def champion(self) -> str | None:
        """The id of who serves."""
        return self.registry.get_active_model_id(NAME)

    def version(self, *, fragile: bool = False) -> str:
        """Register the next version; a ``fragile`` one raises where a row is strange."""
        place, self._registered = self._registered, self._registered + 1
        return self.registry.register_model(
            answering(place, self._versions, fragile),
            model_name=NAME,
            model_type="LogisticRegression" if fragile else "DecisionTree",
            performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.8),
            training_info={"data_quality_score": 1.0},
            feature_names=[f"version_{number}" for number in range(self._versions)] + [*_FURTHER],
        )

    def serve(self, *, rates: Rates = (), days: int = 0) -> str:
        """Register the next version, make it champion, and let it serve."""
        model_id = self.version()
        self.registry.promote(model_id, reason="The pipeline's choice", actor="pipeline")
        for _ in range(days):
            self.live(rates)
        return model_id

    def live(self, rates: Rates | Callable[[float], Rates], segment: Rates | None = None) -> tuple[str, ...]:
        """Go through the next day: tell what is known by now, then answer what comes; what the registry did.

        Args:
            rates: of the day, or by the hour of the day.
            segment: of the rows of the segment, where those differ.
        """
        self._clock.set(self.day, TOLD_HOUR)
        acted = self.tell()
        days = self._chance.random(1 if self.traffic.days_shared else self._versions)
        edges = np.linspace(0, self.traffic.rows, self.traffic.calls + 1).astype(int)
        for call, rows in enumerate(np.diff(edges).tolist()):
            hour = 24 * (call + 0.5) / self.traffic.calls
            self._clock.set(self.day, hour)
            now = rates(hour) if callable(rates) else rates
            if rows:
                self.ask(rows, self._of_day(now, days), None if segment is None else self._of_day(segment, days))
        self.day += 1
        return acted

    def minute(self, rates: Rates, strange: bool) -> None:
        """Answer a single row, strange or not, a minute after the last call of the first day."""
        self._clock.now += timedelta(minutes=1)
        self.ask(1, _by_truth(rates), strange=strange)

    def ask(self, rows: int, rates: Numbers, segment: Numbers | None = None, *, strange: bool = False) -> None:
        """One call of the predictor.

        Args:
            rates: (versions, 2), by version and truth.
            segment: likewise, of the rows of the segment.
        """
        inputs, truth = self._drawn(rows, rates, rates if segment is None else segment, strange)
        if self._predictor is None:
            self._predictor = self.registry.predictor(NAME)
        answer = self._predictor.predict(inputs)
        scored = [arm.challenger_id for arm in self._shadows()]
        due = self.day + self.traffic.delay(self._chance, truth)
        for day in np.unique(due).tolist():
            chosen = due == day
            by = [*answer.model_ids[chosen].tolist(), *(each for each in scored for _ in range(int(chosen.sum())))]
            self._waiting[day].append((self.day, answer.prediction_ids[chosen], truth[chosen], by))

    def tell(self) -> tuple[str, ...]:
        """Tell the outcomes that are known by now, in one call, and say what the registry did."""
        parts = [part for due in sorted(self._waiting) if due <= self.day for part in self._taken(due)]
        if not parts:
            return ()
        if self._predictor is not None:
            self._predictor.flush()
        for day, ids, _, by in parts:
            self.told[day] += len(ids)
            self.own.update(by)
        ids, truth = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
        return self.registry.record_outcomes(prediction_ids=ids, labels=truth).acted

    def untold(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take all that waits to be told, in the order of the predictions: ids and labels, for the caller to tell."""
        self._clock.set(self.day, TOLD_HOUR)
        if self._predictor is not None:
            self._predictor.flush()
        parts = [part for due in sorted(self._waiting) for part in self._taken(due)]
        return np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])

    def told_since(self, day: int) -> int:
        """Outcomes told so far of predictions made on this day or later."""
        return sum(count for made, count in self.told.items() if made >= day)

    def _taken(self, due: int) -> list[tuple[int, NDArray[Any], NDArray[Any], list[str]]]:
        return self._waiting.pop(due)

    def _shadows(self) -> list[Any]:
        running = [each for each in self.registry.experiments(NAME) if each.status == "running"]
        return [arm for each in running if each.mode == "shadow" for arm in each.running]

    def _of_day(self, rates: Rates, days: Numbers) -> Numbers:
        """Rates of one day, (versions, 2): their mean over days is as told.

        Raises:
            ValueError: a rate so near to 0 or 1 cannot vary that much.
        """
        mean = _by_truth(rates)
        if not self.traffic.day_sd:
            return mean
        if (mean * (1 - mean) <= self.traffic.day_sd**2).any():
            raise ValueError(f"rates of {mean.tolist()} cannot vary by {self.traffic.day_sd:g} from day to day")
        size = mean * (1 - mean) / self.traffic.day_sd**2 - 1
        return np.asarray(beta.ppf(days[:, None], mean * size, (1 - mean) * size), np.float64)

    def _drawn(self, rows: int, rates: Numbers, segment: Numbers, strange: bool) -> tuple[Numbers, NDArray[np.int64]]:
        chance, alike = self._chance, self.traffic.correlation
        truth = (chance.random(rows) < self.traffic.positives).astype(np.int64)
        inside = chance.random(rows) < SEGMENT
        hard = np.sqrt(alike) * chance.normal(size=(rows, 1))
        own = np.sqrt(1 - alike) * chance.normal(size=(rows, self._versions))
        limits = np.where(inside[:, None], segment[:, truth].T, rates[:, truth].T)
        wrong = norm.cdf(hard + own) < limits
        further = np.column_stack([inside.astype(np.float64), np.full(rows, np.nan if strange else 0.0)])
        answers = np.where(wrong, 1 - truth[:, None], truth[:, None]).astype(np.float64)
        return np.hstack([answers, further]), truth


def _by_truth(rates: Rates) -> Numbers:
    given = np.asarray(rates, np.float64)
    return np.column_stack([given, given]) if given.ndim == 1 else given


@lru_cache
def answering(place: int, versions: int, fragile: bool) -> Any:
    """A fitted model that answers what the feature at ``place`` says; a ``fragile`` one refuses missing numbers."""
    chance = np.random.default_rng(place)
    inputs = chance.integers(0, 2, (400, versions + len(_FURTHER))).astype(np.float64)
    inputs[:, -1] = 0.0
    model = LogisticRegression(C=100.0) if fragile else DecisionTreeClassifier(max_depth=1, random_state=0)
    return model.fit(inputs, inputs[:, place].astype(np.int64))


@contextmanager
def world(chance: np.random.Generator, traffic: Traffic, versions: int, **monitoring: Any) -> Iterator[World]:
    """A world in a folder of its own, which is gone afterwards, with the keys that were made for it."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with (
        TemporaryDirectory(dir=memory, prefix="world-") as folder,
        patch.dict(os.environ, MODEL_REGISTRY_KEYS=str(Path(folder) / "keys")),
        threadpool_limits(1),
    ):
        made = World(Path(folder) / "registry", chance, traffic, versions, **monitoring)
        try:
            yield made
        finally:
            made.close()
