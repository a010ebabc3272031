"""Settings somebody is changing and has not saved: what was seen, what is other by now. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dashboard.views.settings.schema import BY_PATH, RETENTION, Difference, differences
from registry_core import Configuration, Setting

Task = Literal["classification", "regression"]
#: What changes a score or a place.
RANKS = ("performance_weight", "regression_weight", "ensemble_bonus", "lower_is_better", "rank_by")


@dataclass
class Draft:
    """Changes for all model names (None) or one, on top of the settings that were seen.

    ``values`` holds what differs, by path; ``back`` the keys that are taken back to the default, or of a model name to
    the registry-wide settings. ``edition`` counts how often its fields have to begin anew.
    """

    model_name: str | None
    seen: Configuration
    task: Task | None = None
    values: dict[str, Any] = field(default_factory=dict)
    back: set[str] = field(default_factory=set)
    edition: int = 0

    def own(self, key: str) -> bool:
        """Whether the model name has a value of its own, as it was seen; registry-wide ones all are."""
        return self.model_name is None or key in self.seen.model_names.get(self.model_name, {})

    def inherits(self, key: str) -> bool:
        """Whether the model name takes a key from the registry-wide settings, in this draft."""
        touched = any(BY_PATH[path].key == key for path in self.values)
        return self.model_name is not None and not touched and (key in self.back or not self.own(key))

    def seen_value(self, setting: Setting) -> Any:
        """What holds as it was seen, or after a key was taken back."""
        key = setting.key
        name = None if key in self.back and self.model_name is not None else self.model_name
        if key in self.back and self.model_name is None:
            return setting.default
        policy = self.seen.policy(name if name is not None else "")
        if key == "performance_weight" and self.model_name is not None:
            return policy.weights(self.task)
        return getattr(policy, key).get(setting.name, setting.default) if setting.name else getattr(policy, key)

    def value(self, setting: Setting) -> Any:
        """What holds in this draft."""
        return self.values[setting.path] if setting.path in self.values else self.seen_value(setting)

    def put(self, setting: Setting, value: Any) -> None:
        """Take over what a field says."""
        if _alike(setting, value, self.seen_value(setting)):
            self.values.pop(setting.path, None)
        else:
            self.values[setting.path] = value

    def take_back(self, key: str) -> None:
        """Back to the default, or of a model name to the registry-wide settings."""
        keys = together(key)
        self.values = {path: value for path, value in self.values.items() if BY_PATH[path].key not in keys}
        self.back.update(keys)
        self.edition += 1

    def move_to(self, seen: Configuration) -> None:
        """Keep the changes, on top of other settings."""
        kept = [(BY_PATH[path], value, self.seen_value(BY_PATH[path])) for path, value in self.values.items()]
        self.seen, self.values = seen, {}
        self.edition += 1
        for setting, value, before in kept:
            self.put(setting, _moved(setting, value, before, self.seen_value(setting)))

    def changes(self) -> dict[str, Any]:
        """What ``configure`` is to change."""
        found: dict[str, Any] = {key: None for key in self.back if self._set(key)}
        for path, value in self.values.items():
            setting = BY_PATH[path]
            if not setting.name:
                found[setting.key] = value
                continue
            if not found.get(setting.key):
                found[setting.key] = self._group(setting.key)
            if value == setting.default:
                found[setting.key].pop(setting.name, None)
            else:
                found[setting.key][setting.name] = value
        return found

    def _set(self, key: str) -> bool:
        """Whether there is anything to take back, as it was seen."""
        if self.model_name is None:
            return bool(self.seen.to_dict()[key] != Configuration().to_dict()[key])
        return self.own(key)

    def _group(self, key: str) -> dict[str, Any]:
        """A group as it was seen: what of it is set."""
        if key in self.back:
            return {} if self.model_name is None else dict(self.seen.everywhere.get(key, {}))
        return dict(getattr(self.seen.policy(self.model_name or ""), key))

    def after(self) -> Configuration:
        """All settings as they would be.

        Raises:
            InvalidConfiguration: naming the key, its value and what is allowed.
        """
        return self.seen.changed(self.model_name, self.changes())

    def differences(self) -> list[Difference]:
        """What saving would change."""
        return differences(self.seen.to_dict(), self.after().to_dict())

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.changes())

    def exceptions(self) -> list[str]:
        """The model names a registry-wide change does not reach, since they have a value of their own."""
        if self.model_name is not None:
            return []
        keys = {*self.changes()}
        return sorted(name for name, own in self.seen.model_names.items() if keys & {*own})


def together(key: str) -> tuple[str, ...]:
    """The keys that are taken back with one: all of its section."""
    return tuple(dict.fromkeys(each.key for each in RETENTION)) if key == "retention" else (key,)


def _moved(setting: Setting, value: Any, before: Any, now: Any) -> Any:
    """A changed value on top of what holds now: of a mapping only the entries that were changed."""
    if not isinstance(value, Mapping):
        return value
    if setting.kind == "weights":
        value, before, now = (_counting(each) for each in (value, before, now))
    changed = {name: each for name, each in value.items() if before.get(name) != each}
    return {name: each for name, each in {**now, **changed}.items() if name in value or name not in before}


def _counting(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights above 0."""
    return {name: float(each) for name, each in weights.items() if each}


def _alike(setting: Setting, one: Any, other: Any) -> bool:
    if setting.kind == "weights":
        one, other = _counting(one), _counting(other)
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return list(one) == list(other)
    return bool(one == other)
