"""What inputs look like: of the rows a model was trained on, and day by day in production, in the same bins."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...artifacts import asking, examples
from ...catalog.database import Transaction
from ...catalog.telemetry import windows as stored
from ...errors import InvalidInput
from ...records import ModelMetadata
from ...rules.live import drift, histogram
from ...rules.live.drift import FeatureReference
from ..context import Context
from ..model_records import record, require
from ..timestamps import DAY
from . import calling
from .log import DRIFT_ROWS, Answered

#: Features a reference is made of, rows it is made from: more would cost more than they tell.
MOST_FEATURES, MOST_ROWS = 200, 100_000


def reference(model: Any, scaler: Any, inputs: Any, names: Sequence[str]) -> dict[str, Any]:
    """The reference of a model from its training inputs, (rows, inputs), not scaled: JSON-able, about 400 characters a
    feature; and of its scores, where it has two classes.

    Raises:
        InvalidInput: the inputs are no rows, or not those that the model takes.
    """
    table = examples.table(inputs)
    rows = calling.count(table)
    if rows > MOST_ROWS:
        table = calling.rows_of(table, slice(None, None, -(-rows // MOST_ROWS)))
    try:
        scaled = asking.scaled(model, scaler, table)
        answers = model.predict_proba(scaled) if hasattr(model, "predict_proba") else model.predict(scaled)
    # Any library may raise anything at inputs it does not know.
    except Exception as error:
        raise InvalidInput(
            f"the model cannot predict the rows of reference ({type(error).__name__}: {error}); give the features it "
            "was trained on, before scaling"
        ) from error
    columns = columns_of(table, names)[:MOST_FEATURES]
    found: dict[str, Any] = {
        "rows": rows,
        "features": [drift.reference(name, values).to_dict() for name, values in columns],
    }
    values = np.asarray(answers)
    if values.ndim == 2 and values.shape[1] == 2 and hasattr(model, "predict_proba"):
        scores = histogram.histogram_of(np.clip(values[:, 1], 0, 1))
        found["score"] = drift.reference_of_scores(scores).to_dict()
    return found


def columns_of(table: Any, names: Sequence[str]) -> list[tuple[str, NDArray[Any]]]:
    """The inputs one by one with their names: those of a DataFrame's columns, else those given, else ``x0`` ..."""
    if len(table.shape) == 1:
        # Of texts there is no distribution to compare with.
        return []
    if hasattr(table, "iloc"):
        return [(str(name), table.iloc[:, place].to_numpy()) for place, name in enumerate(table.columns)]
    array = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
    width = array.shape[1]
    own = names if len(names) == width else [f"x{place}" for place in range(width)]
    return [(name, array[:, place]) for place, name in enumerate(own)]


@dataclass
class Inputs:
    """Counts the champions' inputs where their models were registered with a reference."""

    context: Context
    _known: dict[str, tuple[list[str], dict[str, FeatureReference]]] = field(default_factory=dict)

    def add(self, transaction: Transaction, answered: Sequence[Answered]) -> None:
        """Add the inputs of some answers to the counts of their days."""
        found: dict[tuple[str, int], list[Answered]] = defaultdict(list)
        for each in answered:
            if each.inputs is not None and each.stream.role == "champion" and self._reference(each)[1]:
                found[each.stream.model_id, each.at - each.at % DAY].append(each)
        for (model_id, day), group in found.items():
            names, references = self._known[model_id]
            known = stored.input_counts(transaction, model_id, day, day + 1).get(day)
            counts: dict[str, list[int]] = {} if known is None else json.loads(known)
            parts: dict[str, list[NDArray[Any]]] = defaultdict(list)
            for each in group:
                for name, values in columns_of(sampled(each), names):
                    if name in references:
                        parts[name].append(values)
            for name, columns in parts.items():
                new = drift.counts(references[name], np.concatenate(columns))
                old = counts.get(name)
                counts[name] = (new if old is None else new + np.array(old, np.int64)).tolist()
            stored.store_input_counts(transaction, model_id, day, json.dumps(counts))

    def _reference(self, each: Answered) -> tuple[list[str], dict[str, FeatureReference]]:
        model_id = each.stream.model_id
        found = self._known.get(model_id)
        if found is None:
            known = record(self.context, require(self.context.database, model_id))
            found = self._known[model_id] = (list(known.feature_names), references(known))
        return found


def references(known: ModelMetadata) -> dict[str, FeatureReference]:
    """The references of a model's inputs by name; none, if it was registered without."""
    listed: list[Mapping[str, Any]] = known.reference.get("features", [])
    return {each["feature"]: FeatureReference.from_dict(each) for each in listed}


def sampled(each: Answered) -> Any:
    """Those of the rows of an answer that are looked at for drift."""
    if not each.shadows:
        return each.inputs
    return calling.rows_of(each.inputs, slice(None, None, -(-len(each.ids) // DRIFT_ROWS)))
