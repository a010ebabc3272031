"""How live traffic is written: metrics, states with their shapes, which labels a figure covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from dashboard import formatting
from registry_core import (
    LivePerformance,
)

#: The colour, the shape and the word of a state.
STATES: dict[str, tuple[str, str, str]] = {
    "healthy": ("green", "✓", "Healthy"),
    "warning": ("orange", "▲", "Warning"),
    "critical": ("red", "✕", "Critical"),
    "unknown": ("gray", "○", "Not known yet"),
}
#: Live metrics of which less is better.
LOWER = ("brier_score", "mae", "rmse")


@dataclass(frozen=True)
class Watched:
    """The metric that is watched, as windows name it."""

    key: str
    label: str
    lower_is_better: bool

    def apart(self, gap: float, usual: float) -> str:
        """A difference in words, without its sign: points of a share, per cent of a loss."""
        if self.key == "accuracy":
            points = abs(gap) * 100
            return f"{points:.2f} pp" if points < 0.95 else f"{points:.1f} pp"
        return f"{abs(gap) / usual:.1%}" if usual else formatting.number(abs(gap))


def live(metric: str) -> Watched:
    """A live metric by its name."""
    return Watched(metric, formatting.metric(metric), metric in LOWER)


def covers(done: LivePerformance, where: tzinfo) -> str:
    """What figures are of: how many labels, from when to when."""
    begin, end = (formatting.parsed(each) for each in (done.since, done.until))
    assert begin is not None
    assert end is not None
    begin, end = begin.astimezone(where), end.astimezone(where)
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%d %b %H:%M}"
    return f"{formatting.count(done.labelled, 'label')}, {begin:%d %b %H:%M} to {last}"


def mark(state: str) -> str:
    """A state as coloured Markdown, by shape and word."""
    colour, shape, word = STATES[state]
    return f":{colour}[{shape} {word}]"


def by(actor: str) -> str:
    """Who did it, to follow the verb: ``by anna``, ``automatically``."""
    return "automatically" if actor == "auto" else f"by {actor}"
