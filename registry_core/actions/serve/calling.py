"""One model asked for its rows: its scaler applied, its classes in the champion's order, its answer checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...artifacts import asking
from ...catalog.telemetry.streams import Stream
from ...errors import InvalidInput, RegistryError
from ...records import ModelMetadata
from ...rules.matching import Matcher
from ...signature import Signature

#: Up to so many numbers Python looks at them sooner than numpy begins.
_FEW = 32
_REMEDY = "check the rows, or promote another model"


class NoAnswer(RegistryError):
    """A model raised nothing, and what it gave is no answer all the same."""


@dataclass(frozen=True, eq=False)
class Served:
    """A loaded model in a role.

    ``columns`` are the places of the champion's classes among its own, or None where they are the same. ``compared``:
    it was registered with a reference, so its inputs are of interest. ``matcher`` turns rows into what it takes.
    """

    model_id: str
    model: Any
    scaler: Any
    task: str
    classes: tuple[Any, ...]
    columns: NDArray[np.intp] | None
    stream: Stream
    matcher: Matcher
    compared: bool = False

    def predict_proba(self, features: Any) -> NDArray[Any]:
        """(rows, the champion's classes).

        Raises:
            NoAnswer: no probabilities, or not one row for each of the features'.
            Exception: whatever the model raises.
        """
        values = np.asarray(self.model.predict_proba(self._taken(features)))
        rows = count(features)
        if values.ndim != 2 or len(values) != rows:
            raise NoAnswer(f"{self.model_id} returned the shape {values.shape} for {rows:,} rows; {_REMEDY}")
        if not _probabilities(values):
            raise NoAnswer(f"{self.model_id} returned a value that is not a probability; {_REMEDY}")
        if self.columns is not None:
            values = values[:, self.columns]
        if values.shape[1] != len(self.classes):
            raise NoAnswer(
                f"{self.model_id} returned {values.shape[1]} classes instead of {len(self.classes)}; {_REMEDY}"
            )
        return values

    def predict(self, features: Any) -> NDArray[Any]:
        """(rows,) labels, or values of a regression.

        Raises:
            NoAnswer: not one finite value for each row.
            Exception: whatever the model raises.
        """
        values = np.asarray(self.model.predict(self._taken(features)))
        rows = count(features)
        if values.shape == (rows, 1):
            values = values[:, 0]
        if values.shape != (rows,):
            raise NoAnswer(f"{self.model_id} returned the shape {values.shape} for {rows:,} rows; {_REMEDY}")
        if self.task == "regression":
            if not np.isfinite(values.sum(dtype=np.float64)):
                raise NoAnswer(f"{self.model_id} returned a value that is not finite; {_REMEDY}")
            return values
        return self._labels(values) if self.classes else values

    def _labels(self, values: NDArray[Any]) -> NDArray[Any]:
        """Labels that are classes, as the champion spells them: 1.0 where that is 1."""
        strange = [each for each in {*values.tolist()} if each not in self.classes]
        if strange:
            raise NoAnswer(f"{self.model_id} returned {strange[0]!r:.80}, which is not one of its classes; {_REMEDY}")
        return values.astype(np.asarray(self.classes).dtype, copy=False)

    def _taken(self, features: Any) -> Any:
        return asking.scaled(self.model, self.scaler, self.matcher(features).rows)


class Later:
    """A model in a role that is loaded when it is asked first: off the answering path, and not where nobody asks it."""

    def __init__(self, stream: Stream, classes: tuple[Any, ...], load: Callable[[], Served]) -> None:
        self.stream, self.classes, self._load = stream, classes, load
        self._served: Served | None = None

    def _asked(self) -> Served:
        # No lock, which a fork might find held: to load it twice does no harm.
        found = self._served
        if found is None:
            found = self._served = self._load()
        return found

    def predict_proba(self, features: Any) -> NDArray[Any]:
        """As ``Served.predict_proba``, loading included."""
        return self._asked().predict_proba(features)

    def predict(self, features: Any) -> NDArray[Any]:
        """As ``Served.predict``, loading included."""
        return self._asked().predict(features)


def _probabilities(values: NDArray[Any]) -> bool:
    """Whether all are from 0 to 1, give or take a rounding; NaN is not."""
    if values.size <= _FEW:
        return all(0 <= each <= 1.000001 for each in values.ravel().tolist())
    return bool(values.min() >= 0 and values.max() <= 1.000001)


def served(
    loaded: tuple[Any, Any, ModelMetadata],
    stream: Stream,
    task: str,
    signature: Signature,
    classes: Sequence[Any] | None = None,
) -> Served:
    """A loaded model in a role, with its signature; ``classes`` are the champion's, its own when left out.

    Raises:
        InvalidInput: it does not answer with those classes.
    """
    model, scaler, known = loaded
    own = classes_of(model, known)
    wanted = own if classes is None else tuple(classes)
    columns = None
    if task == "classification" and own != wanted:
        if {*own} != {*wanted}:
            raise InvalidInput(
                f"{known.model_id} predicts the classes {_shown(own)}, the champion {_shown(wanted)}; serve only "
                "models of the same classes together"
            )
        columns = np.array([own.index(each) for each in wanted], np.intp)
    matcher = Matcher(_as_loaded(signature, model, scaler))
    return Served(known.model_id, model, scaler, task, wanted, columns, stream, matcher, bool(known.reference))


def _as_loaded(signature: Signature, model: Any, scaler: Any) -> Signature:
    """Of a version that was registered before signatures were, the loaded object says whether it knows names."""
    first = model if scaler is None else scaler
    if signature.names == "given" and getattr(first, "feature_names_in_", None) is not None:
        return replace(signature, names="model")
    return signature


def classes_of(model: Any, known: ModelMetadata) -> tuple[Any, ...]:
    """The classes in the order of ``predict_proba``'s columns; none for a regression."""
    classes = getattr(model, "classes_", None)
    found = known.classes if classes is None or isinstance(classes, dict) else classes
    return tuple(getattr(found, "tolist", lambda: found)())


def task_of(model: Any, known: ModelMetadata) -> str:
    """What it does, as registered or as it looks."""
    return known.task or ("classification" if classes_of(model, known) else "regression")


def _shown(classes: Sequence[Any]) -> str:
    return ", ".join(map(repr, classes[:5])) + (", ..." if len(classes) > 5 else "") or "none"


def count(features: Any) -> int:
    """How many rows there are."""
    return int(features.shape[0]) if hasattr(features, "shape") else len(features)


def rows_of(features: Any, rows: Any) -> Any:
    """Some rows, by their numbers or a slice."""
    return features.iloc[rows] if hasattr(features, "iloc") else features[rows]
