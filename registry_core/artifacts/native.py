"""Models in formats of their own - skops, XGBoost, LightGBM, ONNX - brought to scikit-learn's verbs.

A file of skops' gives back the estimator itself. The others become a ``Predictor`` or, when the model says that it
classifies, a ``Classifier`` with ``predict_proba`` and ``classes_``. The libraries are imported when a file needs them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ..errors import ArtifactQuarantined, ArtifactUnloadable
from .inspection import inspect

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Function = Callable[[Any], Any]


class Predictor:
    """A loaded native model: ``predict`` takes features of shape (rows, inputs) and gives values of shape (rows,).

    Attributes:
        native: the library's own object.
        n_features_in_: how many inputs it takes; None when the file does not say.
        feature_names_in_: their names, where the file has them; else absent, as in scikit-learn.
    """

    def __init__(self, native: Any, answer: _Function, inputs: int | None, feature_names: Collection[str] = ()) -> None:
        self.native = native
        self._answer = answer
        self.n_features_in_ = inputs
        if feature_names:
            import numpy as np

            self.feature_names_in_ = np.array(list(feature_names), dtype=object)

    def predict(self, features: Any) -> NDArray[Any]:
        """The model's answer for each row; of several outputs, shape (rows, outputs).

        Raises:
            ValueError: the features are no table, or one of another width.
        """
        import numpy as np

        return np.asarray(self._answer(self._table(features)))

    def _table(self, features: Any) -> NDArray[Any]:
        import numpy as np

        table = np.asarray(features, dtype=np.float64)
        if table.ndim != 2 or (self.n_features_in_ is not None and table.shape[1] != self.n_features_in_):
            raise ValueError(f"the features have the shape {table.shape}; give rows of {self.n_features_in_} inputs")
        return table


class Classifier(Predictor):
    """The same for classes: ``predict_proba`` gives shape (rows, classes), in the order of ``classes_``.

    Native files know classes by number: ``classes_`` counts from 0.
    """

    def __init__(
        self, native: Any, answer: _Function, inputs: int | None, feature_names: Collection[str] = (), count: int = 2
    ) -> None:
        import numpy as np

        super().__init__(native, answer, inputs, feature_names)
        self.classes_ = np.arange(count)

    def predict_proba(self, features: Any) -> NDArray[Any]:
        """The probability of each class for each row.

        Raises:
            ValueError: the features are no table, or one of another width.
        """
        import numpy as np

        found = np.asarray(self._answer(self._table(features)), dtype=np.float64)
        return np.column_stack([1 - found, found]) if found.ndim == 1 else found

    def predict(self, features: Any) -> NDArray[Any]:
        """The most probable class for each row.

        Raises:
            ValueError: the features are no table, or one of another width.
        """
        answer: NDArray[Any] = self.classes_[self.predict_proba(features).argmax(axis=1)]
        return answer


def load(data: bytes, kind: str, place: str, also: Collection[str]) -> Any:
    """The model in a file of one of these kinds; its content is inspected once more before its library sees it.

    Raises:
        ArtifactQuarantined: it is not trusted, or no longer.
        ArtifactUnloadable: the library that reads it is not installed.
    """
    found = inspect(data, place, also=also)
    if found.verdict != "trusted":
        raise ArtifactQuarantined(f"{found.because}; it was not loaded")
    library, read = _READERS[kind]
    try:
        if kind == "skops":
            return _skops(data, found.names)
        return read(data, found.inputs, found.feature_names)
    except ModuleNotFoundError as error:
        raise ArtifactUnloadable(f"{place} needs {error.name or library} to load; install {library}") from error


def _skops(data: bytes, trusted: Collection[str]) -> Any:
    from skops import io

    # Its own list leaves out trees and sparse matrices; what it asks for has been looked at here, name by name.
    return io.loads(data, trusted=sorted(trusted))


def _xgboost(data: bytes, inputs: int | None, feature_names: Collection[str]) -> Predictor:
    import numpy as np
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]

    def answer(table: NDArray[Any], margin: bool = False) -> Any:
        matrix = xgboost.DMatrix(table, feature_names=booster.feature_names, feature_types=booster.feature_types)
        return booster.predict(matrix, output_margin=margin)

    def probabilities(table: NDArray[Any]) -> Any:
        scores = np.asarray(answer(table, margin=True), dtype=np.float64)
        if scores.ndim == 1:
            return 1 / (1 + np.exp(-scores))
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    if objective in ("binary:logistic", "binary:logitraw", "multi:softprob", "multi:softmax"):
        count = max(int(learner["learner_model_param"]["num_class"]), 2)
        return Classifier(booster, probabilities, inputs, feature_names, count)
    return Predictor(booster, answer, inputs, feature_names)


def _lightgbm(data: bytes, inputs: int | None, feature_names: Collection[str]) -> Predictor:
    import lightgbm

    text = data.decode("utf-8")
    booster = lightgbm.Booster(model_str=text)
    head = dict(line.partition("=")[::2] for line in text.partition("\n\n")[0].splitlines())
    objective = head.get("objective", "").partition(" ")[0]
    if objective in ("binary", "multiclass", "multiclassova"):
        count = max(int(head["num_class"]), 2)
        return Classifier(booster, booster.predict, inputs, feature_names, count)
    return Predictor(booster, booster.predict, inputs, feature_names)


def _onnx(data: bytes, inputs: int | None, feature_names: Collection[str]) -> Predictor:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    outputs = [output.name for output in session.get_outputs()]

    def run(table: NDArray[Any], name: str) -> Any:
        return session.run([name], {entry: table.astype(np.float32)})[0]

    # A classifier answers the labels first, and then a number for each class: as a table, or as a dict for each row.
    if len(outputs) > 1:
        sample = run(np.zeros((1, inputs or 1)), outputs[1])
        labels = list(sample[0]) if isinstance(sample, list) else range(np.asarray(sample).shape[1])

        def probabilities(table: NDArray[Any]) -> Any:
            found = run(table, outputs[1])
            return [[row[label] for label in labels] for row in found] if isinstance(found, list) else found

        classifier = Classifier(session, probabilities, inputs, feature_names, len(labels))
        classifier.classes_ = np.array(list(labels))
        return classifier
    return Predictor(session, lambda table: np.squeeze(run(table, outputs[0]), axis=-1), inputs, feature_names)


_READERS: dict[str, tuple[str, Callable[[bytes, int | None, Collection[str]], Any]]] = {
    "skops": ("skops", lambda data, inputs, feature_names: None),
    "xgboost": ("xgboost", _xgboost),
    "lightgbm": ("lightgbm", _lightgbm),
    "onnx": ("onnxruntime", _onnx),
}
