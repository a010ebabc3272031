"""What people really have is trusted, in whatever way it was written, and tells what it is."""

import io
import pickle

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from registry_core.artifacts import formats
from registry_core.artifacts.inspection import inspect

from . import good, natives


def test_every_good_model_is_trusted_in_every_way_of_writing_it() -> None:
    models = good.good_models()
    assert len(models) >= 40
    wrong = [
        f"{name}, {way}: {found.because}"
        for name, model in models.items()
        for way, data in good.pickled(model)
        if (found := inspect(data, name)).verdict != "trusted"
    ]
    assert not wrong, "\n".join(wrong)


def test_every_good_model_passes_the_wall_at_load() -> None:
    for name, model in good.good_models().items():
        ways = dict(good.pickled(model))
        for way in ("pickle, protocol 0", "pickle, protocol 2", "pickle, protocol 5", "joblib", "joblib, lz4"):
            assert type(formats.load(ways[way], name)) is type(model), f"{name}, {way}"


@pytest.mark.parametrize("compression", good.COMPRESSIONS)
def test_a_compressed_forest_comes_back_the_same(compression: str) -> None:
    inputs, target = load_iris(return_X_y=True)
    forest = RandomForestClassifier(4, random_state=0).fit(inputs, target)
    ways = dict(good.pickled(forest))
    found = inspect(ways[f"joblib, {compression}"])
    assert (found.format, found.verdict) == (f"joblib, {compression}", "trusted")
    again = formats.load(ways[f"joblib, {compression}"], "a forest")
    assert np.array_equal(again.predict_proba(inputs), forest.predict_proba(inputs))


@pytest.mark.parametrize("compression", good.COMPRESSIONS)
@pytest.mark.parametrize("less", [-1, 0, 1, 300])
def test_a_stream_may_end_wherever_a_piece_of_it_ends(compression: str, less: int) -> None:
    # Zeros are packed so tightly that the last bytes of the file unpack to a whole piece and more.
    buffer = io.BytesIO()
    joblib.dump(np.zeros((2 << 20) - less, dtype=np.uint8), buffer, compress=(compression, 1))
    assert inspect(buffer.getvalue()).verdict == "trusted"


def test_a_file_says_what_is_in_it() -> None:
    import pandas as pd
    import sklearn

    inputs, target = load_iris(return_X_y=True)
    frame = pd.DataFrame(inputs, columns=["a", "b", "c", "d"])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    found = inspect(pickle.dumps(pipeline), "pipeline.pkl")
    assert found.estimator == "sklearn.pipeline.Pipeline"
    assert found.libraries == {"scikit-learn": sklearn.__version__}
    assert (found.inputs, found.feature_names) == (4, ("a", "b", "c", "d"))
    assert "sklearn.linear_model._logistic.LogisticRegression" in found.names
    assert found.unknown == ()
    assert "pipeline.pkl" in found.because


def test_native_files_say_what_is_in_them() -> None:
    import xgboost

    for data in (natives.xgboost_json(), natives.xgboost_ubjson()):
        found = inspect(data)
        assert (found.verdict, found.format, found.inputs) == ("trusted", "xgboost", 4)
        assert found.libraries == {"xgboost": xgboost.__version__}
    found = inspect(natives.lightgbm_text())
    assert (found.verdict, found.format, found.inputs) == ("trusted", "lightgbm", 4)
    assert found.feature_names == ()
    found = inspect(natives.onnx_model())
    assert (found.verdict, found.format, found.inputs) == ("trusted", "onnx", 4)


def test_skops_files_of_good_models_are_trusted() -> None:
    refused = []
    for name, model in good.good_models().items():
        if "booster" in name:
            continue
        found = inspect(skops.io.dumps(model), name)
        if found.verdict != "trusted":
            refused.append(f"{name}: {found.because}")
    assert not refused, "\n".join(refused)


def test_plain_data_is_trusted_and_names_no_estimator() -> None:
    found = inspect(pickle.dumps({"a": [1, 2.5, None, True], "b": {1, 2}, "c": (b"x", frozenset("y"))}))
    assert (found.verdict, found.estimator, found.names) == ("trusted", None, ())


def test_names_the_configuration_trusts_lift_the_quarantine() -> None:
    from .assembly import call, made, mapping, plain, whole

    data = whole(made("mymodels", "Winner", mapping(weight=plain(1.0), rule=call("mymodels", "rule", "x", [1]))))
    assert inspect(data).unknown == ("mymodels.Winner", "mymodels.rule")
    assert inspect(data, extra_trusted=["mymodels.Winner"]).unknown == ("mymodels.rule",)
    found = inspect(data, extra_trusted=["mymodels.Winner", "mymodels.rule"])
    assert (found.verdict, found.estimator) == ("trusted", "mymodels.Winner")
    # What may never be trusted is not lifted by saying so.
    assert inspect(pickle.dumps(eval), extra_trusted=["builtins.eval"]).verdict == "refused"
