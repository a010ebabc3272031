"""The state of monitoring a champion: baseline, detector, and the comparison with the standby.

A pure function of labels by the day and window of their predictions. Whoever tells labels in other batches or another
order comes to the same state once all are told. What is decided from it rests on three questions:

- Has the champion become worse than its baseline? The detector says so.
- Is it the model, or the world? Since trouble began, the version before it (its standby) has answered the same rows.
- Is all well again? Labels that speak against an alarm end it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from ...live.effect import Metric, gain
from . import mixture, shadow
from .baseline import WEEK, Baseline, Bound
from .days import Days, inflation, of_days
from .degradation import THRESHOLD, Detector, log_likelihood_of_wrong
from .split import INFORMATION, LEAST_ROWS_OF_MEANS

#: Evidence from which on every row is compared with the standby's answer, and below which no more; ln of R.
RAISED, LOWERED = math.log(1e4), math.log(1e2)
#: A baseline grows for four whole weeks of labels while all is well.
BASELINE_DAYS = 28
#: The chance that a standby that is no better is taken for better, at all looks of one trouble together.
ALPHA = 0.001
#: From so many rows of both since trouble began on, a standby that would win back less than half of what was lost, two
#: deviations up, is said to be no better.
ENOUGH_PAIRS = 300

#: Rises of the error rate of which is said how soon they would be noticed, and the most labels worth a word.
RISES, MOST_LABELS = (0.05, 0.10), 1_000_000

Standing = Literal["well", "suspicious", "worse"]


class Window(NamedTuple):
    """Labels of one window: when it began, how many, the sum of what was bad in them and the sum of its squares."""

    start: int
    rows: int
    total: float
    squares: float


class Pairs(NamedTuple):
    """Labelled rows of one window that champion and standby both answered.

    ``gained`` is the sum of the champion's loss minus the standby's, ``squares`` that of their squares. ``better`` are
    rows that only the standby got right, ``worse`` those that only the champion did; both 0 for a regression.
    """

    start: int
    rows: int
    gained: float
    squares: float
    better: int = 0
    worse: int = 0


class Day(NamedTuple):
    """The labels of one day that count, by window in the order of their time."""

    start: int
    windows: tuple[Window, ...]
    pairs: tuple[Pairs, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Champion and standby on the same rows since trouble began: is the standby better?

    Attributes:
        since: windows from here on count; trouble had begun before, so that nothing of what raised it is counted twice.
        trouble: the sums of the differences, by day.
        better: rows that only the standby got right.
        worse: rows that only the champion got right.
    """

    since: int
    trouble: Days = field(default_factory=Days)
    better: int = 0
    worse: int = 0

    def spread(self, before: Days, icc: float | None) -> float:
        """How many times the variance of the sum of differences is that of independent rows; see ``log_e``."""
        return inflation(self.trouble.rows_squared / self.trouble.rows, before.icc if icc is None else icc)

    def at_most(self, before: Days, icc: float | None) -> float:
        """What the standby would gain at most, a row: its mean and two deviations, for one look. See ``log_e``."""
        rows, mean = self.trouble.rows, self.trouble.mean
        variance = max(self.trouble.squares / rows - mean**2, 0.0)
        return mean + 2 * math.sqrt(variance * self.spread(before, icc) / rows)

    def log_e(self, metric: Metric, before: Days, icc: float | None) -> float:
        """ln of the e-value against "the standby is no better", at all looks together (``shadow``, ``mixture``).

        Args:
            metric: accuracy, or a loss.
            before: differences of the days before: how much they hang together within a day.
            icc: the correlation within a day, when it is not to be learnt.
        """
        rows = self.trouble.rows
        if not rows:
            return 0.0
        spread = self.spread(before, icc)
        if metric == "accuracy":
            return float(shadow.log_e_above(self.better, self.worse, rows, 0.0)) / spread
        scatter = self.trouble.squares - self.trouble.total**2 / rows
        if rows < LEAST_ROWS_OF_MEANS or scatter <= 0:
            return 0.0
        # Its width is tuned to rows from before the trouble where there are any.
        known = before if before.rows >= LEAST_ROWS_OF_MEANS else self.trouble
        prior = max(known.squares / known.rows - known.mean**2, 1e-300)
        rho2 = mixture.rho_squared(2 * ALPHA, prior * INFORMATION)
        return float(mixture.log_e_below(-self.trouble.total, scatter * spread, rho2))


@dataclass(frozen=True)
class Rules:
    """What the watch asks for; another one begins anew.

    Attributes:
        metric: accuracy, or a loss.
        tolerance: by how much the upper bound may be exceeded: a share of answers, of losses a share of their mean.
        baseline_labels: labels of whole days that make a baseline; where nothing else is known, so do four weeks of
            however many.
        icc: the correlation of outcomes of one day; None learns it.
        detectors: how many are watched together, which share one guarantee.
    """

    metric: Metric
    tolerance: float
    baseline_labels: int
    icc: float | None = None
    detectors: int = 1


@dataclass(frozen=True)
class Watch:
    """The state after some days. ``begin`` makes the first, ``after`` the next.

    Attributes:
        rules: what is asked for.
        known: what was known before there were labels of production enough: a benchmark, or None.
        days: labels that make the baseline.
        detector: see ``degradation``.
        compared: differences from the standby, by day, all of them.
        comparison: since trouble began; None while there is none.
    """

    rules: Rules
    known: Baseline | None
    days: Days
    detector: Detector
    compared: Days = field(default_factory=Days)
    comparison: Comparison | None = None

    def after(self, day: Day) -> Watch:
        """With one more day, or with the part of it that is known by now."""
        rows = sum(each.rows for each in day.windows)
        detector, comparison, days, bound = self.detector, self.comparison, self.days, self.bound
        spread = inflation(rows, self.icc)
        # What counts for the baseline: all of it while it is made, else only what came while all was well.
        making = not self._lives and self.known is not None
        today = Window(day.start, 0, 0.0, 0.0)
        for each in day.windows:
            if bound is None:
                # On its first day a champion is held against what it did earlier that day.
                bound = replace(self, days=days.add(*today[1:])).bound
            if bound is not None:
                detector = detector.watch(*each[1:], bound.value, inflation=spread, start=each.start)
                comparison = _trouble(detector, comparison, each.start)
            if making or comparison is None:
                rows_so_far, total, squares = today[1:]
                today = Window(day.start, rows_so_far + each.rows, total + each.total, squares + each.squares)
        if days.days < BASELINE_DAYS:
            days = days.add(*today[1:])
        since = [each for each in day.pairs if comparison is not None and each.start > comparison.since]
        # How much days differ is learnt while all is well: a break, and how it grows, is no noise.
        compared = self.compared.add(*_sum(each for each in day.pairs if each not in since))
        if comparison is not None and since:
            comparison = Comparison(
                comparison.since,
                comparison.trouble.add(*_sum(since)),
                comparison.better + sum(each.better for each in since),
                comparison.worse + sum(each.worse for each in since),
            )
        return replace(self, days=days, detector=detector, compared=compared, comparison=comparison)

    @property
    def _lives(self) -> bool:
        """Whether there are labels enough of production to be held against: whole weeks where something was known."""
        # No more days are added after those of a baseline: what comes seldom is held against what there is by then.
        whole = self.known is None and self.days.days >= BASELINE_DAYS
        enough = self.days.rows >= self.rules.baseline_labels or whole
        return enough and (self.known is None or self.days.days >= WEEK)

    @property
    def icc(self) -> float:
        """The correlation of outcomes of one day to reckon with."""
        return self.days.icc if self.rules.icc is None else self.rules.icc

    @property
    def baseline(self) -> Baseline | None:
        """What the champion is held against: its own labels, and before there are enough of them what was known."""
        days = self.days
        if not self._lives:
            return self.known
        variance = max(days.squares / days.rows - days.mean**2, 0.0)
        spread = inflation(days.rows_squared / days.rows, self.icc)
        return Baseline(self.rules.metric, round(days.rows), days.mean, variance, spread, days.days)

    @property
    def bound(self) -> Bound | None:
        """Up to where nothing is wrong; None where nothing is known, or nothing was ever lost."""
        found = self.baseline
        if found is None or (found.metric != "accuracy" and found.mean <= 0):
            return None
        return found.bound(self.rules.tolerance if found.metric == "accuracy" else self.rules.tolerance * found.mean)

    @property
    def standing(self) -> Standing:
        """How the champion stands."""
        if self.detector.alarm:
            return "worse"
        return "well" if self.comparison is None else "suspicious"

    @property
    def log_e_better(self) -> float:
        """ln of the e-value against "the standby is no better", since trouble began; 0 without any."""
        if self.comparison is None:
            return 0.0
        return self.comparison.log_e(self.rules.metric, self.compared, self.rules.icc)

    @property
    def standby(self) -> Literal["better", "no better", "not known"]:
        """What is known of the standby since trouble began."""
        found, baseline = self.comparison, self.baseline
        if self.log_e_better >= math.log(1 / ALPHA):
            return "better"
        if found is None or baseline is None or not self.detector.recent or found.trouble.rows < ENOUGH_PAIRS:
            return "not known"
        lost = self.detector.recent_bad / self.detector.recent - baseline.mean
        return "no better" if found.at_most(self.compared, self.rules.icc) < lost / 2 else "not known"

    def compared_with(self, standby: str) -> str:
        """What the champion and that standby did on the same rows since trouble began, in words."""
        if self.comparison is None or not self.comparison.trouble.rows:
            return f"No labelled row since the degradation began has predictions of both the champion and {standby}"
        trouble = self.comparison.trouble
        value = math.exp(min(self.log_e_better, 700.0))
        shown = f"{value:,.3g}" if value < 1e6 else "above a million"
        return (
            f"On {trouble.rows:,} labelled rows since the degradation began, {standby} was "
            f"{gain(self.rules.metric, trouble.mean)} than the champion (e-value {shown}; a rollback requires "
            f"{1 / ALPHA:,.0f})"
        )

    @property
    def notices(self) -> str:
        """What would be noticed, and after how many labels as a rule; empty without a baseline, and for losses."""
        baseline, bound = self.baseline, self.bound
        if baseline is None or bound is None or self.rules.metric != "accuracy":
            return ""
        size = self.days.rows_squared / self.days.rows if self.days.rows else 1.0
        spread, found = inflation(size, self.icc), []
        for rise in RISES:
            rate = min(baseline.mean + rise, 1.0)
            labels = labels_needed(rate, bound.value, self.detector.threshold) * spread
            found.append(f"{rate:.1%} after about {_rounded(labels):,} labels" if labels < MOST_LABELS else "")
        shown = ", ".join(each for each in found if each)
        return f"detects an error rate of {shown}" if shown else "detects no rise of 10 pp or less"

    def to_dict(self) -> dict[str, Any]:
        """The part that changes, JSON-able; ``restore`` reads it."""
        comparison = self.comparison
        return {
            "days": _numbers(self.days),
            "detector": self.detector.to_dict(),
            "compared": _numbers(self.compared),
            "comparison": comparison
            and {
                "since": comparison.since,
                "trouble": _numbers(comparison.trouble),
                "better": comparison.better,
                "worse": comparison.worse,
            },
        }

    def restore(self, stored: Mapping[str, Any]) -> Watch:
        """The same rules with a state that ``to_dict`` wrote."""
        held = stored["comparison"]
        comparison = held and Comparison(held["since"], Days(*held["trouble"]), held["better"], held["worse"])
        return replace(
            self,
            days=Days(*stored["days"]),
            detector=Detector.from_dict(stored["detector"]),
            compared=Days(*stored["compared"]),
            comparison=comparison,
        )


def labels_needed(rate: float, bound: float, threshold: float) -> float:
    """After how many independent labels at an error rate an alarm comes, as a rule; infinite where none does.

    ln threshold, less what the detector has by beginning anew with every label, over the evidence a label brings.
    """
    gain = float(
        (rate * log_likelihood_of_wrong(1, 1, bound) + (1 - rate) * log_likelihood_of_wrong(1, 0, bound)).max()
    )
    return max(math.log(threshold * gain), 1.0) / gain if gain > 0 else math.inf


def begin(rules: Rules, known: Baseline | None = None, earlier: Iterable[tuple[int, float, float]] = ()) -> Watch:
    """A watch before its first label.

    Args:
        rules: what is asked for.
        known: of its benchmark, until there are labels enough.
        earlier: (rows, sum, sum of squares) of each day on which the version answered before it was promoted: as a
            challenger, or as an earlier champion.
    """
    return Watch(rules, known, of_days(earlier), Detector(rules.metric, THRESHOLD * rules.detectors))


def _trouble(detector: Detector, comparison: Comparison | None, start: int) -> Comparison | None:
    """Trouble begins when evidence rises, and is over when it has fallen or the alarm has."""
    if detector.alarm:
        return comparison or Comparison(start)
    if detector.log_value >= RAISED:
        return comparison or Comparison(start)
    return None if detector.log_value < LOWERED else comparison


def _sum(pairs: Iterable[Pairs]) -> tuple[int, float, float]:
    rows, gained, squares = 0, 0.0, 0.0
    for each in pairs:
        rows, gained, squares = rows + each.rows, gained + each.gained, squares + each.squares
    return rows, gained, squares


def _rounded(labels: float) -> int:
    digits = max(len(str(int(labels))) - 2, 0)
    size: int = 10**digits
    return round(labels / size) * size


def _numbers(days: Days) -> list[float]:
    return [days.days, days.rows, days.rows_squared, days.total, days.between, days.squares]
