"""Whether native files answer as their own library does when it reloads them: ``python -m benchmarks.native_matrix``.

Each cell fits a small model, saves it in the library's own format, loads the file as the registry does and compares
the answers, row by row, with those of the library's own reload: for the table as it was, with its columns in another
order, and with categories as plain values, as rows from JSON have them. The table shows how many rows agree.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import skops.io
import xgboost
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry_core.artifacts import formats

ROWS = 240
LABELS: dict[str, list[Any]] = {
    "labels 0, 1": [0, 1],
    "labels 1-3": [1, 2, 3],
    "labels -1, 1": [-1, 1],
    "labels as text": ["no", "yes"],
}
CASES = (*LABELS, "categories as text", "categories as numbers", "early stopping", "missing values", "column order")
FORMATS = ("xgboost json", "xgboost ubj", "lightgbm", "onnx", "skops")


@dataclass(frozen=True)
class Cell:
    """One outcome: ``share`` of the rows that agree in every way of asking, or None and why they are not answered."""

    format: str
    case: str
    share: float | None
    told: bool = False
    refusal: str = ""


Answer = Callable[[pd.DataFrame], NDArray[Any]]


@dataclass(frozen=True)
class _Saved:
    """A file, and what its library answers after reloading it: labels in terms of positions, and probabilities."""

    data: bytes
    positions: Answer
    probabilities: Answer
    own: list[Any]  # the labels that the file itself holds; positions where it holds none


def table(case: str) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Rows for a case, and the position of each one's class."""
    chance = np.random.default_rng(7)
    frame = pd.DataFrame(chance.normal(size=(ROWS, 3)), columns=["age", "spend", "visits"]).astype(np.float32)
    places = np.digitize(frame["age"] + chance.normal(0, 0.3, ROWS), [-0.5, 0.6] if "1-3" in case else [0.0])
    if case == "missing values":
        frame = frame.mask(chance.random(frame.shape) < 0.2)
    if case.startswith("categories"):
        levels: list[Any] = ["Oslo", "Rome", "Lima", "Bonn"] if case.endswith("text") else [40, 10, 30, 20]
        picked = chance.integers(0, 4, ROWS)
        frame["place"] = pd.Categorical([levels[each] for each in picked], categories=sorted(levels))
        places = (np.isin(picked, [1, 3]) ^ (frame["age"] > 1.2)).astype(int)
    return frame, np.asarray(places, dtype=np.intp)


def ways(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The same rows as they may arrive: as they were, in another order of columns, without pandas' categories."""
    yield frame
    yield frame[list(frame.columns[::-1])]
    if "place" in frame:
        plain = frame.assign(place=frame["place"].astype(object))
        yield plain[["place", "visits", "age", "spend"]]
        seen = frame["place"].iloc[:7]
        yield frame.assign(
            place=pd.Categorical(frame["place"], categories=list(dict.fromkeys([*seen, *frame["place"]])))
        )


def cell(form: str, case: str) -> Cell:
    """One cell of the matrix."""
    frame, places = table(case)
    labels = LABELS.get(case, [0, 1])
    saved = _SAVERS[form](case, frame, places, labels)
    loaded = formats.load(saved.data, f"{form}, {case}")
    told = saved.own != labels
    if told:
        loaded = loaded.with_classes(labels)
    expected, chances = np.array(labels)[saved.positions(frame)], saved.probabilities(frame)
    agreeing = np.ones(len(frame), dtype=bool)
    # What skops gives back is scikit-learn's own estimator, which takes its columns in order.
    for rows in ways(frame) if form != "skops" else [frame]:
        try:
            agreeing &= loaded.predict(rows) == expected
            agreeing &= np.isclose(loaded.predict_proba(rows), chances, atol=1e-6).all(axis=1)
        except ValueError as error:
            return Cell(form, case, None, told, str(error))
    return Cell(form, case, float(agreeing.mean()), told)


def matrix(forms: Sequence[str] = FORMATS, cases: Sequence[str] = CASES) -> list[Cell]:
    """Every cell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [cell(form, case) for form in forms for case in cases]


def _xgboost(form: str) -> Callable[[str, pd.DataFrame, NDArray[np.intp], list[Any]], _Saved]:
    def save(case: str, frame: pd.DataFrame, places: NDArray[np.intp], labels: list[Any]) -> _Saved:
        early = case == "early stopping"
        own = xgboost.XGBClassifier(
            n_estimators=200 if early else 8,
            max_depth=3,
            learning_rate=0.5,
            enable_categorical=True,
            early_stopping_rounds=3 if early else None,
        )
        # XGBoost itself takes labels 0 to n-1 only, so that other labels are encoded by whoever trains.
        own.fit(frame[:160], places[:160], eval_set=[(frame[160:], places[160:])], verbose=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model.{form}"
            own.save_model(path)
            again = xgboost.XGBClassifier()
            again.load_model(path)
            data = path.read_bytes()
        return _Saved(data, again.predict, again.predict_proba, list(range(len(labels))))

    return save


def _lightgbm(case: str, frame: pd.DataFrame, places: NDArray[np.intp], labels: list[Any]) -> _Saved:
    early = case == "early stopping"
    own = lightgbm.LGBMClassifier(
        n_estimators=200 if early else 8, min_child_samples=5, min_data_per_group=5, cat_smooth=1, verbose=-1, n_jobs=1
    )
    stop: list[Any] = [lightgbm.early_stopping(3, verbose=False)] if early else []
    target = np.array(labels)[places]
    own.fit(frame[:160], target[:160], eval_set=[(frame[160:], target[160:])], callbacks=stop)
    text = own.booster_.model_to_string()
    again = lightgbm.Booster(model_str=text)

    def probabilities(rows: pd.DataFrame) -> NDArray[Any]:
        found = np.asarray(again.predict(rows))
        return found if found.ndim == 2 else np.column_stack([1 - found, found])

    return _Saved(
        text.encode(),
        lambda rows: np.asarray(probabilities(rows).argmax(axis=1)),
        probabilities,
        list(range(len(labels))),
    )


def _onnx(case: str, frame: pd.DataFrame, places: NDArray[np.intp], labels: list[Any]) -> _Saved:
    target = np.array(labels)[places]
    if case.startswith("categories"):
        text = case.endswith("text")
        columns = make_column_transformer((OneHotEncoder(), ["place"]), (StandardScaler(), ["age", "spend", "visits"]))
        plain = frame.assign(place=frame["place"].astype("object" if text else "int64"))
        model = make_pipeline(columns, LogisticRegression()).fit(plain, target)
    else:
        early = {"n_iter_no_change": 2, "n_estimators": 50} if case == "early stopping" else {"n_estimators": 8}
        plain, text = frame, False
        trees = GradientBoostingClassifier(random_state=0, **early)
        # It takes no gaps, and the converter knows no histogram boosting, which does.
        model = make_pipeline(SimpleImputer(), StandardScaler(), trees).fit(plain, target)
    kinds = {"place": StringTensorType([None, 1]) if text else Int64TensorType([None, 1])}
    entries = [(str(name), kinds.get(str(name), FloatTensorType([None, 1]))) for name in plain.columns]
    data = to_onnx(model, initial_types=entries, target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString()
    session = onnxruntime.InferenceSession(data)

    def run(rows: pd.DataFrame) -> list[Any]:
        handed = {}
        for name in plain.columns:
            kind = np.float32 if name != "place" else object if text else np.int64
            handed[name] = rows[name].astype(object).to_numpy()[:, None].astype(kind)
        found: list[Any] = session.run(None, handed)
        return found

    return _Saved(
        data,
        lambda rows: np.array([labels.index(label) for label in run(rows)[0].tolist()]),
        lambda rows: np.array([[each[label] for label in labels] for each in run(rows)[1]]),
        labels,
    )


def _skops(case: str, frame: pd.DataFrame, places: NDArray[np.intp], labels: list[Any]) -> _Saved:
    target = np.array(labels)[places]
    if case.startswith("categories"):
        columns = make_column_transformer((OneHotEncoder(), ["place"]), remainder="passthrough")
        model = make_pipeline(columns, LogisticRegression()).fit(frame, target)
    else:
        model = HistGradientBoostingClassifier(max_iter=8, early_stopping=case == "early stopping").fit(frame, target)
    data = skops.io.dumps(model)
    again = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    return _Saved(
        data, lambda rows: np.array([labels.index(each) for each in again.predict(rows)]), again.predict_proba, labels
    )


_SAVERS: dict[str, Callable[[str, pd.DataFrame, NDArray[np.intp], list[Any]], _Saved]] = {
    "xgboost json": _xgboost("json"),
    "xgboost ubj": _xgboost("ubj"),
    "lightgbm": _lightgbm,
    "onnx": _onnx,
    "skops": _skops,
}


def main() -> int:
    """Print the table; the exit code is 1 when an answer is wrong."""
    cells = matrix()
    found = {(each.format, each.case): each for each in cells}
    print(f"{'':24}" + "".join(f"{form:>16}" for form in FORMATS))
    for case in CASES:
        line = f"{case:24}"
        for form in FORMATS:
            each = found[form, case]
            mark = "*" if each.told else ""
            line += f"{'refused' if each.share is None else f'{each.share:.0%}{mark}':>16}"
        print(line)
    print("* the file counts classes from 0; the labels are told with_classes, as at upload")
    for each in cells:
        if each.share is None:
            print(f"{each.format}, {each.case}: {each.refusal}")
    wrong = [each for each in cells if each.share != 1]
    print(f"{len(cells)} cells, {len(wrong)} not as the library answers")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
