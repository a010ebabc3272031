"""Measuring beside each other: what is compared runs in turns, so that a busy moment of the machine hits all alike."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: Runs once; gives the seconds it took, or None when the caller's clock says it.
Contestant = Callable[[], float | None]


@dataclass
class Times:
    """Seconds by contestant and round."""

    rounds: dict[str, dict[int, float]] = field(default_factory=dict)

    def all(self, name: str) -> list[float]:
        """Every time of a contestant, in order."""
        return list(self.rounds.get(name, {}).values())

    def median(self, name: str) -> float | None:
        """The middle time of a contestant, None when it never ran."""
        seconds = self.all(name)
        return statistics.median(seconds) if seconds else None

    def ratio(self, above: str, below: str) -> float | None:
        """The median of the ratios of two contestants, each taken within one round."""
        ratios = self.ratios(above, below)
        return statistics.median(ratios) if ratios else None

    def ratios(self, above: str, below: str) -> list[float]:
        """The ratio of two contestants in each round that both ran in."""
        over, under = self.rounds.get(above, {}), self.rounds.get(below, {})
        return [over[number] / under[number] for number in over.keys() & under.keys() if under[number] > 0]

    def spread(self, name: str) -> float:
        """How far the middle half of a contestant's times is apart, as a share of the median."""
        seconds = self.all(name)
        if len(seconds) < 4:
            return 0.0
        low, middle, high = statistics.quantiles(seconds, n=4)
        return (high - low) / middle if middle else 0.0


def interleaved(
    contestants: Mapping[str, Contestant],
    *,
    seconds: float,
    rounds: int = 1000,
    least: int = 3,
    every: Mapping[str, int] | None = None,
    block: int = 1,
) -> Times:
    """Run all contestants in turns until the time is used up, at least ``least`` and at most ``rounds`` rounds.

    Args:
        contestants: by name.
        seconds: how long to go on.
        rounds: the most rounds.
        least: the fewest rounds.
        every: contestants that cost much run in each so-many-th round only, once.
        block: how often the others run in a row, their mean counting: what one leaves to be written by the disk is
            mostly paid by itself then, and not by the next.
    """
    times = Times({name: {} for name in contestants})
    deadline = time.perf_counter() + seconds
    names, chance = list(contestants), random.Random(0)
    for number in range(rounds):
        if number >= least and time.perf_counter() > deadline:
            break
        # The order changes, so that none always runs on what another one left behind.
        chance.shuffle(names)
        for name in names:
            if number % (every or {}).get(name, 1):
                continue
            own = [_once(contestants[name]) for _ in range(1 if name in (every or {}) else block)]
            times.rounds[name][number] = statistics.fmean(own)
    return times


def _once(contestant: Contestant) -> float:
    start = time.perf_counter()
    own = contestant()
    return time.perf_counter() - start if own is None else own


def repeated(function: Callable[[], object], seconds: float = 0.01) -> Contestant:
    """A contestant for what takes microseconds: called many times, it gives the mean of one call."""
    function()
    start = time.perf_counter()
    function()
    number = max(1, min(20_000, int(seconds / max(time.perf_counter() - start, 1e-7))))

    def run() -> float:
        start = time.perf_counter()
        for _ in range(number):
            function()
        return (time.perf_counter() - start) / number

    return run


def quantile(seconds: list[float], share: float) -> float:
    """The smallest time that this share of all does not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
