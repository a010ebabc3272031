"""What the decisions of a binary classifier are worth, by the threshold at which a row is called positive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Difference, Measured
from ..insights import OUTCOMES, ValueCurve
from .answers import Codes, Numbers
from .intervals import of_counts

#: Values are told per so many rows.
PER_ROWS = 1_000
#: How many times rows are drawn, and of how many rows each is drawn by itself.
RESAMPLES, MOST_DRAWN = 2_000, 50_000
METRIC = "value_per_1000_rows"

Mask = NDArray[np.bool_]


def amounts(values: Mapping[str, float]) -> Numbers:
    """The values in the order of ``OUTCOMES``; what is not given is 0."""
    return np.array([values.get(name, 0.0) for name in OUTCOMES], np.float64)


def thresholds(*scores: Numbers) -> Numbers:
    """Where the curves of some models are looked at: every hundredth, and a hundred quantiles of their scores."""
    grid = [np.linspace(0.0, 1.0, 101)]
    for each in scores:
        quantiles = np.quantile(each, np.linspace(0.0, 1.0, 101), method="lower")
        # Rounded down to four digits, so that a threshold can be read and written down.
        scale = np.power(10.0, 3 - np.floor(np.log10(np.maximum(quantiles, 1e-12))))
        grid.append(np.floor(quantiles * scale) / scale)
    return np.unique(np.clip(np.concatenate(grid), 0.0, 1.0))


def curve(
    model_id: str, positive: Mask, score: Numbers, called: Mask, grid: Numbers, values: Mapping[str, float]
) -> ValueCurve:
    """The value per 1,000 rows at each threshold with pointwise 95% intervals, and where it is highest.

    A row is worth one of four amounts, so the interval is that of a mean by its counts: the ends further out of Hall's
    and Student's.

    Args:
        positive: which rows are of the positive class, (rows,).
        score: their probability of it, (rows,).
        called: which rows the model calls positive by itself, (rows,).
        grid: the thresholds, (n,).
        values: by the names of ``OUTCOMES``.
    """
    worth = amounts(values)
    counts = _counts(positive, score, grid)
    mean, low, high = (PER_ROWS * each for each in of_counts(worth, counts))
    best = int(mean.argmax())
    own = _outcome_counts(positive, called)[None, :]
    own_mean, own_low, own_high = (PER_ROWS * float(each[0]) for each in of_counts(worth, own))
    return ValueCurve(
        model_id, tuple(grid.tolist()), tuple(mean.tolist()), tuple(low.tolist()), tuple(high.tolist()),
        float(grid[best]), Measured(float(mean[best]), float(low[best]), float(high[best])),
        Measured(own_mean, own_low, own_high),
    )  # fmt: skip


def difference(
    positive: Mask,
    first: Numbers,
    second: Numbers,
    grid: Numbers,
    values: Mapping[str, float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference:
    """The value of the second model minus the first's per 1,000 rows, each at its best threshold.

    The interval is the percentile one of a paired bootstrap (Efron and Tibshirani 1993): rows are drawn with the scores
    of both models, and each draw chooses both thresholds anew, so that what the choice itself adds is in it.
    """
    rows = len(positive)
    hit, miss, false_alarm, correct_rejection = amounts(values)
    # Rows with the same outcome at every threshold are alike: what is drawn is how many there are of each kind.
    places = [np.searchsorted(grid, score, side="right") - 1 for score in (first, second)]
    kinds, kind, counts = np.unique(
        np.stack([*places, positive.astype(np.intp)]), axis=1, return_inverse=True, return_counts=True
    )
    gains = np.where(kinds[2] == 1, hit - miss, false_alarm - correct_rejection)

    def change(drawn: Any) -> float:
        best = [_most_gained(kinds[which], drawn * gains) for which in (0, 1)]
        return (best[1] - best[0]) / rows

    chance = np.random.default_rng(seed)
    few, row_kinds, shares = rows <= MOST_DRAWN, kind.reshape(-1), counts / rows
    changes = [
        # Drawing each row is faster while there are few; the counts of kinds are the same either way.
        change(
            np.bincount(row_kinds[chance.integers(0, rows, rows)], minlength=len(counts))
            if few
            else chance.multinomial(rows, shares)
        )
        for _ in range(resamples)
    ]
    value = change(counts)
    low, high = np.quantile(changes, (0.025, 0.975))
    # Equal scores differ in no draw, and rounding must not leave the value itself outside.
    low, high = min(float(low), value), max(float(high), value)
    return Difference(METRIC, PER_ROWS * value, PER_ROWS * low, PER_ROWS * high, rows, lower_is_better=False)


def _most_gained(places: Codes, gains: Numbers) -> float:
    """The most that any threshold gains over calling no row positive, from what each kind of row gains."""
    from_above = np.cumsum(np.bincount(places, weights=gains)[::-1])
    return max(float(from_above.max()), 0.0)


def row_values(positive: Mask, called: Mask, worth: Numbers) -> Numbers:
    """What each decision is worth, (rows,)."""
    found: Numbers = np.where(positive, np.where(called, worth[0], worth[1]), np.where(called, worth[2], worth[3]))
    return found


def sentence(found: ValueCurve, champion: ValueCurve | None, champion_name: str, change: Difference | None) -> str:
    """The best threshold with its value, and the difference to the champion."""
    said = (
        f"best at a threshold of {found.best_threshold:.4g}: worth {_amount(found.best.value)} per 1,000 rows, "
        f"{_amount(found.predicted.value)} at the model's own threshold"
    )
    if champion is None or change is None:
        return said
    verdict = {
        "better": f"worth more than {champion_name}",
        "worse": f"worth less than {champion_name}",
        "no clear difference": f"no clear difference to {champion_name}",
    }[change.verdict]
    return (
        f"{verdict}, each at its best threshold: {_amount(change.value, '+')} per 1,000 rows, "
        f"95% interval {_amount(change.low, '+')} to {_amount(change.high, '+')}; {said}"
    )


def _amount(value: float, sign: str = "") -> str:
    """A value without digits that nobody reads."""
    return f"{value:{sign},.0f}" if abs(value) >= 100 else f"{value:{sign}.3g}"


def _counts(positive: Mask, score: Numbers, grid: Numbers) -> Any:
    """How many rows have each outcome at each threshold, (n, 4)."""
    above = [
        len(each) - np.searchsorted(np.sort(each), grid, side="left") for each in (score[positive], score[~positive])
    ]
    positives, negatives = int(positive.sum()), int((~positive).sum())
    return np.stack([above[0], positives - above[0], above[1], negatives - above[1]], axis=1)


def _outcome_counts(positive: Mask, called: Mask) -> Any:
    return np.array([
        (positive & called).sum(), (positive & ~called).sum(), (~positive & called).sum(), (~positive & ~called).sum(),
    ])  # fmt: skip
