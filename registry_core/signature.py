"""What a model takes and gives: its signature, kept with the version and held against everything that arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "boolean", "category", "text", "datetime", "unknown"]
SignatureTask = Literal["binary", "multiclass", "regression"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "text", "datetime", "unknown")


@dataclass(frozen=True)
class Feature:
    """One column a model takes. ``levels`` are the values of a category, in the model's own order.

    ``typed``: it takes the category as a column of pandas' type for them, with these levels.
    ``kind`` is ``unknown`` where neither the model nor any example row says it: any value is passed on as it is.
    """

    name: str
    kind: Kind = "unknown"
    levels: tuple[Any, ...] = ()
    typed: bool = False

    def to_list(self) -> list[Any]:
        """As JSON knows it, in few characters: a model may have a hundred thousand of them."""
        if not self.levels and not self.typed:
            return [self.name, self.kind]
        return [self.name, self.kind, list(self.levels), self.typed]


@dataclass(frozen=True)
class Signature:
    """The features a model expects, and its output.

    Attributes:
        features: the columns in their order; empty where nothing says how many there are.
        names: who said how the columns are called: the ``model``, whoever registered it (``given``), or nothing
            (``none``): then they are called x0, x1, ... by their places.
        takes: ``table`` (rows, features), or ``text``: one text a row, shape (rows,).
        task: ``binary``, ``multiclass`` or ``regression``; None where nothing says it.
        classes: the labels it answers, in the order of the columns of ``predict_proba``.
        probabilities: whether it has ``predict_proba``.
    """

    features: tuple[Feature, ...] = ()
    names: Literal["model", "given", "none"] = "none"
    takes: Literal["table", "text"] = "table"
    task: SignatureTask | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names in their order."""
        return tuple(feature.name for feature in self.features)

    @property
    def job(self) -> Literal["classification", "regression"] | None:
        """The task without the number of classes."""
        if self.task is None:
            return None
        return "regression" if self.task == "regression" else "classification"

    @property
    def class_type(self) -> str:
        """What kind of value a label is: ``integer``, ``number``, ``boolean`` or ``text``; empty without classes."""
        names = {bool: "boolean", int: "integer", float: "number", str: "text"}
        kinds = {names.get(type(label), type(label).__name__) for label in self.classes}
        return " or ".join(sorted(kinds))

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; ``Signature.from_dict`` gives an equal record."""
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
        """Read what ``to_dict`` wrote; keys of a newer release are passed over."""
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
    """What a model answered to n example rows.

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
    """Example rows, and what the model answered to them where it was registered.

    ``rows`` and ``answers`` are documents as ``artifacts.examples`` writes them, None where none are kept; ``because``
    says why. ``environment`` are the library versions under which the answers were given.
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
    """What came of loading a model and asking it its example rows again.

    ``agrees``: it loads, predicts, gives the right shape, and answers as it did where it was registered.
    ``differs``: it answers otherwise. ``fails``: it does not load or answer. ``unchecked``: it loads, and there is no
    example row to ask. ``environment`` are the library versions of the process that was asked; ``place`` says which
    that was: the one that registered the model, or the sandbox.
    """

    status: Literal["agrees", "differs", "fails", "unchecked"]
    because: str
    environment: Mapping[str, str]
    place: Literal["registration", "sandbox"]
    rows: int = 0
    differing: int = 0
    at: str = ""
