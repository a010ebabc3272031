"""Measured numbers in sentences: how a model does against the champion, in a metric's own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..evidence import Difference
from ..live.effect import points
from .metrics import RANGES


def verdict_sentence(
    champion: str | None,
    differences: Mapping[str, Difference],
    worse_slices: Sequence[str] = (),
    primary_metric: str | None = None,
    *,
    serves: bool = True,
) -> str:
    """Whether a model is better than the champion, by how much, and in what it is worse all the same.

    Shares are written in percentage points, everything else in its own unit.

    Args:
        champion: its name or id; None when there is none.
        differences: the model minus the champion, on the same rows.
        worse_slices: slices in which it is clearly worse, such as ``region=N``.
        primary_metric: the metric that decides; None, or one that was not compared, takes the first.
        serves: whether the other model is the champion; if not, it is called by its name alone.

    >>> gain = Difference("accuracy", 0.018, 0.009, 0.027, 1530, False)
    >>> verdict_sentence("Churn 1.2.0", {"accuracy": gain}, ["region=N"])
    'better than the champion Churn 1.2.0 on the same 1,530 rows: +1.8 pp accuracy, 95% interval +0.9 to +2.7; worse for slice region=N'
    """  # noqa: E501
    if champion is None:
        return "there is no champion to compare with"
    other = f"the champion {champion}" if serves else champion
    if not differences:
        return f"not compared with {other}: no rows have predictions of both"
    first = differences.get(primary_metric or "", next(iter(differences.values())))
    than = "from" if first.verdict == "no clear difference" else "than"
    parts = [f"{first.verdict} {than} {other} on the same {first.rows:,} rows: {change(first)}"]
    others = [each for each in differences.values() if each is not first and each.verdict != first.verdict]
    parts += [f"{each.verdict} in {each.metric}: {change(each)}" for each in others if each.verdict == "worse"]
    if worse_slices:
        parts.append(f"worse for slice{'s' if len(worse_slices) > 1 else ''} {', '.join(worse_slices)}")
    return "; ".join(parts)


def change(difference: Difference) -> str:
    """``+1.8 pp accuracy, 95% interval +0.9 to +2.7``; with more digits where the change is small."""
    numbers = (difference.value, difference.low, difference.high)
    if RANGES.get(difference.metric) == (0.0, 1.0):
        value, low, high = points(numbers)
        return f"{value} pp {difference.metric}, 95% interval {low} to {high}"
    value, low, high = (f"{each + 0.0:+.3g}" for each in numbers)
    return f"{value} {difference.metric}, 95% interval {low} to {high}"


def apart(value: float, limit: float) -> tuple[str, str]:
    """Both with as few digits as show that they differ: 0.8996 is not at least 0.9000, 0.900 would seem so."""
    whole = len(f"{max(abs(value), abs(limit)):.0f}")
    for digits in range(max(4 - whole, 0), 17):
        shown = f"{value:,.{digits}f}", f"{limit:,.{digits}f}"
        if shown[0] != shown[1] or value == limit:
            break
    return shown


def listed(names: Sequence[str], most: int = 5) -> str:
    """``a, b and c``; beyond ``most`` the rest is counted."""
    shown = [*names[:most], *([f"{len(names) - most:,} more"] if len(names) > most else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def minute(at: str) -> str:
    """A time as sentences quote it, to the minute: ``2026-03-10 12:30``."""
    return at[:16].replace("T", " ")
