"""What runs inside each environment of `python -m benchmarks.versions`: register models, or load and ask them.

python -m benchmarks.version_steps register FOLDER
python -m benchmarks.version_steps load FOLDER
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROWS, ASKED = 240, 60


def table() -> Any:
    """A table with numbers, categories, texts and gaps, the same in every environment."""
    import pandas as pd

    chance = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": chance.normal(40, 12, ROWS),
            "income": chance.lognormal(10, 1, ROWS),
            "visits": chance.integers(0, 30, ROWS),
            "city": np.array(["Oslo", "Lyon", "Bonn"], dtype=object)[chance.integers(0, 3, ROWS)],
            "note": np.array(["late and bad", "good report", "nice value", "early risk"], dtype=object)[
                chance.integers(0, 4, ROWS)
            ],
        }
    )
    frame.loc[::17, "income"] = np.nan
    return frame


def rows_of(kind: str) -> Any:
    """The rows that a kind of model is asked, (rows, features) or (rows,) texts."""
    frame = table()[:ASKED]
    numbers = frame[["age", "visits"]].to_numpy(float)
    if kind == "ColumnTransformer":
        return frame
    if kind == "Ordinal":
        return frame[["age", "city"]]
    if kind == "HistGradientBoostingCategories":
        return table()[["age", "city"]].astype({"city": "category"})[:ASKED]
    if kind == "Text":
        return frame["note"].to_numpy(object)
    return np.abs(numbers) if kind == "FunctionTransformer" else numbers


def models() -> Iterator[tuple[str, Any]]:
    """Kinds of models, fitted."""
    from sklearn import (
        calibration,
        discriminant_analysis,
        ensemble,
        gaussian_process,
        linear_model,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        svm,
        tree,
    )
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

    frame = table()
    numbers = frame[["age", "visits"]].to_numpy(float)
    target = (frame["age"] + 3 * frame["visits"] > 85).map({True: "high", False: "low"}).to_numpy(object)
    value = frame["age"].to_numpy() * 2 + frame["visits"].to_numpy()
    plain: dict[str, Any] = {
        "LogisticRegression": linear_model.LogisticRegression(),
        "SGD": linear_model.SGDClassifier(loss="log_loss", random_state=0),
        "RidgeClassifier": linear_model.RidgeClassifier(),
        "LDA": discriminant_analysis.LinearDiscriminantAnalysis(),
        "QDA": discriminant_analysis.QuadraticDiscriminantAnalysis(),
        "GaussianNB": naive_bayes.GaussianNB(),
        "KNN": neighbors.KNeighborsClassifier(algorithm="kd_tree"),
        "SVC": svm.SVC(),
        "LinearSVC": svm.LinearSVC(),
        "DecisionTree": tree.DecisionTreeClassifier(random_state=0),
        "RandomForest": ensemble.RandomForestClassifier(20, random_state=0),
        "ExtraTrees": ensemble.ExtraTreesClassifier(20, random_state=0),
        "GradientBoosting": ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0),
        "HistGradientBoosting": ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0),
        "AdaBoost": ensemble.AdaBoostClassifier(n_estimators=10, random_state=0),
        "Bagging": ensemble.BaggingClassifier(n_estimators=5, random_state=0),
        "MLP": neural_network.MLPClassifier((8,), max_iter=60, random_state=0),
        "GaussianProcess": gaussian_process.GaussianProcessClassifier(random_state=0),
        "Calibrated": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=3),
        "GridSearch": model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=3),
        "Stacking": ensemble.StackingClassifier(
            [("tree", tree.DecisionTreeClassifier(random_state=0)), ("nb", naive_bayes.GaussianNB())], cv=3
        ),
    }
    for name, model in plain.items():
        yield name, model.fit(numbers, target)
    for name, regressor in (
        ("Ridge", linear_model.Ridge()),
        ("RandomForestRegressor", ensemble.RandomForestRegressor(10, random_state=0)),
        ("HistGradientBoostingRegressor", ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0)),
        ("SVR", svm.SVR()),
    ):
        yield name, regressor.fit(numbers, value)
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), make_column_selector(pattern="city")),
            ("note", TfidfVectorizer(), "note"),
        ],
        remainder="drop",
    )
    yield (
        "ColumnTransformer",
        make_pipeline(columns, linear_model.LogisticRegression()).fit(frame, target),
    )
    selected = frame[["age", "city"]]
    ordinal = ColumnTransformer([("city", OrdinalEncoder(), ["city"])], remainder="passthrough")
    yield (
        "Ordinal",
        make_pipeline(ordinal, tree.DecisionTreeClassifier(random_state=0)).fit(selected, target),
    )
    typed = selected.astype({"city": "category"})
    yield (
        "HistGradientBoostingCategories",
        ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(typed, target),
    )
    texts = frame["note"].to_numpy(object)
    yield "Text", make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()).fit(texts, target)
    squared = make_pipeline(FunctionTransformer(np.log1p), linear_model.LogisticRegression())
    yield "FunctionTransformer", squared.fit(np.abs(numbers), target)


def register(folder: Path) -> None:
    """Register every kind, and write down what each answered."""
    from registry_core import Registry

    said: dict[str, Any] = {}
    with Registry(folder) as registry:
        for name, model in models():
            rows = rows_of(name)
            try:
                model_id = registry.register_model(model, model_name=name, model_type=name, input_example=rows)
            # What this environment itself cannot do is a row of the table.
            except Exception as error:
                said[name] = {"error": f"{type(error).__name__}: {error}"}
                continue
            answers = model.predict(rows).tolist()
            shares = model.predict_proba(rows).tolist() if hasattr(model, "predict_proba") else None
            said[name] = {"model_id": model_id, "answers": answers, "shares": shares}
    (folder / "said.json").write_text(json.dumps(said))


def load(folder: Path) -> None:
    """Load every model and ask it again; prints what came of it as JSON."""
    from registry_core import Registry, RegistryError

    said = json.loads((folder / "said.json").read_text())
    found: dict[str, dict[str, str]] = {}
    with Registry(folder) as registry:
        # All in one process, where the gates would start one for each.
        registry.verify_all_answers(missing=True)
        for name, before in said.items():
            if "error" in before:
                found[name] = {"outcome": "not registered", "because": before["error"]}
                continue
            try:
                model, _, _ = registry.load_model(before["model_id"])
                outcome, because = _held(before, model, rows_of(name))
            except RegistryError as error:
                outcome, because = "refused", str(error)
            except Exception as error:
                outcome, because = "bare error", f"{type(error).__name__}: {error}"
            gates = registry.check_gates(before["model_id"])
            live = (
                "may go live" if gates.passed else "; ".join(f"{each.name}: {each.because}" for each in gates.failures)
            )
            found[name] = {"outcome": outcome, "because": because, "gates": live}
    print(json.dumps(found))


def _held(before: dict[str, Any], model: Any, rows: Any) -> tuple[str, str]:
    answers = model.predict(rows).tolist()
    if before["shares"] is None and isinstance(answers[0], float):
        same = np.allclose(answers, before["answers"], rtol=1e-6)
        return ("same", "") if same else ("wrong", "numbers differ")
    wrong = sum(one != two for one, two in zip(answers, before["answers"], strict=True))
    if before["shares"] is not None:
        gap = float(np.abs(np.array(model.predict_proba(rows)) - np.array(before["shares"])).max())
        if gap > 1e-5:
            return "wrong", f"probabilities differ by {gap:.2g}"
    return ("same", "") if not wrong else ("wrong", f"{wrong} labels differ")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"register": register, "load": load}[sys.argv[1]](Path(sys.argv[2]))
