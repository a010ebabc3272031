"""Small fitted estimators on real data, and a registration with everything said."""

from __future__ import annotations

from functools import cache
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import Registry

FEATURES = [str(name) for name in load_breast_cancer().feature_names]


@cache
def logistic() -> tuple[LogisticRegression, StandardScaler]:
    """A logistic regression and the scaler of its inputs."""
    inputs, target = load_breast_cancer(return_X_y=True)
    scaler = StandardScaler().fit(inputs)
    return LogisticRegression().fit(scaler.transform(inputs), target), scaler


@cache
def forest() -> RandomForestClassifier:
    """A forest of five trees on unscaled inputs."""
    inputs, target = load_breast_cancer(return_X_y=True)
    return RandomForestClassifier(n_estimators=5, random_state=0).fit(inputs, target)


def register(registry: Registry, accuracy: float | None = 0.9, **changes: Any) -> str:
    """Register the logistic regression with one accuracy for all metrics; None leaves the metrics out."""
    model, scaler = logistic()
    names = ("accuracy", "auc", "f1_score")
    fields: dict[str, Any] = {
        "model_name": "Churn",
        "model_type": "LogisticRegression",
        "performance_metrics": {} if accuracy is None else dict.fromkeys(names, accuracy),
        "training_info": {"data_quality_score": 1.0, "training_samples": 569},
        "feature_names": FEATURES,
        "hyperparameters": {"C": 1.0},
    }
    return registry.register_model(model, scaler, **{**fields, **changes})


def score(accuracy: float) -> float:
    """The seed's score of `register(registry, accuracy)`."""
    return 0.4 * accuracy + 0.3 * accuracy + 0.2 * accuracy + 0.1 * 1.0
