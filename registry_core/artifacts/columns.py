"""What a fitted object says of the columns it takes: how many, their names, kinds, categories and usual values.

Read from the attributes that scikit-learn's estimators document as fitted; whatever is missing stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..signature import Feature, Kind

_DEEPEST = 10
_TREES_READ = 10
_ROWS = 32
#: Of numbers of which nothing is known, every fourth row is ten times as large as the one before it.
_SCALES = np.tile([1.0, 10.0, 100.0, 1000.0], _ROWS // 4)
#: Rows that fitted estimators keep, (n, features), of training or around what it lay.
_TABLES = ("_fit_X", "support_vectors_", "theta_", "means_", "cluster_centers_")
#: Of a text column without a vocabulary: words of any language will do.
_WORDS = ("model", "risk", "good", "bad", "the", "report", "north", "late", "early", "value", "delta", "42")


@dataclass(frozen=True)
class Column:
    """One column: ``center`` and ``spread`` say around what its numbers lie, ``words`` what its texts hold.

    ``typed``: its categories have to come as pandas' type for them. ``told``: the fitted object itself said so much.
    """

    kind: Kind = "unknown"
    levels: tuple[Any, ...] = ()
    center: float = 0.0
    spread: float = 1.0
    words: tuple[str, ...] = ()
    typed: bool = False
    told: bool = False


@dataclass(frozen=True)
class Columns:
    """The columns of a model: None where nothing says how many; ``names`` where it knows them by name.

    ``text``: it takes one text a row instead of a table.
    """

    columns: tuple[Column, ...] | None
    names: tuple[str, ...] = ()
    text: Column | None = None


def columns_of(model: Any, scaler: Any) -> Columns:
    """What the first of the two to see the rows knows of its columns."""
    first = scaler if scaler is not None else model
    native = getattr(first, "features_", None)
    if isinstance(native, tuple) and native and all(isinstance(each, Feature) for each in native):
        found = tuple(Column(each.kind, each.levels) for each in native)
        names = tuple(each.name for each in native) if getattr(first, "feature_names_in_", None) is not None else ()
        return Columns(found, names)
    text = _text(first, 0)
    if text is not None:
        return Columns(None, (), text)
    boosted = _of_booster(first)
    if boosted is not None:
        return boosted
    named = getattr(first, "feature_names_in_", None)
    names = () if named is None else tuple(str(name) for name in named)
    count = getattr(first, "n_features_in_", None)
    width = len(names) or (int(count) if isinstance(count, int | np.integer) else 0)
    if not width:
        return Columns(None, names)
    return Columns(tuple(_described(first, width, 0)), names)


def _of_booster(estimator: Any) -> Columns | None:
    """What an estimator of LightGBM or XGBoost was trained with, where that were columns of pandas' categories."""
    if getattr(getattr(estimator, "_Booster", None), "pandas_categorical", None):
        from .native import from_lightgbm

        features = from_lightgbm.read(estimator.booster_.model_to_string().encode()).features_
    elif "c" in (getattr(getattr(estimator, "_Booster", None), "feature_types", None) or ()):
        from .native import from_xgboost

        features = from_xgboost.read(bytes(estimator.get_booster().save_raw("json"))).features_
    else:
        return None
    found = tuple(Column(each.kind, each.levels, typed=each.kind == "category") for each in features)
    return Columns(found, tuple(str(name) for name in estimator.feature_names_in_))


def _steps(estimator: Any) -> list[Any]:
    steps = getattr(estimator, "steps", None)
    return [step[1] for step in steps] if isinstance(steps, list) else []


def _inner(estimator: Any) -> Any:
    """What a search, a calibration or a transformed target hands its rows to, as they are."""
    for name in ("best_estimator_", "regressor_", "estimator_"):
        found = getattr(estimator, name, None)
        # A forest's is what its trees were made like, and fitted to nothing.
        if found is not None and not isinstance(found, str) and getattr(found, "n_features_in_", None) is not None:
            return found
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    return getattr(calibrated[0], "estimator", None) if isinstance(calibrated, list) and calibrated else None


def _text(estimator: Any, depth: int) -> Column | None:
    """What a vectorizer of texts knows, if the rows reach one first."""
    if depth > _DEEPEST or estimator is None:
        return None
    if callable(getattr(estimator, "build_analyzer", None)):
        vocabulary = getattr(estimator, "vocabulary_", None)
        words = sorted(vocabulary)[:: max(1, len(vocabulary) // 200)][:200] if isinstance(vocabulary, dict) else _WORDS
        return Column("text", words=tuple(map(str, words)) or _WORDS, told=True)
    steps = _steps(estimator)
    if steps:
        return _text(next((step for step in steps if step not in ("passthrough", None)), None), depth + 1)
    union = getattr(estimator, "transformer_list", None)
    if isinstance(union, list) and union:
        return _text(union[0][1], depth + 1)
    return _text(_inner(estimator), depth + 1)


def _described(estimator: Any, width: int, depth: int) -> list[Column]:
    """One description a column, by whichever part tells most of it."""
    unknown = [Column()] * width
    if depth > _DEEPEST or estimator is None or isinstance(estimator, str):
        return unknown
    steps = _steps(estimator)
    if steps:
        found = unknown
        for step in steps:
            found = [_either(one, two) for one, two in zip(found, _described(step, width, depth + 1), strict=True)]
            # Behind it the columns are others.
            if _changes_columns(step):
                break
        return found
    inner = _inner(estimator)
    if inner is not None:
        return _described(inner, width, depth + 1)
    if hasattr(estimator, "transformers_"):
        return _of_transformers(estimator, width, depth)
    preprocessor = getattr(estimator, "_preprocessor", None)
    if preprocessor is not None and hasattr(preprocessor, "transformers_"):
        return _of_transformers(preprocessor, width, depth)
    return _of_fitted(estimator, width)


def _either(one: Column, two: Column) -> Column:
    if one.told and (one.kind == "category" or two.kind != "category" or not two.told):
        return one
    if two.told or one.kind == "unknown":
        return two
    return one


def _changes_columns(step: Any) -> bool:
    return not isinstance(step, str) and not any(
        hasattr(step, name) for name in ("scale_", "statistics_", "n_samples_seen_", "quantiles_", "lambdas_")
    )


def _of_transformers(transformer: Any, width: int, depth: int) -> list[Column]:
    found = [Column()] * width
    names = [str(name) for name in getattr(transformer, "feature_names_in_", ())]
    for _, part, which in transformer.transformers_:
        places = _places(which, names, width)
        alone = isinstance(which, str | int) and not isinstance(which, bool)
        text = _text(part, 0) if alone and not isinstance(part, str) else None
        described = [text] if text is not None else _described(part, len(places), depth + 1)
        for place, column in zip(places, described, strict=False):
            found[place] = _either(found[place], column)
    return found


def _places(which: Any, names: Sequence[str], width: int) -> list[int]:
    """The places of the columns that a ColumnTransformer was told by name, number, slice or mask."""
    if isinstance(which, slice):
        if isinstance(which.start, str) or isinstance(which.stop, str):
            start = names.index(which.start) if which.start is not None else 0
            return list(range(width))[start : (names.index(which.stop) + 1 if which.stop is not None else width)]
        return list(range(width))[which]
    listed = [which] if isinstance(which, str | int) else list(which)
    if listed and all(isinstance(each, bool | np.bool_) for each in listed):
        return [place for place, wanted in enumerate(listed) if wanted]
    places = [names.index(each) if isinstance(each, str) and each in names else each for each in listed]
    return [int(each) % width for each in places if isinstance(each, int | np.integer)]


def _of_fitted(estimator: Any, width: int) -> list[Column]:
    categories = getattr(estimator, "categories_", None)
    if isinstance(categories, list) and len(categories) == width:
        return [_category(each) for each in categories]
    usual = _usual(estimator, width)
    if usual is not None:
        centers, spreads = usual
        return [
            Column("number", (), center, spread, told=True) for center, spread in zip(centers, spreads, strict=True)
        ]
    filled = getattr(estimator, "statistics_", None)
    if filled is not None and len(filled) == width:
        return [_filled(each) for each in filled]
    # What validates its input takes numbers; what hands it on to a function may take anything.
    takes_numbers = hasattr(estimator, "n_features_in_") and not hasattr(estimator, "func")
    return [Column("number" if takes_numbers else "unknown")] * width


def _category(levels: Iterable[Any]) -> Column:
    known = [each.item() if isinstance(each, np.generic) else each for each in levels]
    return Column("category", tuple(each for each in known if each is not None and each == each), told=True)


def _filled(value: Any) -> Column:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return Column("category", (value,))
    usable = isinstance(value, int | float) and value == value
    return Column("number", (), float(value) if usable else 0.0, max(abs(float(value)), 1.0) if usable else 1.0)


def _usual(estimator: Any, width: int) -> tuple[list[float], list[float]] | None:
    """Around what the numbers of each column lie, as the fitted object shows."""
    found = _of_scaler(estimator, width)
    if found is None:
        tables: list[Any] = [getattr(estimator, name, None) for name in _TABLES]
        table = next((each for each in tables if getattr(each, "ndim", 0) == 2 and each.shape[1] == width), None)
        if table is not None:
            sampled = table[:1000].toarray() if hasattr(table, "toarray") else np.asarray(table[:1000])
            found = sampled.mean(axis=0), sampled.std(axis=0)
    if found is None:
        found = _of_trees(estimator, width) or _of_bins(estimator, width) or _of_plane(estimator, width)
    if found is None:
        return None
    centers, spreads = (np.asarray(each, dtype=np.float64) for each in found)
    usable = np.isfinite(centers) & np.isfinite(spreads)
    return np.where(usable, centers, 0.0).tolist(), np.where(usable & (spreads > 0), spreads, 1.0).tolist()


def _of_scaler(estimator: Any, width: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    scale, low, high, mean, center = (
        getattr(getattr(estimator, name, None), "shape", None) == (width,) and np.asarray(getattr(estimator, name))
        for name in ("scale_", "data_min_", "data_max_", "mean_", "center_")
    )
    if low is not False and high is not False:
        return (low + high) / 2, (high - low) / 4
    if scale is False:
        return None
    return next((each for each in (mean, center) if each is not False), np.zeros(width)), scale


def _of_trees(estimator: Any, width: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Where trees split: rows that lie all on one side of every split would tell nothing."""
    grown = getattr(estimator, "estimators_", None)
    trees = [estimator] if grown is None else list(np.ravel(np.asarray(grown, dtype=object)))[:_TREES_READ]
    found = [tree for each in trees if (tree := getattr(each, "tree_", None)) is not None]
    if not found:
        return None
    features = np.concatenate([tree.feature for tree in found])
    thresholds = np.concatenate([tree.threshold for tree in found])[features >= 0]
    features = features[features >= 0]
    if features.size and features.max() >= width:
        return None
    counts = np.maximum(np.bincount(features, minlength=width), 1)
    centers = np.bincount(features, thresholds, width) / counts
    squares = np.bincount(features, (thresholds - centers[features]) ** 2, width) / counts
    spreads = np.sqrt(squares)
    return centers, np.where(spreads > 0, spreads, np.maximum(np.abs(centers), 1.0))


def _of_bins(estimator: Any, width: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Where histogram boosting draws the bounds of its bins."""
    bounds = getattr(getattr(estimator, "_bin_mapper", None), "bin_thresholds_", None)
    if not isinstance(bounds, list) or len(bounds) != width:
        return None
    known = [np.asarray(each, dtype=np.float64)[np.isfinite(each)] for each in bounds]
    return (
        np.array([each.mean() if each.size else 0.0 for each in known]),
        np.array([each.std() if each.size else 1.0 for each in known]),
    )


def _of_plane(estimator: Any, width: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """The point of a linear classifier's plane that is nearest to zero: around it either class is answered."""
    weights, shift = getattr(estimator, "coef_", None), getattr(estimator, "intercept_", None)
    if not isinstance(weights, np.ndarray) or weights.ndim != 2 or weights.shape[1] != width or shift is None:
        return None
    first = weights[0]
    length = float(first @ first)
    return (-float(np.ravel(shift)[0]) / length * first, np.ones(width)) if length else None


@lru_cache(maxsize=64)
def _normal(width: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.random.default_rng(0).normal(size=(_ROWS, width)) * _SCALES[:, None]
    found.flags.writeable = False
    return found


def made_rows(known: Columns, names: Sequence[str], width: int | None) -> Iterator[Any]:
    """Tables that the model may be able to answer, the likeliest first; the same ones every time.

    Args:
        names: what the columns are called, where the model knows them or somebody said it.
        width: how many there are, where only that is known.
    """
    if known.text is not None:
        yield _texts(known.text)
        return
    columns = known.columns or ((Column(),) * width if width else ())
    if not columns:
        # Some take anything, such as the dummies that every comparison begins with.
        yield _normal(1)
        yield _texts(Column(words=_WORDS))
        return
    if known.names and (frame := _frame(columns, known.names)) is not None:
        yield frame
        yield _frame([replace(each, kind="number", levels=()) for each in columns], known.names)
        yield _frame([replace(each, kind="text", levels=()) for each in columns], known.names)
    if all(each.kind in ("number", "unknown") for each in columns):
        told = any(each.told for each in columns)
        centers = np.array([each.center for each in columns])
        spreads = np.array([each.spread for each in columns])
        yield centers + spreads * (_normal(len(columns)) / _SCALES[:, None]) if told else _normal(len(columns))
    yield _objects(columns)
    if names and not known.names and (frame := _frame(columns, names)) is not None:
        yield frame


def _frame(columns: Sequence[Column], names: Sequence[str]) -> Any:
    try:
        import pandas
    except ModuleNotFoundError:
        return None
    values = {place: _values(column, place) for place, column in enumerate(columns)}
    for place, column in enumerate(columns):
        if column.typed and column.levels:
            values[place] = pandas.Series(values[place], dtype=pandas.CategoricalDtype(list(column.levels)))
    frame = pandas.DataFrame(values)
    frame.columns = pandas.Index(list(names))
    return frame


def _objects(columns: Sequence[Column]) -> NDArray[Any]:
    array = np.empty((_ROWS, len(columns)), dtype=object)
    for place, column in enumerate(columns):
        array[:, place] = list(_values(column, place))
    return array


def _values(column: Column, place: int) -> Any:
    chance = np.random.default_rng(place)
    if column.kind == "category" and column.levels:
        return [column.levels[at] for at in chance.integers(0, len(column.levels), _ROWS).tolist()]
    if column.kind in ("text", "category"):
        return _texts(column, place).tolist()
    if column.kind == "boolean":
        return chance.integers(0, 2, _ROWS).astype(bool)
    return column.center + column.spread * chance.normal(size=_ROWS) * (1.0 if column.told else _SCALES)


def _texts(column: Column, seed: int = 0) -> NDArray[Any]:
    chance = np.random.default_rng(seed)
    words = column.words or _WORDS
    picked = chance.integers(0, len(words), (_ROWS, 6)).tolist()
    return np.array([" ".join(words[at] for at in row) for row in picked], dtype=object)
