"""The models that are registered: the same recipe in both environments."""

from __future__ import annotations

from functools import cache
from typing import Any

METRICS = ("accuracy", "auc", "f1_score", "precision", "recall")
FEATURES = 20


@cache
def _data(rows: int) -> Any:
    from sklearn.datasets import make_classification

    return make_classification(rows, FEATURES, n_informative=10, flip_y=0.1, random_state=0)


@cache
def regression() -> tuple[Any, Any]:
    """A small logistic regression, and the scaler of its inputs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    inputs, target = _data(500)
    scaler = StandardScaler().fit(inputs)
    return LogisticRegression().fit(scaler.transform(inputs), target), scaler


@cache
def forest(trees: int = 100) -> Any:
    """A forest; with 100 trees its file has about 7 MB."""
    from sklearn.ensemble import RandomForestClassifier

    inputs, target = _data(4000)
    return RandomForestClassifier(n_estimators=trees, random_state=0, n_jobs=1).fit(inputs, target)


def question() -> Any:
    """One row to predict."""
    return _data(500)[0][:1]


def metrics(number: int) -> dict[str, float]:
    """The metrics of the so-many-th version: all different, and none beats the first."""
    # A multiplication modulo a prime mixes the order, so that the best are not the newest.
    mixed = (number * 48_271) % 2_147_483_647 / 2_147_483_647
    value = 0.95 if number == 0 else 0.5 + 0.4 * mixed
    return {name: value - 0.001 * place for place, name in enumerate(METRICS)} | {"log_loss": 1.2 - value}
