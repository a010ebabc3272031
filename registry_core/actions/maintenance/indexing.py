"""Rows of the index, made of a version's document and of what is kept of its state: for rebuilds and recoveries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...catalog import dump, models
from ...catalog.database import Transaction
from ...config import Configuration
from ...errors import InvalidVersion
from ...file_keys import model_files
from ...records import METRIC_FIELDS, ModelMetadata, Row
from ...rules import versioning
from ..context import Context
from ..model_records import eligible, ranking

#: What a version's row knows and its document does not: it goes on as it was.
_STATES = ("status", "status_reason", "artifact", "override_note", "vouched", "measured", "measured_on", "pinned")
_SHARED = (
    *("model_id", "model_name", "model_type", "training_timestamp", "training_samples", "registered_at"),
    *("registered_by", "description"),
)
_MOST_TOLD = 100


@dataclass
class Index:
    """The three tables that follow from documents and states, row by row in the order of their columns."""

    models: list[tuple[Any, ...]] = field(default_factory=list)
    model_documents: list[tuple[Any, ...]] = field(default_factory=list)
    model_metrics: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, configuration: Configuration, kept: Row, metadata: ModelMetadata, document: str) -> None:
        """Add a version. ``kept`` is its row as it was; ``document`` the text that ``metadata`` is the record of."""
        states = {name: kept[name] for name in _STATES if name in kept}
        measured = json.loads(kept["measured"])
        known = metadata.having(measured=measured, measured_on=kept["measured_on"] or None)
        score, on = ranking(configuration.policy(metadata.model_name), known)
        row: Row = {
            "pinned": 0,
            **models.columns(kept["seq"], metadata, *versioning.stem_of(metadata.model_id), False),
            **states,
        }
        row.update(score=score.value, score_note=score.note, ranked_on=on)
        row["eligible"] = eligible(row)
        self.models.append(tuple(row[column] for column in _columns("models")))
        self.model_documents.append((kept["seq"], document))
        values = metadata.all_metrics() | {models.MEASURED + name: value for name, value in measured.items()}
        self.model_metrics.extend((kept["seq"], metadata.model_name, name, float(values[name])) for name in values)

    def tables(self) -> dict[str, Sequence[tuple[Any, ...]]]:
        """Table -> its rows."""
        return {
            "models": self.models,
            "model_documents": self.model_documents,
            "model_metrics": sorted(self.model_metrics, key=lambda row: (row[0], row[2])),
        }


def _columns(name: str) -> tuple[str, ...]:
    return next(table.columns for table in dump.tables() if table.name == name)


def metadata_of(model_id: str, document: str | bytes) -> ModelMetadata:
    """The record of a document.

    Raises:
        ValueError: it is none, or another version's.
    """
    found = json.loads(document)
    if not isinstance(found, dict):
        raise ValueError(f"it contains {type(found).__name__}, not a JSON object")
    try:
        metadata = ModelMetadata(**found)
        models.columns(0, metadata, "", 1, False)
    except (TypeError, AttributeError, InvalidVersion) as error:
        raise ValueError(f"it is not the metadata of a version: {error}") from error
    if metadata.model_id != model_id:
        raise ValueError(f"it is the metadata of {metadata.model_id!r:.300}")
    return metadata


def take_care(context: Context, kept: Row) -> str:
    """What becomes of a version whose document is lost everywhere, in words: with a scaler nobody knows of any more it
    would answer, and wrongly, so it is quarantined.
    """
    said = "only the version's row in the catalog is left"
    if not context.store.exists(model_files(kept["model_id"])[1]):
        return said
    kept["artifact"] = "quarantined"
    return f"{said}, and the scaler of the version is unknown: the version is quarantined; register the model again"


def remains(kept: Row, model_sha256: str) -> ModelMetadata:
    """What a version's row alone says, where its document is lost everywhere."""
    metrics = json.loads(kept["metrics"])
    return ModelMetadata(
        **{name: metrics.pop(name, None) for name in METRIC_FIELDS},
        **{name: kept[name] for name in _SHARED},
        version=f"{kept['major']}.{kept['minor']}.{kept['patch']}",
        evaluation_set=kept["evaluation_set"] or None,
        is_ensemble=bool(kept["is_ensemble"]),
        origin="pipeline" if kept["vouched"] else "upload",
        tags=json.loads(kept["tags"]),
        metrics=metrics,
        model_sha256=model_sha256,
        model_file_path=model_files(kept["model_id"])[0],
    )


def fill(transaction: Transaction, tables: Mapping[str, tuple[Sequence[str], Iterable[Sequence[Any]]]]) -> None:
    """Put rows in the place of all that are there: table -> its columns and rows."""
    dump.clear(transaction)
    for table in dump.tables():
        if table.name in tables:
            dump.fill(transaction, table, *tables[table.name])


def told(left_out: Mapping[str, str]) -> dict[str, str]:
    """What could not be used, as an event keeps it: not ten thousand sentences."""
    if len(left_out) <= _MOST_TOLD:
        return dict(left_out)
    return {**dict(list(left_out.items())[:_MOST_TOLD]), "...": f"and {len(left_out) - _MOST_TOLD} more"}
