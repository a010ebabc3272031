"""The models that are registered: the same recipe in both environments."""

from __future__ import annotations

from collections.abc import Iterator
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


def usual(trees: int) -> Iterator[tuple[str, Any]]:
    """What else is registered day by day, as (what, fitted): from a line of numbers to a few megabytes of trees."""
    from sklearn import ensemble, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm

    inputs, target = _data(4000)
    yield "logistic regression", regression()[0]
    yield "scaler", regression()[1]
    yield f"forest of {trees} trees", forest(trees)
    for what, model in (
        ("naive Bayes", naive_bayes.GaussianNB()),
        ("gradient boosting", ensemble.GradientBoostingClassifier(n_estimators=trees, random_state=0)),
        ("histogram boosting", ensemble.HistGradientBoostingClassifier(max_iter=trees, random_state=0)),
        ("extra trees", ensemble.ExtraTreesClassifier(max(1, trees // 10), random_state=0)),
        ("nearest neighbours", neighbors.KNeighborsClassifier(algorithm="kd_tree")),
        ("support vectors", svm.SVC()),
        ("neural network", neural_network.MLPClassifier((32,), max_iter=300, tol=1e-2, random_state=0)),
        ("scaled pipeline", pipeline.make_pipeline(preprocessing.StandardScaler(), svm.LinearSVC())),
    ):
        yield what, model.fit(inputs, target)


def holdout() -> Any:
    """Rows to measure the models on, with the truth in ``target``."""
    import pandas as pd

    inputs, target = _data(4000)
    return pd.DataFrame(inputs, columns=[f"x{place}" for place in range(FEATURES)]).assign(target=target)


def question() -> Any:
    """One row to predict."""
    return _data(500)[0][:1]


def metrics(number: int) -> dict[str, float]:
    """The metrics of the so-many-th version: all different, and none beats the first."""
    # A multiplication modulo a prime mixes the order, so that the best are not the newest.
    mixed = (number * 48_271) % 2_147_483_647 / 2_147_483_647
    value = 0.95 if number == 0 else 0.5 + 0.4 * mixed
    return {name: value - 0.001 * place for place, name in enumerate(METRICS)} | {"log_loss": 1.2 - value}
