"""What fitted objects say of their columns, and rows made from that: enough for every usual model to answer."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from registry_core.artifacts.asking import answers_of, example_rows, signature_of
from registry_core.artifacts.columns import columns_of

CHANCE = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "city": CHANCE.choice(["Oslo", "Bonn", "Lyon"], 120),
        "store": CHANCE.choice([10, 20, 30], 120),
        "age": CHANCE.normal(40, 10, 120),
        "note": CHANCE.choice(["late and bad", "good report"], 120),
    }
)
TARGET = np.where(FRAME.age > 40, "old", "young")
TYPED = FRAME[["city", "store", "age"]].astype({"city": "category", "store": "category"})
NUMBERS = FRAME[["age", "store"]].to_numpy(float)
MIXED = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["city", "store"]),
    (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include=float)),
    (CountVectorizer(), "note"),
)

MODELS: dict[str, tuple[Any, Any]] = {
    "numbers": (LogisticRegression().fit(NUMBERS, TARGET), None),
    "scaled": (LogisticRegression().fit(MinMaxScaler().fit_transform(NUMBERS), TARGET), MinMaxScaler().fit(NUMBERS)),
    "forest": (RandomForestClassifier(5, random_state=0).fit(NUMBERS, TARGET), None),
    "boosting": (GradientBoostingRegressor(n_estimators=5).fit(NUMBERS, FRAME.age), None),
    "neighbours": (KNeighborsClassifier().fit(NUMBERS, TARGET), None),
    "support vectors": (SVC().fit(NUMBERS, TARGET), None),
    "transformed target": (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1).fit(
        NUMBERS, FRAME.age), None),
    "columns": (make_pipeline(MIXED, LogisticRegression()).fit(FRAME, TARGET), None),
    "searched": (GridSearchCV(make_pipeline(MIXED, LogisticRegression()), {}, cv=2).fit(FRAME, TARGET), None),
    "ordinal": (make_pipeline(OrdinalEncoder(), Ridge()).fit(FRAME[["city", "store"]], FRAME.age), None),
    "categories": (HistGradientBoostingClassifier(max_iter=5).fit(TYPED, TARGET), None),
    "lightgbm": (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(TYPED, TARGET), None),
    "xgboost": (xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(TYPED, TARGET == "old"), None),
    "text": (make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()).fit(FRAME.note, TARGET), None),
    "union": (make_pipeline(make_union(CountVectorizer()), MultinomialNB()).fit(FRAME.note, TARGET), None),
    "function": (make_pipeline(FunctionTransformer(np.abs), Ridge()).fit(NUMBERS, FRAME.age), None),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_made_that_the_model_answers_in_different_ways(name: str) -> None:
    model, scaler = MODELS[name]
    rows, source, answers, because = example_rows(model, scaler, None, (), lambda rows: answers_of(model, scaler, rows))
    assert source == "made", because
    assert answers is not None
    assert len(answers.predicted) == 32
    # Which words a hash stands for nobody knows.
    assert len({*answers.predicted.tolist()}) > 1 or name == "text"
    again = example_rows(model, scaler, None, (), lambda rows: answers_of(model, scaler, rows))
    assert answers.predicted.tolist() == again[2].predicted.tolist()  # pyrefly: ignore[missing-attribute]
    assert signature_of(model, scaler, rows, answers, ()).task is not None


def test_columns_of_a_transformer_have_their_kinds_and_levels() -> None:
    found = columns_of(MODELS["searched"][0], None)
    assert found.names == ("city", "store", "age", "note")
    assert found.columns is not None
    city, store, age, note = found.columns
    assert (city.kind, city.levels) == ("category", ("Bonn", "Lyon", "Oslo"))
    assert (store.kind, store.levels) == ("category", (10, 20, 30))
    assert (age.kind, round(age.center)) == ("number", round(FRAME.age.mean()))
    assert (note.kind, note.words) == ("text", ("and", "bad", "good", "late", "report"))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosters_want_their_categories_typed(name: str) -> None:
    model, _ = MODELS[name]
    rows, _, answers, _ = example_rows(model, None, None, (), lambda rows: answers_of(model, None, rows))
    features = signature_of(model, None, rows, answers, ()).features
    assert [(each.kind, each.typed) for each in features] == [
        ("category", True),
        ("category", True),
        ("number", False),
    ]
    assert features[0].levels == ("Bonn", "Lyon", "Oslo")


def test_more_levels_than_an_id_has_are_not_kept() -> None:
    many = pd.DataFrame({"id": pd.Categorical([f"c{number}" for number in range(1500)])})
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[False])
    rows = pd.DataFrame({"id": np.arange(1500.0)})
    model.fit(rows, np.arange(1500) % 2)
    features = signature_of(model, None, many, None, ()).features
    assert (features[0].levels, features[0].typed) == ((), False)
