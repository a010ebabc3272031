"""Evidence that is valid at every look: the normal mixture martingale and its confidence sequences.

S is a sum whose expectation is 0 when there is no difference, V the sum of its variances. Both may be arrays of any
one shape. Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic confidence
sequences, arXiv 2103.06476: equations 9 and 155 two-sided, 134 one-sided, 161 for rho.

An e-value of 20 is to be had by chance, at any look of all there will ever be, in 1 of 20 experiments at most.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def rho_squared(alpha: float, variance: float) -> float:
    """The tuning that makes the interval narrowest where V = ``variance``; to be chosen before there are results."""
    return (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / variance


def log_e(s: Any, v: Any, rho2: float) -> Any:
    """ln e against "no difference", in either direction."""
    return rho2 * np.square(s) / (2 * (1 + rho2 * v)) - np.log1p(rho2 * v) / 2


def half_width(v: Any, rho2: float, alpha: float) -> Any:
    """How far S may be from its expectation at any look, in either direction, but for a chance of ``alpha``."""
    return np.sqrt((v + 1 / rho2) * np.log((1 + rho2 * v) / alpha**2))


def log_e_below(s: Any, v: Any, rho2: float) -> Any:
    """ln e against "the expectation of S is 0 or more". ``rho2`` is tuned at twice the alpha."""
    from scipy.special import log_ndtr

    return math.log(2) + log_e(s, v, rho2) + log_ndtr(-math.sqrt(rho2) * s / np.sqrt(1 + rho2 * v))


def width_below(v: Any, rho2: float, alpha: float) -> Any:
    """How far S may lie above its expectation at any look, but for a chance of ``alpha``."""
    return np.sqrt(2 * (v + 1 / rho2) * np.log1p(np.sqrt(1 + rho2 * v) / (2 * alpha)))


def information_needed(effect: float, variance: float, rho2: float, alpha: float) -> float:
    """How large H = V / ``variance`` must be before a true ``effect`` gives an e-value of 1 / alpha, as a rule."""
    goal, low, high = math.log(1 / alpha), 0.0, 1.0
    while log_e(effect * high, variance * high, rho2) < goal:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if log_e(effect * middle, variance * middle, rho2) < goal else (low, middle)
    return high
