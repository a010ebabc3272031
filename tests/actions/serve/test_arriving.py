"""Rows as they arrive: in another order, with more columns, as dicts, or not as the champion takes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry_core import InvalidInput, Predictor, Registry

X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 2)), columns=["age", "spend"])
Y = (X.age > 0).astype(int)
OTHER = X[["spend", "age"]]


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    """What a library has to say of names must not reach whoever predicts."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def served(registry: Registry, model: Any, scaler: Any = None, **fields: Any) -> Predictor:
    model_id = registry.register_model(model, scaler, model_name="Lr", model_type="LR", **fields)
    registry.promote(model_id, reason="go")
    return registry.predictor("Lr", log="off")


def plain(registry: Registry) -> Predictor:
    return served(registry, LogisticRegression().fit(X.to_numpy(), Y), feature_names=list(X))


def test_a_frame_in_another_order_is_put_in_order(sqlite_registry: Registry) -> None:
    predictor = plain(sqlite_registry)
    right = predictor.predict(X).values
    assert (right == Y).mean() > 0.98
    assert (predictor.predict(OTHER).values == right).all()
    assert (predictor.predict_proba(OTHER).values == predictor.predict_proba(X.to_numpy()).values).all()


def test_so_is_one_for_a_file_of_xgboosts(sqlite_registry: Registry, tmp_path: Path) -> None:
    xgboost.XGBClassifier(n_estimators=20).fit(X, Y).save_model(tmp_path / "o.json")
    uploaded = sqlite_registry.upload(tmp_path / "o.json", metadata={"model_name": "Xgb", "model_type": "xgb"})
    sqlite_registry.promote(uploaded, reason="go")
    predictor = sqlite_registry.predictor("Xgb", log="off")
    assert (predictor.predict(X).values == Y).all()
    assert (predictor.predict(OTHER).values == Y).all()
    with pytest.raises(InvalidInput, match="have no column 'spend'"):
        predictor.predict(X[["age"]])


def test_so_is_one_for_a_model_with_its_scaler(sqlite_registry: Registry) -> None:
    scaler = StandardScaler().fit(X)
    predictor = served(sqlite_registry, LogisticRegression().fit(scaler.transform(X), Y), scaler)
    assert (predictor.predict(OTHER).values == predictor.predict(X).values).all()


def test_columns_that_nobody_asked_for_are_ignored_and_named(sqlite_registry: Registry) -> None:
    answer = plain(sqlite_registry).predict(OTHER.assign(customer="c1", spend_eur=1.0))
    assert answer.ignored == ("customer", "spend_eur")
    assert (answer.values == Y).mean() > 0.98


def test_rows_of_a_request_are_dicts(sqlite_registry: Registry) -> None:
    predictor = plain(sqlite_registry)
    request = OTHER.head(3).assign(id=7).to_dict("records")
    assert predictor.predict(request).values.tolist() == predictor.predict(X.head(3)).values.tolist()
    with pytest.raises(InvalidInput, match="row 1 has no 'age'"):
        predictor.predict([request[0], {"spend": 1.0}])


def test_a_missing_column_or_another_width_is_refused_before_anything_is_kept(sqlite_registry: Registry) -> None:
    plain(sqlite_registry)
    predictor = sqlite_registry.predictor("Lr", log="sync")
    for rows, why in (
        (X[["age"]], "have no column 'spend'"),
        (X.to_numpy()[:, :1], "the rows have 1 columns, the model takes 2 features"),
        (X.assign(age="old"), "column 'age', row 0: 'old' is not a number"),
        ([1.0, 2.0], "give rows of features"),
    ):
        with pytest.raises(InvalidInput, match=why):
            predictor.predict(rows)
    assert sqlite_registry.performance_history("Lr") == []
    assert sqlite_registry.alerts("Lr") == []


def test_a_pipeline_by_names_takes_dicts_and_numbers_as_text(sqlite_registry: Registry) -> None:
    frame = pd.DataFrame({"store": ["10", "20"] * 20, "age": np.arange(40.0)})
    encoder = make_column_transformer((OneHotEncoder(), ["store"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(frame, frame.store == "20")
    predictor = served(sqlite_registry, model)
    rows = [{"age": "3", "store": 20}, {"age": 3, "store": "10"}]
    assert predictor.predict(rows).values.tolist() == [True, False]


def test_challengers_are_handed_what_they_take(sqlite_registry: Registry) -> None:
    plain(sqlite_registry)
    named = sqlite_registry.register_model(
        LogisticRegression(C=2).fit(X, Y), model_name="Lr", model_type="LR", hyperparameters={"C": 2}
    )
    sqlite_registry.start_experiment("Lr", named, mode="split", share=0.5, reason="by names")
    answer = sqlite_registry.predictor("Lr", log="off").predict(OTHER)
    assert len({*answer.model_ids}) == 2
    assert (answer.values == Y).mean() > 0.98
