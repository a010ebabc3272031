"""The delay of outcomes by class, estimated from the outcomes so far: those still to arrive are not observed.

An outcome that takes a week is not seen of a prediction made yesterday, so short delays are seen too often. The
product-limit estimator for data that are truncated on the right (Lagakos, Barraj and De Gruttola 1988) corrects that:
it weighs each delay by predictions that could have shown it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: A class is known from so many outcomes.
LEAST = 10
#: A window counts when this share of the outcomes of every class has come.
SHARE = 0.9
#: Delays below this are none: outcomes that are told at once, in microseconds.
AT_ONCE = 1e6
#: Early and late labels differ when they are so many deviations and so much apart.
DEVIATIONS, APART = 4.0, 0.02
_HOUR = 3.6e9


@dataclass(frozen=True)
class Learnt:
    """The age, in microseconds, at which ``SHARE`` of every class has come; None where it is not known yet."""

    age: int | None
    sentence: str


def quantile(waited: Numbers, could: Numbers, share: float = SHARE) -> float:
    """The delay by which a share of outcomes has come, as far as they come within the longest that could be seen.

    Args:
        waited: (outcomes,) how long each took.
        could: (outcomes,) how long ago its prediction was made: the longest delay it could have shown.
        share: above 0, at most 1.
    """
    order = np.sort(waited)[::-1]
    delays, events = np.unique(order, return_counts=True)
    # At a delay u those are at risk, looking back in time, that took u at most and could have taken u.
    at_most = np.searchsorted(np.sort(waited), delays, side="right")
    # Of these, predictions younger than u could not have shown it; all of them took less than u.
    could_not = np.searchsorted(np.sort(could), delays, side="left")
    risk = np.maximum(at_most - could_not, events)
    steps = np.where(risk > events, 1 - events / risk, 0.0)
    # F just below a delay is the product of the steps at it and all longer ones.
    below = np.cumprod(steps[::-1])[::-1]
    reached = np.append(below[1:], 1.0)
    return float(delays[int(np.argmax(reached >= share))])


def learn(waited: Numbers, could: Numbers, classes: Numbers, expected: Numbers | None = None) -> Learnt:
    """The age at which the labels of a window are a sample of all.

    Args:
        waited: (outcomes,) microseconds from prediction to outcome.
        could: (outcomes,) microseconds from prediction to now.
        classes: (outcomes,) the class of each; all the same where there are none.
        expected: classes that are answered often, so that outcomes of them have to be seen before anything is known.
    """
    values, counts = np.unique(classes, return_counts=True)
    missing = 0 if expected is None else len(np.setdiff1d(expected, values[counts >= LEAST]))
    if len(waited) < LEAST:
        return Learnt(0 if waited.max(initial=0.0) < AT_ONCE else None, "too few outcomes to estimate their delay")
    longest = max(quantile(waited[classes == each], could[classes == each]) for each in values[counts >= LEAST])
    if missing:
        return Learnt(None, f"too few outcomes of {missing} class{'' if missing == 1 else 'es'} yet")
    if longest < AT_ONCE:
        return Learnt(0, "outcomes arrive at once")
    if could.max() < 2 * longest:
        return Learnt(
            None, f"outcomes take {hours(longest)}, but the first predictions are only {hours(could.max())} old"
        )
    return Learnt(math.ceil(longest), f"90% of the outcomes of every class arrive within {hours(longest)}")


def early_and_late(waited: Numbers, bad: Numbers) -> str:
    """How labels that came early differ from those that came late; empty where they do not.

    Args:
        waited: (outcomes,) how long each took.
        bad: (outcomes,) 1 where the answer was wrong, or the loss.
    """
    if len(waited) < 4 * LEAST:
        return ""
    early = waited <= np.median(waited)
    one, two = bad[early], bad[~early]
    if min(len(one), len(two)) < 2 * LEAST:
        return ""
    deviation = math.sqrt(one.var() / len(one) + two.var() / len(two))
    difference, size = float(two.mean() - one.mean()), max(float(bad.mean()), 1e-12)
    if abs(difference) <= max(DEVIATIONS * deviation, APART * (1.0 if bad.max() <= 1 else size)):
        return ""
    shown = f"{one.mean():.1%} and {two.mean():.1%}" if bad.max() <= 1 else f"{one.mean():.4g} and {two.mean():.4g}"
    return (
        f"early labels differ from late labels: {shown} wrong" if bad.max() <= 1
        else f"early labels differ from late labels: mean loss {shown}"
    )  # fmt: skip


def hours(microseconds: float) -> str:
    """A delay in words."""
    found = microseconds / _HOUR
    if found >= 48:
        return f"{found / 24:.3g} days"
    return f"{found:.3g} hours" if found >= 1 else f"{found * 60:.2g} minutes"
