"""What checks of live traffic found: shares as planned, labels and inputs as they should be, an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Rows on both sides before anything is said of drift.
LEAST = 500


@dataclass(frozen=True)
class SampleRatio:
    """How traffic was dealt out against how it should have been.

    Attributes:
        state: ``as planned``, ``mismatch`` or ``not enough``.
        counts: predictions of each arm, the champion first.
        planned: how many each should have had.
        log_e: ln of the e-value against "as planned", at all looks together; None when there is not enough.
        inflation: how many times the variance is that of units that come once.
        sentence: what that means.
    """

    state: Literal["as planned", "mismatch", "not enough"]
    counts: tuple[int, ...]
    planned: tuple[float, ...]
    log_e: float | None
    inflation: float
    sentence: str


@dataclass(frozen=True)
class Coverage:
    """How many predictions of each arm have their labels.

    ``state`` is ``apart`` when an arm's share differs from the champion's by more than 2 pp and beyond chance.
    """

    state: Literal["alike", "apart", "not enough"]
    shares: tuple[float | None, ...]
    sentence: str


@dataclass(frozen=True)
class Guardrail:
    """How many calls went wrong with each arm: they were not answered (``failures``), or late (``slow calls``).

    A call is asked of a model as a whole, however many rows it has, and answered or not as a whole. In a split a call
    is counted for every arm that had rows in it; the champion answers for a challenger that fails.

    Attributes:
        name: ``failures`` or ``slow calls``.
        state: ``more`` when a challenger has more of them than the champion, else ``not more`` or ``not enough``.
        counts: of each arm, the champion's first: calls, and how many of these went wrong.
        log_e: of each challenger, ln of the e-value against "not more often", at all looks together; None while there
            are too few of them for one.
        sentence: what that means.
        more: of each challenger, whether it has more of them.
    """

    name: Literal["failures", "slow calls"]
    state: Literal["not more", "more", "not enough"]
    counts: tuple[tuple[int, int], ...]
    log_e: tuple[float | None, ...]
    sentence: str
    more: tuple[bool, ...] = ()


NO_CALLS = Guardrail("failures", "not enough", (), (), "No calls yet")

State = Literal["none", "warning", "critical", "not enough"]


@dataclass(frozen=True)
class Drift:
    """How far live traffic is from the reference in one feature.

    Attributes:
        feature: its name.
        state: ``none``, ``warning``, ``critical`` or ``not enough``.
        psi: the population stability index; None when there is not enough.
        warn: the limit of a warning, and ``critical`` of more: by custom, or what chance makes of it, if that is more.
        critical: see there.
        n: live rows.
        m: rows of the reference.
        ks: the largest distance of the two distribution functions at the edges of bins; None for categories.
        ks_p: how often chance alone makes ``ks`` so large; with bins it is a little too high. A second opinion.
        moved: the bin that contributes most: ``above 3.2``, ``red``, ``missing``; with its share before and now.
        before: see there.
        now: see there.
        whole: whether the live rows are of whole weeks; before, a drift beyond the limit is ``not enough``, since days
            of the week differ.
    """

    feature: str
    state: State
    psi: float | None
    warn: float
    critical: float
    n: int
    m: int
    ks: float | None = None
    ks_p: float | None = None
    moved: str = ""
    before: float | None = None
    now: float | None = None
    whole: bool = True

    @property
    def sentence(self) -> str:
        """The state with its numbers."""
        if self.psi is None:
            return f"{self.feature}: not enough rows yet, {self.n:,} live and {self.m:,} before, {LEAST} of each needed"
        if self.state == "not enough":
            return (
                f"{self.feature}: PSI {self.psi:.3g} over {self.n:,} rows of less than a whole week, limit "
                f"{self.warn:.3g}; it is judged by whole weeks, since days of the week differ"
            )
        degree = {"none": "no drift", "warning": "has drifted", "critical": "has drifted far"}[self.state]
        found = f"{self.feature}: {degree}, PSI {self.psi:.3g} over {self.n:,} rows, limit {self.warn:.3g}"
        if self.state == "none" or self.before is None or self.now is None:
            return found
        return f"{found}; {self.moved} was {self.before:.1%}, is {self.now:.1%}"


@dataclass(frozen=True)
class Estimate:
    """The accuracy some predictions would have if scores mean what they meant. ``is_estimate`` is always true.

    ``low`` and ``high`` are a 95% interval, for one look, of chance alone; ``enough`` is False, and the numbers None,
    while there are too few labels to calibrate by or too few predictions.
    """

    enough: bool
    sentence: str
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    predictions: int = 0
    calibrated_on: int = 0
    is_estimate: bool = True
