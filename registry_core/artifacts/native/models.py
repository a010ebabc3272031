"""What a native file becomes: an object with scikit-learn's verbs around the engine of its own library."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Protocol, Self

from ...signature import Feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 12


class Engine(Protocol):
    """A library's model, and how rows are handed to it.

    Attributes:
        native: the library's own object.
        features: the columns it takes, in its order; empty when the file does not say how many there are.
        named: whether the file has their names. Without, the names are only labels of positions.
    """

    native: Any
    features: tuple[Feature, ...]
    named: bool

    def answers(self, rows: Any) -> NDArray[Any]:
        """Shape (rows,): numbers, or of a model of classes the position of the class."""
        ...

    def probabilities(self, rows: Any) -> NDArray[Any]:
        """Shape (rows, classes)."""
        ...


class Predictor:
    """A loaded native model: ``predict`` takes rows of shape (rows, features) and gives values of shape (rows,).

    Attributes:
        native: the library's own object.
        n_features_in_: how many columns it takes; None when the file does not say.
        features_: what the file says of each column.
        feature_names_in_: their names, where the file has them; else absent, as in scikit-learn.
    """

    def __init__(self, engine: Engine) -> None:
        import numpy as np

        self._engine = engine
        self.native = engine.native
        self.features_ = engine.features
        self.n_features_in_ = len(engine.features) or None
        if engine.named:
            self.feature_names_in_ = np.array([feature.name for feature in engine.features], dtype=object)

    def predict(self, features: Any) -> NDArray[Any]:
        """The model's answer for each row.

        Args:
            features: a DataFrame, whose columns are matched by name when the file has names, or an array in order.

        Raises:
            ValueError: a column is missing, or they hold what the model cannot take.
        """
        return self._engine.answers(features)

    def with_classes(self, classes: Sequence[Any]) -> Self:
        """Models of classes only; see ``Labels.with_classes``.

        Raises:
            ValueError: always: this model answers numbers.
        """
        raise ValueError(f"the model is a regression; omit the {len(classes)} classes")


class Labels(Predictor):
    """The same for classes: ``predict`` gives labels out of ``classes_``.

    Files that know classes by number only count them from 0, until ``with_classes`` tells their labels.
    """

    def __init__(self, engine: Engine, classes: Sequence[Any]) -> None:
        super().__init__(engine)
        self.classes_ = _labels(classes)

    def predict(self, features: Any) -> NDArray[Any]:
        """The label of each row, shape (rows,).

        Args:
            features: as for ``Predictor.predict``.

        Raises:
            ValueError: a column is missing, or they hold what the model cannot take.
        """
        labels: NDArray[Any] = self.classes_[self._engine.answers(features)]
        return labels

    def with_classes(self, classes: Sequence[Any]) -> Self:
        """The same model that answers these labels, in the order of the columns of ``predict_proba``.

        Raises:
            ValueError: they are more or fewer than it answers, not all different, or not those in the file.
        """
        labels, own = list(classes), self.classes_.tolist()
        if labels == own:
            return self
        if len(labels) != len(own):
            raise ValueError(f"{len(labels)} classes are given ({shown(labels)}), but the model has {len(own)}")
        if own != list(range(len(own))):
            raise ValueError(f"the given classes are {shown(labels)}, but the file has {shown(own)}")
        model = copy(self)
        model.classes_ = _labels(labels)
        return model


class Classifier(Labels):
    """The same with probabilities: ``predict_proba`` gives shape (rows, classes), in the order of ``classes_``."""

    def predict_proba(self, features: Any) -> NDArray[Any]:
        """The probability of each class for each row.

        Args:
            features: as for ``Predictor.predict``.

        Raises:
            ValueError: a column is missing, or they hold what the model cannot take.
        """
        return self._engine.probabilities(features)


def _labels(classes: Sequence[Any]) -> NDArray[Any]:
    import numpy as np

    plain = [label.item() if isinstance(label, np.generic) else label for label in classes]
    kinds = {type(label) for label in plain}
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        raise ValueError(f"the classes {shown(plain)} mix numbers and texts; give only numbers or only texts")
    if len(set(plain)) != len(plain):
        raise ValueError(f"the classes {shown(plain)} contain a class twice; give each once")
    return np.array(plain)


def shown(values: Sequence[Any]) -> str:
    """Values as a message may list them: the first few."""
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(repr(value)[:40] for value in values[:_SHOWN]) + more
