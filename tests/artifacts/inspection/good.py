"""Fitted estimators and pipelines that people really have: every one of them has to be trusted."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from scipy.sparse import csr_matrix
from sklearn import (
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.pipeline import FeatureUnion, make_pipeline
from threadpoolctl import threadpool_limits

COMPRESSIONS = ("zlib", "gzip", "bz2", "lzma", "xz", "lz4")


@cache
def good_models() -> dict[str, Any]:
    """Fitted estimators and pipelines by a name of their own."""
    inputs, target = load_iris(return_X_y=True)
    inputs, target = inputs[::3], target[::3]
    number = inputs[:, 0] + inputs[:, 1]
    texts = ["a red fox", "a blue bird", "the red bird", "the blue fox"] * 5
    found: dict[str, Any] = {}
    # One thread: so small a model is fitted before a second one has started.
    with warnings.catch_warnings(), threadpool_limits(1):
        # So few rows converge badly, and repeat themselves.
        warnings.simplefilter("ignore")
        for name, model in _classifiers():
            found[name] = model.fit(inputs, target)
        for name, model in _regressors():
            found[name] = model.fit(inputs, number)
        for name, model in _transformers():
            found[name] = model.fit(inputs, target)
        for name, model in _of_texts():
            found[name] = model.fit(texts, [0, 1, 0, 1] * 5)
        frame = pd.DataFrame({"size": inputs[:, 0], "kind": pd.Categorical(np.array(["a", "b"])[target % 2])})
        boosting = ensemble.HistGradientBoostingClassifier(max_iter=2)
        found["histogram boosting of categories"] = boosting.fit(frame, target)
        found["sparse neighbours"] = neighbors.KNeighborsClassifier().fit(csr_matrix(inputs), target)
        found["sparse support vectors"] = svm.SVC().fit(csr_matrix(inputs), target)
        found["isotonic regression"] = isotonic.IsotonicRegression().fit(inputs[:, 0], number)
        found["label encoder"] = preprocessing.LabelEncoder().fit(["red", "green", "blue"])
        found["XGBoost's booster"] = found["XGBoost classifier"].get_booster()
        found["LightGBM's booster"] = found["LightGBM classifier"].booster_
    return found


def pickled(model: Any) -> Iterator[tuple[str, bytes]]:
    """A model in every way of pickling it, as (which, bytes)."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle, protocol {protocol}", pickle.dumps(model, protocol)
    for compression in (0, *COMPRESSIONS):
        buffer = io.BytesIO()
        joblib.dump(model, buffer, compress=(compression, 3) if compression else 0)
        yield f"joblib, {compression}" if compression else "joblib", buffer.getvalue()


def _classifiers() -> Iterator[tuple[str, Any]]:
    yield "logistic regression", linear_model.LogisticRegression()
    yield "logistic regression with folds", linear_model.LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False)
    yield "stochastic gradient", linear_model.SGDClassifier(loss="modified_huber", random_state=0)
    yield "ridge classifier", linear_model.RidgeClassifier()
    yield "decision tree", tree.DecisionTreeClassifier(random_state=np.random.RandomState(0))
    yield "forest", ensemble.RandomForestClassifier(3, random_state=0)
    yield "extra trees", ensemble.ExtraTreesClassifier(3, random_state=0)
    yield "gradient boosting", ensemble.GradientBoostingClassifier(n_estimators=2)
    yield "histogram boosting", ensemble.HistGradientBoostingClassifier(max_iter=2)
    yield "AdaBoost", ensemble.AdaBoostClassifier(n_estimators=2)
    yield "bagging", ensemble.BaggingClassifier(tree.DecisionTreeClassifier(), n_estimators=2)
    yield "voting", ensemble.VotingClassifier([("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier())])
    yield "stacking", ensemble.StackingClassifier([("a", naive_bayes.GaussianNB())], cv=2)
    yield "support vectors", svm.SVC(probability=False)
    yield "linear support vectors", svm.LinearSVC()
    yield "naive Bayes", naive_bayes.GaussianNB()
    yield "nearest neighbours", neighbors.KNeighborsClassifier(algorithm="kd_tree")
    yield "nearest neighbours in balls", neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="manhattan")
    yield "linear discriminant", discriminant_analysis.LinearDiscriminantAnalysis()
    yield "neural network", neural_network.MLPClassifier((4,), max_iter=5, random_state=0)
    yield "Gaussian process", gaussian_process.GaussianProcessClassifier(1.0 * gaussian_process.kernels.RBF())
    yield "calibrated", CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2, method="isotonic")
    yield (
        "grid search",
        model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [1, 2]}, cv=2, scoring="accuracy"),
    )
    yield "scaled pipeline", make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    yield (
        "logarithms and a forest",
        make_pipeline(preprocessing.FunctionTransformer(np.log1p), ensemble.RandomForestClassifier(2)),
    )
    columns = [
        ("a", preprocessing.OneHotEncoder(handle_unknown="ignore"), [0]),
        ("b", preprocessing.MinMaxScaler(), [1, 2]),
    ]
    yield "columns", make_pipeline(compose.ColumnTransformer(columns), linear_model.LogisticRegression())
    yield (
        "selected and imputed",
        make_pipeline(impute.SimpleImputer(), feature_selection.SelectKBest(k=2), svm.LinearSVC()),
    )
    yield "XGBoost classifier", xgboost.XGBClassifier(n_estimators=2, n_jobs=1)
    yield "XGBoost forest", xgboost.XGBRFClassifier(n_estimators=2, n_jobs=1)
    yield "LightGBM classifier", lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, min_child_samples=2, verbose=-1)
    yield (
        "LightGBM pipeline",
        make_pipeline(preprocessing.StandardScaler(), lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1)),
    )


def _regressors() -> Iterator[tuple[str, Any]]:
    yield "linear regression", linear_model.LinearRegression()
    yield "ridge", linear_model.Ridge()
    yield "elastic net", linear_model.ElasticNet()
    yield "Poisson regression", linear_model.PoissonRegressor()
    yield "Huber regression", linear_model.HuberRegressor()
    yield "kernel ridge", kernel_ridge.KernelRidge(kernel="rbf")
    yield "support vector regression", svm.SVR()
    yield "forest regression", ensemble.RandomForestRegressor(3)
    yield "gradient boosting regression", ensemble.GradientBoostingRegressor(n_estimators=2)
    yield "histogram boosting regression", ensemble.HistGradientBoostingRegressor(max_iter=2, loss="poisson")
    yield (
        "Gaussian process regression",
        gaussian_process.GaussianProcessRegressor(random_state=np.random.RandomState(1)),
    )
    yield (
        "target transformed",
        compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log, inverse_func=np.exp),
    )
    yield "splines and ridge", make_pipeline(preprocessing.SplineTransformer(n_knots=3), linear_model.Ridge())
    yield "XGBoost regression", xgboost.XGBRegressor(n_estimators=2, n_jobs=1, booster="dart")
    yield "LightGBM regression", lightgbm.LGBMRegressor(n_estimators=2, n_jobs=1, min_child_samples=2, verbose=-1)


def _transformers() -> Iterator[tuple[str, Any]]:
    yield "standard scaler", preprocessing.StandardScaler()
    yield "quantiles", preprocessing.QuantileTransformer(n_quantiles=5)
    yield "principal components", decomposition.PCA(2)
    yield "powers by a partial", preprocessing.FunctionTransformer(partial(np.power, 2.0))
    yield "k-means", cluster.KMeans(2, n_init=1)
    yield "isolation forest", ensemble.IsolationForest(n_estimators=2)
    yield "Gaussian mixture", mixture.GaussianMixture(2)
    both = [("a", decomposition.PCA(1)), ("b", preprocessing.StandardScaler())]
    yield "union", make_pipeline(FeatureUnion(both), linear_model.LogisticRegression())


def _of_texts() -> Iterator[tuple[str, Any]]:
    text = feature_extraction.text
    yield "words", make_pipeline(text.TfidfVectorizer(), naive_bayes.MultinomialNB())
    yield "hashed words", make_pipeline(text.HashingVectorizer(n_features=8), linear_model.LogisticRegression())
