"""Training and measuring: scikit-learn, seeded, on the rows it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .datasets import Rows

Fitted = tuple[Any, Any]


def estimator(model_type: str, parameters: Mapping[str, Any]) -> Any:
    """A scikit-learn estimator, seeded where it draws random numbers."""
    from sklearn import dummy, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm

    if model_type == "Splines":
        return _splines(**parameters)
    makers = {
        "Dummy": dummy.DummyClassifier,
        "GaussianNB": naive_bayes.GaussianNB,
        "GradientBoostingRegressor": ensemble.GradientBoostingRegressor,
        "HistGradientBoosting": ensemble.HistGradientBoostingClassifier,
        "KNeighbors": neighbors.KNeighborsClassifier,
        "LinearRegression": linear_model.LinearRegression,
        "LogisticRegression": linear_model.LogisticRegression,
        "MLP": neural_network.MLPClassifier,
        "RandomForest": ensemble.RandomForestClassifier,
        "RandomForestRegressor": ensemble.RandomForestRegressor,
        "SVC": svm.SVC,
    }
    made = makers[model_type](**parameters)
    if "random_state" in made.get_params():
        made.set_params(random_state=0)
    return made


def _splines(knots: int) -> Any:
    """A smooth curve for each input; beyond what it was trained on, a curve goes on as it began."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    curves = SplineTransformer(knots, degree=3, extrapolation="continue")
    return make_pipeline(SimpleImputer(), curves, LogisticRegression(max_iter=200))


def train(model_type: str, parameters: Mapping[str, Any], rows: Rows) -> Fitted:
    """A fitted model and the scaler of its inputs."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(rows.inputs)
    return estimator(model_type, parameters).fit(scaler.transform(rows.inputs), rows.target), scaler


def measure(fitted: Fitted, rows: Rows) -> dict[str, float]:
    """Every metric that can be measured on these rows; one that cannot is left out."""
    from sklearn import metrics

    model, scaler = fitted
    inputs, truth = scaler.transform(rows.inputs), rows.target
    answer = model.predict(inputs)
    if not hasattr(model, "classes_"):
        return {
            "r2": float(metrics.r2_score(truth, answer)),
            "rmse": float(metrics.root_mean_squared_error(truth, answer)),
            "mae": float(metrics.mean_absolute_error(truth, answer)),
        }
    measured = {
        "accuracy": metrics.accuracy_score(truth, answer),
        "f1_score": metrics.f1_score(truth, answer, zero_division=0),
        "precision": metrics.precision_score(truth, answer, zero_division=0),
        "recall": metrics.recall_score(truth, answer, zero_division=0),
    }
    if hasattr(model, "predict_proba"):
        share = model.predict_proba(inputs)[:, 1]
        measured |= {
            "auc": metrics.roc_auc_score(truth, share),
            "log_loss": metrics.log_loss(truth, share),
            "brier": metrics.brier_score_loss(truth, share),
        }
    else:
        # It answers with a distance, not a probability: enough to rank by, not enough for a loss.
        measured["auc"] = metrics.roc_auc_score(truth, model.decision_function(inputs))
    return {name: float(value) for name, value in measured.items()}
