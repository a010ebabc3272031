"""XGBoost's and LightGBM's files: objectives, columns, categories, labels, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from threadpoolctl import threadpool_limits

from registry_core.artifacts import formats, native
from registry_core.artifacts.inspection import inspect
from registry_core.errors import ArtifactUnloadable
from registry_core.signature import Feature

ROWS = 120
CHANCE = np.random.default_rng(3)
FRAME = pd.DataFrame(CHANCE.normal(size=(ROWS, 2)), columns=["age", "my spend"])
STORES = CHANCE.choice([10, 20, 30], ROWS)
WITH_STORE = FRAME.assign(store=pd.Categorical(STORES))
AMOUNTS = np.exp(FRAME["age"].to_numpy()) + (STORES == 20)


def xgb(estimator: Any, form: str = "ubj") -> Any:
    """The estimator as the registry loads its file."""
    return formats.load(bytes(estimator.get_booster().save_raw(form)), "winner")


def lgb(estimator: Any) -> Any:
    """The estimator as the registry loads its file."""
    return formats.load(estimator.booster_.model_to_string().encode(), "winner")


@pytest.mark.parametrize(
    "how",
    [
        {"objective": "reg:squarederror", "base_score": 3.0},
        {"objective": "reg:absoluteerror"},
        {"objective": "reg:pseudohubererror"},
        {"objective": "count:poisson"},
        {"objective": "reg:gamma"},
        {"objective": "reg:tweedie", "tweedie_variance_power": 1.3},
        {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5},
        {"objective": "reg:squarederror", "booster": "gblinear"},
        {"objective": "reg:quantileerror", "quantile_alpha": 0.9},
    ],
)
def test_xgboost_regresses_as_it_did(how: Any) -> None:
    own = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, **how).fit(FRAME, AMOUNTS)
    loaded = xgb(own)
    assert not hasattr(loaded, "classes_")
    assert np.array_equal(loaded.predict(FRAME), own.predict(FRAME))
    with pytest.raises(ValueError, match="the model is a regression"):
        loaded.with_classes([0, 1])


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "poisson", "gamma", "tweedie", "quantile"])
@pytest.mark.parametrize("boosting", ["gbdt", "dart"])
def test_lightgbm_regresses_as_it_did(objective: str, boosting: str) -> None:
    own = lightgbm.LGBMRegressor(objective=objective, boosting_type=boosting, n_estimators=4, n_jobs=1, verbose=-1)
    own.fit(FRAME, AMOUNTS)
    assert np.array_equal(lgb(own).predict(FRAME), own.predict(FRAME))


def test_rankings_are_numbers() -> None:
    places, groups = np.arange(ROWS) % 3, np.repeat([0, 1, 2], ROWS // 3)
    first = xgboost.XGBRanker(n_estimators=3, n_jobs=1).fit(FRAME, places, qid=groups)
    assert np.array_equal(xgb(first).predict(FRAME), first.predict(FRAME))
    second = lightgbm.LGBMRanker(n_estimators=3, n_jobs=1, verbose=-1).fit(FRAME, places, group=[ROWS // 3] * 3)
    assert np.array_equal(lgb(second).predict(FRAME), second.predict(FRAME))


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_xgboost_knows_three_classes(objective: str) -> None:
    own = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, objective=objective).fit(FRAME, np.arange(ROWS) % 3)
    loaded = xgb(own)
    assert np.array_equal(loaded.predict(FRAME), own.predict(FRAME))
    assert np.allclose(loaded.predict_proba(FRAME), own.predict_proba(FRAME))


@pytest.mark.parametrize("objective", ["binary:hinge", "binary:logitraw"])
def test_answers_that_are_no_probabilities_are_labels_only(objective: str) -> None:
    own = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, objective=objective).fit(FRAME, AMOUNTS > 1)
    loaded = xgb(own)
    assert type(loaded) is native.Labels
    assert np.array_equal(loaded.predict(FRAME), own.predict(FRAME))


def test_several_numbers_a_row_are_refused() -> None:
    two = xgboost.XGBRegressor(n_estimators=2, n_jobs=1).fit(FRAME, np.c_[AMOUNTS, AMOUNTS])
    with pytest.raises(ArtifactUnloadable, match="returns 2 numbers per row; only one is supported"):
        xgb(two)
    three = xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], n_estimators=2)
    with pytest.raises(ArtifactUnloadable, match="returns 3 numbers per row"):
        xgb(three.fit(FRAME, AMOUNTS))


def test_a_column_is_found_by_its_name_and_a_missing_one_is_named() -> None:
    loaded = lgb(lightgbm.LGBMRegressor(n_estimators=3, n_jobs=1, verbose=-1).fit(FRAME, AMOUNTS))
    # LightGBM writes an underscore where a name has a space.
    assert loaded.feature_names_in_.tolist() == ["age", "my_spend"]
    rows = FRAME.assign(more=1)[["more", "my spend", "age"]]
    assert np.array_equal(loaded.predict(rows), loaded.predict(FRAME))
    with pytest.raises(ValueError, match="'age' is missing; the model takes 'age', 'my_spend'"):
        loaded.predict(FRAME[["my spend"]])
    with pytest.raises(ValueError, match="'age' appears 2 times"):
        loaded.predict(pd.concat([FRAME, FRAME], axis=1))
    assert np.array_equal(loaded.predict(FRAME.to_numpy()), loaded.predict(FRAME))


def test_a_model_of_an_array_has_no_names() -> None:
    array = FRAME.to_numpy()
    first = xgb(xgboost.XGBRegressor(n_estimators=3, n_jobs=1).fit(array, AMOUNTS))
    second = lgb(lightgbm.LGBMRegressor(n_estimators=3, n_jobs=1, verbose=-1).fit(array, AMOUNTS))
    for loaded in (first, second):
        assert not hasattr(loaded, "feature_names_in_")
        assert loaded.n_features_in_ == 2
        assert np.array_equal(loaded.predict(FRAME), loaded.predict(array))
        with pytest.raises(ValueError, match="have 1 columns; give rows of 2"):
            loaded.predict(FRAME[["age"]])


def test_gaps_and_whole_numbers_arrive_as_the_library_takes_them() -> None:
    own = xgboost.XGBRegressor(n_estimators=3, n_jobs=1).fit(FRAME, AMOUNTS)
    gaps = FRAME.mask(FRAME > 1)
    assert np.array_equal(xgb(own).predict(gaps), own.predict(gaps))
    assert np.array_equal(xgb(own).predict(gaps.astype(object).where(gaps.notna(), None)), own.predict(gaps))
    for column, what in ((["x"] * ROWS, "texts"), (pd.Timestamp("2026-01-01"), "times")):
        with pytest.raises(ValueError, match=f"'age' holds {what}.*takes numbers"):
            xgb(own).predict(FRAME.assign(age=column))
    with pytest.raises(ValueError, match="texts or other objects, where the model takes numbers"):
        xgb(own).predict([["1", "2"]])


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "str"])
def test_categories_are_coded_by_the_levels_in_the_file(kind: str) -> None:
    frame = FRAME.assign(
        store=pd.Series(STORES.astype(kind), dtype=None if kind != "str" else "str").astype("category")
    )
    levels = tuple(frame["store"].cat.categories.tolist())
    first = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, enable_categorical=True).fit(frame, AMOUNTS)
    second = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1, min_data_per_group=5).fit(frame, AMOUNTS)
    fewer = frame[frame["store"] != levels[0]]
    for loaded, own in ((xgb(first), first), (lgb(second), second.booster_)):
        assert loaded.features_[2] == Feature("store", "category", levels)
        assert loaded.features_[0].kind == "number"
        for rows in (frame, fewer, fewer.assign(store=fewer["store"].cat.remove_unused_categories())):
            assert np.array_equal(loaded.predict(rows), own.predict(frame.loc[rows.index]))
            plain = rows.assign(store=rows["store"].astype(object))
            assert np.array_equal(loaded.predict(plain), own.predict(frame.loc[rows.index]))
        with pytest.raises(ValueError, match="give a DataFrame"):
            loaded.predict(frame.to_numpy())
        other = 1 if kind == "str" else "x"
        with pytest.raises(ValueError, match=r"'store' holds .*the model's categories are"):
            loaded.predict(frame.assign(store=pd.Series([other] * ROWS, dtype=object)))


def test_a_category_never_seen_is_what_the_library_makes_of_it() -> None:
    new = FRAME.assign(store=99)
    first = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, enable_categorical=True).fit(WITH_STORE, AMOUNTS)
    with pytest.raises(
        ValueError, match="'store' holds 99, a category the model was not trained on; its categories are 10, 20, 30"
    ):
        xgb(first).predict(new)
    second = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1, min_data_per_group=5)
    second.fit(WITH_STORE, AMOUNTS)
    seen = new.assign(store=pd.Categorical(new["store"]))
    assert np.array_equal(lgb(second).predict(new), second.booster_.predict(seen))


def test_levels_that_a_file_does_not_hold_are_named() -> None:
    own = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, enable_categorical=True).fit(WITH_STORE, AMOUNTS)
    document = json.loads(own.get_booster().save_raw("json"))
    # As XGBoost before 3.1 wrote it.
    del document["learner"]["gradient_booster"]["model"]["cats"]
    loaded = formats.load(json.dumps(document).encode(), "winner")
    for rows in (WITH_STORE, WITH_STORE.assign(store=STORES)):
        with pytest.raises(ValueError, match="does not hold the categories of the column 'store'"):
            loaded.predict(rows)
    # Codes that an array was trained with are the values themselves.
    codes = np.c_[STORES // 10, FRAME["age"]]
    own = xgboost.XGBRegressor(n_estimators=4, n_jobs=1, enable_categorical=True, feature_types=["c", "q"]).fit(
        codes, AMOUNTS
    )
    assert np.array_equal(xgb(own).predict(codes), own.predict(codes))
    assert np.array_equal(xgb(own).predict(pd.DataFrame(codes)), own.predict(codes))


def test_ordered_categories_are_taken_where_the_frame_marks_them() -> None:
    ordered = WITH_STORE.assign(store=WITH_STORE["store"].cat.as_ordered())
    own = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1).fit(ordered, AMOUNTS)
    loaded = lgb(own)
    assert loaded.features_[2] == Feature("store")
    assert np.array_equal(loaded.predict(ordered[["store", "my spend", "age"]]), own.predict(ordered))
    with pytest.raises(ValueError, match="the categories of 1 columns without their names"):
        loaded.predict(ordered.assign(store=STORES))


def test_categories_whose_texts_lie_outside_are_refused() -> None:
    own = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, enable_categorical=True).fit(
        FRAME.assign(store=pd.Categorical(STORES.astype(str))), AMOUNTS
    )
    document = json.loads(own.get_booster().save_raw("json"))
    cats = document["learner"]["gradient_booster"]["model"]["cats"]
    for change in (
        {"enc": [*cats["enc"][:2], {**cats["enc"][2], "offsets": [0, 2, 4, 1 << 30]}]},
        {"feature_segments": [0, 0, 0, 1 << 20]},
        {"sorted_idx": [0, 1, 1 << 20]},
        {"enc": cats["enc"][:1]},
    ):
        document["learner"]["gradient_booster"]["model"]["cats"] = {**cats, **change}
        assert inspect(json.dumps(document).encode()).verdict == "refused", change


def test_labels_are_told() -> None:
    target = np.arange(ROWS) % 3
    with threadpool_limits(1):
        first = xgb(xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(FRAME, target))
        second = lgb(lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(FRAME, target + 1))
    for loaded in (first, second):
        told = loaded.with_classes(["a", "b", "c"])
        assert told.classes_.tolist() == ["a", "b", "c"]
        assert np.array_equal(told.predict(FRAME), np.array(["a", "b", "c"])[loaded.predict(FRAME)])
        assert np.array_equal(told.predict_proba(FRAME), loaded.predict_proba(FRAME))
        assert loaded.classes_.tolist() == [0, 1, 2]
        assert told.with_classes(["a", "b", "c"]) is told
        for wrong, message in (
            ([1, 2], r"2 classes are given \(1, 2\), but the model has 3"),
            ([1, 1, 2], "contain a class twice"),
            ([1, "b", 2], "mix numbers and texts"),
        ):
            with pytest.raises(ValueError, match=message):
                loaded.with_classes(wrong)
        with pytest.raises(ValueError, match="the file has 'a', 'b', 'c'"):
            told.with_classes([1, 2, 3])
