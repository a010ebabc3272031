"""Permutation importance (Breiman 2001) with intervals, and what a version relies on more or less than the champion.

A feature's impact is what a metric loses when the feature's values are exchanged among the rows. The permutations are
given, so that every feature and every version is asked about the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import Difference, Measured, Task
from ..insights import FeatureImpact
from .answers import Answers, Codes
from .discoveries import clear, p_positive, p_worse
from .influence import influence
from .intervals import of_mean_either_way
from .metrics import RANGES, lower_is_better
from .sentences import listed


def impact(
    metric: str,
    task: Task,
    truth: NDArray[Any],
    baseline: Answers,
    permuted: Sequence[Answers],
    orders: Sequence[Codes],
    classes: Sequence[Any] = (),
) -> Measured:
    """The impact of one feature with its 95% interval over rows and permutations.

    The value is scikit-learn's ``importances_mean``. A row moves it twice: by its own answer, and by its value, which
    other rows get. Both are added for each row, and the interval is that of their mean: it covers another sample of
    rows with other permutations.

    Args:
        baseline: the answers to the rows as they are.
        permuted: the answers to the rows with the feature permuted, one for each permutation.
        orders: the permutations, each (rows,): row i got the value of row ``order[i]``.
    """
    value, moves = influence(metric, task, truth, baseline, classes)
    lost, contributions = [], moves.copy()
    for answers, order in zip(permuted, orders, strict=True):
        other, moved = influence(metric, task, truth, answers, classes)
        lost.append(value - other)
        given = np.empty(len(moved))
        given[order] = moved
        contributions -= (moved + given) / len(orders)
    sign = -1.0 if lower_is_better(metric) else 1.0
    mean = sign * float(np.mean(lost))
    if math.isnan(mean) or len(truth) < 2:
        return Measured(mean)
    low, high = of_mean_either_way(mean + sign * (contributions - contributions.mean()))
    return Measured(mean, low, high)


def differences(version: FeatureImpact, champion: FeatureImpact) -> dict[str, Difference]:
    """Feature -> the impact in a version minus that in the champion, the largest first.

    The interval is Zou and Donner's (2008) from both intervals. Two versions on the same rows tend to err together,
    so it is on the wide side.
    """
    made = {}
    for name, mine in version.impacts.items():
        theirs = champion.impacts.get(name)
        if theirs is None or None in (mine.low, mine.high, theirs.low, theirs.high):
            continue
        assert mine.low is not None and mine.high is not None  # noqa: PT018
        assert theirs.low is not None and theirs.high is not None  # noqa: PT018
        value = mine.value - theirs.value
        low = value - math.hypot(mine.value - mine.low, theirs.high - theirs.value)
        high = value + math.hypot(mine.high - mine.value, theirs.value - theirs.low)
        made[name] = Difference(version.metric, value, low, high, min(version.rows, champion.rows), False)
    return dict(sorted(made.items(), key=lambda each: -abs(each[1].value)))


def moved(found: Mapping[str, Difference]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The features whose impact is clearly larger, and those whose impact is clearly smaller; the clearest first."""
    p_values = {name: min(1.0, 2 * min(_p_gained(each), p_worse(each))) for name, each in found.items()}
    names = clear(p_values)
    return tuple(each for each in names if found[each].value > 0), tuple(
        each for each in names if found[each].value < 0
    )


def _p_gained(difference: Difference) -> float:
    loss = Difference(difference.metric, -difference.value, -difference.high, -difference.low, difference.rows, False)
    return p_worse(loss)


def helpful(found: FeatureImpact) -> tuple[str, ...]:
    """The features without which the metric is clearly worse, the clearest first; few of them are false."""
    return clear({name: _p_helps(each) for name, each in found.impacts.items()})


def _p_helps(found: Measured) -> float:
    if found.low is None or found.high is None:
        return 1.0
    return p_positive(found.value, (found.high - found.low) / (2 * 1.959963984540054))


def sentence(
    version: FeatureImpact, champion: FeatureImpact | None, champion_name: str, found: Mapping[str, Difference]
) -> str:
    """What matters most to a version, and what gained and lost most against the champion."""
    largest = next(iter(version.impacts), None)
    if largest is None:
        return "no feature was permuted"
    clear_ones = helpful(version)
    worse = _amount(version.impacts[largest].value, version.metric)
    most = f"the most important feature is {largest}: {worse} worse without it"
    if largest not in clear_ones:
        most = f"no single feature matters clearly; the largest impact is {largest}'s"
    if champion is None:
        return most
    gained, lost = moved(found)
    parts = [
        f"{name} {verb} most against {champion_name}, from {_amount(champion.impacts[name].value, version.metric)} "
        f"to {_amount(version.impacts[name].value, version.metric)}"
        for names, verb in ((gained, "gained"), (lost, "lost"))
        if (name := _widest(names, found)) is not None
    ]
    if not parts:
        parts = [f"no feature's impact differs clearly from {champion_name}'s"]
    only = [name for name in version.impacts if name not in champion.impacts]
    parts += [f"{listed(only, 3)} {'is' if len(only) == 1 else 'are'} new"] if only else []
    return "; ".join([most, *parts])


def _widest(names: Sequence[str], found: Mapping[str, Difference]) -> str | None:
    return max(names, key=lambda name: abs(found[name].value), default=None)


def _amount(value: float, metric: str) -> str:
    """A change of a metric: shares in percentage points."""
    if RANGES.get(metric) == (0.0, 1.0):
        return f"{100 * value:.1f} pp {metric}"
    return f"{value:.3g} {metric}"
