"""functools.partial: the plain form of it is trusted and loaded, any other is stopped in the file and at load."""

import copy
import functools
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer, minmax_scale
from sklearn.utils.validation import check_array

from registry_core.artifacts import formats
from registry_core.artifacts.inspection import inspect
from registry_core.errors import ArtifactQuarantined, ArtifactUnloadable

from .corpus import partials

HARMLESS = {
    "07 partial, called at once",
    "07 partial whose state names another function",
    "07 partial made without a call",
    "07 partial as a value",
    "07 partial with an object put in later",
    "07 partial with its state twice",
}
ROWS = np.arange(1.0, 7.0).reshape(3, 2)


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(np.power, 2.0),
        functools.partial(np.clip, a_min=0, a_max=4),
        functools.partial(minmax_scale, feature_range=(0, 2)),
        functools.partial(check_array, dtype=np.float64, ensure_2d=True),
        functools.partial(np.log1p),
    ],
    ids=["ufunc", "numpy", "scaling", "checking", "alone"],
)
def test_a_partial_of_a_listed_function_with_plain_values_comes_back(function: Any) -> None:
    model = FunctionTransformer(function).fit(ROWS)
    files = [pickle.dumps(model, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for compress in (0, 3):
        buffer = io.BytesIO()
        joblib.dump(model, buffer, compress=compress)
        files.append(buffer.getvalue())
    for data in files:
        found = inspect(data)
        assert (found.verdict, found.unknown) == ("trusted", ()), found.because
        assert "functools.partial" in found.names
        again = formats.load(data, "winner")
        assert isinstance(again.func, functools.partial)
        for each in (again, clone(again), copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
            assert np.array_equal(each.transform(ROWS), model.transform(ROWS))
        # Saved once more, it is a plain partial again.
        found = inspect(pickle.dumps(again))
        assert found.verdict == "trusted"
        assert "functools.partial" in found.names


def test_skops_writes_the_plain_form_as_well() -> None:
    model = FunctionTransformer(functools.partial(check_array, dtype=np.float64, ensure_2d=True)).fit(ROWS)
    again = formats.load(skops.io.dumps(model), "winner.skops")
    assert np.array_equal(again.transform(ROWS), model.transform(ROWS))
    for other in (functools.partial(np.add, np.arange(3)), functools.partial(np.add, model)):
        found = inspect(skops.io.dumps(other))
        assert (found.verdict, found.unknown) == ("quarantined", ("functools.partial",))


def test_any_other_partial_is_stopped_at_load_as_well(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for bad in partials(str(marker)):
        try:
            loaded = formats.load(bad.data, bad.name)
        except (ArtifactQuarantined, ArtifactUnloadable):
            continue
        finally:
            assert not marker.exists(), bad.name
        # What the wall lets through is a listed function with nothing, its answer, or the class that makes no other.
        assert bad.name in HARMLESS, bad.name
        if isinstance(loaded, functools.partial):
            assert loaded.func in (np.log1p, np.exp)
            assert not loaded.args
            assert not loaded.keywords


def test_a_partial_is_trusted_by_no_list() -> None:
    data = pickle.dumps(functools.partial(len, "x"))
    for extra_trusted in ((), ("functools.partial",), ("functools.partial", "builtins.len")):
        assert inspect(data, extra_trusted=extra_trusted).verdict == "refused"
    data = pickle.dumps(functools.partial(Path, "x"))
    with pytest.raises((ArtifactQuarantined, ArtifactUnloadable)):
        formats.load(data, "winner", extra_trusted=["functools.partial", "pathlib.Path"])
