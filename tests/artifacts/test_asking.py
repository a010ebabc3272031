"""A model that no rows can make answer says so, in words."""

from __future__ import annotations

import pickle
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from registry_core.artifacts import asking
from registry_core.signature import ExampleAnswers

CHANCE = np.random.default_rng(0)
ROWS = CHANCE.normal(size=(60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)


def made(model: Any, scaler: Any = None) -> tuple[ExampleAnswers | None, str]:
    _, _, answers, because = asking.example_rows(
        model, scaler, None, (), lambda rows: asking.answers_of(model, scaler, rows)
    )
    return answers, because


@pytest.mark.parametrize("inner", [False, True])
def test_a_model_of_another_release_that_lacks_an_attribute_cannot_answer(inner: bool) -> None:
    # As in a file of scikit-learn 1.1, where the attribute has another name.
    calibrated = CalibratedClassifierCV(LogisticRegression()).fit(ROWS, LABELS)
    for each in calibrated.calibrated_classifiers_ if inner else [calibrated]:
        del each.estimator
    with pytest.raises(asking.CannotAnswer, match="has no estimator, which the installed scikit-learn requires"):
        made(calibrated)


def test_a_step_of_another_release_that_lacks_an_attribute_cannot_answer() -> None:
    pipeline = make_pipeline(SimpleImputer(), LinearRegression()).fit(ROWS, ROWS[:, 0])
    del pipeline[0].statistics_
    del pipeline[0]._fit_dtype
    with pytest.raises(asking.CannotAnswer, match="SimpleImputer"):
        made(pipeline)


def test_a_model_of_an_older_lightgbm_that_takes_no_numbers_cannot_answer() -> None:
    model = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(ROWS, ROWS[:, 0])
    assert made(model)[0] is not None
    # In older files regressors had no number of classes.
    model.__dict__.update(_n_classes=None)
    with pytest.raises(asking.CannotAnswer, match=r"it cannot predict rows of 3 numbers .* another LightGBM"):
        made(model)


def test_probabilities_that_broke_are_not_probabilities_that_are_not_there() -> None:
    broken = LogisticRegression().fit(ROWS, LABELS)
    del broken.solver
    with pytest.raises(AttributeError, match="solver"):
        asking.probabilities_of(broken, ROWS, len(ROWS))
    with pytest.raises(asking.CannotAnswer, match="its LogisticRegression has no solver"):
        made(broken)


@pytest.mark.parametrize("model", [LinearSVC(), OneVsRestClassifier(LinearSVC()), make_pipeline(LinearSVC())])
def test_a_classifier_without_probabilities_answers(model: Any) -> None:
    answers, _ = made(model.fit(ROWS, LABELS))
    assert answers is not None
    assert answers.probabilities is None


class TakesFrames(LinearRegression):
    """Asks for what only a DataFrame has."""

    def predict(self, X: Any) -> Any:
        return super().predict(X[X.columns])


def test_an_attribute_that_the_rows_lack_is_left_to_other_rows() -> None:
    answers, because = made(TakesFrames().fit(ROWS, ROWS[:, 0]))
    assert answers is None
    assert "input_example" in because


def test_a_booster_that_takes_no_table_is_told_how_to_be_saved() -> None:
    booster = xgboost.train({}, xgboost.DMatrix(ROWS, LABELS), 2)
    for model in (booster, pickle.loads(pickle.dumps(booster))):
        with pytest.raises(asking.CannotAnswer, match="save_model"):
            made(model)
