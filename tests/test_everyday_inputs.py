"""What people hand in without a thought, and what has to become of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from registry_core import Registry
from registry_core.rules.intake import submission
from registry_core.rules.metrics import LOWER_IS_BETTER, RANGES, canonical
from registry_core.rules.readable import plain

MODEL = DummyClassifier().fit([[0], [1]], [0, 1])


def register(registry: Registry, **said: Any) -> str:
    fields: dict[str, Any] = {"model_name": "Churn", "model_type": "Dummy", **said}
    return registry.register_model(MODEL, **fields)


class Colour(Enum):
    RED = 1


class Penalty(StrEnum):
    RIDGE = "l2"


class Hostile:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise ValueError("no")


class Pretender:
    """Has everything an array has, and is none."""

    dtype = "none"

    def tolist(self) -> object:
        return self

    def __repr__(self) -> str:
        return "Pretender()"


def scale(values: Any) -> Any:
    return values


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64, "numpy.float64"),
        (float, "float"),
        (LogisticRegression, "sklearn.linear_model._logistic.LogisticRegression"),
        (np.log1p, "numpy.log1p"),
        (len, "len"),
        (scale, "tests.test_everyday_inputs.scale"),
        (np.mean, "numpy.mean"),
        (np.dtype("float32"), "dtype('float32')"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.float64("nan"), "nan"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (pd.Series([1.5, None]), [1.5, "nan"]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.DataFrame({"a": [1]}), {"a": [1]}),
        (pd.Timestamp("2026-01-02 03:00"), "2026-01-02 03:00:00"),
        (pd.NA, "<NA>"),
        (pd.NaT, "NaT"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (Colour.RED, "Colour.RED"),
        (Penalty.RIDGE, "l2"),
        (Path("data/x.csv"), str(Path("data/x.csv"))),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (b"abc", "abc"),
        (b"\xff", "\\xff"),
        (range(3), "range(0, 3)"),
        ({"a": 1}.keys(), ["a"]),
        (Decimal("1.50"), "1.50"),
        (1 + 2j, "(1+2j)"),
        (re.compile("a"), "re.compile('a')"),
        (OrderedDict(a=(1, 2)), {"a": [1, 2]}),
        ({1: "a", None: "b", (1, "x"): "c"}, {"1": "a", "None": "b", "1_x": "c"}),
        ({1: "a", "1": "b"}, {"1": "a", "1 (str)": "b"}),
        ("half \ud800", "half \\ud800"),
        (float("inf"), "inf"),
        (Hostile(), "<Hostile whose repr fails: ValueError>"),
        (Pretender(), "Pretender()"),
        (StandardScaler(with_mean=False), "StandardScaler(with_mean=False)"),
        (FunctionTransformer(scale), "FunctionTransformer(func=<function scale>)"),
        (partial(scale, values=1), "functools.partial(<function scale>, values=1)"),
    ],
    # Two test processes have to call a test alike, and a function's repr holds an address.
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_kept_in_readable_form(value: Any, kept: Any) -> None:
    assert plain({"x": value}) == {"x": kept}
    assert json.loads(json.dumps(plain(value))) == plain(value)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(make_column_transformer((OneHotEncoder(), ["city"])), LogisticRegression()),
        make_pipeline(make_column_transformer((OrdinalEncoder(), ["city"])), LogisticRegression()),
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler()),
        GridSearchCV(LogisticRegression(), {"C": np.logspace(-2, 2, 3)}, scoring="f1"),
    ],
    ids=["one hot", "ordinal", "text", "function", "search"],
)
def test_what_get_params_gives_is_kept(sqlite_registry: Registry, model: Any) -> None:
    kept = sqlite_registry.get_metadata(register(sqlite_registry, hyperparameters=model.get_params()))
    assert kept.hyperparameters.keys() == model.get_params().keys()
    assert " at 0x" not in json.dumps(kept.hyperparameters)
    types = [value for name, value in kept.hyperparameters.items() if name.endswith("__dtype")]
    assert all(value in ("numpy.float64", "float64") for value in types)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"accuracy": 0.9, "roc_auc": 0.8, "f1": 0.7}, {"accuracy": 0.9, "auc": 0.8, "f1_score": 0.7}),
        ({"roc_auc_score": 0.8, "roc_auc_ovr": 0.8}, {"auc": 0.8}),
        ({"neg_log_loss": -0.3, "neg_brier_score": -0.1}, {"log_loss": 0.3, "brier_score": 0.1}),
        ({"neg_root_mean_squared_error": -2.0, "neg_mean_squared_error": -4.0}, {"rmse": 2.0, "mse": 4.0}),
        ({"neg_mean_absolute_error": -1.5, "mean_absolute_error": 1.5}, {"mae": 1.5}),
        ({"neg_mean_absolute_percentage_error": -0.0, "r2": 0.5}, {"mape": 0.0, "r2": 0.5}),
        ({"average_precision": 0.5, "balanced_accuracy": 0.6}, {"average_precision": 0.5, "balanced_accuracy": 0.6}),
        ({"f1_weighted": 0.5, "precision_macro": 0.6}, {"f1_weighted": 0.5, "precision_macro": 0.6}),
        ({"matthews_corrcoef": -0.5, "neg_profit": 3.0}, {"mcc": -0.5, "neg_profit": 3.0}),
    ],
)
def test_scikit_learns_names_of_metrics_are_understood(
    sqlite_registry: Registry, said: dict[str, float], kept: dict[str, float]
) -> None:
    metadata = sqlite_registry.get_metadata(register(sqlite_registry, performance_metrics=said))
    assert metadata.all_metrics() == kept


def test_a_score_is_made_of_scikit_learns_names(sqlite_registry: Registry) -> None:
    metrics = {"accuracy": 0.9, "roc_auc": 0.9, "f1": 0.9}
    model_id = register(sqlite_registry, performance_metrics=metrics, training_info={"data_quality_score": 1.0})
    metadata = sqlite_registry.get_metadata(model_id)
    assert metadata.score_note is None
    assert metadata.composite_score == pytest.approx(0.91)


def test_every_scorer_has_one_name_here() -> None:
    for name in get_scorer_names():
        ours = canonical(name)
        assert canonical(ours) == ours
        assert not ours.startswith("neg_")
        if name.startswith("neg_"):
            assert ours in LOWER_IS_BETTER
            assert RANGES[ours][0] == 0


class Names:
    """Gives names without being a list."""

    def __iter__(self) -> Any:
        return iter(["a", "b"])


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (pd.Index(["a", "b"]), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
        ([0, 1], ["0", "1"]),
        (range(2), ["0", "1"]),
        (pd.RangeIndex(2), ["0", "1"]),
        (("a", "b"), ["a", "b"]),
        (
            pd.MultiIndex.from_tuples([("price", "mean"), ("price", "max"), ("id", "")]),
            ["price_mean", "price_max", "id"],
        ),
        ({"a": 1, "b": 2}.keys(), ["a", "b"]),
        ((name for name in "ab"), ["a", "b"]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        ([Colour.RED, 1.5], ["Colour.RED", "1.5"]),
        (Names(), ["a", "b"]),
        (pd.Index([pd.Timestamp("2026-01-02")]), ["2026-01-02 00:00:00"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_of_features_of_any_sort(names: Any, kept: list[str]) -> None:
    assert list(submission({"model_name": "Churn", "model_type": "T", "feature_names": names}).feature_names) == kept


IN_TOKYO = """
import datetime, sys
from sklearn.dummy import DummyClassifier
from registry_core import Registry
with Registry(sys.argv[1], actor="qa") as registry:
    model = DummyClassifier().fit([[0], [1]], [0, 1])
    def register(when):
        info = {"training_timestamp": when, "data_quality_score": 1.0}
        metrics = dict.fromkeys(("accuracy", "auc", "f1_score"), 0.9)
        said = {"performance_metrics": metrics, "training_info": info}
        kept = registry.register_model(model, model_name="C", model_type="D", **said)
        return registry.get_metadata(kept)
    noon = datetime.datetime(2026, 3, 1, 12)
    first = register(noon)
    for said in (noon.isoformat(), "20260301_120000", "2026-03-01 12:00", noon.astimezone(), "2026-03-01T03:00:00Z"):
        assert register(said).training_timestamp == "2026-03-01T03:00:00.000000+00:00", said
    assert first.training_timestamp == "2026-03-01T03:00:00.000000+00:00"
    assert first.model_id == "C_D_20260301_030000"
    now, soon = datetime.datetime.now(), datetime.datetime.now() + datetime.timedelta(hours=1)
    trained = datetime.datetime.fromisoformat(register(now).training_timestamp)
    registered = datetime.datetime.fromisoformat(first.registered_at)
    assert abs((trained - registered).total_seconds()) < 600
    assert registry.champion_at("C", soon) == first.model_id
    assert registry.champion_at("C", soon.isoformat()) == first.model_id
    assert registry.champion_at("C", now - datetime.timedelta(hours=1)) is None
    assert registry.events(since=now - datetime.timedelta(hours=1)) and not registry.events(since=soon)
    predictor = registry.predictor("C", log="sync")
    predictor.predict([[0]], units=["anna"])
    later = datetime.datetime.now() + datetime.timedelta(minutes=1)
    assert registry.record_outcomes(units=["anna"], at=[now - datetime.timedelta(hours=1)], labels=[0]).recorded == 0
    assert registry.record_outcomes(units=["anna"], at=[later], labels=[0]).recorded == 1
    assert registry.performance_history("C", since=soon - datetime.timedelta(days=9))
    assert not registry.performance_history("C", since=soon + datetime.timedelta(days=9))
    assert len(registry.prediction_history("C", since=now - datetime.timedelta(hours=1), until=soon)) == 1
    assert len(registry.prediction_history("C", since=soon)) == 0
"""


@pytest.mark.parametrize("zone", ["Asia/Tokyo"])
def test_a_time_without_a_zone_is_that_of_whoever_says_it(registry_folder: Path, zone: str) -> None:
    environment = {**os.environ, "TZ": zone}
    run = partial(subprocess.run, env=environment, capture_output=True, text=True, check=False)
    done = run([sys.executable, "-c", IN_TOKYO, str(registry_folder)])
    assert (done.returncode, done.stderr) == (0, "")
    with Registry(registry_folder) as registry:
        started = datetime.fromisoformat(registry.deployments("C")[0].started_at)
        champion = registry.get_active_model_id("C")
    # Nine hours ahead there: what is an hour from now here was eight hours ago.
    for hours, expected in ((9.1, champion), (8.9, None)):
        said = datetime.fromtimestamp(started.timestamp() + 3600 * hours, UTC).replace(tzinfo=None).isoformat()
        command = [
            sys.executable,
            "-m",
            "registry_core",
            "champion",
            "C",
            "--at",
            said,
            "--registry",
            str(registry_folder),
        ]
        told = run(command)
        assert (told.returncode == 0, str(champion) in told.stdout) == (expected is not None,) * 2, told.stderr
