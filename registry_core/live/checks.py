"""Results of checks of live traffic: sample ratio, label coverage, guardrails, drift, estimated accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Minimum number of live rows, and of reference rows, before drift is judged.
LEAST = 500


@dataclass(frozen=True)
class SampleRatio:
    """The predictions of each arm, compared with the planned shares.

    Attributes:
        state: ``as planned``, ``mismatch`` or ``not enough``.
        counts: predictions of each arm, the champion first.
        planned: expected predictions of each arm.
        log_e: natural log of the e-value against "as planned", valid at every look; None with too few predictions.
        inflation: variance of the counts, as a multiple of the variance with one prediction per unit.
        sentence: the state with its numbers.
    """

    state: Literal["as planned", "mismatch", "not enough"]
    counts: tuple[int, ...]
    planned: tuple[float, ...]
    log_e: float | None
    inflation: float
    sentence: str


@dataclass(frozen=True)
class Coverage:
    """The share of labelled predictions of each arm, the champion first.

    ``state`` is ``apart`` if an arm's share differs significantly from the champion's, by more than 2 pp.
    """

    state: Literal["alike", "apart", "not enough"]
    shares: tuple[float | None, ...]
    sentence: str


@dataclass(frozen=True)
class Guardrail:
    """The failed requests (``failures``) or slow requests (``slow calls``) of each arm.

    A request succeeds or fails as a whole, whatever its number of rows. In a split, a request counts for every arm that
    had rows in it; the champion serves the rows of a challenger that fails.

    Attributes:
        name: ``failures`` or ``slow calls``.
        state: ``more`` if a challenger has significantly more than the champion, else ``not more`` or ``not enough``.
        counts: (requests, failed or slow requests) of each arm, the champion first.
        log_e: for each challenger the natural log of the e-value against "not more often", valid at every look; None
            with too few requests.
        sentence: the state with its numbers.
        more: for each challenger, whether it has significantly more.
    """

    name: Literal["failures", "slow calls"]
    state: Literal["not more", "more", "not enough"]
    counts: tuple[tuple[int, int], ...]
    log_e: tuple[float | None, ...]
    sentence: str
    more: tuple[bool, ...] = ()


NO_CALLS = Guardrail("failures", "not enough", (), (), "No requests yet")

State = Literal["none", "warning", "critical", "not enough"]


@dataclass(frozen=True)
class Drift:
    """The drift of one feature, or of the score: live rows compared with the reference.

    Attributes:
        feature: name of the feature, or ``score``.
        state: ``none``, ``warning``, ``critical`` or ``not enough``.
        psi: population stability index; None with too few rows.
        warn: PSI above which the state is ``warning``: the customary limit, or the value that chance alone reaches with
            so few rows, whichever is larger.
        critical: likewise the limit of ``critical``.
        n: number of live rows.
        m: number of reference rows.
        ks: Kolmogorov-Smirnov distance, evaluated at the edges of the bins; None for categories.
        ks_p: p-value of ``ks``, slightly too high because of the bins. A second opinion: the state depends on PSI only.
        moved: the bin that contributes most to PSI: ``above 3.2``, ``red``, ``missing``.
        before: fraction of the reference rows in that bin.
        now: fraction of the live rows in that bin.
        whole: whether the live rows cover whole weeks. If not, a PSI above the limit gives ``not enough``, since
            weekdays differ.
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
            rows = f"{self.n:,} live and {self.m:,} in the reference, {LEAST} each required"
            return f"{self.feature}: not enough rows yet, {rows}"
        if self.state == "not enough":
            return (
                f"{self.feature}: PSI {self.psi:.3g} over {self.n:,} rows of less than a whole week, limit "
                f"{self.warn:.3g}; drift is judged over whole weeks, since weekdays differ"
            )
        degree = {"none": "no drift", "warning": "drift", "critical": "severe drift"}[self.state]
        found = f"{self.feature}: {degree}, PSI {self.psi:.3g} over {self.n:,} rows, limit {self.warn:.3g}"
        if self.state == "none" or self.before is None or self.now is None:
            return found
        return f"{found}; {self.moved}: {self.before:.1%} before, {self.now:.1%} now"


@dataclass(frozen=True)
class Estimate:
    """The accuracy of unlabelled predictions, estimated from their scores with the calibration of earlier labels.

    ``low`` and ``high`` are a 95% interval for a single look; it covers sampling error, not a change of calibration.
    ``enough`` is False, and the numbers are None, with too few labels or predictions. ``is_estimate`` is always true.
    """

    enough: bool
    sentence: str
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    predictions: int = 0
    calibrated_on: int = 0
    is_estimate: bool = True
