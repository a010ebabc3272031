"""XGBoost's JSON and UBJSON, answered by the estimator of ``xgboost`` that its own ``load_model`` fills."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...errors import ArtifactUnloadable
from ...signature import Feature
from ..inspection import boosters
from . import columns
from .models import Classifier, Labels, Predictor

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

# What each objective answers; all others answer numbers.
_PROBABILITIES = ("binary:logistic", "multi:softprob", "multi:softmax")
_CLASSES = ("binary:logitraw", "binary:hinge")
_ESTIMATORS = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
# How XGBoost numbers the types of a category's levels; it takes back exactly the type it was trained with.
_LEVEL_TYPES = {9: "int8", 10: "uint8", 11: "int16", 13: "int32", 15: "int64"}


def read(data: bytes) -> Predictor:
    """The model in a file of XGBoost's.

    Raises:
        ArtifactUnloadable: it answers several numbers a row.
        ValueError: XGBoost does not take the file.
    """
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    learner = json.loads(booster.save_config())["learner"]
    parameters, objective = learner["learner_model_param"], learner["objective"]["name"]
    estimator_type = json.loads(booster.attr("scikit_learn") or "{}").get("_estimator_type")
    if estimator_type not in _ESTIMATORS:
        classes = objective in _PROBABILITIES + _CLASSES
        estimator_type = "classifier" if classes else "ranker" if objective.startswith("rank:") else "regressor"
    count = max(
        int(parameters.get("num_target", 1)), int(parameters["num_class"]) if estimator_type != "classifier" else 1
    )
    if count > 1:
        raise ArtifactUnloadable(
            f"the model returns {count} numbers per row; only one is supported: train one model for each"
        )
    estimator = getattr(xgboost, _ESTIMATORS[estimator_type])()
    estimator.load_model(bytearray(data))
    engine = _Engine(estimator, *_levels(data, booster))
    if estimator_type != "classifier":
        return Predictor(engine)
    kind = Classifier if objective in _PROBABILITIES else Labels
    return kind(engine, estimator.classes_)


class _Engine:
    def __init__(self, estimator: Any, levels: dict[int, Any], lost: frozenset[int]) -> None:
        booster = estimator.get_booster()
        self.native, self._levels, self._lost = estimator, levels, lost
        self._types = booster.feature_types or []
        width = booster.num_features()
        self.named = bool(booster.feature_names)
        names = booster.feature_names or [f"f{place}" for place in range(width)]
        self._names: list[str] = list(names)
        self.features = tuple(self._feature(place, name) for place, name in enumerate(self._names))

    def _feature(self, place: int, name: str) -> Feature:
        if place in self._levels:
            return Feature(name, "category", tuple(self._levels[place].tolist()))
        kind = self._types[place] if place < len(self._types) else ""
        return Feature(name, "boolean" if kind == "i" else "number")

    def answers(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        values = np.asarray(self.native.predict(self._handed(rows), validate_features=False))
        return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values

    def probabilities(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        return np.asarray(self.native.predict_proba(self._handed(rows), validate_features=False))

    def _handed(self, rows: Any) -> Any:
        width = len(self._names)
        if not columns.is_frame(rows):
            if self._levels:
                raise ValueError(self._needs_frame())
            return columns.array(rows, width)
        table = columns.named(rows, self._names) if self.named else columns.counted(rows, width)
        return self._table(table)

    def _needs_frame(self) -> str:
        name = self._names[next(iter(self._levels))]
        return (
            f"the column {name!r} is a category, which an array cannot represent; give a DataFrame with named columns"
        )

    def _table(self, table: pd.DataFrame) -> Any:
        import pandas as pd

        prepared: dict[str, Any] = {}
        for place, name in enumerate(self._names):
            column = table.iloc[:, place]
            if place in self._levels:
                prepared[name] = columns.category(column, name, self._levels[place], strict=True)
                continue
            if place in self._lost or (hasattr(column, "cat") and self._is_category(place)):
                raise ValueError(
                    f"the file does not hold the categories of the column {name!r}, so the meaning of its category "
                    "numbers is unknown; train and save the model with XGBoost 3.1 or newer"
                )
            prepared[name] = columns.numbers(column, name)
        frame = pd.DataFrame(prepared, index=table.index, columns=self._names)
        # Without levels a category is a number to XGBoost, which a frame would have to declare, and an array has not.
        if self._levels:
            return frame
        return frame.to_numpy(dtype="float64", na_value=float("nan"))

    def _is_category(self, place: int) -> bool:
        return place < len(self._types) and self._types[place] == "c"


def _levels(data: bytes, booster: Any) -> tuple[dict[int, Any], frozenset[int]]:
    """The levels of each category column, and the columns whose levels the file does not hold; both by place.

    Levels are an Index of the very type that XGBoost was trained with.
    """
    places = {place for place, kind in enumerate(booster.feature_types or []) if kind == "c"}
    if not places:
        return {}, frozenset()
    levels = boosters.xgboost_levels(data)
    if levels is None:
        # Before 3.1 the levels stayed with the frame it was trained on. An array has none: its values are the codes.
        return {}, frozenset(places if booster.feature_names else ())
    import pandas as pd

    by_place = {}
    for place, level in enumerate(levels):
        if level is not None:
            values, kind = level
            by_place[place] = pd.Index(values, dtype="str" if kind is None else _LEVEL_TYPES[kind])
    return by_place, frozenset()
