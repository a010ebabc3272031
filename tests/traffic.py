"""Models for serving, experiments without their rules, and traffic."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, LogisticRegression

from registry_core import Arm, EventKind, Experiment, Registry
from registry_core.catalog import events, experiments

NAMES = ["first", "second"]
#: So many example rows are kept with a version.
EXAMPLES = 32


class Picky(LogisticRegression):
    """Answers with 0.25 more than it thinks; raises where the first input is above 100."""

    def predict_proba(self, features: Any) -> NDArray[Any]:
        if (np.asarray(features)[:, 0] > 100).any():
            raise ValueError("an input above 100")
        return np.asarray(super().predict_proba(features))


class Mute(Picky):
    """Answers its example rows, of which there are 32, and nothing else: whatever it needs is gone in production."""

    def predict_proba(self, features: Any) -> NDArray[Any]:
        if len(features) != EXAMPLES:
            raise RuntimeError("no answer")
        return super().predict_proba(features)

    def predict(self, features: Any) -> NDArray[Any]:
        best: NDArray[Any] = np.asarray(self.classes_)[self.predict_proba(features).argmax(axis=1)]
        return best


class Late(Picky):
    """Takes its time to answer: ``clock`` counts it, in seconds."""

    clock = 0.0

    def predict(self, features: Any) -> NDArray[Any]:
        Late.clock += 0.06
        return np.asarray(super().predict(features))


@cache
def rows(count: int = 400, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Inputs (count, 2), and truth that mostly follows the first of them."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(count, 2))
    return inputs, (inputs[:, 0] + 0.5 * chance.normal(size=count) > 0).astype(int)


def fitted(kind: type[LogisticRegression] = LogisticRegression, labels: Any = (0, 1), sign: int = 1) -> Any:
    """A classifier with these labels; with the sign -1 it is mostly wrong. A copy of what was fitted once."""
    return copy.deepcopy(_fitted(kind, tuple(labels), sign))


@cache
def _fitted(kind: type[LogisticRegression], labels: tuple[Any, ...], sign: int) -> LogisticRegression:
    inputs, truth = rows()
    return kind().fit(sign * inputs, np.array(labels)[truth])


def register(registry: Registry, accuracy: float = 0.9, model: Any = None, **changes: Any) -> str:
    """Register a model of ``Churn``; the one with the highest accuracy becomes champion."""
    fields: dict[str, Any] = {
        "model_name": "Churn",
        "model_type": "Model",
        "performance_metrics": dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy),
        "training_info": {"data_quality_score": 1.0},
        "feature_names": NAMES,
    }
    return registry.register_model(fitted() if model is None else model, **{**fields, **changes})


def trust(registry: Registry) -> None:
    """Let the models of this file be loaded."""
    registry.configure(
        trusted_globals=[f"tests.traffic.{each.__name__}" for each in (Picky, Mute, Late, Astray)], reason="reviewed"
    )


def regression() -> LinearRegression:
    """Of the first input, twice."""
    inputs, _ = rows()
    return LinearRegression().fit(inputs, 2 * inputs[:, 0])


def experiment(
    registry: Registry,
    *challengers: str,
    mode: Literal["shadow", "split"] = "split",
    share: float = 0.5,
    salt: str = "salt",
) -> int:
    """Let challengers take part, as the catalog knows it."""
    context = registry._context
    with context.database.transaction() as transaction:
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=EventKind.EXPERIMENT_STARTED,
            actor="anna",
            reason="",
            model_name="Churn",
        )
        arms = tuple(Arm(each, share if mode == "split" else 0.0) for each in challengers)
        champion = registry.get_active_model_id("Churn")
        assert champion is not None
        experiments.insert(
            transaction,
            Experiment(
                seq, "Churn", champion, arms, mode, "running", salt, "accuracy", 0.05, (), 0, at, at, "anna", ""
            ),
        )
    return seq


class Astray(Picky):
    """Answers what is no class of its."""

    def predict(self, features: Any) -> NDArray[Any]:
        return np.full(len(features), np.nan)
