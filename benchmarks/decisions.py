"""Whether the registry decides rightly while nobody looks: ``python -m benchmarks.decisions``.

Made up worlds played through the public API with the default settings, as often as ``--runs`` says, dealt evenly to the
seeds. Printed are how often a thing happened, the one-sided 95% bound of its rate (Clopper-Pearson; the upper one where
the rate shall be low, the lower one where it shall be high), and the median of when. A run in which a thing did not
happen counts as later than any other.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from zlib import crc32

import numpy as np
from scipy.stats import beta

from benchmarks import decision_stories as stories
from benchmarks.decision_stories import Happened, Story
from benchmarks.worlds import Traffic
from registry_core.errors import RegistryError

CERTAINTY = 0.95


@dataclass(frozen=True)
class Measure:
    """One thing that may happen in a story, and how often or when it should.

    Attributes:
        name: as the story calls it.
        what: in words.
        most: the largest rate that is good; ``least`` the smallest.
        median: the largest median that is good, in ``unit``.
        after: count only runs in which that other thing happened.
    """

    name: str
    what: str
    most: float | None = None
    least: float | None = None
    median: float | None = None
    unit: str = "labels"
    after: str | None = None


@dataclass(frozen=True)
class Row:
    """One story, the traffic it is played with, and what is measured of it. ``runs``: as many at most."""

    key: str
    what: str
    traffic: str
    story: Story
    measures: tuple[Measure, ...]
    runs: int | None = None


USUAL = Traffic(200, day_sd=0.01)
_EARLY = "300 a day, 20% positives told after 3 days, the others after 14 to 20; day sd 0 points"
_ROLLED_EARLY = Measure("early", "rolled back before that", most=0.01)


def _worse(key: str, what: str, story: Story, *measures: Measure) -> Row:
    return Row(key, what, str(USUAL), story, (*measures, _ROLLED_EARLY))


def _published() -> Iterator[Row]:
    """What users get: delays of a champion that the registry knows by its first labels alone."""
    targets = {0.05: 2_500.0, 0.10: 1_000.0}
    for icc in (0.0, 0.01, 0.03):
        for rows in (100, 200, 500):
            for points, target in targets.items():
                yield _delay(points, Traffic(rows), icc, target if not icc and rows == 200 else None)
        yield _delay(0.10, Traffic(200), icc, None, gradual=True)


def _delay(points: float, traffic: Traffic, icc: float, median: float | None, *, gradual: bool = False) -> Row:
    how = f"evenly over {stories.GRADUAL_LABELS:,} labels" if gradual else "at once"
    horizon = stories.LOOKED_FOR * (2 if gradual else 1)
    asked = median is not None
    found = Measure("found", f"found within {horizon:,} labels", None, 0.99 if asked else None, median, after="well")
    key = f"{'gradual' if gradual else 'sudden'}-{points * 100:.0f}-{traffic.rows}-{icc:g}"
    return Row(
        key,
        f"+{points * 100:.0f} points {how}, default baseline of 30 days, day ICC {icc:g}",
        str(stories.hanging(traffic, icc)),
        stories.sudden(points, traffic, icc=icc, gradual=gradual),
        (found, Measure("early", "alarm before that", most=0.01 if asked else None, unit="labels in")),
        runs=None if asked else 60,
    )


def _rows() -> Iterator[Row]:
    rolled = Measure("rolled", "rolled back", most=0.01)
    yield _worse(
        "worse-predecessor",
        "champion +10, predecessor +20 points",
        stories.broken(0.10, 0.20, traffic=USUAL, days=60),
        rolled,
    )
    yield _worse(
        "sound-predecessor",
        "champion +10, predecessor unchanged",
        stories.broken(0.10, 0.0, traffic=USUAL),
        Measure("rolled", "rolled back", least=0.99, median=1_200),
    )
    yield _worse(
        "everybody",
        "everybody +10 points",
        stories.broken(0.10, 0.10, traffic=USUAL, days=60),
        rolled,
        Measure("retrain", "alert to retrain", least=0.99),
    )
    traffic = Traffic(500, day_sd=0.01)
    yield Row(
        "winner",
        "winner of its own experiment, 4 points better, benchmark from easier times",
        str(traffic),
        stories.winner(traffic),
        (
            Measure("promoted", "promoted within 110 days", unit="days"),
            Measure("rolled", "rolled back within 30 days of that", most=0.01, after="promoted"),
        ),
    )
    calm = (rolled, Measure("alerted", "critical alert"))
    traffic = Traffic(200, day_sd=0.04)
    yield Row("days", "constant mean, 30,000 labels", str(traffic), stories.well(traffic, 150), calm)
    # So many a day that the first labels are of one part of it.
    traffic = Traffic(1_000, 6)
    yield Row(
        "cycles",
        "daily and weekly cycles of 8 to 20%, begun anywhere, 30,000 labels",
        str(traffic),
        stories.well(traffic, 30, stories.cycles),
        calm,
    )
    for name, usual in (("harder", stories.HARDER), ("easier", stories.EASIER)):
        yield Row(
            f"early-{name}",
            f"positives early and {name}: healthy for 90 days, then +20 points",
            _EARLY,
            stories.early_collapse(usual),
            (rolled, Measure("found", "found within 60 days", least=0.99, after="healthy")),
        )
    stopped = Measure("stopped", "stopped", most=0.05)
    for name, of_classes in (("equal", (0.0525, 0.45)), ("better", (0.03, 0.45))):
        yield Row(
            f"early-{name}",
            f"positives early: {name} challenger, by default stages, 90 days",
            _EARLY,
            stories.early_challenger(of_classes),
            (stopped, Measure("promoted", "promoted")),
        )
    for points in (1, 2, 3):
        # Each of the two has its own days: their difference varies by the root of 2 more than each.
        traffic = Traffic(200, day_sd=points / 100 / 2**0.5, days_shared=False)
        yield Row(
            f"shadow-days-{points}",
            f"equal models in shadow for 60 days, day sd {points} points of their difference",
            str(traffic),
            stories.equal(traffic, 1, 60, stages=["shadow"]),
            (stopped,),
        )
    yield from _published()
    traffic = Traffic(400, day_sd=0.01)
    any_stopped = Measure("stopped", "any stopped", most=0.05)
    yield Row(
        "eight-shadow",
        "8 equal challengers in shadow, 50 days",
        str(traffic),
        stories.equal(traffic, 8, 50, stages=["shadow"]),
        (any_stopped,),
    )
    yield Row(
        "eight-split",
        "8 equal challengers that share 80%, 50 days",
        str(traffic),
        stories.equal(traffic, 8, 50, mode="split", share=0.8),
        (any_stopped,),
    )
    yield Row(
        "better",
        "challenger 10 points better, by default stages, 250 days",
        str(USUAL),
        stories.better(USUAL, 250),
        (
            Measure("promoted", "promoted", median=1_000, unit="labels of its own"),
            Measure("stopped", "stopped", unit="labels of its own"),
        ),
    )
    yield Row(
        "seldom",
        "20 points worse at one row an hour, half of them its own, 100 days",
        str(Traffic(24)),
        stories.seldom,
        (Measure("stopped", "stopped", median=400, unit="labels of its own"),),
    )
    yield Row(
        "failing-shadow",
        "shadow that fails every call",
        "a call a minute, no labels",
        stories.failing(share=0.0, often=1.0, most=1_000, every=20),
        (Measure("alert", "alert", median=200, unit="calls"),),
    )
    yield Row(
        "failing-arm",
        "arm that fails 5% of its requests",
        "a call a minute, no labels",
        stories.failing(share=0.5, often=0.05, most=2_500, every=100),
        (Measure("alert", "alert", median=2_000, unit="requests of its own"),),
    )
    yield Row(
        "segment",
        "declared slice of 5% to 60% wrong",
        str(USUAL),
        stories.segment(USUAL),
        (Measure("found", "found within 20,000 labels", least=0.90),),
    )
    traffic = Traffic(150)
    yield Row(
        "batches",
        "the same 2,400 labels, twice as many wrong from the 12th day on",
        str(traffic),
        stories.batches(traffic, 16, 11),
        tuple(
            Measure(name, f"the same state in calls of {name} as by one call a day", least=1.0)
            for name in stories.CALLS
            if name != "a day"
        ),
        runs=21,
    )


ROWS = {row.key: row for row in _rows()}


@dataclass(frozen=True)
class Found:
    """What a row's runs gave: of each seed what happened in each run, or why it cannot be played."""

    row: Row
    runs: Sequence[tuple[int, Happened]]
    seconds: float
    refused: str = ""

    def lines(self) -> Iterator[tuple[str, bool]]:
        """A line of the table for each measure, and whether its target is met."""
        for measure in self.row.measures:
            yield self._line(measure)

    def _line(self, measure: Measure) -> tuple[str, bool]:
        head = f"| {self.row.what}: {measure.what} | {self.row.traffic}"
        if self.refused:
            return f"{head} | 0 | {self.refused} | | {_target(measure)} | MISSED |", False
        counted = [
            (seed, happened)
            for seed, happened in self.runs
            if measure.after is None or happened.get(measure.after) is not None
        ]
        when = [happened.get(measure.name) for _, happened in counted]
        count, runs = sum(each is not None for each in when), len(when)
        if not runs:
            return f"{head} | 0 | none to count | | {_target(measure)} | {_met(measure, False)} |", _has_none(measure)
        by_seed = " + ".join(
            str(sum(happened.get(measure.name) is not None for of, happened in counted if of == seed))
            for seed in dict.fromkeys(seed for seed, _ in counted)
        )
        side = ">=" if measure.least is not None else "<="
        rate = f"{count / runs:.1%} ({by_seed}; {side} {bound(count, runs, lower=measure.least is not None):.1%})"
        median = statistics.median(float("inf") if each is None else each for each in when)
        good = (
            (measure.most is None or count / runs <= measure.most)
            and (measure.least is None or count / runs >= measure.least)
            and (measure.median is None or median <= measure.median)
        )
        shown = "not in half of the runs" if median == float("inf") else f"{median:,.0f} {measure.unit}"
        shown = shown if measure.most is None and median else ""
        return f"{head} | {runs} | {rate} | {shown} | {_target(measure)} | {_met(measure, good)} |", good


def bound(count: int, runs: int, *, lower: bool) -> float:
    """The one-sided 95% bound of a rate (Clopper-Pearson)."""
    if lower:
        return float(beta.ppf(1 - CERTAINTY, count, runs - count + 1)) if count else 0.0
    return float(beta.ppf(CERTAINTY, count + 1, runs - count)) if count < runs else 1.0


def _has_none(measure: Measure) -> bool:
    return measure.most is measure.least is measure.median is None


def _met(measure: Measure, good: bool) -> str:
    return "" if _has_none(measure) else "met" if good else "MISSED"


def _target(measure: Measure) -> str:
    parts = [
        *([f"<= {measure.most:.0%}"] if measure.most is not None else []),
        *([f">= {measure.least:.0%}"] if measure.least is not None else []),
        *([f"median <= {measure.median:,.0f}"] if measure.median is not None else []),
    ]
    return ", ".join(parts)


def play(task: tuple[str, int, int]) -> Happened:
    """One run of a row: the key of the row, the seed, and which run of it."""
    key, seed, number = task
    return ROWS[key].story(np.random.default_rng([seed, crc32(key.encode()), number]))


def measured(row: Row, runs: int, seeds: Sequence[int], pool: ProcessPoolExecutor | None = None) -> Found:
    """Play a row at least as often as asked, as often with each seed."""
    each = -(-min(runs, row.runs or runs) // len(seeds))
    tasks = [(row.key, seed, number) for seed in seeds for number in range(each)]
    begun = time.perf_counter()
    try:
        found = list((pool.map if pool else map)(play, tasks))
    except RegistryError as error:
        return Found(row, (), time.perf_counter() - begun, f"refused: {error}".replace("|", "/"))
    return Found(row, list(zip((seed for _, seed, _ in tasks), found, strict=True)), time.perf_counter() - begun)


def table(rows: Iterable[Row], runs: int, seeds: Sequence[int], processes: int = 1) -> Iterator[tuple[str, bool]]:
    """The table line by line, each with whether its target is met; the last line says how long it took."""
    yield "| what | labels and days | runs | rate (by seed; 95% bound) | median | target | |", True
    yield "|---|---|---|---|---|---|---|", True
    seconds, most = 0.0, ("", 0.0)
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn")) if processes > 1 else None
    try:
        for row in rows:
            found = measured(row, runs, seeds, pool)
            yield from found.lines()
            seconds += found.seconds
            most = max(most, (row.key, found.seconds), key=lambda named: named[1])
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)
    yield (
        f"\nSeeds {', '.join(map(str, seeds))}; {seconds / 60:.1f} minutes in {processes} "
        f"{'process' if processes == 1 else 'processes'}, the longest row {most[0]} {most[1] / 60:.1f}. "
        f"{WORLDS}",
        True,
    )


WORLDS = (
    f"Versions find the same rows hard: normal scores of difficulty correlate by {Traffic().correlation:g}. Outcomes "
    "are told the next day, in one call, where nothing else is said; what happens in between counts with the later one."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=201, help="runs of a row, all seeds together")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args(arguments)
    missed = 0
    for line, good in table([ROWS[key] for key in given.only or ROWS], given.runs, given.seeds, given.processes):
        print(line, flush=True)
        missed += not good
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
