"""registry_config.json: the seed's keys with the seed's defaults, ours beside them, unknown ones refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from . import documents
from .errors import InvalidConfiguration
from .gate_policy import GatePolicy
from .policies import MonitoringPolicy, Policy, RetentionPolicy
from .settings import MOST_SLICE_COLUMNS, Setting, settings_of

#: Checks the value of a key and gives it as it is kept; raises InvalidConfiguration.
Check = Callable[[str, Any], Any]


def _number(low: float, high: float, allowed: str) -> Check:
    def check(key: str, value: Any) -> float:
        # Compared before it is asked whether it is finite: a whole number may be too large for that.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _wrong(key, value, allowed)
        return float(value)

    return check


def _boolean(allowed: str) -> Check:
    def check(key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise _wrong(key, value, allowed)
        return value

    return check


def _whole(low: float, high: float, allowed: str) -> Check:
    def check(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(key, value, allowed)
        return value

    return check


def _weights(allowed: str) -> Check:
    number = _number(0, 1000, "a number from 0 to 1,000")

    def check(key: str, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping) or not value:
            raise _wrong(key, value, allowed)
        weights = {}
        for metric, weight in value.items():
            if not isinstance(metric, str) or not metric or not metric.isprintable():
                raise _wrong(key, value, "metric names as text")
            weights[metric] = number(f"{key}.{metric}", weight)
        if not any(weights.values()):
            raise _wrong(key, value, "at least one weight above 0")
        return weights

    return check


def _names(allowed: str, choices: Mapping[str, str] | None = None) -> Check:
    def check(key: str, value: Any) -> tuple[str, ...]:
        known = isinstance(value, (list, tuple)) and all(isinstance(name, str) and name for name in value)
        if not known or (choices and not {*value} <= {*choices}):
            raise _wrong(key, value, allowed)
        return tuple(value)

    return check


def _columns(allowed: str) -> Check:
    names = _names(allowed)

    def check(key: str, value: Any) -> tuple[str, ...]:
        columns: tuple[str, ...] = names(key, value)
        if len(columns) > MOST_SLICE_COLUMNS or len({*columns}) < len(columns):
            raise _wrong(key, value, f"{MOST_SLICE_COLUMNS} different columns at most")
        for name in columns:
            if not name.isprintable() or len(name) > 128 or "=" in name:
                raise _wrong(key, value, "column names of 1 to 128 printable characters without =")
        return columns

    return check


def _bounds(allowed: str, names: Set[str] = frozenset()) -> Check:
    number = _number(-1e12, 1e12, "a number from -1e12 to 1e12")

    def check(key: str, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping) or not all(isinstance(metric, str) and metric for metric in value):
            raise _wrong(key, value, allowed)
        if names and not names >= value.keys():
            raise _wrong(key, value, allowed)
        return {metric: number(f"{key}.{metric}", bound) for metric, bound in value.items()}

    return check


def _name(allowed: str) -> Check:
    def check(key: str, value: Any) -> str:
        if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 128:
            raise _wrong(key, value, allowed)
        return value

    return check


def _one_of(choices: Mapping[str, str], allowed: str) -> Check:
    def check(key: str, value: Any) -> str:
        # A value of a kind that cannot be a key is none of them either.
        if not isinstance(value, str) or value not in choices:
            raise _wrong(key, value, allowed)
        return value

    return check


def _group(checks: Mapping[str, Check], example: str) -> Check:
    def check(key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(key, value, example)
        for name in value:
            if name not in checks:
                raise InvalidConfiguration(f"setting '{key}.{name}' is unknown; allowed are {', '.join(checks)}")
        return {name: checks[name](f"{key}.{name}", asked) for name, asked in value.items() if asked is not None}

    return check


def _wrong(key: str, value: Any, allowed: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"setting {key!r} is {value!r:.200}; allowed is {allowed}")


#: The keys that hold settings of their own.
_GROUPS: dict[str, type] = {"gates": GatePolicy, "monitoring": MonitoringPolicy, "retention": RetentionPolicy}


def _check_of(setting: Setting) -> Check:
    """What a value of a setting has to pass, from what the policy says of the setting."""
    allowed = setting.allowed
    match setting.kind:
        case "switch":
            return _boolean(allowed)
        case "number":
            return _number(setting.low, setting.high, allowed)
        case "whole":
            return _whole(setting.low, setting.high, allowed)
        case "choice":
            return _one_of(setting.choices, allowed)
        case "name":
            return _name(allowed)
        case "names":
            return _names(allowed, setting.choices)
        case "columns":
            return _columns(allowed)
        case "bounds":
            return _bounds(allowed, setting.choices.keys())
        case "weights":
            return _weights(allowed)
        case "group":
            return _group(_checks_of(_GROUPS[setting.path], setting.path), allowed)


def _checks_of(policy: type, group: str = "") -> dict[str, Check]:
    return {each.name or each.path: _check_of(each) for each in settings_of(policy, group)}


def _or_none(check: Check) -> Check:
    return lambda key, value: None if value is None else check(key, value)


_CHECKS = _checks_of(Policy)
_CHECKS["benchmark"] = _or_none(_CHECKS["benchmark"])
KEYS = tuple(_CHECKS)


def settings_schema() -> tuple[Setting, ...]:
    """Every setting by its path, with its label, meaning, unit, bounds and default.

    Those of a group follow its key: ``gates``, ``gates.minimum_metrics``, ``gates.primary_metric``, ...

    Example:
        >>> {each.path: each for each in settings_schema()}["retention.trash_days"].unit
        'days'
    """
    found: list[Setting] = []
    for each in settings_of(Policy):
        found.append(each)
        if each.kind == "group":
            found += settings_of(_GROUPS[each.path], each.path)
    return tuple(found)


@dataclass(frozen=True)
class Configuration:
    """The registry's settings: one policy for all, and what single model names set differently."""

    everywhere: Mapping[str, Any] = field(default_factory=dict)
    model_names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Configuration:
        """Check settings as read from registry_config.json.

        Raises:
            InvalidConfiguration: naming the key, its value and what is allowed.
        """
        own = {key: value for key, value in settings.items() if key != "model_names"}
        names = settings.get("model_names", {})
        if not isinstance(names, Mapping) or not all(isinstance(each, Mapping) for each in names.values()):
            raise _wrong("model_names", names, 'model names with settings: {"Churn": {"selection_margin": 0.01}}')
        return cls(_checked(own, ""), {name: _checked(each, f"model_names.{name}.") for name, each in names.items()})

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """Read the text of registry_config.json.

        Raises:
            InvalidConfiguration: when it is no JSON object, names a key twice, or holds a key or value not allowed.
        """

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for key, value in pairs:
                if key in found:
                    raise InvalidConfiguration(f"setting {key!r} appears twice; keep one")
                found[key] = value
            return found

        try:
            settings = json.loads(text, object_pairs_hook=once)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InvalidConfiguration(f"registry_config.json is not JSON: {error}; correct it or delete it") from error
        if not isinstance(settings, dict):
            raise InvalidConfiguration(f"registry_config.json contains {type(settings).__name__}; write a JSON object")
        return cls.from_dict(settings)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How the HTTP API writes and reads it: as registry_config.json."""
        return documents.schema(cls.from_dict, cls.to_dict)

    def policy(self, model_name: str) -> Policy:
        """What holds for one model name."""
        own = self.model_names.get(model_name, {})
        return Policy(**{**self.everywhere, **own}, own_weights="performance_weight" in own)

    def channels(self) -> frozenset[str]:
        """Every address that alerts are sent to, of whatever model name."""
        groups = [self.everywhere, *self.model_names.values()]
        return frozenset(channel for group in groups for channel in group.get("monitoring", {}).get("notify", ()))

    def changed(self, model_name: str | None, changes: Mapping[str, Any]) -> Configuration:
        """A copy with some keys changed, for all model names or one; None takes a key back to its default.

        A key such as ``gates.slice_rows`` changes one setting of its group, ``gates`` replaces the group. A model name
        without a group of its own gets a copy of the registry-wide one, with that change.

        Raises:
            InvalidConfiguration: naming the key, its value and what is allowed.
        """
        before = self.to_dict()
        target = before if model_name is None else before.setdefault("model_names", {}).setdefault(model_name, {})
        for path, value in changes.items():
            key, point, name = path.partition(".")
            if key not in _CHECKS or (point and key not in _GROUPS):
                raise _unknown(path)
            if point:
                value = {**_CHECKS[key](key, target.get(key, before[key])), name: value}
            target.pop(key, None)
            if value is not None:
                target[key] = value
        if model_name is not None and not target:
            del before["model_names"][model_name]
        return Configuration.from_dict(before)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON knows them, every registry-wide key written out."""
        default = Policy()
        settings = {key: self.everywhere.get(key, getattr(default, key)) for key in KEYS}
        settings["model_names"] = {name: dict(own) for name, own in self.model_names.items()}
        written: dict[str, Any] = _plain(settings)
        return written

    def to_json(self) -> str:
        """The text of registry_config.json."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _checked(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    for key in settings:
        if key not in _CHECKS:
            raise _unknown(f"{prefix}{key}")
    return {key: _CHECKS[key](f"{prefix}{key}", value) for key, value in settings.items()}


def _unknown(key: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"setting {key!r} is unknown; allowed are {', '.join(KEYS)} and model_names")
