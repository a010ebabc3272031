"""What is drawn without a chart."""

import re
from datetime import UTC, datetime

import pandas as pd

from dashboard.ui import frames, strips
from registry_core import Registry
from tests.clock import Clock


def frame(*spans: tuple[str, str, str]) -> pd.DataFrame:
    """A version, and from when to when it was champion; the last is the present one."""
    table = pd.DataFrame(spans, columns=["version", "start", "end"])
    table = table.assign(start=pd.to_datetime(table["start"], utc=True), end=pd.to_datetime(table["end"], utc=True))
    return table.assign(current=[False] * (len(spans) - 1) + [True], lasted="a day", actor="anna", reason="")


def test_a_line_for_each_version_and_a_bar_for_each_time(several: dict[str, str], own: Registry, clock: Clock) -> None:
    shown = frames.reigns(own.deployments("Churn"), {several["first"]: "<1.0.0>"}, clock.now)
    html = strips.reigns(shown, UTC, 'who & "when"', datetime(2025, 8, 3, tzinfo=UTC))
    assert html.count('class="line"') == len(own.deployments("Churn")) == 2
    assert re.findall(r'class="(reign[^"]*)"', html) == ["reigns", "reign", "reign current"]
    assert html.count('class="moment"') == 2
    assert "&lt;1.0.0&gt;" in html
    assert 'aria-label="who &amp; &quot;when&quot;"' in html
    assert "2025-08-02" in html


def test_places_are_shares_of_the_time() -> None:
    found = frame(("1", "2026-01-01", "2026-01-03"), ("2", "2026-01-03", "2026-01-05"))
    html = strips.reigns(found, UTC, "said")
    assert re.findall(r'class="reign[^"]*" style="left:([\d.]+)%;width:max\(([\d.]+)%', html) == [
        ("0.00", "50.00"),
        ("50.00", "50.00"),
    ]


def test_who_served_for_seconds_is_seen_and_text_stays_where_there_is_room() -> None:
    found = frame(
        ("1", "2026-01-01T00:00:00", "2026-02-01T00:00:00"),
        ("2", "2026-02-01T00:00:00", "2026-02-01T00:00:05"),
        ("1", "2026-02-01T00:00:05", "2026-03-01T00:00:00"),
    )
    html = strips.reigns(found, UTC, "said")
    assert "width:max(0.00%, 3px)" in html
    # The first bar of version 1 is followed by its second within seconds.
    assert html.count('class="lasted"') == 2
    assert html.count('title="1 for a day, promoted by anna"') == 2


def test_within_two_days_the_ends_have_their_time() -> None:
    def ends(last: str) -> list[str]:
        html = strips.reigns(frame(("1", "2026-01-01T08:00", last)), UTC, "said")
        return re.findall(r"<span>(2026[^<]*)</span>", html)

    assert ends("2026-01-01T19:30") == ["2026-01-01 08:00", "2026-01-01 19:30"]
    assert ends("2026-01-03T08:00") == ["2026-01-01", "2026-01-03"]


def test_a_champion_of_this_moment_is_drawn() -> None:
    html = strips.reigns(frame(("1", "2026-01-01", "2026-01-01")), UTC, "said")
    assert "left:0.00%;width:max(0.00%, 3px)" in html
