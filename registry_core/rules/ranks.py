"""Places: who leads of those that may be chosen, on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entrant:
    """A version as its place is decided: its score, what that was computed on, whether it may be chosen."""

    model_id: str
    score: float | None
    ranked_on: str
    eligible: bool


def places(entrants: Sequence[Entrant], champion: str | None) -> dict[str, int]:
    """The place of each version that may be chosen and is ranked on the same as the champion; 1 is the best.

    Without a champion the newest that may be chosen and has a score says what they are ranked on. Of equals the older
    is the better one.

    Args:
        entrants: the versions of one model name, in the order of registration.

    >>> two = [Entrant("a", 0.8, "test", True), Entrant("b", 0.9, "test", True)]
    >>> places([*two, Entrant("c", 0.99, "another", True)], "a")
    {'b': 1, 'a': 2}
    """
    candidates = [each for each in entrants if each.eligible and each.score is not None]
    on = next((each.ranked_on for each in entrants if each.model_id == champion), None)
    if on is None and candidates:
        on = candidates[-1].ranked_on
    ordered = sorted((each for each in candidates if each.ranked_on == on), key=lambda each: -(each.score or 0.0))
    return {each.model_id: place for place, each in enumerate(ordered, start=1)}
