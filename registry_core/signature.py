"""What a model takes and gives: its signature, kept with the version and held against everything that arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "boolean", "category", "text", "datetime", "unknown"]
SignatureTask = Literal["binary", "multiclass", "regression"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "text", "datetime", "unknown")


@dataclass(frozen=True)
class Feature:
    """A feature column. ``levels`` are the values of a category, in the model's order.

    ``typed``: the column requires the pandas category type with these levels.
    ``kind`` is ``unknown`` if neither the model nor an example row determines it: values are passed on unchanged.
    """

    name: str
    kind: Kind = "unknown"
    levels: tuple[Any, ...] = ()
    typed: bool = False

    def to_list(self) -> list[Any]:
        """A short JSON value: a model may have a hundred thousand features."""
        if not self.levels and not self.typed:
            return [self.name, self.kind]
        return [self.name, self.kind, list(self.levels), self.typed]


@dataclass(frozen=True)
class Signature:
    """The features a model expects, and its output.

    Attributes:
        features: the columns in order; empty if their number is unknown.
        names: the source of the column names: the ``model``, the registration (``given``), or none
            (``none``): the columns are then named x0, x1, ...
        takes: ``table`` (rows, features), or ``text``: one text per row, shape (rows,).
        task: ``binary``, ``multiclass`` or ``regression``; None if unknown.
        classes: the class labels, in the order of the columns of ``predict_proba``.
        probabilities: whether the model has ``predict_proba``.
    """

    features: tuple[Feature, ...] = ()
    names: Literal["model", "given", "none"] = "none"
    takes: Literal["table", "text"] = "table"
    task: SignatureTask | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = False

    @classmethod
    def of_names(cls, names: Sequence[str], count: int = 0) -> Signature:
        """What is known of a model by the names of its features, or by their number alone."""
        if names:
            return cls(tuple(Feature(name) for name in names), "given")
        return cls(tuple(Feature(f"x{place}") for place in range(count)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The feature names in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def job(self) -> Literal["classification", "regression"] | None:
        """The task without the number of classes."""
        if self.task is None:
            return None
        return "regression" if self.task == "regression" else "classification"

    @property
    def class_type(self) -> str:
        """The type of the labels: ``integer``, ``number``, ``boolean`` or ``text``; empty without classes."""
        names = {bool: "boolean", int: "integer", float: "number", str: "text"}
        kinds = {names.get(type(label), type(label).__name__) for label in self.classes}
        return " or ".join(sorted(kinds))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values; ``Signature.from_dict`` gives an equal record."""
        return {
            "features": [feature.to_list() for feature in self.features],
            "names": self.names,
            "takes": self.takes,
            "task": self.task,
            "classes": list(self.classes),
            "probabilities": self.probabilities,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Signature:
        """Read the result of ``to_dict``; keys of a newer release are ignored."""
        features = tuple(
            Feature(name, kind, tuple(further[0]) if further else (), bool(further[1]) if further[1:] else False)
            for name, kind, *further in document.get("features", ())
        )
        return cls(
            features,
            document.get("names", "none"),
            document.get("takes", "table"),
            document.get("task"),
            tuple(document.get("classes", ())),
            bool(document.get("probabilities")),
        )


#: Of a model of which nothing is recorded.
UNKNOWN = Signature()


@dataclass(frozen=True, eq=False)
class ExampleAnswers:
    """The predictions of a model on n example rows.

    ``predicted`` (n,) are labels or numbers; ``probabilities`` (n, classes) is None without ``predict_proba``.
    """

    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None = None
    classes: tuple[Any, ...] = ()


#: Where example rows come from: given as ``input_example=`` or ``reference=``, taken from a benchmark, made from what
#: the fitted object says of its features, or none at all.
RowsFrom = Literal["input_example", "reference", "benchmark", "made", "none"]


@dataclass(frozen=True)
class Proof:
    """Example rows, and the model's predictions on them at registration.

    ``rows`` and ``answers`` (the predictions) are JSON values, None if none are stored; ``because``
    gives the reason. ``environment`` are the library versions at the time of the predictions.
    """

    signature: Signature
    rows_from: RowsFrom
    count: int = 0
    rows: Mapping[str, Any] | None = None
    answers: Mapping[str, Any] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True)
class AnswersCheck:
    """The result of a prediction check: the model is loaded and predicts its example rows again.

    ``agrees``: the predictions are those of the registration. ``differs``: they differ. ``fails``: the model does not
    load or predict. ``unchecked``: the model loads, but there are no example rows. ``environment`` are the library
    versions of the checking process; ``place`` is that process: the one that registered the model, or the sandbox.
    """

    status: Literal["agrees", "differs", "fails", "unchecked"]
    because: str
    environment: Mapping[str, str]
    place: Literal["registration", "sandbox"]
    rows: int = 0
    differing: int = 0
    at: str = ""
