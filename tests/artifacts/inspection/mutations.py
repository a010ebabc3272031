"""Good files changed at random: in their bytes, in what is packed inside, or in a part of an object that is saved then.

For the tests, a few of them, and for ``python -m benchmarks.mutants``, as many as one likes.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import random
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import joblib.numpy_pickle
import numpy as np
import skops.io
from sklearn import (
    cluster,
    ensemble,
    feature_extraction,
    linear_model,
    mixture,
    neighbors,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from registry_core.artifacts.inspection import is_joblib, unpacked
from registry_core.artifacts.inspection.names import canonical
from registry_core.artifacts.sandbox import Form

from . import good, natives

Edit = tuple[str, float, bytes]
KEPT = {"numpy.dtype": np.dtype, "numpy.ndarray": np.ndarray}
KEPT["joblib.numpy_pickle.NumpyArrayWrapper"] = joblib.numpy_pickle.NumpyArrayWrapper
_EXTREMES = (-1, 0, 1, 2, 3, 7, 255, 256, 1 << 15, (1 << 31) - 1, 1 << 40)
_DTYPES = ("f8", "f4", "i8", "i4", "u1", ">f8", "?")


class Stub:
    """Stands in for whatever a file names: takes every call, state, item and key, and does nothing."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> Stub:
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **keywords: Any) -> None: ...
    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def append(self, value: Any) -> None: ...
    def extend(self, values: Any) -> None: ...


@cache
def sources() -> list[bytes]:
    """Good files of every kind that is read."""
    models = good.good_models()
    picked = (
        "logistic regression",
        "forest",
        "words",
        "nearest neighbours",
        "powers by a partial",
        "columns",
        "histogram boosting of categories",
    )
    found = [
        data
        for name in picked
        for way, data in good.pickled(models[name])
        if way.endswith((" 0", " 2", " 5", "joblib"))
    ]
    found += [data for way, data in good.pickled(models["support vectors"]) if way.startswith("joblib, ")]
    found += [data for _, data in good.pickled(models["LightGBM classifier"])]
    found += [data for _, data in good.pickled(models["XGBoost classifier"])]
    found += [skops.io.dumps(models["decision tree"]), natives.onnx_model(), natives.lightgbm_text()]
    return [*found, natives.xgboost_json(), natives.xgboost_ubjson(), pickle.dumps(LogisticRegression())]


def models() -> Iterator[tuple[str, Any]]:
    """Fitted models that answer; what only transforms has a regression behind it, which reads what comes out."""
    rows, target = load_iris(return_X_y=True)
    rows, target = rows[::3], target[::3]
    words, kinds = ["a red fox", "a blue bird", "the red bird", "the blue fox"] * 5, [0, 1, 0, 1] * 5
    found = [(name, model) for name, model in good.good_models().items() if hasattr(model, "predict")]
    transformers = [
        preprocessing.OneHotEncoder(handle_unknown="ignore"),
        preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3, drop="first"),
        preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        preprocessing.TargetEncoder(),
        preprocessing.KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
        preprocessing.SplineTransformer(n_knots=3),
        preprocessing.PolynomialFeatures(),
        preprocessing.QuantileTransformer(n_quantiles=5),
        preprocessing.PowerTransformer(),
        ensemble.RandomTreesEmbedding(3, random_state=0),
    ]
    others = [
        cluster.KMeans(3, n_init=1, random_state=0),
        cluster.MiniBatchKMeans(3, n_init=1, random_state=0),
        cluster.BisectingKMeans(3, random_state=0),
        cluster.Birch(n_clusters=3),
        cluster.MeanShift(),
        ensemble.IsolationForest(n_estimators=3, random_state=0),
        mixture.GaussianMixture(2, random_state=0),
        neighbors.KNeighborsClassifier(algorithm="brute"),
        neighbors.KNeighborsRegressor(),
        neighbors.RadiusNeighborsClassifier(50.0, algorithm="brute"),
        neighbors.LocalOutlierFactor(novelty=True),
        neighbors.NearestCentroid(),
        svm.NuSVC(kernel="poly", nu=0.2),
        svm.OneClassSVM(),
        linear_model.SGDClassifier(random_state=0),
        ensemble.ExtraTreesRegressor(3, random_state=0),
        ensemble.HistGradientBoostingRegressor(max_iter=3),
    ]
    texts = [
        feature_extraction.text.CountVectorizer(),
        feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2)),
        feature_extraction.text.HashingVectorizer(n_features=32),
    ]
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for each in transformers:
            model = pipeline.make_pipeline(each, linear_model.LogisticRegression())
            found.append((f"{type(each).__name__} and a regression", model.fit(np.round(rows), target)))
        found += [(type(each).__name__, each.fit(rows, target)) for each in others]
        for each in texts:
            model = pipeline.make_pipeline(each, linear_model.LogisticRegression())
            found.append((f"{type(each).__name__} and a regression", model.fit(words, kinds)))
    yield from found


def mutant(data: bytes, edits: list[Edit]) -> bytes:
    """The file after some edits: each (what, where as a share of its length, bytes)."""
    for what, where, content in edits:
        at = int(where * len(data))
        end = at if what == "insert" else at + len(content)
        data = data[:at] + (b"" if what == "cut" else content) + data[end:]
    return data


def drawn(chance: random.Random) -> list[Edit]:
    """One to three edits."""
    kinds = ("change", "change", "insert", "cut")
    return [
        (chance.choice(kinds), chance.random(), chance.randbytes(chance.randint(1, 6)))
        for _ in range(chance.randint(1, 3))
    ]


def within(data: bytes, chance: random.Random) -> bytes:
    """The file with edits in what is packed inside, packed again: a check of the packing alone would not see them.

    Of text, some edits change a digit for another, which is still a file that can be read.
    """
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        name = chance.choice(sorted(files))
        files[name] = _edited(files[name], chance)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for each, content in files.items():
                archive.writestr(each, content)
        return buffer.getvalue()
    content = unpacked(data)
    changed = _edited(content, chance)
    return changed if content is data else zlib.compress(changed)


def _edited(data: bytes, chance: random.Random) -> bytes:
    places = [at for at, byte in enumerate(data[: 1 << 20]) if 0x30 <= byte <= 0x39]
    if not places or chance.random() < 0.4:
        return mutant(data, drawn(chance))
    changed = bytearray(data)
    for _ in range(chance.randint(1, 2)):
        changed[chance.choice(places)] = chance.choice(b"0123456789")
    return bytes(changed)


def reshaped(model: Any, chance: random.Random) -> bytes:
    """A model saved with one of its parts changed: an array made longer, a number made another, a list cut."""
    counting = _Changing(None, chance)
    counting.dump(model)
    changing = _Changing(chance.randrange(max(counting.count, 1)), chance)
    changing.dump(model)
    return changing.buffer.getvalue()


class _Changing(pickle.Pickler):
    """Writes a model, and the so-many-th of what can be changed in another way; None only counts."""

    def __init__(self, chosen: int | None, chance: random.Random) -> None:
        self.buffer = io.BytesIO()
        super().__init__(self.buffer, 5)
        self.chosen, self.chance, self.count = chosen, chance, 0

    def reducer_override(self, value: Any) -> Any:
        """How an object is written."""
        if isinstance(value, type) or callable(value) or isinstance(value, np.dtype | np.generic):
            return NotImplemented
        if isinstance(value, np.ndarray) and value.dtype != object:
            if self._is_chosen():
                return other_array(value, self.chance).__reduce_ex__(5)
            return NotImplemented
        reduce = copyreg.dispatch_table.get(type(value))
        parts = list(reduce(value) if reduce else value.__reduce_ex__(5))
        state = parts[2] if len(parts) > 2 else None
        if isinstance(state, dict):
            parts[2] = {key: other(each, self.chance) if self._is_chosen(each) else each for key, each in state.items()}
        elif isinstance(state, tuple):
            parts[2] = tuple(other(each, self.chance) if self._is_chosen(each) else each for each in state)
        elif len(parts) > 1 and type(parts[1]) is tuple:
            parts[1] = tuple(other(each, self.chance) if self._is_chosen(each) else each for each in parts[1])
        return tuple(parts)

    def _is_chosen(self, value: Any = 0) -> bool:
        if not isinstance(value, (bool, int, float, list, tuple, dict, str)):
            return False
        self.count += 1
        return self.chosen == self.count - 1


def other(value: Any, chance: random.Random) -> Any:
    """A value of about the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return type(value)(chance.choice((*_EXTREMES, value + 1, value - 1)))
    if isinstance(value, str):
        return chance.choice(("", value[:-1], value + "x"))
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        return {**value, key: other(value[key], chance)}
    if isinstance(value, (list, tuple)) and value:
        items = list(value)
        what = chance.choice(("cut", "double", "swap", "change"))
        if what == "cut":
            items.pop(chance.randrange(len(items)))
        elif what == "double":
            items.append(chance.choice(items))
        elif what == "swap":
            items.reverse()
        else:
            at = chance.randrange(len(items))
            items[at] = other(items[at], chance)
        return type(value)(items) if type(value) in (list, tuple) else value
    return value


def other_array(array: Any, chance: random.Random) -> Any:
    """An array of another length, type, order or with another number in it."""
    what = chance.choice(("number", "number", "number", "cut", "longer", "flat", "narrow", "dtype", "turned", "none"))
    if what == "number" and array.size:
        changed = array.copy()
        flat = changed.reshape(-1)
        at = chance.randrange(flat.size)
        if array.dtype.names:
            field = chance.choice(array.dtype.names)
            flat[field][at] = _fitting(flat[field].dtype, chance)
        elif array.dtype.kind in "biuf":
            flat[at] = _fitting(array.dtype, chance)
        return changed
    if what == "cut":
        return array[: chance.randrange(len(array) + 1)].copy() if array.ndim else array
    if what == "longer":
        return np.concatenate([array, array]) if array.ndim else array
    if what == "flat":
        return array.reshape(-1)
    if what == "narrow" and array.ndim > 1:
        return array[:, : chance.randrange(array.shape[1] + 1)].copy()
    if what == "dtype" and array.dtype.kind in "biuf":
        return array.astype(chance.choice(_DTYPES))
    if what == "turned":
        return array.T.copy()
    return array[:0].copy() if array.ndim else array


def _fitting(dtype: Any, chance: random.Random) -> Any:
    number = chance.choice(_EXTREMES)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return min(max(number, int(limits.min)), int(limits.max))
    return bool(number) if dtype.kind == "b" else chance.choice((float(number), float("nan"), float("inf"), -1e300))


def resolved(data: bytes) -> set[str]:
    """What unpickling asks for by name, with a stand-in for all of it."""
    asked: set[str] = set()
    content = unpacked(data)
    protocol = content[1] if content[0] == 0x80 else 0

    def find(module: str, name: str) -> Any:
        asked.add(canonical(module, name, protocol))
        return KEPT.get(f"{module}.{name}", Stub)

    class Plain(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return find(module, name)

    class Joblib(joblib.numpy_pickle.NumpyUnpickler):
        def find_class(self, module: str, name: str) -> Any:
            return find(module, name)

    reader: Any = (
        Joblib("", io.BytesIO(content), ensure_native_byte_order=False)
        if is_joblib(content) or content is not data
        else Plain(io.BytesIO(content))
    )
    try:
        reader.load()
    except Exception:
        # The stand-ins do not behave like the real things; what was asked for until then counts.
        return asked
    return asked


def questions() -> Iterator[tuple[Form, Any]]:
    """Rows that the good models can be asked, as (how they are handed over, a table or matrix)."""
    import pandas as pd

    inputs = np.abs(np.random.RandomState(0).normal(size=(12, 4))) * 5
    yield "plain", inputs
    yield "plain", inputs[:, :1]
    yield "text", pd.DataFrame({"text": ["a red fox", "the blue bird", "something else"]})
    yield "named", pd.DataFrame({"size": inputs[:6, 0], "kind": pd.Categorical(["a", "b"] * 3)})
