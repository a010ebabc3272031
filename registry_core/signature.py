"""What a model takes and gives: its signature, kept with the version and held against everything that arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "boolean", "category", "text", "datetime", "unknown"]
SignatureTask = Literal["binary", "multiclass", "regression"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "text", "datetime", "unknown")


@dataclass(frozen=True)
class Feature:
    """One column a model takes. ``levels`` are the values of a category, in the model's own order.

    ``kind`` is ``unknown`` where neither the model nor any example row says it: any value is passed on as it is.
    """

    name: str
    kind: Kind = "unknown"
    levels: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {"name": self.name, "kind": self.kind, **({"levels": list(self.levels)} if self.levels else {})}


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    Attributes:
        features: the columns in their order; empty where nothing says how many there are.
        named: whether the model knows its columns by name. If not, names are only labels of positions.
        takes: ``table`` (rows, features), or ``text``: one text a row, shape (rows,).
        task: ``binary``, ``multiclass`` or ``regression``; None where nothing says it.
        classes: the labels it answers, in the order of the columns of ``predict_proba``.
        probabilities: whether it has ``predict_proba``.
    """

    features: tuple[Feature, ...] = ()
    named: bool = False
    takes: Literal["table", "text"] = "table"
    task: SignatureTask | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names in their order."""
        return tuple(feature.name for feature in self.features)

    @property
    def class_type(self) -> str:
        """What kind of value a label is: ``integer``, ``number``, ``boolean`` or ``text``; empty without classes."""
        names = {bool: "boolean", int: "integer", float: "number", str: "text"}
        kinds = {names.get(type(label), type(label).__name__) for label in self.classes}
        return " or ".join(sorted(kinds))

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; ``Signature.from_dict`` gives an equal record."""
        return {
            "features": [feature.to_dict() for feature in self.features],
            "named": self.named,
            "takes": self.takes,
            "task": self.task,
            "classes": list(self.classes),
            "probabilities": self.probabilities,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Signature:
        """Read what ``to_dict`` wrote; keys of a newer release are passed over."""
        features = tuple(
            Feature(each["name"], each.get("kind", "unknown"), tuple(each.get("levels", ())))
            for each in document.get("features", ())
        )
        return cls(
            features,
            bool(document.get("named")),
            document.get("takes", "table"),
            document.get("task"),
            tuple(document.get("classes", ())),
            bool(document.get("probabilities")),
        )
