"""Settings in words: how a value is said, and what differs between two states. The core says what a setting is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard import formatting
from registry_core import Policy, Setting, settings_schema

INHERITED = "from the registry-wide settings"
#: What lists names: of anything, or of columns.
LISTS = ("names", "columns")

#: Groups are kept together: a model name has all of such a group of its own, or none.
ALL = tuple(each for each in settings_schema() if each.kind != "group")
BY_PATH = {each.path: each for each in ALL}
GATES, MONITORING = (tuple(each for each in ALL if each.key == key) for key in ("gates", "monitoring"))
RETENTION = (BY_PATH["max_models_to_keep"], *(each for each in ALL if each.key == "retention"))
#: Trusted names are settings as well; they are given on a model's page, where one sees what the file holds.
ELSEWHERE = (BY_PATH["trusted_globals"],)
RANKING = tuple(each for each in ALL if not each.name and each not in (*RETENTION, *ELSEWHERE))


def described(setting: Setting) -> str:
    """What it means, in Markdown, and its default."""
    meaning = formatting.sentence(setting.help.replace("``", "`"))
    return f"{meaning} Default: {said(setting, setting.default)}.".strip()


def said(setting: Setting, value: Any) -> str:
    """A value of a setting in words, with its unit."""
    if value is None or (value in ((), [], {}) and setting.kind in (*LISTS, "bounds", "weights")):
        return setting.empty or "off"
    if setting.kind == "switch":
        return "on" if value else "off"
    if setting.kind == "choice":
        return setting.choices.get(value, str(value))
    if setting.kind in ("bounds", "weights"):
        # The record sorts its keys; weights are told in the order they usually have.
        usual = list(Policy().performance_weight)
        value = dict(sorted(value.items(), key=lambda each: usual.index(each[0]) if each[0] in usual else len(usual)))
        return ", ".join(f"{bound_label(setting, name)} {amount:g}" for name, amount in value.items())
    if setting.kind in LISTS:
        return ", ".join(map(str, value))
    if setting.kind in ("number", "whole"):
        return f"{value:,g} {setting.unit}".strip() if abs(value) < 1e6 else f"{value:,.0f} {setting.unit}".strip()
    return str(value)


def bound_label(setting: Setting, name: str) -> str:
    """The label of a name that has a bound: of a metric, or of one of the names that the setting takes."""
    return setting.choices.get(name) or formatting.metric(name)


@dataclass(frozen=True)
class Difference:
    """One setting that differs between two states; ``model_name`` is None where it holds for all."""

    model_name: str | None
    label: str
    before: str
    after: str

    def line(self) -> str:
        """As one line of Markdown."""
        where = "" if self.model_name is None else f"{formatting.escaped(self.model_name)}: "
        return f"{where}{self.label}: {formatting.escaped(self.before)} → **{formatting.escaped(self.after)}**"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two states of all settings, as ``Configuration.to_dict`` gives them."""
    found = [*_differing(None, before, after, ({}, {}))]
    old, new = before.get("model_names", {}), after.get("model_names", {})
    for name in sorted({*old, *new}):
        found += _differing(name, old.get(name, {}), new.get(name, {}), (before, after))
    return found


def _differing(
    name: str | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    wide: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> Iterator[Difference]:
    """``wide`` are the registry-wide settings, before and after: what a model name has where it has none of its own."""
    for setting in ALL:
        own = [setting.key in each for each in (before, after)]
        values = [_value(setting, each) for each in (before, after)]
        if name is not None and any(own) and not all(own) and setting.name:
            # A whole group came or went: what of it is other than the default is worth a line, or else the group.
            group = (before if own[0] else after)[setting.key]
            if not group and setting.path == next(each.path for each in ALL if each.key == setting.key and each.name):
                came = (INHERITED, "overridden, all defaults")
                yield Difference(name, setting.key.capitalize(), *(came if own[1] else came[::-1]))
            if setting.name not in group:
                continue
        elif values[0] == values[1] and (name is None or own[0] == own[1]):
            continue
        words = [
            said(setting, value) if mine or name is None else f"{said(setting, _value(setting, all_))} (registry-wide)"
            for value, mine, all_ in zip(values, own, wide, strict=True)
        ]
        yield Difference(name, setting.label, words[0], words[1])


def _value(setting: Setting, settings: Mapping[str, Any]) -> Any:
    if setting.name:
        return settings.get(setting.key, {}).get(setting.name, _plain(setting.default))
    return settings.get(setting.key, _plain(setting.default))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
