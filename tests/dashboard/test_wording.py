"""How things are written."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard import formatting
from registry_core import Comparison, Event, MetricComparison, ModelMetadata

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def model(version: str = "1.0.0", **fields: object) -> ModelMetadata:
    return ModelMetadata(model_id=f"A_{version}", model_name="A", model_type="T", version=version, **fields)


def compared(mine: ModelMetadata, theirs: ModelMetadata, *, comparable: bool = True) -> Comparison:
    metrics = tuple(
        MetricComparison(name, name == "log_loss", (mine.all_metrics().get(name), theirs.all_metrics().get(name)), None)
        for name in ("accuracy", "log_loss")
    )
    return Comparison((mine, theirs), metrics, {}, comparable, "a note")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.5, "0.5000"), (-0.25, "−0.2500"), (1.0, "1.0000"), (0.123456, "0.1235")]
)
def test_number(value: float | None, text: str) -> None:
    assert formatting.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.01, "+0.0100"), (-0.01, "−0.0100"), (0.0, "±0.0000"), (-1e-9, "±0.0000")]
)
def test_signed(value: float | None, text: str) -> None:
    assert formatting.signed(value) == text


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(days=60), "1 month ago"),
        (timedelta(days=100), "3 months ago"),
        (timedelta(days=1000), "2 years ago"),
        (timedelta(hours=-2), "in the future"),
    ],
)
def test_ago(back: timedelta, text: str) -> None:
    assert formatting.ago((NOW - back).isoformat(), NOW) == text


def test_exact_names_the_zone() -> None:
    assert formatting.exact(NOW.isoformat(), ZoneInfo("Europe/Berlin")) == "01 Mar 2026, 13:00:00 CET"
    assert formatting.exact(None, UTC) == "–"
    assert formatting.zone("Not/There") is UTC
    assert formatting.zone("../etc/passwd") is UTC


def test_lasted() -> None:
    start = (NOW - timedelta(days=2, hours=3)).isoformat()
    assert formatting.lasted(start, None, NOW) == "2 d 3 h"
    assert formatting.lasted(start, start, NOW) == "0 min"


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (6_800_000, "6.8 MB"), (3 * 10**9, "3.0 GB")]
)
def test_size(amount: int, text: str) -> None:
    assert formatting.size(amount) == text


def test_status_is_told_by_word_and_shape() -> None:
    assert formatting.status(model(is_active=True)) == "★ champion"
    assert formatting.status(model(artifact="quarantined")) == "◆ quarantined"
    assert formatting.status(model(artifact="quarantined", status="rejected")) == "✕ rejected"
    shapes = {text[0] for text in (*formatting.STATUS_WORDS.values(), formatting.CHAMPION, formatting.QUARANTINED)}
    assert len(shapes) == 8


@pytest.mark.parametrize(
    "text", ["*b* _i_ `c`", "<script>alert(1)</script>", "[a](javascript:x)", "$x^2$", "# h", "~~s~~"]
)
def test_escaped_leaves_no_markup(text: str) -> None:
    escaped = formatting.escaped(text)
    special = set("*_`<>[]()$#~")
    assert all(escaped[place - 1] == "\\" for place, letter in enumerate(escaped) if letter in special)


def test_escaped_breaks_icons_and_lines() -> None:
    assert ":material" not in formatting.escaped(":material/home:").replace("\\", "")
    assert "\n" not in formatting.escaped("a\n\n# b")


@pytest.mark.parametrize(
    "text",
    ["www.evil.example", "WWW.evil.example/x?y", "(www.evil.example)", "a www.b.example c", "https://evil.example", "ftp://x.example",
     "mail@evil.example", "mailto:mail@evil.example", "xmpp:a@b.example", "a.b+c@evil.example", "wwww.evil.example",
     "HTTP://EVIL.EXAMPLE", "//www.evil.example", "\nwww.evil.example", "www.www.evil.example"],
)  # fmt: skip
def test_escaped_leaves_nothing_that_becomes_a_link(text: str) -> None:
    # What GitHub's Markdown finds in the text that is left when the backslashes are gone.
    shown = formatting.escaped(text).replace("\\", "")
    assert not re.search(r"(?i)(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+|(mailto|xmpp):\w", shown)
    assert shown.replace("\u2060", "") == text.strip()


def test_an_events_detail_names_what_changed() -> None:
    event = Event(
        1, "", "rejected", "A", "a", "x", "", {"status": "registered", "n": 1}, {"status": "rejected", "n": 1}, ""
    )
    assert formatting.event_detail(event, {}) == "status: registered → rejected"
    assert formatting.event("something_new") == "Something new"


def test_the_verdict_in_an_event_is_one_word() -> None:
    event = Event(1, "", "reviewed", "A", "a", "x", "", {}, {"verdict": "approved"}, "")
    assert formatting.event_detail(event, {}) == "verdict: approved"
    whole = {"verdict": {"word": "better", "sentence": "A is better by 1 pp"}}
    assert formatting.event_detail(replace(event, kind="promoted", after=whole), {}) == "verdict: better"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e9, "1,000,000,000.0"), (-1234.56, "−1,234.6"), (1e-7, "1e−07"), (0.0, "0.0000"), (1e15, "1.0000e+15")],
)
def test_numbers_far_from_one(value: float, text: str) -> None:
    assert formatting.number(value) == text


def test_a_difference_is_written_like_the_numbers_it_lies_between() -> None:
    assert formatting.signed(2e-7, 5e-7) == "+2e−07"
    assert formatting.signed(12.0, 1e6) == "+12.0"
    assert formatting.signed(0.0, 1e6) == "±0.0"


def test_labels_of_metrics_are_all_different() -> None:
    names = ["f1", "F1", "f1_score", "auc", "foo_bar", "Foo_bar", "status", "Status", "score"]
    labels = formatting.metric_labels(names, taken=("Score", "Status"))
    assert list(labels) == names
    assert len(set(labels.values())) == len(names)
    assert not {"Score", "Status"} & set(labels.values())
    assert labels["auc"] == "AUC"
    assert labels["f1_score"] == "f1_score"


def test_what_turns_the_direction_of_writing_is_shown() -> None:
    assert formatting.visible("safe \u202etxt.exe") == "safe \\u202etxt.exe"
    assert "\u202e" not in formatting.escaped("a\u202eb")
    assert formatting.visible("Größe\nשלום") == "Größe\nשלום"


def test_seconds_are_told() -> None:
    assert formatting.lasted(NOW.isoformat(), (NOW + timedelta(seconds=12)).isoformat(), NOW) == "12 s"
