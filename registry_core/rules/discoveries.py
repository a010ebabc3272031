"""Which of many differences are more than chance, with the share of false ones bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from ..evidence import Difference

#: Of the differences that are called clear, at most so many are expected to be so by chance alone.
FALSE_DISCOVERIES = 0.05


def clear(p_values: Mapping[str, float]) -> tuple[str, ...]:
    """The names whose p-values pass the procedure of Benjamini and Hochberg (1995), the clearest first.

    It bounds the expected share of false discoveries by ``FALSE_DISCOVERIES`` for independent tests, and for those
    that tend to err together.
    """
    ordered = sorted((p, name) for name, p in p_values.items())
    passed = [place for place, (p, _) in enumerate(ordered, 1) if p <= FALSE_DISCOVERIES * place / len(ordered)]
    return tuple(name for _, name in ordered[: max(passed, default=0)])


def p_worse(difference: Difference) -> float:
    """The normal p-value, one-sided, of a difference that is no loss, by the width of its 95% interval."""
    loss = difference.value if difference.lower_is_better else -difference.value
    return p_positive(loss, (difference.high - difference.low) / (2 * NormalDist().inv_cdf(0.975)))


def p_positive(value: float, error: float) -> float:
    """The normal p-value, one-sided, of a value with a standard error that is not above 0."""
    if error <= 0 or not math.isfinite(error):
        return 1.0
    return 1 - NormalDist().cdf(value / error)
