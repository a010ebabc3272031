"""What the catalog says of itself: its databases, the record of events, who is champion, the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...catalog import events, trash
from ...catalog.database import Damage
from ...config import Configuration
from ...errors import InvalidConfiguration
from ...events import EventKind
from ...records import Event, Row
from .. import configure
from ..context import CONFIGURATION
from ..deploy import DEPLOYED
from .checks import BACKUP, MEND, Findings, Look, error, note

_STATES = ("rejected", "archived", "disqualified", "restored", "reinstated", "trashed", "purged")
SETTINGS = "registry_config.json"


def databases(look: Look) -> Findings:
    """Pages, references, rows that nobody wrote so, commits that are missing."""
    for each in look.damage:
        yield _told(each)


def _told(damage: Damage) -> Any:
    if damage.kind == "lost":
        remedy = f"{BACKUP}; or continue without them: {MEND}"
        return error("lost", damage.subject, damage.text, remedy, repairable=True)
    rebuild = f"{BACKUP}; or rebuild the catalog from its export: model-registry rebuild-index --damaged"
    remedy = BACKUP if damage.database == "telemetry.db" else rebuild
    return error(damage.kind, damage.subject, damage.text, remedy)


def chain(look: Look) -> Findings:
    """Every event follows from the one before."""
    look.checked["events"] = events.newest(look.catalog)
    broken = events.first_break(look.catalog)
    if broken is not None:
        text = f"the audit log is altered at event {broken}: this event was altered, or an event before it was deleted"
        yield error("chain", f"event {broken}", text, BACKUP)
    newest = look.checked["events"]
    for table in (
        "models",
        "deployments",
        "benchmarks",
        "evaluations",
        "feature_impacts",
        "reviews",
        "experiments",
        "alerts",
    ):
        late = [row["seq"] for row in look.rows(table) if row["seq"] > newest]
        if late:
            text = f"{table} has row {late[0]}, but the last event is {newest}: the newest events are missing"
            yield error("chain", table, text, BACKUP)


def champions(look: Look) -> Findings:
    """One champion a name, whom it may have; and deployments that are those of the events."""
    versions = {row["model_id"]: row for row in look.rows("models")}
    expected = {each["seq"]: each for each in _deployments(look)}
    found = {row["seq"]: row for row in look.rows("deployments")}
    for seq in sorted(expected.keys() | found.keys()):
        name = (found.get(seq) or expected[seq])["model_name"]
        if found.get(seq) != expected.get(seq):
            yield error(
                "deployments", f"deployment {seq}",
                f"deployment {seq} of {name} contradicts the events: {_difference(found, expected, seq)}",
                BACKUP,
            )  # fmt: skip
    current: dict[str, str] = {}
    for row in found.values():
        if row["ended_at"] is not None:
            continue
        name, model_id = row["model_name"], row["model_id"]
        if name in current:
            text = f"{name} has two champions: {current[name]} and {model_id}"
            yield error("champions", name, text, f"promote one of them (model-registry promote), or {BACKUP}")
        current[name] = model_id
        version = versions.get(model_id)
        if version is None or version["model_name"] != name:
            yield error("champions", name, f"the champion of {name}, {model_id}, is not a version of it", BACKUP)
        elif version["artifact"] != "trusted" or version["status"] != "registered":
            state = version["status"] if version["status"] != "registered" else version["artifact"]
            remedy = f"promote another version (model-registry promote), or run model-registry rollback {name}"
            yield error("champions", name, f"the champion of {name}, {model_id}, is {state}", remedy)


def _deployments(look: Look) -> list[Row]:
    found: list[Row] = []
    latest: dict[str, Row] = {}
    for event in _of(look, DEPLOYED):
        name = event.model_name or ""
        before = latest.get(name)
        if before is not None:
            before["ended_at"] = event.at
            before["undone"] = int(event.kind in (EventKind.PROMOTION_UNDONE, EventKind.ROLLBACK_UNDONE))
        row = {
            "seq": event.event_id, "model_name": name, "model_id": event.model_id, "started_at": event.at,
            "ended_at": None, "actor": event.actor, "reason": event.reason, "undone": 0,
        }  # fmt: skip
        latest[name] = row
        found.append(row)
    return found


def _of(look: Look, kinds: tuple[str, ...]) -> list[Event]:
    """Events of some kinds, the oldest first."""
    return events.listed(look.catalog, kinds=kinds)[::-1]


def _difference(found: dict[int, Row], expected: dict[int, Row], seq: int) -> str:
    if seq not in found:
        return "it is missing"
    if seq not in expected:
        return "no event records it"
    here, there = found[seq], expected[seq]
    return "; ".join(f"{key} is {here[key]!r:.80}, not {there[key]!r:.80}" for key in there if here[key] != there[key])


def states(look: Look) -> Findings:
    """Every version's state is what its last event says, and the trash holds those that are in it."""
    wanted = told_states(look)
    kept = {row["model_id"] for row in trash.listed(look.catalog)}
    for row in look.rows("models"):
        model_id, status = row["model_id"], row["status"]
        expected = wanted.get(model_id, status)
        if status != expected:
            text = f"{model_id} is {status!r:.80} in the catalog, but {expected} by its last event"
            yield error("state", model_id, text, MEND, repairable=True)
        elif (status == "trashed") != (model_id in kept):
            text = f"{model_id} is {status}, and " + (
                "it is not in the trash" if status == "trashed" else "in the trash"
            )
            yield error("state", model_id, text, BACKUP)


def told_states(look: Look) -> dict[str, str]:
    """Model id -> the state that the last event about its state left it in."""
    found: dict[str, str] = {}
    for event in _of(look, _STATES):
        if event.model_id is not None and isinstance(event.after.get("status"), str):
            found[event.model_id] = event.after["status"]
    return found


def _completed(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings as an event tells them, with what an older release did not know yet."""
    try:
        completed: Mapping[str, Any] = json.loads(json.dumps(Configuration.from_dict(told).to_dict()))
    except InvalidConfiguration:
        return told
    return completed


def settings(look: Look) -> Findings:
    """The settings are those of their last event, and of the file beside the catalog."""
    stored = look.configuration.to_dict()
    last = events.listed(look.catalog, kinds=(EventKind.CREATED, EventKind.CONFIGURED), limit=1)
    if last and _completed(last[0].after) != json.loads(json.dumps(stored)):
        text = f"the settings differ from those of their last event, {last[0].event_id}"
        yield error("settings", CONFIGURATION, text, f"save them again (model-registry config set), or {BACKUP}")
    if last and last[0].reason == f"{SETTINGS} was edited":
        yield note(
            "settings", SETTINGS,
            f"settings were applied from an edited {SETTINGS} at {last[0].at} by {last[0].actor}",
            "if that was not intended, revert them on the Settings page",
        )  # fmt: skip
    try:
        written = configure.from_file(look.context)
    except InvalidConfiguration as found:
        text = f"{SETTINGS} cannot be used: {found}"
        yield error(
            "settings",
            SETTINGS,
            text,
            f"correct it, or overwrite it with the settings of the catalog: {MEND}",
            repairable=True,
        )
        return
    if written is None:
        text = f"{SETTINGS} is missing; the catalog has the settings"
        yield error("settings", SETTINGS, text, MEND, repairable=True)
    elif written.to_dict() != stored:
        text = f"{SETTINGS} differs from the catalog in {_keys(written, look.configuration)}: it was edited"
        remedy = f"it is applied when the registry is opened; to overwrite it with the settings of the catalog: {MEND}"
        yield error("settings", SETTINGS, text, remedy, repairable=True)


def _keys(one: Configuration, other: Configuration) -> str:
    left, right = one.to_dict(), other.to_dict()
    return ", ".join(sorted(str(key) for key in left.keys() | right.keys() if left.get(key) != right.get(key)))
