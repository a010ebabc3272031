"""Each message of the inspection says what to do, and doing it works."""

import functools
import io
import pickle
import pickletools
import zlib
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from registry_core.artifacts import formats
from registry_core.artifacts.inspection import check_trustable, inspect
from registry_core.artifacts.inspection.machine import Machine
from registry_core.artifacts.inspection.names import Trust
from registry_core.artifacts.inspection.refused import Refused
from registry_core.artifacts.inspection.work import Budget

from . import natives
from .advised import Scaler, Scaling, scaled
from .assembly import made, whole

SCALING = f"{Scaling.__module__}.Scaling"
ROWS, TARGET = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def told(model: Any) -> str:
    """What the inspection says of a model."""
    return inspect(pickle.dumps(model), "winner.pkl").because


def is_trusted_with(model: Any, *names: str) -> bool:
    """Whether trusting exactly these names lets a model through, and load."""
    data = pickle.dumps(model)
    assert inspect(data).unknown == names
    for name in names:
        check_trustable(name)
    found = inspect(data, extra_trusted=names)
    return found.verdict == "trusted" and type(formats.load(data, "winner", extra_trusted=names)) is type(model)


def test_a_class_of_ones_own_is_trusted_when_its_name_is_added() -> None:
    assert "for a class, have its code reviewed and its import trusted" in told(Scaling())
    assert is_trusted_with(Scaling(), SCALING)


def test_a_function_of_ones_own_becomes_a_class() -> None:
    assert "replace a function with a class with fit and transform" in told(FunctionTransformer(scaled))
    assert is_trusted_with(Scaling(by=2.0), SCALING)


def test_a_partial_becomes_keywords_or_a_class() -> None:
    because = told(FunctionTransformer(functools.partial(scaled, by=2.0)))
    assert "functools.partial" in because
    assert "as kw_args of FunctionTransformer, and replace your own function with a class with fit and" in because
    assert "its import trusted" not in because
    assert is_trusted_with(FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 2.0}))
    assert is_trusted_with(Scaling(by=2.0), SCALING)


def test_a_method_becomes_a_class() -> None:
    because = told(FunctionTransformer(Scaler().scaled))
    assert "builtins.getattr, which can never be trusted; replace it with a class with fit and transform" in because
    assert is_trusted_with(Scaling(), SCALING)


def test_a_class_of_a_script_is_moved_into_a_module() -> None:
    because = inspect(whole(made("__main__", "Scaler")), "winner.pkl").because
    assert "is defined in a script or notebook" in because
    assert "move it into a module and save the model again" in because
    assert is_trusted_with(Scaler(), f"{Scaler.__module__}.Scaler")


def test_a_search_over_distributions_is_saved_as_its_best() -> None:
    search = RandomizedSearchCV(LogisticRegression(), {"C": stats.uniform(0.1, 1)}, n_iter=2, cv=2, random_state=0)
    search.fit(ROWS, TARGET)
    because = told(search)
    assert "names scipy.stats" in because
    assert "Save the model without it (of a search, save best_estimator_)" in because
    assert is_trusted_with(search.best_estimator_)


def test_operators_outside_the_standard_are_exported_as_standard_ones() -> None:
    foreign = natives.field(1, b"x") + natives.field(2, b"y") + natives.field(4, b"Shell")
    own = natives.onnx_model(node=foreign + natives.field(7, b"com.example"))
    assert "export the model with standard operators" in inspect(own).because
    assert inspect(natives.onnx_model()).verdict == "trusted"
    known = natives.onnx_model(node=foreign + natives.field(7, b"com.microsoft"))
    assert "trust them, or export the model with standard operators" in inspect(known).because
    assert inspect(known, extra_trusted=["com.microsoft.Shell"]).verdict == "trusted"


def test_a_cache_and_files_are_left_out_of_the_fit() -> None:
    because = told(make_pipeline(StandardScaler(), LogisticRegression(), memory="cache"))
    assert "fit it with memory=None" in because
    assert is_trusted_with(make_pipeline(StandardScaler(), LogisticRegression(), memory=None))
    assert "fit it with input='content'" in told(TfidfVectorizer(input="filename"))
    assert is_trusted_with(TfidfVectorizer(input="content"))


def test_what_packs_like_a_bomb_is_saved_as_it_is() -> None:
    zeros = np.zeros(70 << 20, dtype=np.uint8)
    plain = io.BytesIO()
    joblib.dump(zeros, plain)
    because = inspect(zlib.compress(plain.getvalue(), 9)).because
    assert "Save the model without compression, and upload that file" in because
    assert inspect(plain.getvalue()).verdict == "trusted"


def test_lists_without_end_become_arrays() -> None:
    def read(value: Any) -> None:
        Machine(pickle.dumps(value), 0, Trust(), Budget(1000), joblib=False).run()

    numbers = [7] * 2000
    with pytest.raises(Refused, match="more than 1,000 steps") as refused:
        read(numbers)
    assert "Turn its longest lists of numbers into numpy arrays" in refused.value.remedy
    read(np.array(numbers))


def test_damaged_files_are_saved_again() -> None:
    data = pickle.dumps(LogisticRegression())
    assert "Save the model again where it was trained, and upload that file" in inspect(data[:-9]).because
    assert is_trusted_with(pickle.loads(data))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_limits_grow_with_an_honest_file_and_not_with_what_it_unpacks_to(protocol: int) -> None:
    words = TfidfVectorizer().fit([" ".join(f"w{number}" for number in range(500))])
    forest = RandomForestClassifier(20, max_depth=2, n_jobs=1, random_state=0).fit(ROWS, TARGET)
    for model in (words, forest):
        data = pickle.dumps(model, protocol)
        # As many bytes a step at least as the budget counts for.
        steps = sum(1 for _ in pickletools.genops(data))
        assert steps <= len(data) // 3
    assert Budget.for_file(1000, 1000).most == Budget().most
    large = 600 << 20
    assert Budget.for_file(large, large).most == large // 3
    assert Budget.for_file(1 << 17, large).most == Budget().most
    assert Budget.for_file(60 << 20, large).most == 120 << 20
