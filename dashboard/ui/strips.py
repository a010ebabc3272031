"""A difference to the champion as a strip: its interval beside the line of no difference. HTML, drawn at once."""

from __future__ import annotations

from html import escape

from dashboard.ui.charts import BAD, CHAMPION, NEUTRAL
from registry_core import Difference

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
