"""Rows of the catalog as the records and dicts that callers get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import deployments, models
from ..catalog.database import Queries
from ..config import Configuration, Policy
from ..errors import ModelNotFound
from ..evidence import Task
from ..records import ModelMetadata, Row, Score
from ..rules.scoring import composite_score
from .rooms import Rooms


def score_of(configuration: Configuration, metadata: ModelMetadata) -> Score:
    """The composite score of a model under the policy of its name."""
    return score_under(
        configuration.policy(metadata.model_name), metadata.all_metrics(), metadata.task, metadata.is_ensemble
    )


def score_under(policy: Policy, metrics: Mapping[str, float], task: Task | None, is_ensemble: bool) -> Score:
    """The composite score of metrics under a policy."""
    return composite_score(
        metrics,
        policy.weights(task),
        is_ensemble=is_ensemble,
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


@dataclass(frozen=True)
class Standing:
    """Who leads a model name: its champion, the best eligible model, and the evaluation set it is ranked on."""

    champion: str | None
    best: str | None
    reference: str | None


def standing(queries: Queries, model_name: str) -> Standing:
    """The reference is the champion's evaluation set, else the newest eligible model's."""
    current = deployments.current(queries, model_name)
    champion = None if current is None else current.model_id
    reference = None if champion is None else models.evaluation_set(queries, champion)
    if reference is None:
        reference = models.newest_eligible_set(queries, model_name)
    best = None if reference is None else models.best(queries, model_name, reference)
    return Standing(champion, best, reference)


def summary(row: tuple[Any, ...], metrics: dict[str, float], leading: Mapping[str, Standing]) -> Row:
    """A row of ``models.summaries`` and its metrics as the seed's comparison has them, and more."""
    # By place, and written out: this runs once for each of ten thousand rows.
    (
        model_id, model_name, model_type, major, minor, patch, evaluation_set, is_ensemble, training_timestamp,
        training_samples, registered_at, registered_by, status, status_reason, artifact, eligible, score, score_note,
        _, description, tags,
    ) = row  # fmt: skip
    lead = leading[model_name]
    return {
        "model_id": model_id,
        "model_name": model_name,
        "model_type": model_type,
        "version": f"{major}.{minor}.{patch}",
        "accuracy": metrics.get("accuracy"),
        "auc": metrics.get("auc"),
        "f1_score": metrics.get("f1_score"),
        "precision": metrics.get("precision"),
        "recall": metrics.get("recall"),
        "data_quality_score": metrics.get("data_quality_score"),
        "metrics": metrics,
        "composite_score": score,
        "score_note": score_note,
        "is_active": model_id == lead.champion,
        "is_best": model_id == lead.best,
        "is_ensemble": bool(is_ensemble),
        "evaluation_set": evaluation_set or None,
        "comparable": lead.reference is None or evaluation_set == lead.reference,
        "status": status,
        "status_reason": status_reason,
        "artifact": artifact,
        "eligible": bool(eligible),
        "training_date": training_timestamp,
        "training_samples": training_samples,
        "registered_at": registered_at,
        "registered_by": registered_by,
        "description": description,
        "tags": json.loads(tags) if tags != "[]" else [],
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
