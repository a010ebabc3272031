"""Fitted pipelines as people have them: tables with texts, gaps and categories, and what is put on top of them.

Used to see that the list of trusted names covers what each version of scikit-learn writes (``benchmarks.allowed``).
Everything here is understood by scikit-learn 1.6 and newer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import sklearn.experimental.enable_halving_search_cv
import sklearn.experimental.enable_iterative_imputer  # noqa: F401
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_approximation,
    linear_model,
    manifold,
    metrics,
    mixture,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    random_projection,
    semi_supervised,
    svm,
    tree,
)

_ROWS = 60
_LOGISTIC = linear_model.LogisticRegression


def table() -> tuple[Any, Any]:
    """A DataFrame with numbers, gaps, whole numbers, flags, texts and categories, and a target of two classes."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": chance.normal(40, 10, _ROWS),
            "spend": np.where(chance.random(_ROWS) < 0.1, np.nan, chance.gamma(2, 50, _ROWS)),
            "visits": chance.integers(0, 9, _ROWS),
            "member": chance.random(_ROWS) < 0.5,
            "city": chance.choice(["Oslo", "Rome", "Lima"], _ROWS),
            "plan": pd.Categorical(chance.choice(["free", "plus"], _ROWS)),
            "store": pd.Categorical(chance.choice([10, 20, 30], _ROWS)),
        }
    )
    return frame, (frame["age"] + chance.normal(0, 3, _ROWS) > 40).astype(int).to_numpy()


def fitted() -> Iterator[tuple[str, Any]]:
    """Every pipeline, fitted, by a name of its own."""
    with warnings.catch_warnings():
        # So few rows converge badly, and what is deprecated is still in use.
        warnings.simplefilter("ignore")
        frame, target = table()
        for name, model in _of_tables():
            yield name, model.fit(frame, target)
        numbers = frame[["age", "visits"]].to_numpy(dtype=float)
        for name, model in (*_of_numbers(), *_searches(), *_wrapped()):
            yield name, model.fit(numbers, target)
        stars = np.array(["one", "two", "three"])[np.arange(_ROWS) % 3]
        for name, model in _of_three():
            yield name, model.fit(numbers, stars)
        values = numbers @ [2.0, 1.0] + 1
        for name, model in _regressors():
            yield name, model.fit(numbers, values)
        texts = np.array(["a red fox", "a blue bird", "the red bird", "no fox"] * (_ROWS // 4))
        for name, model in _of_texts():
            yield name, model.fit(texts, np.arange(_ROWS) % 2)
        for name, model in _alone():
            yield name, model.fit(numbers)
        yield from _encoded(frame, target)
        yield "isotonic", isotonic.IsotonicRegression(out_of_bounds="clip").fit(numbers[:, 0], values)
        halves = np.where(np.arange(_ROWS) % 2, target, -1)
        yield "self-training", semi_supervised.SelfTrainingClassifier(_LOGISTIC()).fit(numbers, halves)


def sampled() -> Iterator[tuple[str, Any]]:
    """Those of tables and around other models, fitted: in a second or two."""
    frame, target = table()
    for name, model in _of_tables():
        yield name, model.fit(frame, target)
    numbers = frame[["age", "visits"]].to_numpy(dtype=float)
    for name, model in _wrapped():
        yield name, model.fit(numbers, target)
    yield from _encoded(frame, target)


def _columns(**how: Any) -> Any:
    chosen = compose.make_column_selector
    return compose.make_column_transformer(
        (pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ["age", "spend"]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), chosen(dtype_include=["category"])),
        (preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
        **how,
    )


def _of_tables() -> Iterator[tuple[str, Any]]:
    for remainder in ("drop", "passthrough", preprocessing.MinMaxScaler()):
        yield f"columns, remainder {remainder}", pipeline.make_pipeline(_columns(remainder=remainder), _LOGISTIC())
    yield (
        "columns as pandas",
        pipeline.make_pipeline(
            _columns(remainder="passthrough", verbose_feature_names_out=False).set_output(transform="pandas"),
            _LOGISTIC(),
        ),
    )
    places = [("a", preprocessing.StandardScaler(), slice(0, 1)), ("b", "passthrough", [2]), ("c", "drop", [3])]
    yield "columns by place", pipeline.make_pipeline(compose.ColumnTransformer(places), _LOGISTIC())
    mask = [("a", preprocessing.StandardScaler(), [True] + [False] * 6)]
    yield "columns by mask", pipeline.make_pipeline(compose.ColumnTransformer(mask, remainder="drop"), _LOGISTIC())
    pattern = compose.make_column_selector(pattern="age|visits", dtype_include=np.number)
    yield (
        "columns by pattern",
        pipeline.make_pipeline(compose.make_column_transformer(("passthrough", pattern)), _LOGISTIC()),
    )
    numbers = compose.make_column_selector(dtype_include=["bool", "number"])
    boosting = ensemble.HistGradientBoostingClassifier
    for name, how in (
        ("categories", {}),
        ("early stopping", {"early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.3}),
        ("monotonic", {"monotonic_cst": {"age": 1}, "max_iter": 3}),
        ("interactions", {"interaction_cst": "pairwise", "max_iter": 3}),
        ("named categories", {"categorical_features": ["plan", "store"], "max_iter": 3}),
    ):
        yield f"histogram boosting, {name}", _Without("city", boosting(**{"max_iter": 5, **how}))
    yield (
        "histogram boosting of ordinals",
        pipeline.make_pipeline(
            compose.make_column_transformer(
                (preprocessing.OrdinalEncoder(), ["city"]), (preprocessing.FunctionTransformer(), numbers)
            ),
            boosting(max_iter=3, categorical_features=[0]),
        ),
    )
    union = pipeline.make_union(
        compose.make_column_transformer((preprocessing.StandardScaler(), ["age"])),
        compose.make_column_transformer((preprocessing.OneHotEncoder(sparse_output=False), ["city"])),
    )
    yield "union of columns", pipeline.make_pipeline(union, ensemble.RandomForestClassifier(2, random_state=0))
    for name, column, encoder in (
        ("texts", "city", preprocessing.TargetEncoder(cv=2)),
        ("numbers", "store", preprocessing.TargetEncoder(cv=2, smooth=2.0)),
        ("given", "city", preprocessing.TargetEncoder(cv=2, categories=[["Lima", "Oslo", "Rome"]])),
    ):
        columns = compose.make_column_transformer((encoder, [column]))
        yield f"target encoder, {name}", pipeline.make_pipeline(columns, _LOGISTIC())


class _Without:
    """Fits on the table without one column."""

    def __init__(self, column: str, model: Any) -> None:
        self.column, self.model = column, model

    def fit(self, frame: Any, target: Any) -> Any:
        return self.model.fit(frame.drop(columns=self.column), target)


def _of_numbers() -> Iterator[tuple[str, Any]]:
    steps = (
        ("ufunc", preprocessing.FunctionTransformer(np.log1p, inverse_func=np.expm1, check_inverse=False)),
        ("with arguments", preprocessing.FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 9})),
        ("function of numpy", preprocessing.FunctionTransformer(np.nan_to_num, feature_names_out="one-to-one")),
        ("partial of a ufunc", preprocessing.FunctionTransformer(partial(np.power, 2.0))),
        ("partial of numpy", preprocessing.FunctionTransformer(partial(np.clip, a_min=0, a_max=9))),
        ("partial of scikit-learn", preprocessing.FunctionTransformer(partial(preprocessing.scale, with_mean=False))),
        ("function of scikit-learn", preprocessing.FunctionTransformer(preprocessing.normalize)),
        ("identity", preprocessing.FunctionTransformer()),
        ("simple imputer", impute.SimpleImputer(strategy="most_frequent", add_indicator=True)),
        ("iterative imputer", impute.IterativeImputer(max_iter=2, random_state=0)),
        ("iterative imputer of trees", impute.IterativeImputer(tree.DecisionTreeRegressor(max_depth=2), max_iter=2)),
        ("neighbours' imputer", impute.KNNImputer(n_neighbors=2)),
        ("k best", feature_selection.SelectKBest(k=1)),
        (
            "k best by information",
            feature_selection.SelectKBest(partial(feature_selection.mutual_info_classif, n_neighbors=2), k=1),
        ),
        ("percentile", feature_selection.SelectPercentile(feature_selection.f_classif, percentile=50)),
        ("recursive", feature_selection.RFE(_LOGISTIC(), n_features_to_select=1)),
        ("recursive with folds", feature_selection.RFECV(_LOGISTIC(), cv=2)),
        ("from a model", feature_selection.SelectFromModel(ensemble.ExtraTreesClassifier(2), threshold=-np.inf)),
        ("one after another", feature_selection.SequentialFeatureSelector(_LOGISTIC(), n_features_to_select=1, cv=2)),
        ("variance", feature_selection.VarianceThreshold()),
        ("principal components", decomposition.PCA(0.9, svd_solver="full")),
        ("truncated SVD", decomposition.TruncatedSVD(1, random_state=np.random.RandomState(0))),
        ("incremental components", decomposition.IncrementalPCA(1)),
        ("independent components", decomposition.FastICA(1, random_state=0)),
        ("polynomials", preprocessing.PolynomialFeatures(2)),
        ("splines", preprocessing.SplineTransformer(n_knots=3)),
        ("bins", preprocessing.KBinsDiscretizer(3, encode="onehot-dense")),
        ("power", preprocessing.PowerTransformer()),
        ("quantiles", preprocessing.QuantileTransformer(n_quantiles=5, output_distribution="normal")),
        ("robust", preprocessing.RobustScaler()),
        ("largest", preprocessing.MaxAbsScaler()),
        ("binarized", preprocessing.Binarizer(threshold=3)),
        ("Nyström", kernel_approximation.Nystroem(n_components=5)),
        ("random features", kernel_approximation.RBFSampler(n_components=5)),
        ("random projection", random_projection.GaussianRandomProjection(2)),
        ("discriminants", discriminant_analysis.LinearDiscriminantAnalysis(n_components=1)),
        ("union", pipeline.FeatureUnion([("a", decomposition.PCA(1)), ("b", "passthrough")])),
    )
    for name, step in steps:
        yield name, pipeline.make_pipeline(step, preprocessing.MinMaxScaler(), _LOGISTIC())
    learners = (
        linear_model.LogisticRegressionCV(Cs=2, cv=2),
        linear_model.SGDClassifier(loss="log_loss", early_stopping=True, learning_rate="adaptive", eta0=0.1),
        linear_model.Perceptron(),
        linear_model.RidgeClassifierCV(),
        linear_model.PassiveAggressiveClassifier(),
        naive_bayes.GaussianNB(),
        naive_bayes.BernoulliNB(),
        naive_bayes.ComplementNB(),
        naive_bayes.CategoricalNB(),
        discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=covariance.LedoitWolf()),
        neighbors.KNeighborsClassifier(algorithm="kd_tree", weights="distance"),
        neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="haversine"),
        neighbors.RadiusNeighborsClassifier(50, outlier_label=0),
        neighbors.NearestCentroid(),
        svm.SVC(probability=True),
        svm.SVC(kernel="poly", class_weight="balanced"),
        svm.NuSVC(nu=0.3),
        svm.LinearSVC(),
        tree.DecisionTreeClassifier(class_weight="balanced"),
        tree.ExtraTreeClassifier(),
        ensemble.RandomForestClassifier(2, class_weight="balanced_subsample", oob_score=False),
        ensemble.ExtraTreesClassifier(2, monotonic_cst=[1, 0]),
        ensemble.GradientBoostingClassifier(n_estimators=3, n_iter_no_change=1),
        ensemble.GradientBoostingClassifier(n_estimators=2, init=_LOGISTIC()),
        ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=1), n_estimators=2),
        neural_network.MLPClassifier((3,), early_stopping=True, max_iter=5, random_state=0),
        neural_network.MLPClassifier((3,), solver="lbfgs", max_iter=5),
        neural_network.MLPClassifier((3,), solver="sgd", max_iter=5, learning_rate="adaptive"),
        gaussian_process.GaussianProcessClassifier(
            gaussian_process.kernels.ConstantKernel() * gaussian_process.kernels.RBF()
            + gaussian_process.kernels.WhiteKernel(),
            optimizer=None,
        ),
        dummy.DummyClassifier(),
        semi_supervised.LabelSpreading(max_iter=3),
    )
    for learner in learners:
        yield f"{learner!s:.60}", pipeline.make_pipeline(preprocessing.MinMaxScaler(), learner)


def _searches() -> Iterator[tuple[str, Any]]:
    from scipy import stats

    grid, space = {"C": [0.1, 1.0]}, {"C": stats.uniform(0.1, 2)}
    yield "grid search", model_selection.GridSearchCV(_LOGISTIC(), grid, cv=model_selection.StratifiedKFold(2))
    yield (
        "grid search by two scores",
        model_selection.GridSearchCV(
            _LOGISTIC(), grid, cv=2, scoring=["accuracy", "roc_auc"], refit="roc_auc", return_train_score=True
        ),
    )
    yield (
        "grid search by a scorer",
        model_selection.GridSearchCV(
            pipeline.make_pipeline(preprocessing.StandardScaler(), _LOGISTIC()),
            {"logisticregression__C": [1.0], "standardscaler": [preprocessing.MinMaxScaler(), "passthrough"]},
            cv=model_selection.RepeatedStratifiedKFold(n_splits=2, n_repeats=1),
            scoring=metrics.make_scorer(metrics.fbeta_score, beta=2),
        ),
    )
    yield (
        "random search of lists",
        model_selection.RandomizedSearchCV(
            _LOGISTIC(), {"C": [0.1, 1.0, 2.0]}, n_iter=2, cv=model_selection.ShuffleSplit(2), random_state=0
        ),
    )
    found = model_selection.RandomizedSearchCV(_LOGISTIC(), space, n_iter=2, cv=2, random_state=0)
    # The distributions themselves run source text when they are read: what is kept is what was found.
    yield "the best of a random search", _Best(found)
    yield "halving grid search", model_selection.HalvingGridSearchCV(_LOGISTIC(), grid, cv=2, random_state=0)
    yield "tuned threshold", model_selection.TunedThresholdClassifierCV(_LOGISTIC(), cv=2)
    yield "fixed threshold", model_selection.FixedThresholdClassifier(_LOGISTIC(), threshold=0.4)


class _Best:
    """A search of which only the best pipeline is kept."""

    def __init__(self, search: Any) -> None:
        self.search = search

    def fit(self, features: Any, target: Any) -> Any:
        return self.search.fit(features, target).best_estimator_


def _wrapped() -> Iterator[tuple[str, Any]]:
    two = [("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier(max_depth=2))]
    yield "soft voting", ensemble.VotingClassifier(two, voting="soft", weights=[1, 2])
    yield "stacking", ensemble.StackingClassifier(two, final_estimator=_LOGISTIC(), cv=2, passthrough=True)
    yield "bagging", ensemble.BaggingClassifier(_LOGISTIC(), n_estimators=2, max_samples=0.8, oob_score=False)
    for method in ("sigmoid", "isotonic"):
        yield (
            f"calibrated by {method}",
            calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method=method, cv=2),
        )
    yield "calibrated support vectors", calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2, ensemble=False)


def _of_three() -> Iterator[tuple[str, Any]]:
    yield "one against the rest", multiclass.OneVsRestClassifier(_LOGISTIC())
    yield "one against one", multiclass.OneVsOneClassifier(svm.LinearSVC())
    yield "output codes", multiclass.OutputCodeClassifier(_LOGISTIC(), random_state=0)
    yield "three classes by gradient boosting", ensemble.GradientBoostingClassifier(n_estimators=2)
    yield "three classes by histogram boosting", ensemble.HistGradientBoostingClassifier(max_iter=2)
    yield "three classes by support vectors", svm.SVC(probability=True)
    yield "three classes by Gaussian processes", gaussian_process.GaussianProcessClassifier()
    yield "three classes by a network", neural_network.MLPClassifier((3,), max_iter=5)
    yield "three classes by stochastic gradient", linear_model.SGDClassifier(loss="hinge", average=True)


def _regressors() -> Iterator[tuple[str, Any]]:
    kernels = gaussian_process.kernels
    for model in (
        linear_model.LinearRegression(),
        linear_model.RidgeCV(),
        linear_model.LassoCV(cv=2),
        linear_model.ElasticNetCV(cv=2),
        linear_model.Lars(),
        linear_model.BayesianRidge(),
        linear_model.ARDRegression(),
        linear_model.HuberRegressor(),
        linear_model.QuantileRegressor(),
        linear_model.TheilSenRegressor(max_subpopulation=50),
        linear_model.RANSACRegressor(random_state=0),
        linear_model.SGDRegressor(loss="huber"),
        linear_model.GammaRegressor(),
        linear_model.TweedieRegressor(power=1.5),
        ensemble.HistGradientBoostingRegressor(max_iter=2, loss="quantile", quantile=0.9),
        ensemble.HistGradientBoostingRegressor(max_iter=2, loss="gamma"),
        ensemble.HistGradientBoostingRegressor(max_iter=2, loss="absolute_error"),
        ensemble.GradientBoostingRegressor(n_estimators=2, loss="quantile", alpha=0.9),
        ensemble.GradientBoostingRegressor(n_estimators=2, loss="huber"),
        ensemble.RandomForestRegressor(2, criterion="poisson"),
        ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=2))]),
        ensemble.StackingRegressor([("a", linear_model.Ridge())], cv=2),
        ensemble.AdaBoostRegressor(n_estimators=2),
        ensemble.BaggingRegressor(n_estimators=2),
        neighbors.KNeighborsRegressor(algorithm="kd_tree", metric="minkowski", p=1),
        neighbors.KNeighborsRegressor(algorithm="brute", metric="cosine"),
        svm.SVR(),
        svm.NuSVR(),
        svm.LinearSVR(),
        neural_network.MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, early_stopping=True),
        gaussian_process.GaussianProcessRegressor(
            kernels.Matern() + kernels.ExpSineSquared(), alpha=100.0, optimizer=None
        ),
        gaussian_process.GaussianProcessRegressor(kernels.RationalQuadratic() + kernels.DotProduct(), alpha=0.1),
        compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
        compose.TransformedTargetRegressor(
            linear_model.Ridge(), transformer=preprocessing.QuantileTransformer(n_quantiles=5)
        ),
        pipeline.make_pipeline(preprocessing.SplineTransformer(n_knots=3), linear_model.Ridge()),
    ):
        yield f"regression, {model!s:.70}", model


def _of_texts() -> Iterator[tuple[str, Any]]:
    text = feature_extraction.text
    yield "tf-idf", pipeline.make_pipeline(text.TfidfVectorizer(ngram_range=(1, 2), stop_words="english"), _LOGISTIC())
    yield "counts", pipeline.make_pipeline(text.CountVectorizer(analyzer="char_wb"), naive_bayes.MultinomialNB())
    yield (
        "counts, then tf-idf",
        pipeline.make_pipeline(
            text.CountVectorizer(dtype=np.float32), text.TfidfTransformer(), linear_model.SGDClassifier()
        ),
    )
    yield "hashed", pipeline.make_pipeline(text.HashingVectorizer(n_features=16), _LOGISTIC())
    yield "latent", pipeline.make_pipeline(text.TfidfVectorizer(), decomposition.TruncatedSVD(2), svm.SVC())
    yield (
        "topics",
        pipeline.make_pipeline(
            text.CountVectorizer(), decomposition.LatentDirichletAllocation(2, max_iter=2), _LOGISTIC()
        ),
    )


def _alone() -> Iterator[tuple[str, Any]]:
    yield "isolation forest", ensemble.IsolationForest(n_estimators=3, random_state=0)
    yield "one-class support vectors", svm.OneClassSVM()
    yield "local outliers", neighbors.LocalOutlierFactor(novelty=True)
    yield "elliptic envelope", covariance.EllipticEnvelope()
    yield "k-means", cluster.KMeans(2, n_init=1)
    yield "small k-means", cluster.MiniBatchKMeans(2, n_init=1)
    yield "BIRCH", cluster.Birch(n_clusters=2)
    yield "mixture", mixture.GaussianMixture(2)
    yield "Bayesian mixture", mixture.BayesianGaussianMixture(n_components=2)
    yield "density", neighbors.KernelDensity()
    yield "kernel components", decomposition.KernelPCA(1)
    yield "Isomap", manifold.Isomap(n_neighbors=5, n_components=1)


def _encoded(frame: Any, target: Any) -> Iterator[tuple[str, Any]]:
    mixed = np.array([["a", None], ["b", 1.5], [None, np.nan], ["a", 2]] * (_ROWS // 4), dtype=object)
    words = mixed[:, :1]
    yield "one-hot of texts and None", preprocessing.OneHotEncoder(handle_unknown="ignore").fit(words)
    yield "one-hot of numbers", preprocessing.OneHotEncoder(drop="if_binary", dtype=np.float32).fit(frame[["store"]])
    yield (
        "one-hot of rare ones",
        preprocessing.OneHotEncoder(min_frequency=25, handle_unknown="infrequent_if_exist").fit(
            frame[["city", "plan"]]
        ),
    )
    yield "ordinals of texts and None", preprocessing.OrdinalEncoder(encoded_missing_value=-2).fit(words)
    yield "ordinals of numbers", preprocessing.OrdinalEncoder(dtype=np.int64).fit(frame[["visits"]])
    yield "ordinals of a frame", preprocessing.OrdinalEncoder().set_output(transform="pandas").fit(frame[["city"]])
    yield "target encoder of flags", preprocessing.TargetEncoder(cv=2).fit(frame[["member"]], target)
    yield "labels", preprocessing.LabelEncoder().fit(frame["city"])
    yield "binarized labels", preprocessing.LabelBinarizer().fit(frame["city"])
    yield (
        "simple imputer of texts",
        impute.SimpleImputer(missing_values=None, strategy="constant", fill_value="none").fit(words),
    )
    yield (
        "simple imputer of a frame",
        impute.SimpleImputer(strategy="median").set_output(transform="pandas").fit(frame[["age", "spend"]]),
    )
    yield "dictionaries", feature_extraction.DictVectorizer().fit([{"a": 1, "b": "x"}, {"a": 2.5}])
    yield "hashed dictionaries", feature_extraction.FeatureHasher(8).fit([{"a": 1}])
