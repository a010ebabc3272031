"""What happened: models trained over the years, promoted, refused, rejected, rolled back, sent in from outside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
        self.now = moment


class Story:
    """The registry being filled, and the verbs the chapters use."""

    def __init__(self, registry: Registry, clock: Clock, say: Callable[[str], None]) -> None:
        self.registry, self.clock, self.say = registry, clock, say
        self.weather = Weather.read()
        self.fitted: dict[str, Fitted] = {}
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
            actor=PIPELINE,
        )
        self.fitted[model_id] = fitted
        known = self.registry.get_metadata(model_id)
        self.say(f"{_title(known)}, trained on {rows.label}: {_score(known)}{_outcome(known)}")
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
        if which not in self.splits:
            self.splits[which] = split(which)
        train_rows, holdout = self.splits[which]
        evaluation_set = f"{which.replace('_', '-')}-holdout"
        return self.add(model_name, model_type, parameters, train_rows, holdout, evaluation_set, description)

    def live(self, model_id: str, first: int, last: int) -> dict[str, float]:
        """How a model of OffuttRain does on later years than those it was chosen on."""
        derived = len(self.registry.get_metadata(model_id).feature_names) > 8
        return measure(self.fitted[model_id], self.weather.years(first, last, derived=derived))


def _title(metadata: ModelMetadata) -> str:
    return f"{metadata.model_name} {metadata.version} {metadata.model_type}"


def _score(metadata: ModelMetadata) -> str:
    return f"score {metadata.composite_score:.4f}" if metadata.composite_score is not None else "no score"


def _outcome(metadata: ModelMetadata) -> str:
    return ", champion" if metadata.is_active else ", not promoted"


def _figures(measured: Mapping[str, float]) -> str:
    names = {"accuracy": "accuracy", "f1_score": "F1", "log_loss": "log loss"}
    return ", ".join(f"{word} {measured[name]:.3f}" for name, word in names.items())


_BOOSTING = {"max_iter": 60, "max_leaf_nodes": 15, "learning_rate": 0.1}
_FOREST = {"n_estimators": 40, "max_depth": 9, "min_samples_leaf": 8}


def tell(folder: Path, say: Callable[[str], None], now: datetime) -> None:
    """Fill the registry in an empty folder, its history ending at ``now``."""
    say("Reading fifty years of weather and opening an empty registry ...")
    # Before the limit below: it reaches only libraries that are loaded.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    clock = Clock(now)
    clock.at(215, 8, 30)
    # The models are small: handing them from thread to thread takes longer than fitting them, on two cores much longer.
    with threadpool_limits(limits=1), Registry(folder, clock=clock, actor=PIPELINE) as registry:
        story = Story(registry, clock, say)
        _first_champions(story)
        digits_best = _digits(story)
        steady, fragile = _a_fragile_champion(story)
        _rollback(story, steady, fragile)
        _after_the_rollback(story, digits_best)


def _first_champions(story: Story) -> None:
    clock, registry = story.clock, story.registry
    clock.at(208, 9, 12)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1949, 1953)
    clock.at(196, 13, 5)
    registry.configure(
        "TumourScreen",
        actor=ANNA,
        reason="A tumour that is missed costs more than a false alarm, and differences in the third decimal are chance "
        "on 143 cases",
        performance_weight={"recall": 0.5, "auc": 0.3, "accuracy": 0.1, "data_quality": 0.1},
        selection_margin=0.002,
    )
    story.say("TumourScreen: recall counts half, and a challenger must win by 0.002 (set by anna.kovacs)")
    clock.at(195, 10, 40)
    baseline = story.from_split(
        "TumourScreen", "breast_cancer", "Dummy", {}, "Always says benign: what any model must beat."
    )
    clock.at(194, 11, 2)
    story.from_split("TumourScreen", "breast_cancer", "SVC", {"C": 1.0, "kernel": "rbf"}, "Radial basis functions.")
    clock.at(193, 9, 30)
    registry.archive(baseline, actor=ANNA, reason="It was the yardstick; it is not meant for production")
    clock.at(188, 9, 14)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1949, 1958)
    clock.at(179, 14, 21)
    story.from_split(
        "TumourScreen", "breast_cancer", "MLP", {"hidden_layer_sizes": [30], "max_iter": 1000}, "One hidden layer."
    )
    clock.at(178, 10, 8)
    linear = story.from_split(
        "TumourScreen", "breast_cancer", "LogisticRegression", {"max_iter": 1000}, "The simplest that does the job."
    )
    clock.at(176, 14, 47)
    champion = registry.get_active_model_id("TumourScreen")
    old, new = (registry.get_metadata(str(each)) for each in (champion, linear))
    registry.promote(
        linear,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Recall {new.recall:.3f} against {old.recall:.3f} and accuracy {new.accuracy:.3f} against "
        f"{old.accuracy:.3f} on the holdout: no difference. It gives probabilities, which the desk needs",
    )
    story.say(f"anna.kovacs promotes {linear}")
    clock.at(172, 9, 11)
    story.offutt("RandomForest", _FOREST, 1949, 1958)
    clock.at(160, 9, 16)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1959, 1968)


def _digits(story: Story) -> str:
    clock = story.clock
    parity = "Is the digit in the picture even?"
    clock.at(155, 10, 25)
    story.from_split("DigitParity", "digits", "RandomForest", {"n_estimators": 100}, parity)
    clock.at(153, 11, 40)
    story.from_split("DigitParity", "digits", "LogisticRegression", {"max_iter": 1000}, parity)
    clock.at(149, 9, 55)
    story.from_split("DigitParity", "digits", "KNeighbors", {"n_neighbors": 5}, parity)
    clock.at(144, 9, 13)
    story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1968)
    clock.at(133, 13, 20)
    return story.from_split("DigitParity", "digits", "MLP", {"hidden_layer_sizes": [100], "max_iter": 300}, parity)


def _a_fragile_champion(story: Story) -> tuple[str, str]:
    clock, registry = story.clock, story.registry
    clock.at(126, 9, 10)
    story.offutt("GaussianNB", {}, 1969, 1978)
    clock.at(121, 10, 31)
    disease = "How far the disease will have progressed in a year."
    story.from_split(
        "DiabetesProgression",
        "diabetes",
        "RandomForestRegressor",
        {"n_estimators": 60, "min_samples_leaf": 5},
        disease,
    )
    clock.at(112, 9, 12)
    steady = story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1978)
    clock.at(104, 11, 18)
    story.from_split("DiabetesProgression", "diabetes", "LinearRegression", {}, disease)
    clock.at(97, 14, 3)
    story.add(
        "OffuttRain",
        "HistGradientBoosting",
        {**_BOOSTING, "max_iter": 40},
        story.weather.years(1949, 1968),
        story.weather.years(1975, 1979),
        "offutt-holdout-1970s",
        "Measured on the old holdout, 1975 to 1979: its score cannot be set against the others.",
        ("experiment",),
    )
    clock.at(84, 9, 15)
    story.offutt("LogisticRegression", {"max_iter": 500, "C": 0.5}, 1974, 1983)
    clock.at(77, 10, 44)
    story.from_split(
        "DiabetesProgression",
        "diabetes",
        "GradientBoostingRegressor",
        {"n_estimators": 60, "max_depth": 2},
        disease,
    )
    clock.at(62, 9, 9)
    fragile = story.offutt("HistGradientBoosting", _BOOSTING, 1985, 1989)
    if registry.get_active_model_id("OffuttRain") != fragile:
        raise RuntimeError("the demo's story needs the model of 1985 to 1989 to win on the holdout")
    return steady, fragile


def _rollback(story: Story, steady: str, fragile: str) -> None:
    clock, registry = story.clock, story.registry
    before, now, other = (
        registry.get_metadata(fragile).all_metrics(),
        story.live(fragile, 1995, 1996),
        story.live(steady, 1995, 1996),
    )
    clock.at(47, 2, 52)
    registry.rollback(
        "OffuttRain",
        steady,
        expected_champion=fragile,
        actor=JONAS,
        reason=f"Over 1995 and 1996 it fell to {_figures(now)} (at promotion {_figures(before)}). "
        f"{steady} holds {_figures(other)} on the same days. It knows five years only",
    )
    story.say(
        f"OffuttRain: accuracy {before['accuracy']:.3f} -> {now['accuracy']:.3f} on 1995-1996; "
        f"jonas.okafor rolls back to {steady} ({other['accuracy']:.3f})"
    )
    clock.at(47, 8, 35)
    registry.configure(
        "OffuttRain",
        actor=ANNA,
        reason="After the rollback: a better score on the holdout is not enough, a person looks at later years first",
        auto_select_best=False,
    )
    clock.at(40, 9, 11)
    forest = story.offutt("RandomForest", _FOREST, 1980, 1989)
    clock.at(38, 13, 26)
    registry.reject(
        forest,
        actor=ANNA,
        reason=f"Fails like the one we took out: {_figures(story.live(forest, 1995, 1996))} over 1995 and 1996",
    )
    story.say(f"anna.kovacs rejects {forest}")


def _after_the_rollback(story: Story, digits_best: str) -> None:
    clock, registry = story.clock, story.registry
    clock.at(33, 10, 15)
    champion = str(registry.get_active_model_id("DigitParity"))
    forest, network = registry.get_metadata(champion), registry.get_metadata(digits_best)
    registry.configure(
        "DigitParity",
        actor=ANNA,
        reason=f"The forest leads by its ensemble bonus alone: accuracy {forest.accuracy:.4f} against "
        f"{network.accuracy:.4f} of the network",
        ensemble_bonus=0.0,
    )
    clock.at(33, 10, 22)
    registry.promote(
        digits_best,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Best on the holdout without the bonus: accuracy {network.accuracy:.4f}, AUC {network.auc:.4f}",
    )
    story.say(f"DigitParity without ensemble bonus; anna.kovacs promotes {digits_best}")
    clock.at(26, 9, 10)
    wider = story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1978, derived=True)
    clock.at(24, 14, 37)
    champion = str(registry.get_active_model_id("OffuttRain"))
    registry.promote(
        wider,
        expected_champion=champion,
        actor=ANNA,
        reason=f"Three further inputs help on the later years too: {_figures(story.live(wider, 1995, 1996))}, "
        f"the champion {_figures(story.live(champion, 1995, 1996))}",
    )
    story.say(f"anna.kovacs promotes {wider}")
    clock.at(5, 9, 10)
    story.offutt("HistGradientBoosting", _BOOSTING, 1949, 1989, derived=True)
    clock.ago(3.2)
    _send_in(story)
    clock.ago(1.1)
    story.offutt("LogisticRegression", {"max_iter": 500}, 1985, 1989, derived=True)


def _send_in(story: Story) -> None:
    import joblib

    rows, holdout = (story.weather.years(*span, derived=True) for span in ((1949, 1989), (1990, 1994)))
    parameters = {"C": 0.1, "max_iter": 500}
    fitted = train("LogisticRegression", parameters, rows)
    with tempfile.TemporaryDirectory() as outside:
        paths = [Path(outside) / name for name in ("rain.joblib", "rain_scaler.joblib")]
        for part, path in zip(fitted, paths, strict=True):
            joblib.dump(part, path)
        model_id = story.registry.upload(
            *paths,
            metadata={
                "model_name": "OffuttRain",
                "model_type": "LogisticRegression",
                "performance_metrics": measure(fitted, holdout),
                "training_info": {
                    "training_samples": len(rows),
                    "data_quality_score": rows.quality,
                    "trained_on": rows.label,
                },
                "feature_names": list(rows.names),
                "hyperparameters": parameters,
                "evaluation_set": HOLDOUT,
                "description": "Sent in by a partner, who reports these metrics.",
                "tags": ["partner"],
            },
            actor=PARTNER,
            reason="Our candidate, trained on everything up to 1989",
        )
    story.say(f"{_title(story.registry.get_metadata(model_id))} sent in by partner-lab: quarantined")
