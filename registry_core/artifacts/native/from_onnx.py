"""ONNX files, run by ``onnxruntime``: the labels are those of the graph's own label output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ArtifactUnloadable
from ...signature import Feature
from . import columns, onnx_labels
from .models import Classifier, Labels, Predictor, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}
_LABELS = ("tensor(int64)", "tensor(int32)", "tensor(string)", "tensor(bool)")
_SURE = 0.9


def read(data: bytes) -> Predictor:
    """The model in an ONNX file.

    Raises:
        ArtifactUnloadable: it takes or answers what the registry cannot.
        ValueError: the runtime does not take the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    entries = [_Entry(each.name, each.type, each.shape) for each in session.get_inputs()]
    outputs = session.get_outputs()
    if not entries or not outputs:
        raise ArtifactUnloadable("the graph has no input or no output")
    label = next((each for each in outputs if each.type in _LABELS and len(each.shape) <= 2), None)
    if label is None:
        width = _width(outputs[0].shape)
        if not outputs[0].type.startswith("tensor(") or width is None or width != 1:
            raise ArtifactUnloadable(
                f"the model returns {'an unknown number of' if width is None else width} numbers per row; only one "
                "number or a label is supported: export the classifier with its label output"
            )
        return Predictor(_Engine(session, entries, outputs[0].name))
    scores = next((each for each in outputs if each is not label and _may_hold_scores(each)), None)
    classes: list[Any] = list(onnx_labels.labels_of(data, label.name))
    if label.type == "tensor(bool)" and not classes:
        classes = [False, True]
    engine = _Engine(session, entries, label.name, scores.name if scores is not None else None, classes)
    if len(set(classes)) < 2 or len(set(classes)) != len(classes):
        engine.classes = []
        return Predictor(engine)
    return Classifier(engine, classes) if engine.has_probabilities() else Labels(engine, classes)


class _Entry:
    """One input of a graph: ``width`` columns of one type."""

    def __init__(self, name: str, kind: str, shape: Sequence[Any]) -> None:
        if kind not in _TYPES or len(shape) not in (1, 2):
            raise ArtifactUnloadable(f"the graph's input {name!r} is a {kind} of {len(shape)} dimensions, not a table")
        self.name, self.kind, self.flat = name, kind, len(shape) == 1
        self.width = 1 if self.flat else shape[1] if isinstance(shape[1], int) and shape[1] > 0 else None

    def feature(self, place: int) -> Feature:
        """What the graph says of one of its columns."""
        name = self.name if self.width == 1 else f"{self.name}_{place}"
        # pyrefly: ignore[bad-argument-type]
        return Feature(name, {"object": "text", "bool": "boolean"}.get(_TYPES[self.kind], "number"))


class _Engine:
    def __init__(
        self,
        session: Any,
        entries: list[_Entry],
        answer: str,
        scores: str | None = None,
        classes: Sequence[Any] = (),
    ) -> None:
        self.native, self._entries, self._answer, self._scores = session, entries, answer, scores
        self.classes = list(classes)
        self.named = len(entries) > 1 and all(entry.width == 1 for entry in entries)
        known = all(entry.width is not None for entry in entries)
        if not known and len(entries) > 1:
            raise ArtifactUnloadable("the graph has several inputs without a fixed width")
        self.features = (
            tuple(entry.feature(place) for entry in entries for place in range(entry.width or 0)) if known else ()
        )

    def answers(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        answers = np.asarray(self._run([self._answer], rows)[0])
        answers = answers.ravel() if answers.ndim == 2 and answers.shape[1] == 1 else answers
        if answers.ndim != 1:
            raise ValueError(f"the model returns {answers.shape[-1]} numbers per row; only one is supported")
        return self._positions(answers) if self.classes else answers

    def probabilities(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        labels, scores = self._run([self._answer, self._scores], rows)
        table = self._table(scores)
        if not _are_probabilities(table):
            raise ValueError(
                "the second output of the model has scores that are not probabilities; use predict instead of "
                "predict_proba"
            )
        sure = table.max(axis=1, initial=0) > _SURE
        if (table.argmax(axis=1) != self._positions(np.asarray(labels).ravel()))[sure].any():
            raise ValueError("the model's labels and probabilities are in different orders; export it again")
        return table

    def has_probabilities(self) -> bool:
        """Whether the second output, where there is one, holds a probability for each class, as far as a try tells."""
        import numpy as np

        if self._scores is None:
            return False
        entries = {}
        for entry in self._entries:
            kind = _TYPES[entry.kind]
            shape = (2,) if entry.flat else (2, entry.width or 1)
            entries[entry.name] = np.full(shape, "", object) if kind == "object" else np.zeros(shape, kind)
        try:
            table = self._table(self.native.run([self._scores], entries)[0])
        except Exception:
            # A graph need not take empty texts; each answer is looked at anyhow.
            return True
        return table.shape[1] == len(self.classes) and _are_probabilities(table)

    def _table(self, scores: Any) -> NDArray[Any]:
        import numpy as np

        if isinstance(scores, list):
            return np.array([[row[label] for label in self.classes] for row in scores], dtype=np.float64)
        return np.asarray(scores, dtype=np.float64)

    def _positions(self, labels: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        places = {label: place for place, label in enumerate(self.classes)}
        positions = [places.get(label, -1) for label in labels.tolist()]
        if -1 in positions:
            raise ValueError(
                f"the model returns {labels[positions.index(-1)]!r}, which is not one of its classes "
                f"{shown(self.classes)}"
            )
        return np.array(positions, dtype=np.intp)

    def _run(self, outputs: list[str | None], rows: Any) -> list[Any]:
        values: list[Any] = self.native.run(outputs, self._handed(rows))
        return values

    def _handed(self, rows: Any) -> dict[str, NDArray[Any]]:
        import numpy as np

        width = len(self.features) or None
        if columns.is_frame(rows):
            names = [feature.name for feature in self.features]
            table = columns.named(rows, names, _written) if self.named else columns.counted(rows, width)
            each: list[Any] = [table.iloc[:, place] for place in range(table.shape[1])]
        else:
            array = np.array(rows, dtype=object) if isinstance(rows, list) else np.asarray(rows)
            if array.ndim != 2 or (width is not None and array.shape[1] != width):
                raise ValueError(f"the features have the shape {array.shape}; give rows of {width} features")
            each = list(array.T)
        entries, at = {}, 0
        for entry in self._entries:
            wide = entry.width or len(each)
            parts = [_column(each[place], entry, self._named(place)) for place in range(at, at + wide)]
            entries[entry.name] = parts[0] if entry.flat else np.column_stack(parts)
            at += wide
        return entries

    def _named(self, place: int) -> str:
        return self.features[place].name if place < len(self.features) else str(place)


def _written(name: str) -> str:
    return name.replace(" ", "_")


def _width(shape: Sequence[Any]) -> int | None:
    if len(shape) < 2:
        return 1
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None


def _may_hold_scores(output: Any) -> bool:
    if output.type.startswith("seq(map("):
        return True
    return output.type in ("tensor(float)", "tensor(double)") and len(output.shape) == 2


def _are_probabilities(table: NDArray[Any]) -> bool:
    import numpy as np

    within = bool((table >= -1e-6).all() and (table <= 1 + 1e-6).all())
    return table.ndim == 2 and within and bool(np.allclose(table.sum(axis=1), 1, atol=1e-3))


def _column(values: Any, entry: _Entry, name: str) -> NDArray[Any]:
    """One column as the graph declares it.

    Raises:
        ValueError: it holds something else.
    """
    import numpy as np

    kind = _TYPES[entry.kind]
    if hasattr(values, "cat"):
        # The graph knows values, not pandas' codes.
        values = values.astype(object)
    if kind == "object":
        texts = np.asarray(values.astype(object), dtype=object)
        wrong = [value for value in texts if not isinstance(value, str)]
        if wrong:
            what = "a missing value" if wrong[0] is None or wrong[0] != wrong[0] else repr(wrong[0])
            raise ValueError(f"the column {name!r} holds {what}, where the model takes texts")
        return texts
    numbers = _floats(values, name)
    if kind.startswith("float"):
        return numbers.astype(kind, copy=False)
    if np.isnan(numbers).any():
        raise ValueError(f"the column {name!r} has a missing value, where the model takes whole numbers")
    if (numbers != np.round(numbers)).any():
        raise ValueError(f"the column {name!r} holds {numbers[numbers != np.round(numbers)][0]}, not a whole number")
    # From the values themselves: beyond 2**53 a float is another whole number.
    whole = (values if values.dtype.kind in "biu" else numbers).astype(kind)
    if (np.asarray(whole, dtype=np.float64) != numbers).any():
        raise ValueError(f"the column {name!r} holds a number outside the range of {kind}")
    return np.asarray(whole)


def _floats(values: Any, name: str) -> NDArray[Any]:
    import numpy as np

    if isinstance(values, np.ndarray):
        return columns.array(values.reshape(-1, 1), 1).ravel().astype(np.float64)
    numbers: NDArray[Any] = columns.numbers(values, name).to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers
