"""Two-sided 95% intervals. All are closed formulas: the same rows always give the same interval, at once.

Where a quantity has bounds, the interval is made on a scale without them (logit, logarithm) and taken back, so that it
stays inside and is wider on the side that has more room.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: The 97.5% quantile of the normal distribution.
Z = 1.959963984540054


def t_quantile(degrees: float) -> float:
    """The 97.5% quantile of Student's t by Abramowitz and Stegun 26.7.5; below 3 degrees of freedom it is too small."""
    terms = (Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96, (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + sum(term / degrees**power for power, term in enumerate(terms, start=1))


def wilson(hits: Any, trials: Any, z: float = Z) -> tuple[Any, Any]:
    """Wilson's score interval of a share (Wilson 1927); numbers or arrays, ``trials`` above 0, ``z`` for its level."""
    share = hits / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    # Rounding must not leave the share itself outside when it is 0 or 1.
    return np.minimum(np.maximum(middle - half, 0.0), share), np.maximum(np.minimum(middle + half, 1.0), share)


def f1_of_overlap(overlap: Any) -> Any:
    """F1 from tp / (tp + fp + fn).

    Of the rows that truth or model call positive, that share is a plain proportion and F1 = 2J / (1 + J) grows with it:
    Wilson's interval of J, put through the same formula, is one of F1.
    """
    return 2 * overlap / (1 + overlap)


def on_logit_scale(value: float, deviation: float, degrees: float) -> tuple[float, float]:
    """The interval of a value strictly between 0 and 1 with a standard error: on the logit, Student's t."""
    logit, half = math.log(value / (1 - value)), t_quantile(degrees) * deviation / (value * (1 - value))
    # exp would overflow beyond 709; the share is 0 or 1 in double precision long before.
    low, high = (1 / (1 + math.exp(min(-each, 700.0))) for each in (logit - half, logit + half))
    return low, high


def on_log_scale(value: float, deviation: float, rows: int) -> tuple[float, float]:
    """The interval of a positive value with a standard error, by the delta method on the logarithm, t on rows - 1."""
    factor = math.exp(min(t_quantile(rows - 1) * deviation / value, 700.0))
    return value / factor, value * factor


def of_mean(values: Numbers) -> tuple[float, float]:
    """The interval of the mean of two rows or more, (rows,), by Hall's transformation of t (1992, equation 2.1).

    It takes out the skewness of the rows, which an ordinary t interval ignores: the mean of losses hangs on a few rows
    that lose much, and a set that happens to lack them would seem far too certain.
    """
    rows, mean = len(values), float(values.mean())
    spread = float(values.std())
    if spread == 0:
        return mean, mean
    skewness = float(np.mean(((values - mean) / spread) ** 3))
    t, step = t_quantile(rows - 1), spread / math.sqrt(rows - 1)
    low, high = (mean - step * float(_untransformed(each, skewness, rows)) for each in (t, -t))
    return min(low, mean), max(high, mean)


def _untransformed(x: float, skewness: Any, rows: int) -> Any:
    """The inverse of Hall's transformation; numbers or arrays."""
    root = math.sqrt(rows)
    # Without skewness the formula is x itself, but divides by zero.
    slanted = np.where(np.abs(skewness) < 1e-6, 1.0, skewness)
    found = 3 * root / slanted * (np.cbrt(1 + slanted * (x / root - slanted / (6 * rows))) - 1)
    return np.where(np.abs(skewness) < 1e-6, x, found)


def of_mean_either_way(values: Numbers) -> tuple[float, float]:
    """The ends further out of Hall's interval and Student's t: for values of both signs, two rows or more, (rows,).

    Where large values of both signs are rare, the skewness of a sample is mostly chance. It may widen, never narrow.
    """
    low, high = of_mean(values)
    mean, half = float(values.mean()), t_quantile(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return min(low, mean - half), max(high, mean + half)


def of_counts(values: Numbers, counts: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Mean, lower and upper end of ``of_mean_either_way`` for rows that take few values, by how many take each.

    A value that no row happens to take may still be possible: half a row is added to each, so that what is rare and
    was not seen does not pass for impossible.

    Args:
        values: (k,).
        counts: (..., k), each with the same sum, two rows or more.

    Returns:
        three arrays (...,); the mean is that of the rows alone.
    """
    rows = int(counts.reshape(-1, len(values))[0].sum())
    mean = counts @ values / rows
    padded = counts + 0.5
    shares = padded / padded.sum(axis=-1, keepdims=True)
    middle = shares @ values
    away = values - middle[..., None]
    variance = (shares * np.square(away)).sum(axis=-1)
    spread = np.sqrt(variance)
    cubes = (shares * away**3).sum(axis=-1)
    skewness = np.divide(cubes, spread**3, out=np.zeros_like(spread), where=spread > 0)
    t, step = t_quantile(rows - 1), spread / math.sqrt(rows - 1)
    low = mean - step * np.maximum(_untransformed(t, skewness, rows), t)
    high = mean - step * np.minimum(_untransformed(-t, skewness, rows), -t)
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def of_losses(losses: Numbers) -> tuple[float, float] | None:
    """The interval of the mean of losses, each 0 or more, (rows,).

    None for one row, and where no row has any loss: such rows cannot tell how large a loss may be.
    """
    if len(losses) < 2 or not losses.any():
        return None
    low, high = of_mean(losses)
    return max(low, 0.0), high


def of_macro(value: float, variance: float, trials: float) -> tuple[float, float]:
    """The interval of an average of shares: Wilson's, with as many trials as give a single share the same variance.

    Korn and Graubard (1998) call them the effective sample size. Where no row was wrong the variance says nothing, and
    ``trials`` stands in: the effective number if all shares were alike.
    """
    effective = value * (1 - value) / variance if variance > 0 else trials
    low, high = wilson(value * effective, effective)
    return float(low), float(high)
