"""How things are written: numbers, times, states, verdicts. Plain functions, so that every page says it alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from registry_core import Event, EventKind, ModelMetadata

#: The name shown for each model id.
Versions = Mapping[str, str]

MISSING = "–"
MINUS = "−"
UNNAMED_SET = "Unspecified"

# A shape beside each word, so that a state is not told by colour alone.
CHAMPION = "★ champion"
STATUS_WORDS = {
    "registered": "○ registered",
    "rejected": "✕ rejected",
    "archived": "□ archived",
    "disqualified": "▲ disqualified",
    "trashed": "▽ in the trash",
    "purged": "■ purged",
}
QUARANTINED = "◆ quarantined"
#: The words of the core's verdict on a version.
VERDICTS = {
    "champion": "★",
    "blocked": "✕",
    "not evaluated": "○",
    "worse": "▼",
    "inconclusive": "≈",
    "better": "▲",
    "no champion": "☆",
}
#: Behind the state of a version that was promoted over failed gates.
OVERRIDDEN = " ⚑"
NOT_SAID = "not recorded"

_METRIC_WORDS = {
    "auc": "AUC",
    "f1_score": "F1",
    "data_quality_score": "Data quality",
    "mcc": "MCC",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "mape": "MAPE",
    "wape": "WAPE",
    "composite_score": "Score",
}


#: Before the name of a metric: as the registry measured it.
MEASURED = "measured:"


def metric(name: str) -> str:
    """A metric's name as a column or an axis shows it."""
    if name.startswith(MEASURED):
        return f"{metric(name.removeprefix(MEASURED))}, evaluated"
    return _METRIC_WORDS.get(name) or name.replace("_", " ").capitalize()


def metric_labels(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A label for each metric, unlike the others' and unlike what is ``taken``.

    Where two would read alike (``f1`` and ``f1_score``) each shows its own name.
    """
    names = list(dict.fromkeys(names))
    times = Counter(metric(name) for name in names)
    labels = {name: metric(name) if times[metric(name)] == 1 and metric(name) not in taken else name for name in names}
    used = Counter(labels.values())
    return {
        name: f"metric {name}" if label in taken or (used[label] > 1 and label == name) else label
        for name, label in labels.items()
    }


def number(value: float | None) -> str:
    """A metric: four decimals; fewer for what counts in thousands, as many as it takes for what is tiny."""
    return MISSING if value is None else _written(value, abs(value), "").replace("-", MINUS)


def signed(value: float | None, scale: float = 1.0) -> str:
    """A difference, its sign always shown. ``scale`` is the size of the numbers it lies between."""
    if value is None:
        return MISSING
    text = _written(value, max(abs(value), scale), "+")
    return f"±{text[1:]}" if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def _written(value: float, scale: float, sign: str) -> str:
    if scale >= 1e12:
        return f"{value:{sign}.4e}"
    if scale >= 1000:
        return f"{value:{sign},.1f}"
    return f"{value:{sign}.3g}" if 0 < scale < 0.001 else f"{value:{sign}.4f}"


def size(count: int) -> str:
    """Bytes as people read them."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def sentence(text: str) -> str:
    """Words as a sentence: a capital, and a full stop."""
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def microseconds(value: float | None) -> str:
    """A short time in the unit that suits it."""
    if value is None:
        return MISSING
    return f"{value:,.0f} µs" if value < 10_000 else f"{value / 1000:,.1f} ms"


def count(amount: int, noun: str) -> str:
    """``1 version``, ``3 versions``, ``1,204 versions``."""
    return f"{amount:,} {noun if amount == 1 else noun + 's'}"


def days(amount: float) -> str:
    """``1 day``, ``30 days``, ``0.5 days``."""
    return f"{amount:g} day{'' if amount == 1 else 's'}"


def parsed(text: str | None) -> datetime | None:
    """A time of the registry's as a datetime."""
    return datetime.fromisoformat(text) if text else None


def zone(name: str | None) -> tzinfo:
    """The viewer's time zone, as the browser names it; UTC where it is unknown."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def ago(text: str | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    moment = parsed(text)
    if moment is None:
        return MISSING
    seconds = (now - moment).total_seconds()
    if seconds < -60:
        return "in the future"
    for limit, length, unit in ((60, 1, ""), (3600, 60, "min"), (86400, 3600, "h"), (86400 * 60, 86400, "d")):
        if seconds < limit:
            return "just now" if not unit else f"{int(seconds // length)} {unit} ago"
    months = int(seconds // (86400 * 30.44))
    return f"{count(months, 'month')} ago" if months < 24 else f"{months // 12} years ago"


def exact(text: str | None, where: tzinfo) -> str:
    """The moment to the second in the viewer's zone, which is named."""
    moment = parsed(text)
    return MISSING if moment is None else moment.astimezone(where).strftime("%d %b %Y, %H:%M:%S %Z")


def lasted(start: str, end: str | None, now: datetime) -> str:
    """How long an interval lasted, or lasts by now."""
    begun, ended = parsed(start), parsed(end) or now
    seconds = max(0.0, (ended - begun).total_seconds()) if begun else 0.0
    days, hours, minutes = int(seconds // 86400), int(seconds % 86400 // 3600), int(seconds % 3600 // 60)
    if days >= 1:
        return f"{days} d {hours} h" if days < 10 else f"{days} d"
    if not hours and not minutes and seconds >= 1:
        return f"{int(seconds)} s"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def status(row: ModelMetadata | Mapping[str, Any]) -> str:
    """A model's state in a word with its shape: champion first, quarantine before the rest."""
    values = row.__dict__ if isinstance(row, ModelMetadata) else row
    return _state(values) + (OVERRIDDEN if values.get("override_note") else "")


def _state(values: Mapping[str, Any]) -> str:
    if values["is_active"]:
        return CHAMPION
    if values["artifact"] == "quarantined" and values["status"] == "registered":
        return QUARANTINED
    return STATUS_WORDS.get(values["status"], str(values["status"]))


def event(kind: str) -> str:
    """A kind of event in words."""
    return EventKind.label_of(kind)


def event_detail(each: Event, versions: Versions) -> str:
    """What an event changed, in short: the keys whose value it changed, with both values.

    A value that is a model id is written as its version, where ``versions`` has it.
    """
    if each.kind in ("registered", "uploaded") and "version" in each.after:
        score = each.after.get("composite_score")
        said = each.after.get("score_note") if score is None else f"score {number(score)}"
        outcome = "promoted" if each.after.get("promoted") else "not promoted"
        return f"version {each.after['version']}, {said}; {outcome}: {each.after.get('because')}"
    if each.kind == "evaluated":
        values = list(each.after.get("metrics", {}).items())[:3]
        told = ", ".join(f"{metric(name)} {number(value)}" for name, value in values)
        return f"on {each.after.get('benchmark')}: {told or each.after.get('because')}"
    if each.kind == "feature_impact":
        largest = each.after.get("largest", {}).items()
        told = ", ".join(f"{name} {signed(value)}" for name, value in largest)
        return f"{metric(str(each.after.get('metric')))} on {each.after.get('benchmark')}: {told}"
    if each.kind == "swept":
        return f"{count(int(each.after.get('count', 0)), 'file')}, {size(int(each.after.get('bytes', 0)))}"
    if each.kind == "compressed":
        packed, linked = int(each.after.get("compressed", 0)), int(each.after.get("linked", 0))
        large, small = int(each.after.get("bytes_before", 0)), int(each.after.get("bytes_after", 0))
        return f"{count(packed, 'file')} compressed, {linked} stored once: {size(large)} → {size(small)}"
    if each.kind in ("alert_acknowledged", "alert_resolved"):
        # Its reason is what somebody noted; of the change, only the number tells more.
        return f"alert {each.after.get('alert')}: {each.before.get('status')} → {each.after.get('status')}"
    if each.kind == "answers_checked":
        return str(each.after.get("because"))
    if each.kind == "considered":
        return "promoted" if each.after.get("promoted") else "not promoted"
    keys = [key for key in {**each.before, **each.after} if each.before.get(key) != each.after.get(key)]
    parts = []
    for key in keys:
        before, after = each.before.get(key), each.after.get(key)
        if key == "verdict" and isinstance(after, dict):
            # Of a promotion the event keeps the whole verdict; of a review it is one word.
            parts.append(f"verdict: {after['word']}")
            continue
        old, new = _short(before, versions), _short(after, versions)
        shown = new if before is None else f"{old} → {new}"
        parts.append(f"{key.replace('_', ' ')}: {shown}")
    return "; ".join(parts)


def _short(value: Any, versions: Versions) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return number(value)
    text = str(_with_versions(value, versions))
    return text if len(text) <= 90 else f"{text[:87]}…"


def _with_versions(value: Any, versions: Versions) -> Any:
    if isinstance(value, str):
        return versions.get(value, value)
    if isinstance(value, dict):
        return {versions.get(key, key): _with_versions(inner, versions) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_versions(inner, versions) for inner in value]
    return value


def value(anything: Any) -> str:
    """A hyperparameter, a list of inputs or whatever else was recorded, as one line."""
    if anything is None:
        return MISSING
    if isinstance(anything, (list, tuple)):
        shown = ", ".join(str(each) for each in anything[:8])
        return f"{shown}, … ({len(anything)} in all)" if len(anything) > 8 else shown or "none"
    return str(anything)


#: Characters that are not seen but change what is: controls, and those that turn the direction of writing.
_UNSEEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")


def visible(text: str) -> str:
    """Somebody's text for a table: what would change the direction of writing is shown by its number."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


#: After these, escaped, Streamlit would find an icon, a link or an address.
_LINKED = re.compile(r"(?i:\\[:@](?=\S)|www(?=\\\.))")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~^=&@/:])")


def escaped(text: str) -> str:
    """Somebody's text inside our Markdown: shown as typed, never as markup, formula, icon or link.

    Streamlit looks for ``:material/name:``, ``:smile:``, ``www.`` and addresses of mail after the backslashes are gone,
    so an invisible word joiner keeps them apart; line breaks become spaces.
    """
    return _LINKED.sub(lambda found: f"{found[0]}\u2060", _SPECIAL.sub(r"\\\1", visible(" ".join(text.split()))))
