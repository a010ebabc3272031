"""The list of trusted names is the one the libraries give, and holds for what their estimators really write."""

import json
import pickle
import warnings
from collections.abc import Iterator
from importlib import resources
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances
from threadpoolctl import threadpool_limits

from benchmarks import pipelines
from registry_core.artifacts import formats
from registry_core.artifacts.inspection import check_trustable, derive, inspect
from registry_core.artifacts.inspection.names import listed, never
from registry_core.errors import InvalidConfiguration


def shipped() -> Any:
    place = resources.files("registry_core.artifacts.inspection").joinpath("allowed.json")
    return json.loads(place.read_text(encoding="utf-8"))


def test_the_shipped_list_is_what_the_installed_libraries_give() -> None:
    kept = shipped()
    for version, names in derive.derive().items():
        assert version in kept, f"{version} is new: run python -m registry_core.artifacts.inspection.derive"
        assert kept[version] == names, f"{version} changed: run python -m registry_core.artifacts.inspection.derive"


def test_the_shipped_list_covers_the_supported_versions() -> None:
    assert {f"scikit-learn 1.{minor}" for minor in (6, 7, 8, 9)} <= set(shipped())


def fitted() -> Iterator[tuple[str, Any]]:
    """Every estimator of scikit-learn that can be fitted on one of these sets, with the settings its own tests use."""
    random = np.random.RandomState(0)
    inputs = np.abs(random.normal(size=(24, 4)))
    classes, values = np.arange(24) % 3, inputs[:, 0] * 2 + 0.1
    texts = (["ab c", "b c d", "d e f"] * 4, [0, 1, 0] * 4)
    sets = (
        (inputs, classes),
        (inputs, values),
        (inputs, np.c_[classes, classes]),
        (values.reshape(-1, 1), values),
        texts,
    )
    for name, kind in all_estimators():
        try:
            estimators = list(_construct_instances(kind))
        except SkipTest:
            continue
        for estimator in estimators:
            for data in sets:
                try:
                    yield name, estimator.fit(*data)
                    break
                except Exception:
                    continue


@pytest.mark.full
def test_every_estimator_that_can_be_fitted_writes_listed_names_only() -> None:
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        found = [(name, inspect(pickle.dumps(model), name)) for name, model in fitted()]
    assert len(found) >= 150
    assert not [f"{name}: {each.because}" for name, each in found if each.verdict != "trusted"]


def test_a_sample_of_real_pipelines_is_trusted_and_loads() -> None:
    # ``python -m benchmarks.allowed`` goes through all of them, in every way of saving.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        models = dict(pipelines.sampled())
    assert len(models) >= 20
    for name, model in models.items():
        data = pickle.dumps(model)
        found = inspect(data, name)
        assert found.verdict == "trusted", found.because
        assert type(formats.load(data, name)) is type(model)


def test_nothing_on_the_list_is_of_those_that_may_never_be_trusted() -> None:
    assert len(listed()) > 500
    for name in ("os.system", "builtins.eval", "builtins.getattr", "functools.partial", "numpy.load", "joblib.load"):
        assert name not in listed()


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "operator.attrgetter",
        "posix.system",
        "nt.system",
        "commands.x",
        "pip.main",
        "numpy.testing._private.utils.runstring",
        "numpy.f2py.run_main",
        "sklearn.externals.x.y",
        "dill.loads",
        "scipy.stats._continuous_distns.norm_gen",
        "joblib.memory.Memory",
        "numpy.memmap",
        "sklearn.conftest.pytest",
    ],
)
def test_some_names_may_never_be_trusted(name: str) -> None:
    assert never(name)
    with pytest.raises(InvalidConfiguration):
        check_trustable(name)


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "mymodels.*",
        "mymodels.?",
        "",
        "Winner",
        ".Winner",
        "mymodels.",
        "mymodels..Winner",
        "mymodels:Winner",
        "mymodels.Winner.predict",
        "my models.Winner",
        "mymodels.Winner\n",
        "myм.Winner",
        "builtins.getattr",
        "functools.partial",
    ],
)
def test_the_configuration_takes_exact_names_only(name: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        check_trustable(name)
    assert repr(name)[1:-1] in str(caught.value)


@pytest.mark.parametrize("name", ["mymodels.Winner", "my_package.models.winner", "catboost.core.CatBoostClassifier"])
def test_the_configuration_takes_names_of_ones_own(name: str) -> None:
    check_trustable(name)
    assert not never(name)
