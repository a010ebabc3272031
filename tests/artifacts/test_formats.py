"""Loading: what is trusted comes back, whatever it was written by; what is not is never imported."""

import builtins
import io
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
import xgboost
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from registry_core.artifacts import formats, native
from registry_core.errors import ArtifactQuarantined, ArtifactUnloadable

from .inspection import natives
from .inspection.assembly import made, whole


def iris(classes: int = 3) -> tuple[Any, Any]:
    inputs, target = load_iris(return_X_y=True)
    return inputs[target < classes], target[target < classes]


class Own:
    """A class that only its author knows."""

    weight = 2


def dumped(model: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **how)
    return buffer.getvalue()


@pytest.mark.parametrize("write", [pickle.dumps, dumped])
def test_a_class_of_ones_own_is_loaded_only_when_it_is_trusted(write: Any) -> None:
    data = write({"model": Own(), "weights": np.arange(3)})
    name = f"{Own.__module__}.Own"
    with pytest.raises(ArtifactQuarantined, match=r"Own, which is not trusted"):
        formats.load(data, "winner.pkl")
    assert isinstance(formats.load(data, "winner.pkl", extra_trusted=[name])["model"], Own)


def test_what_may_never_be_trusted_stays_out_even_when_trusted() -> None:
    with pytest.raises(ArtifactQuarantined, match=r"builtins\.eval, which can never be trusted"):
        formats.load(pickle.dumps(eval), "winner.pkl", extra_trusted=["builtins.eval"])


def test_a_name_reached_through_another_is_refused() -> None:
    with pytest.raises(ArtifactQuarantined, match="not one plain name"):
        formats.load(whole(made("sklearn.base", "os.system")), "winner.pkl")


def test_objects_within_an_array_of_joblibs_meet_the_same_wall() -> None:
    array = np.empty(1, dtype=object)
    array[0] = Own()
    with pytest.raises(ArtifactQuarantined):
        formats.load(dumped(array), "winner.joblib")
    assert isinstance(formats.load(dumped(array), "winner.joblib", extra_trusted=[f"{Own.__module__}.Own"])[0], Own)


def test_a_module_that_is_not_trusted_is_never_imported() -> None:
    code = (
        "import pickle, sys; from registry_core.artifacts import formats\n"
        "from registry_core.errors import ArtifactQuarantined\n"
        "try: formats.load(b'\\x80\\x04cantigravity\\nfly\\n.', 'x')\n"
        "except ArtifactQuarantined: print('antigravity' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_bomb_is_not_unpacked_at_load() -> None:
    import zlib

    with pytest.raises(ArtifactUnloadable, match="bomb"):
        formats.load(zlib.compress(bytes(80 << 20), 9), "bomb.joblib")


@pytest.mark.parametrize("kind", [LogisticRegression, GradientBoostingClassifier, RandomForestClassifier])
def test_skops_gives_the_estimator_back(kind: Any) -> None:
    inputs, target = iris()
    few = {"max_iter": 1000} if kind is LogisticRegression else {"n_estimators": 2}
    model = kind(**few).fit(inputs, target)
    again = formats.load(skops.io.dumps(model), "winner.skops")
    assert type(again) is kind
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


def test_skops_files_that_are_not_trusted_are_not_loaded() -> None:
    for label, data, _ in (*natives.bad_skops("never"), *natives.bad_zips()):
        with pytest.raises((ArtifactQuarantined, ArtifactUnloadable)):
            formats.load(data, label)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_classifies_as_it_did(classes: int, form: str) -> None:
    inputs, target = iris(classes)
    model = xgboost.XGBClassifier(n_estimators=3).fit(inputs, target)
    again = formats.load(bytes(model.get_booster().save_raw(form)), "winner.json")
    assert isinstance(again, native.Classifier)
    assert again.classes_.tolist() == list(range(classes))
    assert again.n_features_in_ == 4
    assert np.allclose(again.predict_proba(inputs), model.predict_proba(inputs), atol=1e-6)
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


def test_xgboost_regresses_as_it_did() -> None:
    inputs, target = iris()
    model = xgboost.XGBRegressor(n_estimators=3).fit(inputs, target)
    again = formats.load(bytes(model.get_booster().save_raw("ubj")), "winner.ubj")
    assert not hasattr(again, "predict_proba")
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


@pytest.mark.parametrize("classes", [2, 3])
def test_lightgbm_classifies_as_it_did(classes: int) -> None:
    inputs, target = iris(classes)
    model = LGBMClassifier(n_estimators=3, verbose=-1).fit(inputs, target)
    again = formats.load(model.booster_.model_to_string().encode(), "winner.txt")
    assert isinstance(again, native.Classifier)
    assert not hasattr(again, "feature_names_in_")
    assert [feature.name for feature in again.features_] == model.feature_name_
    assert np.allclose(again.predict_proba(inputs), model.predict_proba(inputs))
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


def test_lightgbm_regresses_as_it_did() -> None:
    inputs, target = iris()
    model = LGBMRegressor(n_estimators=3, verbose=-1).fit(inputs, target)
    again = formats.load(model.booster_.model_to_string().encode(), "winner.txt")
    assert np.array_equal(again.predict(inputs), model.predict(inputs))


def test_native_models_want_their_number_of_inputs() -> None:
    again = formats.load(natives.xgboost_json(), "winner.json")
    with pytest.raises(ValueError, match="give rows of 4 features"):
        again.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="give rows of 4 features"):
        again.predict_proba(np.zeros(4))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.partition(".")[0] in ("onnxruntime", "skops"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments, **keywords)

    data = natives.skops_file()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ArtifactUnloadable, match="install onnxruntime"):
        formats.load(natives.onnx_model(), "winner.onnx")
    with pytest.raises(ArtifactUnloadable, match="install skops"):
        formats.load(data, "winner.skops")
