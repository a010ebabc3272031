"""What versions take and give: as they were registered, as their proof found out, or as far as their metadata say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..catalog import deployments, models
from ..catalog import proofs as stored
from ..catalog.database import Queries
from ..records import ModelMetadata
from ..rules.inputs import InputComparison, compare_inputs
from ..signature import Feature, Kind, Signature


def signature(queries: Queries, known: ModelMetadata) -> Signature:
    """What a version takes and gives, as its registration, its proof or at least its metadata say."""
    if known.signature:
        return Signature.from_dict(known.signature)
    document = stored.signature(queries, known.model_id)
    return of_metadata(known) if document is None else Signature.from_dict(document)


def of_metadata(known: ModelMetadata) -> Signature:
    """What can be said of a version that was registered before signatures were."""
    return Signature(
        tuple(Feature(name) for name in known.feature_names),
        "given" if known.feature_names else "none",
        "table",
        "regression" if known.task == "regression" else None if known.task is None else _kind(known.classes),
        tuple(known.classes),
    )


def _kind(classes: Sequence[Any]) -> Any:
    return None if not classes else "binary" if len(classes) <= 2 else "multiclass"


def of_champion(queries: Queries, model_name: str) -> Signature | None:
    """What the champion of a model name takes and gives; None without one."""
    current = deployments.current(queries, model_name)
    row = None if current is None else models.find(queries, current.model_id)
    return None if row is None else signature(queries, ModelMetadata(**json.loads(row["metadata"])))


def same_inputs(queries: Queries, model: ModelMetadata, champion: ModelMetadata) -> InputComparison:
    """Whether a version takes and gives what the champion does, and the sentence on it."""
    return compare_inputs(signature(queries, model), signature(queries, champion), champion.display_name)


def column_kinds(signature: Signature, target: str | None = None) -> dict[str, Kind]:
    """How the columns of a file are to be read, as a signature says; ``target`` is the column with the labels."""
    kinds: dict[str, Kind] = {}
    for feature in signature.features if signature.names != "none" else ():
        kinds[feature.name] = _kind_of_labels(feature.levels) if feature.kind == "category" else feature.kind
    if target is not None and (signature.classes or signature.task == "regression"):
        kinds[target] = _kind_of_labels(signature.classes) if signature.classes else "number"
    return kinds


def _kind_of_labels(labels: Sequence[Any]) -> Kind:
    """How a file writes labels: a category of numbers has to come back as numbers."""
    if labels and all(isinstance(each, bool) for each in labels):
        return "boolean"
    return "number" if labels and all(isinstance(each, int | float) for each in labels) else "category"
