"""Derives the list of trusted names from the libraries that are installed: ``python -m <this module>`` writes it again.

Each library contributes the classes that fitted models are made of, found by family, not typed. What a family cannot
say is the short table REVIEWED: each name there was read, and does nothing but make a value out of values. The entries
of other versions stay as they are, so run it once with each version that files may come from.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import pickletools
import pkgutil
import types
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

Names = dict[str, list[str]]

_LIST = Path(__file__).with_name("allowed.json")
_NOT_FOR_MODELS = frozenset({"tests", "externals", "conftest", "datasets", "_testing", "_build_utils", "callback"})
_NOT_FOR_MODELS |= {"_test_common", "estimator_checks", "_estimator_html_repr", "_plot", "setup", "_pprint"}

REVIEWED: Names = {
    "call": [
        "_codecs.encode",
        *(f"builtins.{name}" for name in ("bytearray", "bytes", "complex", "range", "set", "slice")),
        *(f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
        "copyreg._reconstructor",
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        "decimal.Decimal",
        *(f"numpy.{where}.multiarray.{name}" for where in ("_core", "core") for name in ("_reconstruct", "scalar")),
        *(f"numpy.{where}.numeric._frombuffer" for where in ("_core", "core")),
        "numpy.dtype",
        "numpy.ma.core._mareconstruct",
        *(f"numpy.random._pickle.__{kind}_ctor" for kind in ("bit_generator", "generator", "randomstate")),
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    ],
    "instantiate": [
        "joblib.numpy_pickle.NumpyArrayWrapper",
        *(f"scipy.sparse._{kind}.{kind}_{it}" for kind in ("csr", "csc", "coo") for it in ("matrix", "array")),
        *(f"scipy.sparse.{kind}.{kind}_matrix" for kind in ("csr", "csc")),
        "numpy.random.bit_generator.SeedSequence",
        "scipy.interpolate._bsplines.BSpline",
    ],
    "reference": [
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "object", "set", "str", "tuple")),
        "collections.OrderedDict",
        *(f"numpy.{name}" for name in ("abs", "clip", "max", "mean", "median", "min", "nan_to_num", "ndarray", "std")),
        *(f"numpy.{name}" for name in ("around", "cumsum", "prod", "ravel", "round", "squeeze", "sum", "var")),
        *("numpy.matrix", "numpy.matrixlib.defmatrix.matrix"),
        *("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"),
        *(f"numpy.random._{kind.lower()}.{kind}" for kind in ("MT19937", "PCG64", "Philox", "SFC64")),
        "numpy.random._pcg64.PCG64DXSM",
        "numpy.random.bit_generator.SeedSequence",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
    ],
}


def derive() -> dict[str, Names]:
    """The list as the installed libraries give it: ``library version`` -> role -> names, sorted.

    Raises:
        ImportError: scikit-learn is not installed. XGBoost and LightGBM contribute where they are.
    """
    found = {"reviewed": REVIEWED, _labelled("scikit-learn"): _scikit_learn(), _labelled("numpy"): _numpy()}
    for library, names in (("xgboost", _xgboost), ("lightgbm", _lightgbm)):
        try:
            importlib.import_module(library)
        except ImportError:
            continue
        found[_labelled(library)] = names()
    return {
        version: {role: sorted(set(names)) for role, names in sorted(roles.items())} for version, roles in found.items()
    }


def main() -> None:
    """Write the list again, beside what other versions gave."""
    kept = json.loads(_LIST.read_text(encoding="utf-8")) if _LIST.exists() else {}
    kept.update(derive())
    _LIST.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")


def _labelled(library: str) -> str:
    distributions = {"xgboost": ("xgboost", "xgboost-cpu")}.get(library, (library,))
    for distribution in distributions:
        try:
            return f"{library} {'.'.join(metadata.version(distribution).split('.')[:2])}"
        except metadata.PackageNotFoundError:
            continue
    return library


def _modules(package: types.ModuleType) -> Iterator[types.ModuleType]:
    """Every module of a package that has to do with models; what only tests or draws is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if _NOT_FOR_MODELS.isdisjoint(found.name.split(".")):
                try:
                    yield importlib.import_module(found.name)
                except ImportError:
                    continue


def _full(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _members(package: types.ModuleType, wanted: Callable[[Any], bool]) -> set[str]:
    """What is defined in a package, under the name by which a pickle asks for it."""
    return {
        _full(thing)
        for module in _modules(package)
        for thing in vars(module).values()
        if wanted(thing) and getattr(thing, "__module__", None) == module.__name__ and "." not in thing.__qualname__
    }


def _scikit_learn() -> Names:
    import sklearn
    import sklearn._loss._loss
    import sklearn.experimental.enable_halving_search_cv
    import sklearn.experimental.enable_iterative_imputer
    from sklearn._loss.link import BaseLink, Interval
    from sklearn._loss.loss import BaseLoss
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
    from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
    from sklearn.neural_network._stochastic_optimizers import BaseOptimizer
    from sklearn.utils import all_estimators

    families = (BaseEstimator, BaseLoss, BaseLink, Interval, Kernel, BaseCrossValidator, BaseShuffleSplit)
    families += (BaseOptimizer, *_further_families())
    instantiate = _members(sklearn, lambda thing: inspect.isclass(thing) and issubclass(thing, families))
    instantiate |= {_full(estimator) for _, estimator in all_estimators()}
    compiled = _compiled()
    # The named tuple of a kernel's parameter: immutable, and made of text and numbers.
    return {
        "instantiate": [*(instantiate - {_full(Hyperparameter)} - set(compiled["call"])), *compiled["instantiate"]],
        "call": compiled["call"],
        "reference": [*_functions(), *compiled["reference"]],
    }


def _further_families() -> tuple[type, ...]:
    """Classes beside the estimators that fitted ones hold, each the head of a family or alone."""
    places = {
        "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration"),
        "sklearn.cluster._birch": ("_CFNode", "_CFSubcluster"),
        "sklearn.cluster._bisect_k_means": ("_BisectingTree",),
        # scikit-learn 1.6 only: a list that warns when it is read.
        "sklearn.compose._column_transformer": ("make_column_selector", "_RemainderColsList"),
        "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
        "sklearn.impute._iterative": ("_ImputerTriplet",),
        "sklearn.metrics._scorer": ("_BaseScorer", "_PassthroughScorer", "_MultimetricScorer"),
        "sklearn.model_selection._split": ("_RepeatedSplits", "_CVIterableWrapper"),
        "sklearn.utils._bunch": ("Bunch",),
        "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest", "MetadataRouter"),
    }
    found = []
    for place, names in places.items():
        module = importlib.import_module(place)
        found += [getattr(module, name) for name in names if hasattr(module, name)]
    return tuple(found)


def _compiled() -> Names:
    """The Cython classes, whose instances are made by calls."""
    losses = importlib.import_module("sklearn._loss._loss")
    descent = importlib.import_module("sklearn.linear_model._sgd_fast")
    distances = importlib.import_module("sklearn.metrics._dist_metrics")
    base = getattr(descent, "LossFunction", None) or losses.CyLossFunction
    call = {"sklearn.tree._tree.Tree"}
    reference = set()
    for module in (losses, descent):
        for name, thing in vars(module).items():
            if inspect.isclass(thing) and (name.startswith("Cy") or issubclass(thing, base)):
                call.add(_full(thing))
                # Cython's own way of pickling names the class once more, as an argument.
                restore = f"__pyx_unpickle_{name}"
                if hasattr(module, restore):
                    call.add(f"{thing.__module__}.{restore}")
                    reference.add(_full(thing))
    instantiate = set()
    trees = [importlib.import_module(f"sklearn.neighbors.{name}") for name in ("_kd_tree", "_ball_tree")]
    for module in (*trees, distances):
        for name, thing in vars(module).items():
            kind = inspect.isclass(thing) and thing.__module__ == module.__name__
            wanted = kind and (name.startswith(("KDTree", "BallTree")) or issubclass(thing, _distances(distances)))
            # Distances that call back into Python stay out.
            if wanted and not name.startswith("PyFunc"):
                instantiate.add(_full(thing))
            elif name.startswith("newObj"):
                call.add(f"{module.__name__}.{name}")
    return {"call": sorted(call), "instantiate": sorted(instantiate), "reference": sorted(reference | instantiate)}


def _distances(module: types.ModuleType) -> tuple[type, ...]:
    names = ("DistanceMetric", "DistanceMetric32", "DistanceMetric64")
    return tuple(getattr(module, name) for name in names if hasattr(module, name))


def _functions() -> set[str]:
    """Functions that estimators keep: scores, distances and kernels, tests of features, and some of their own."""
    import sklearn.feature_selection
    import sklearn.metrics
    import sklearn.metrics.pairwise
    import sklearn.preprocessing

    found = set()
    places = ("sklearn.metrics.", "sklearn.feature_selection.", "sklearn.preprocessing.")
    for module in (sklearn.metrics, sklearn.metrics.pairwise, sklearn.feature_selection, sklearn.preprocessing):
        for thing in vars(module).values():
            if inspect.isfunction(thing) and thing.__module__.startswith(places):
                found.add(_full(thing))
    scorers = [sklearn.metrics.get_scorer(name) for name in sklearn.metrics.get_scorer_names()]
    found |= {_full(scorer._score_func) for scorer in scorers}
    # The loops among which k-means picks by the algorithm's name.
    found |= {f"sklearn.cluster._kmeans._kmeans_single_{name}" for name in ("lloyd", "elkan")}
    found |= {"sklearn.utils._bunch.Bunch"}
    # How the histogram boosting makes its categories numbers, and what repeated folds are made of.
    found |= {"sklearn.utils.validation.check_array"}
    found |= {f"sklearn.model_selection._split.{name}" for name in ("KFold", "StratifiedKFold")}
    return found


def _numpy() -> Names:
    """Number types, and the functions that go through an array element by element."""
    import numpy as np
    import scipy.special

    numbers = {
        f"numpy.{name}" for name, thing in vars(np).items() if inspect.isclass(thing) and issubclass(thing, np.generic)
    }
    ufuncs = {name: thing for name, thing in vars(np).items() if isinstance(thing, np.ufunc)}
    # Numpy 2.0 and 2.1 do not say where a function of theirs lives, so pickle names the first module that has it.
    elementwise = {f"numpy.{name}" for name in ufuncs} | {_pickled(it) for it in ufuncs.values()}
    special = {f"scipy.special._ufuncs.{name}" for name, it in vars(scipy.special).items() if isinstance(it, np.ufunc)}
    return {"reference": sorted(numbers | elementwise | special)}


def _pickled(function: Any) -> str:
    """The name by which a pickle asks for a function."""
    opcodes = [(code.name, argument) for code, argument, _ in pickletools.genops(pickle.dumps(function, protocol=4))]
    module, name = [argument for code, argument in opcodes if code == "SHORT_BINUNICODE"][:2]
    return f"{module}.{name}"


def _xgboost() -> Names:
    module = importlib.import_module("xgboost.sklearn")
    classes = {
        _full(thing)
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, module.XGBModel) and thing.__module__ == module.__name__
    }
    return {"instantiate": sorted(classes | {"xgboost.core.Booster"})}


def _lightgbm() -> Names:
    module = importlib.import_module("lightgbm.sklearn")
    classes = {
        _full(thing)
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, module.LGBMModel) and thing.__module__ == module.__name__
    }
    return {"instantiate": sorted(classes | {"lightgbm.basic.Booster"})}


if __name__ == "__main__":
    main()
