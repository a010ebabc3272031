"""What needs no chart, as strips: a difference to the champion, and who was champion when. HTML, drawn at once."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from html import escape
from math import inf

import pandas as pd

from dashboard.ui.charts import BAD, CHAMPION, NEUTRAL
from registry_core import Difference

#: Within less than this, a day alone tells little.
_DAYS = timedelta(days=2)
_SHADES = {"better": CHAMPION, "worse": BAD, "no clear difference": NEUTRAL}


def difference(found: Difference, margin: float | None, said: str) -> str:
    """The 95% interval with its value; to the right is better. What the margin allows to be worse is shaded.

    Args:
        found: the difference to the champion.
        margin: by how much the metric may be worse, in its unit; None where no gate says so.
        said: the same in words, for whoever does not see it.
    """
    sign = -1.0 if found.lower_is_better else 1.0
    low, high = sorted((sign * found.low, sign * found.high))
    reach = 1.15 * max(abs(low), abs(high), margin or 0.0, 1e-9)

    def place(value: float) -> float:
        return (value / reach + 1) * 50

    def span(name: str, start: float, end: float) -> str:
        return f'<span class="{name}" style="left:{place(start):.2f}%;width:{place(end) - place(start):.2f}%"></span>'

    return (
        f'<div class="strip" role="img" aria-label="{escape(said)}" style="--shade:{_SHADES[found.verdict]}">'
        f'<div class="line">{span("margin", -margin, 0.0) if margin else ""}<span class="zero"></span>'
        f'{span("interval", low, high)}<span class="value" style="left:{place(sign * found.value):.2f}%"></span></div>'
        '<div class="ends"><span>← worse</span><span>0</span><span>better →</span></div></div>'
    )


def reigns(frame: pd.DataFrame, zone: tzinfo, said: str, moment: datetime | None = None) -> str:
    """A line for each version with a bar for each time it was champion; the present champion is in colour.

    Args:
        frame: ``frames.reigns``, not empty.
        zone: of the days at both ends.
        said: the same in words, for whoever does not see it.
        moment: marked by a line across.
    """
    first, last = frame["start"].min(), frame["end"].max()
    width = (last - first).total_seconds() or 1.0

    def place(time: datetime) -> float:
        return 100 * float((time - first).total_seconds()) / width

    mark = "" if moment is None else f'<span class="moment" style="left:{min(max(place(moment), 0), 100):.2f}%"></span>'
    lines = []
    for version, spans in frame.groupby("version", sort=False):
        following = [*[place(start) for start in spans["start"]][1:], inf]
        bars = [
            f'<span class="reign{" current" if current else ""}" style="left:{place(start):.2f}%;'
            f'width:max({place(end) - place(start):.2f}%, 3px)" title="{escape(title)}"></span>'
            + (f'<span class="lasted" style="left:{place(end):.2f}%">{escape(lasted)}</span>' if room > 12 else "")
            for start, end, current, lasted, title, room in zip(
                spans["start"], spans["end"], spans["current"], spans["lasted"],
                [f"{version} for {each.lasted}, promoted by {each.actor}" for each in spans.itertuples()],
                [then - place(end) for then, end in zip(following, spans["end"], strict=True)],
                strict=True,
            )
        ]  # fmt: skip
        lines.append(f'<span class="name">{escape(str(version))}</span><div class="line">{"".join(bars)}{mark}</div>')
    form = "%Y-%m-%d" if last - first >= _DAYS else "%Y-%m-%d %H:%M"
    ends = "".join(f"<span>{time.astimezone(zone):{form}}</span>" for time in (first, last))
    return (
        f'<div class="reigns" role="img" aria-label="{escape(said)}" style="--shade:{CHAMPION};--quiet:{NEUTRAL};'
        f'--mark:{BAD}">{"".join(lines)}<span></span><div class="ends">{ends}</div></div>'
    )
