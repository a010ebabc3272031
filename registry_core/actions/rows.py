"""Rows of the catalog as the records and dicts that callers get."""

from __future__ import annotations

import json

from ..catalog import models
from ..catalog.database import Queries
from ..config import Configuration
from ..errors import ModelNotFound
from ..records import ModelMetadata, Row, Score
from ..rules.scoring import composite_score
from .rooms import Rooms


def score_of(configuration: Configuration, metadata: ModelMetadata) -> Score:
    """The composite score of a model under the policy of its name."""
    policy = configuration.policy(metadata.model_name)
    return composite_score(
        metadata.all_metrics(),
        policy.weights(metadata.task),
        is_ensemble=metadata.is_ensemble,
        ensemble_bonus=policy.ensemble_bonus,
        declared_lower=policy.lower_is_better,
    )


def record(rooms: Rooms, row: Row, best: str | None = None) -> ModelMetadata:
    """A catalog row with its document, as a record."""
    document = json.loads(row["metadata"])
    scaler = document.get("scaler_file_path")
    document.update(
        model_file_path=rooms.store.address(document["model_file_path"]),
        scaler_file_path=None if scaler is None else rooms.store.address(scaler),
    )
    if "status" in row:
        document.update(
            is_active=bool(row["is_active"]),
            is_best=row["model_id"] == best,
            status=row["status"],
            status_reason=row["status_reason"],
            artifact=row["artifact"],
            composite_score=row["score"],
            score_note=row["score_note"],
        )
    return ModelMetadata(**document)


def summary(row: Row, metrics: dict[str, float], best: str | None, reference: str | None) -> Row:
    """A catalog row and its metrics as the seed's comparison has them, and more."""
    return {
        "model_id": row["model_id"],
        "model_name": row["model_name"],
        "model_type": row["model_type"],
        "version": f"{row['major']}.{row['minor']}.{row['patch']}",
        # Written out, as METRIC_FIELDS has them: this runs once for each of ten thousand rows.
        "accuracy": metrics.get("accuracy"),
        "auc": metrics.get("auc"),
        "f1_score": metrics.get("f1_score"),
        "precision": metrics.get("precision"),
        "recall": metrics.get("recall"),
        "data_quality_score": metrics.get("data_quality_score"),
        "metrics": metrics,
        "composite_score": row["score"],
        "score_note": row["score_note"],
        "is_active": bool(row["is_active"]),
        "is_best": row["model_id"] == best,
        "is_ensemble": bool(row["is_ensemble"]),
        "evaluation_set": row["evaluation_set"] or None,
        "comparable": reference is None or row["evaluation_set"] == reference,
        "status": row["status"],
        "status_reason": row["status_reason"],
        "artifact": row["artifact"],
        "eligible": bool(row["eligible"]),
        "training_date": row["training_timestamp"],
        "training_samples": row["training_samples"],
        "registered_at": row["registered_at"],
        "registered_by": row["registered_by"],
        "description": row["description"],
        "tags": json.loads(row["tags"]) if row["tags"] != "[]" else [],
    }


def require(queries: Queries, model_id: str) -> Row:
    """The row of a model.

    Raises:
        ModelNotFound: no model has that id.
    """
    row = models.find(queries, model_id) if isinstance(model_id, str) else None
    if row is None:
        raise ModelNotFound(
            f"no model has the id {model_id!r:.300}; the leaderboard, list_models() and `model-registry list` show all"
        )
    return row
