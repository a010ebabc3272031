"""Fitted objects whose parts do not fit each other: used, the compiled code of their library would leave its arrays.

Each is (what, bytes), of trusted names only, and has to be refused.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightgbm
import numpy as np
from scipy.sparse import csr_matrix
from sklearn import cluster, ensemble, feature_extraction, neighbors, preprocessing, svm
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_limits

Change = Callable[[Any], None]


def files() -> Iterator[tuple[str, bytes]]:
    """All of them."""
    for label, model, change in _fitted():
        change(model)
        yield label, pickle.dumps(model)


def unchanged() -> Iterator[tuple[str, Any]]:
    """The same models as they were fitted."""
    for label, model, _ in _fitted():
        yield label, model


def _fitted() -> Iterator[tuple[str, Any, Change]]:
    rows, target = load_iris(return_X_y=True)
    rows, target = rows[::3], target[::3]
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield from _encoders(np.round(rows))
        yield from _texts()
        yield from _vectors(rows, target)
        yield from _trees(rows, target)
        yield from _boosters(rows, target)
        yield from _centres(rows)
        yield from _neighbours(rows, target)


def _setting(name: str, value: Any) -> Change:
    """Another value for an attribute; a function makes it of the old one."""
    return lambda model: setattr(model, name, value(getattr(model, name)) if callable(value) else value)


def _inside(name: str, change: Change) -> Change:
    return lambda model: change(getattr(model, name))


def _at(place: Any, value: Any) -> Change:
    def change(items: Any) -> None:
        items[place] = value

    return change


def _encoders(rows: Any) -> Iterator[tuple[str, Any, Change]]:
    def one_hot(**settings: Any) -> Any:
        return preprocessing.OneHotEncoder(handle_unknown="ignore", **settings).fit(rows)

    yield "one-hot: fewer columns than categories", one_hot(), _inside("_n_features_outs", _at(3, 1))
    yield "one-hot: a negative number of columns", one_hot(), _inside("_n_features_outs", _at(0, -5))
    yield "one-hot: columns for other inputs", one_hot(), _inside("_n_features_outs", lambda it: it.append(3))
    yield "one-hot: more categories than columns", one_hot(), _inside("categories_", _at(3, np.arange(50.0)))
    yield (
        "one-hot: categories out of order",
        one_hot(),
        _inside("categories_", lambda it: it.__setitem__(0, it[0][::-1].copy())),
    )
    yield "one-hot: categories for other inputs", one_hot(), _inside("categories_", lambda it: it.pop())
    yield "one-hot: drops what is not there", one_hot(drop="first"), _inside("_drop_idx_after_grouping", _at(0, 99))
    rare = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)
    grouped = rare.fit(rows)
    yield (
        "one-hot: groups that are not there",
        grouped,
        _inside("_default_to_infrequent_mappings", lambda it: _raise_all(it)),
    )
    bins = preprocessing.KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf").fit(rows)
    yield "k-bins: an encoder of fewer columns", bins, _inside("_encoder", _inside("_n_features_outs", _at(3, 1)))
    embedding = ensemble.RandomTreesEmbedding(3, random_state=0).fit(rows)
    yield (
        "embedding: an encoder of fewer columns",
        embedding,
        _inside("one_hot_encoder_", _inside("_n_features_outs", _at(2, 1))),
    )


def _raise_all(mappings: list[Any]) -> None:
    for mapping in mappings:
        if mapping is not None:
            mapping += 1000


def _texts() -> Iterator[tuple[str, Any, Change]]:
    words = ["a red fox", "the blue bird"]
    for kind in (feature_extraction.text.CountVectorizer, feature_extraction.text.TfidfVectorizer):
        yield f"{kind.__name__}: a column outside", kind().fit(words), _inside("vocabulary_", _at("fox", 1 << 20))
        yield f"{kind.__name__}: a negative column", kind().fit(words), _inside("vocabulary_", _at("fox", -3))
        yield f"{kind.__name__}: two words of one column", kind().fit(words), _inside("vocabulary_", _at("fox", 0))
    pairs = feature_extraction.DictVectorizer().fit([{"a": 1.0}, {"b": 2.0}])
    yield "DictVectorizer: a column outside", pairs, _inside("vocabulary_", _at("a", 1 << 20))
    hashing = feature_extraction.text.HashingVectorizer(n_features=8).fit(words)
    yield "HashingVectorizer: no columns", hashing, _setting("n_features", 0)


def _vectors(rows: Any, target: Any) -> Iterator[tuple[str, Any, Change]]:
    def fitted(**settings: Any) -> Any:
        return svm.SVC(**settings).fit(rows, target)

    yield "support vectors: narrower than a row", fitted(), _setting("support_vectors_", lambda it: it[:, :2].copy())
    yield "support vectors: fewer coefficients", fitted(), _setting("_dual_coef_", lambda it: it[:, :3].copy())
    yield "support vectors: fewer offsets", fitted(), _setting("_intercept_", lambda it: it[:1].copy())
    yield "support vectors: a vector that is not there", fitted(), _inside("support_", _at(0, 1 << 30))
    kernel = svm.SVC(kernel="precomputed").fit(rows @ rows.T, target)
    yield "support vectors: a column of the kernel that is not there", kernel, _inside("support_", _at(0, 10_000))
    yield "support vectors: probabilities that are not there", fitted(), _setting("_effective_probability", True)
    sparse = svm.SVC().fit(csr_matrix(rows), target)
    yield "sparse support vectors: fewer coefficients", sparse, _setting("_dual_coef_", lambda it: csr_matrix(it.shape))


def _trees(rows: Any, target: Any) -> Iterator[tuple[str, Any, Change]]:
    def narrow(forest: Any) -> None:
        forest.estimators_[1] = type(forest)(1, max_depth=2).fit(np.tile(rows, 50), target).estimators_[0]

    yield "forest: a tree of more inputs", ensemble.RandomForestClassifier(3).fit(rows, target), narrow
    isolating = ensemble.IsolationForest(n_estimators=3).fit(rows)
    yield (
        "isolation forest: a tree of more inputs",
        isolating,
        _inside("estimators_features_", lambda it: it.__setitem__(1, it[1][:1])),
    )
    boosting = ensemble.GradientBoostingClassifier(n_estimators=1, max_depth=1).fit(rows, target)
    yield (
        "gradient boosting: a start with fewer classes",
        boosting,
        _inside("init_", _setting("class_prior_", np.ones(1))),
    )
    histogram = ensemble.HistGradientBoostingClassifier(max_iter=1).fit(rows, target)

    def by_category(model: Any) -> None:
        predictor = model._predictors[0][0]
        predictor.nodes["is_categorical"][0] = 1
        predictor.raw_left_cat_bitsets = predictor.binned_left_cat_bitsets = np.zeros((1, 8), dtype=np.uint32)

    yield "histogram boosting: categories of an input that has none", histogram, by_category
    categories = ensemble.HistGradientBoostingClassifier(max_iter=1, categorical_features=[0])
    categories.fit(np.round(rows), target)
    yield (
        "histogram boosting: a category beyond a byte",
        categories,
        _inside("_bin_mapper", _inside("bin_thresholds_", _at(0, np.array([1.0, 1e9])))),
    )


def _boosters(rows: Any, target: Any) -> Iterator[tuple[str, Any, Change]]:
    def fitted() -> Any:
        return lightgbm.LGBMClassifier(n_estimators=1, n_jobs=1, min_child_samples=2, verbose=-1).fit(rows, target)

    yield "LightGBM: fewer inputs than its booster", fitted(), _setting("_n_features", 1)
    unchecked = _setting("_other_params", {"predict_disable_shape_check": True})
    yield "LightGBM: rows of any width", fitted(), unchecked


def _centres(rows: Any) -> Iterator[tuple[str, Any, Change]]:
    for kind in (cluster.KMeans, cluster.MiniBatchKMeans, cluster.BisectingKMeans):
        model = kind(3, random_state=0, n_init=1).fit(rows)
        yield (
            f"{kind.__name__}: centres narrower than a row",
            model,
            _setting("cluster_centers_", lambda it: it[:, :1].copy()),
        )
    halves = cluster.BisectingKMeans(3, random_state=0).fit(rows)
    yield (
        "BisectingKMeans: a centre inside that is narrower",
        halves,
        _inside("_bisecting_tree", _inside("left", _setting("center", lambda it: it[:1].copy()))),
    )
    threads = cluster.KMeans(3, random_state=0, n_init=1).fit(rows)
    jobs = ensemble.RandomForestClassifier(2).fit(rows, np.arange(len(rows)) % 2)
    yield "forest: more threads than a machine has", jobs, _setting("n_jobs", 1 << 20)
    yield "KMeans: fewer threads than none", threads, _setting("_n_threads", -1)


def _neighbours(rows: Any, target: Any) -> Iterator[tuple[str, Any, Change]]:
    def fitted() -> Any:
        return neighbors.KNeighborsClassifier(algorithm="brute").fit(rows, target)

    yield "neighbours: a label that is no class", fitted(), _inside("_y", _at(0, 1 << 30))
    yield "neighbours: a negative label", fitted(), _inside("_y", _at(0, -9))
    yield "neighbours: fewer classes", fitted(), _setting("classes_", lambda it: it[:1])
    yield "neighbours: fewer labels than rows", fitted(), _setting("_y", lambda it: it[:5].copy())
    yield "neighbours: fewer rows than they count", fitted(), _setting("_fit_X", lambda it: it[:5].copy())
    within = neighbors.RadiusNeighborsClassifier(algorithm="brute").fit(rows, target)
    yield "neighbours within a radius: a label that is no class", within, _inside("_y", _at(0, 1 << 30))
