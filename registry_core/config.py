"""registry_config.json: the seed's keys with the seed's defaults, ours beside them, unknown ones refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import InvalidConfiguration

SEED_WEIGHTS = {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1}


@dataclass(frozen=True)
class Policy:
    """How the models of one model name are scored and chosen.

    Attributes:
        auto_select_best: promote a newly registered model that beats the champion.
        max_models_to_keep: how many versions retention keeps, per model name.
        performance_weight: metric name -> weight in the composite score.
        regression_weight: the same, for regression models of a name without weights of its own.
        ensemble_bonus: share of the score's size that an ensemble gains; the seed's is 0.05.
        selection_margin: by how much a score must beat the champion's.
        lower_is_better: metrics, beyond the well-known ones, of which less is better.
        own_weights: whether the weights were set for this very model name.
    """

    auto_select_best: bool = True
    max_models_to_keep: int = 50
    performance_weight: Mapping[str, float] = field(default_factory=lambda: dict(SEED_WEIGHTS))
    regression_weight: Mapping[str, float] = field(default_factory=lambda: {"r2": 1.0})
    ensemble_bonus: float = 0.05
    selection_margin: float = 0.0
    lower_is_better: tuple[str, ...] = ()
    own_weights: bool = False

    def weights(self, task: Literal["classification", "regression"] | None) -> Mapping[str, float]:
        """The weights for a model of this task: those set for the name win over those for regression."""
        if task == "regression" and not self.own_weights:
            return self.regression_weight
        return self.performance_weight


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def check(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _wrong(key, value, f"a number from {low:g} to {high:g}")
        if not low <= value <= high:
            raise _wrong(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def _boolean(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000_000:
        raise _wrong(key, value, "a whole number from 1 to 10000000")
    return value


def _weights(key: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise _wrong(key, value, 'metric names with weights, such as {"accuracy": 0.6, "auc": 0.4}')
    weights = {}
    for metric, weight in value.items():
        if not isinstance(metric, str) or not metric or not metric.isprintable():
            raise _wrong(key, value, "metric names as text")
        weights[metric] = _number(0, 1000)(f"{key}.{metric}", weight)
    if not any(weights.values()):
        raise _wrong(key, value, "at least one weight above 0")
    return weights


def _names(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise _wrong(key, value, 'a list of metric names, such as ["wape"]')
    return tuple(value)


def _wrong(key: str, value: Any, allowed: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"configuration key {key!r} is {value!r}; allowed is {allowed}")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "auto_select_best": _boolean,
    "max_models_to_keep": _count,
    "performance_weight": _weights,
    "regression_weight": _weights,
    "ensemble_bonus": _number(0, 1),
    "selection_margin": _number(0, 1_000_000),
    "lower_is_better": _names,
}
KEYS = tuple(_CHECKS)


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
                    raise InvalidConfiguration(f"configuration key {key!r} stands there twice; keep one")
                found[key] = value
            return found

        try:
            settings = json.loads(text, object_pairs_hook=once)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InvalidConfiguration(f"registry_config.json is not JSON: {error}; correct it or delete it") from error
        if not isinstance(settings, dict):
            raise InvalidConfiguration(f"registry_config.json holds {type(settings).__name__}; a JSON object is needed")
        return cls.from_dict(settings)

    def policy(self, model_name: str) -> Policy:
        """What holds for one model name."""
        own = self.model_names.get(model_name, {})
        return Policy(**{**self.everywhere, **own}, own_weights="performance_weight" in own)

    def changed(self, model_name: str | None, changes: Mapping[str, Any]) -> Configuration:
        """A copy with some keys changed, for all model names or one; None takes a key back to its default."""
        before = self.to_dict()
        target = before if model_name is None else before.setdefault("model_names", {}).setdefault(model_name, {})
        for key, value in changes.items():
            if key not in _CHECKS:
                raise _unknown(key)
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
        settings = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
        settings["model_names"] = {
            name: {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}
            for name, own in self.model_names.items()
        }
        return settings

    def to_json(self) -> str:
        """The text of registry_config.json."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def _checked(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    for key in settings:
        if key not in _CHECKS:
            raise _unknown(f"{prefix}{key}")
    return {key: _CHECKS[key](f"{prefix}{key}", value) for key, value in settings.items()}


def _unknown(key: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"configuration key {key!r} is unknown; allowed are {', '.join(KEYS)} and model_names")
