"""What the demo's story is told with: its clock, its people, and the verbs of its chapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_core import ModelMetadata, Registry

from .datasets import Rows, Weather, split
from .training import Fitted, measure, train

PIPELINE, ANNA, JONAS, PARTNER = "training-pipeline", "anna.kovacs", "jonas.okafor", "partner-lab"
HOLDOUT = "offutt-holdout-1990s"


class Clock:
    """The time the demo lives in: set step by step, forwards only, and never beyond the present."""

    def __init__(self, now: datetime) -> None:
        self.end = now.astimezone(UTC)
        self.now = self.end - timedelta(days=365)
        #: Called with each midnight that passes, as days before the end; it may look at the clock, not set it.
        self.each_day: Callable[[int], None] | None = None

    def __call__(self) -> datetime:
        return self.now

    def at(self, days: int, hour: int, minute: int) -> None:
        """So many days ago (2 or more), at that time of the day."""
        self._set((self.end - timedelta(days=days)).replace(hour=hour, minute=minute, second=(7 * days) % 60))

    def ago(self, hours: float) -> None:
        """So many hours ago."""
        self._set(self.end - timedelta(hours=hours))

    def _set(self, moment: datetime) -> None:
        if not self.now <= moment <= self.end:
            raise RuntimeError(f"the demo's clock would go from {self.now} to {moment}")
        while self.each_day is not None:
            midnight = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            if midnight > moment:
                break
            self.now = midnight
            self.each_day((self.end - midnight).days)
        self.now = moment


class Story:
    """The registry being filled, and the verbs the chapters use."""

    def __init__(self, registry: Registry, clock: Clock, say: Callable[[str], None]) -> None:
        self.registry, self.clock, self.say = registry, clock, say
        self.weather = Weather.read()
        self.fitted: dict[str, Fitted] = {}
        #: The rows to train on and those held out, by model name.
        self.splits: dict[str, tuple[Rows, Rows]] = {}

    def add(
        self,
        model_name: str,
        model_type: str,
        parameters: Mapping[str, Any],
        rows: Rows,
        holdout: Rows,
        evaluation_set: str,
        description: str,
        tags: tuple[str, ...] = (),
    ) -> str:
        """Train, measure and register one model; says what came of it."""
        fitted = train(model_type, parameters, rows)
        model_id = self.registry.register_model(
            *fitted,
            model_name=model_name,
            model_type=model_type,
            performance_metrics=measure(fitted, holdout),
            training_info={
                "training_samples": len(rows),
                "data_quality_score": rows.quality,
                "trained_on": rows.label,
                "holdout_samples": len(holdout),
            },
            feature_names=list(rows.names),
            hyperparameters=dict(parameters),
            evaluation_set=evaluation_set,
            description=description,
            tags=list(tags),
            training_data=rows.inputs,
            actor=PIPELINE,
        )
        self.fitted[model_id] = fitted
        known = self.registry.get_metadata(model_id)
        self.say(f"{title(known)}, trained on {rows.label}: {_score(known)}{_outcome(known)}")
        return model_id

    def offutt(
        self, model_type: str, parameters: Mapping[str, Any], first: int, last: int, *, derived: bool = False
    ) -> str:
        """A model of OffuttRain trained on some years, measured on the usual holdout."""
        return self.add(
            "OffuttRain",
            model_type,
            parameters,
            self.weather.years(first, last, derived=derived),
            self.weather.years(1990, 1994, derived=derived),
            HOLDOUT,
            f"Did it rain that day? Trained on {first} to {last}.",
            ("retraining",),
        )

    def from_split(
        self, model_name: str, which: str, model_type: str, parameters: Mapping[str, Any], description: str
    ) -> str:
        """A model of one of scikit-learn's sets, measured on the quarter held out."""
        if model_name not in self.splits:
            self.splits[model_name] = split(which)
        train_rows, holdout = self.splits[model_name]
        evaluation_set = f"{which.replace('_', '-')}-holdout"
        return self.add(model_name, model_type, parameters, train_rows, holdout, evaluation_set, description)

    def live(self, model_id: str, first: int, last: int) -> dict[str, float]:
        """How a model of OffuttRain does on later years than those it was chosen on."""
        derived = len(self.registry.get_metadata(model_id).feature_names) > 8
        return measure(self.fitted[model_id], self.weather.years(first, last, derived=derived))


def title(metadata: ModelMetadata) -> str:
    return f"{metadata.model_name} {metadata.version} {metadata.model_type}"


def _score(metadata: ModelMetadata) -> str:
    return f"score {metadata.composite_score:.4f}" if metadata.composite_score is not None else "no score"


def _outcome(metadata: ModelMetadata) -> str:
    return ", champion" if metadata.is_active else ", not promoted"


def figures(measured: Mapping[str, float]) -> str:
    names = {"accuracy": "accuracy", "f1_score": "F1", "log_loss": "log loss"}
    return ", ".join(f"{word} {measured[name]:.3f}" for name, word in names.items())
