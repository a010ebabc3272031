"""What a fitted estimator tells about itself."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from ..errors import InvalidInput

_ENSEMBLES = ("sklearn.ensemble.", "xgboost.", "lightgbm.", "catboost.")
#: Module -> the distribution that it comes in.
_DISTRIBUTION = {
    "sklearn": "scikit-learn",
    **{name: name for name in ("numpy", "scipy", "joblib", "pandas", "xgboost", "lightgbm", "catboost", "onnxruntime")},
}
_OTHER_BUILDS = {"xgboost": ("xgboost-cpu",)}
#: Libraries that decide about answers besides the one that is named.
_BRINGS = {"sklearn": ("numpy", "scipy"), "xgboost": ("numpy",), "lightgbm": ("numpy",), "onnx": ("onnxruntime",)}
_BROUGHT = frozenset(_DISTRIBUTION.values())


@dataclass(frozen=True)
class Description:
    """Facts read from the estimator's attributes; unknown ones are None or empty."""

    is_ensemble: bool
    task: Literal["classification", "regression"] | None
    classes: list[Any]
    feature_names: list[str]
    inputs: int | None


def describe(model: Any, scaler: Any) -> Description:
    """Read what a model and its scaler know of themselves.

    Raises:
        InvalidInput: the object cannot predict.
    """
    if isinstance(model, type):
        raise InvalidInput(f"model_obj is the class {model.__name__}; give a fitted model")
    if model is None or not callable(getattr(model, "predict", None)):
        raise InvalidInput(f"model_obj is {type(model).__name__}, which has no predict method; give a fitted model")
    core = _core(model)
    first = scaler if scaler is not None else model
    names = getattr(first, "feature_names_in_", None)
    classes = getattr(model, "classes_", None)
    count = getattr(first, "n_features_in_", None)
    return Description(
        is_ensemble=any(is_ensemble(f"{kind.__module__}.{kind.__name__}") for kind in type(core).__mro__),
        task=_task(core, classes),
        classes=[]
        if classes is None or isinstance(classes, dict)
        else list(getattr(classes, "tolist", lambda: classes)()),
        feature_names=[] if names is None else [str(name) for name in names],
        inputs=int(count) if isinstance(count, int) else None,
    )


def is_ensemble(name: str) -> bool:
    """Whether a class of that full name is an ensemble, by the module it lives in."""
    return name.startswith(_ENSEMBLES)


def _core(model: Any) -> Any:
    """The estimator that decides: the last step of a pipeline, the winner of a search."""
    for _ in range(10):
        steps = getattr(model, "steps", None)
        inner = steps[-1][1] if steps else getattr(model, "best_estimator_", None)
        if inner is None:
            return model
        model = inner
    return model


def _task(core: Any, classes: Any) -> Literal["classification", "regression"] | None:
    if classes is not None:
        return "classification"
    kind = getattr(core, "_estimator_type", None)
    if kind is None:
        tags = getattr(core, "__sklearn_tags__", None)
        kind = getattr(tags(), "estimator_type", None) if callable(tags) else None
    if kind == "classifier":
        return "classification"
    return "regression" if kind == "regressor" else None


def task_of(model: Any) -> Literal["classification", "regression"] | None:
    """What a model does, as it says itself."""
    return _task(_core(model), getattr(model, "classes_", None))


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """What decides about the answers of objects of these modules: versions of Python and of libraries, by distribution.

    A module that belongs to no distribution, such as a team's own, stands with the first digits of its code's sha256,
    or ``without a file`` where only this process knows it.
    """
    needed: dict[str, None] = {}
    for named in sorted(modules):
        # scikit-learn up to 1.8 is loaded as ``_loss`` as well, the name its compiled classes give for their module.
        module = getattr(sys.modules.get(named), "__name__", named)
        root = module.partition(".")[0]
        if root in sys.stdlib_module_names:
            continue
        for each in (root, *_BRINGS.get(root, ())):
            name = _DISTRIBUTION.get(each, each)
            needed[name if _version(name) is not None else module] = None
    return {**dict.fromkeys((name for name in needed if name not in _BROUGHT), "without a file"), **versions(needed)}


def versions(names: Iterable[str]) -> dict[str, str]:
    """The versions that are installed here of some distributions or modules; those that are not are left out."""
    found = {"python": platform.python_version()}
    for name in names:
        version = _version(name) or _code(name)
        if version is not None:
            found[name] = version
    return found


def _code(module: str) -> str | None:
    """The beginning of the sha256 of a module's source; None where there is none. Nothing is imported."""
    root, *further = module.split(".")
    spec = PathFinder.find_spec(root, sys.path)
    if spec is None:
        return None
    place = Path(next(iter(spec.submodule_search_locations or ()), "") or str(spec.origin))
    path = place.joinpath(*further) if further else place
    for source in (path, path.with_suffix(".py"), path / "__init__.py"):
        with suppress(OSError):
            return f"code {sha256(source.read_bytes()).hexdigest()[:12]}"
    return None


@cache
def _version(name: str) -> str | None:
    # A library that is loaded says it in a hundredth of the time.
    for module, distribution in _DISTRIBUTION.items():
        if distribution == name:
            loaded = getattr(sys.modules.get(module), "__version__", None)
            if isinstance(loaded, str):
                return loaded
    from importlib import metadata

    for distribution in (name, *_OTHER_BUILDS.get(name, ())):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(distribution)
    return None
