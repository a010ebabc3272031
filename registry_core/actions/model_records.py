"""Rows of the catalog as the records and dicts that callers get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..catalog import deployments, models
from ..catalog.database import Queries
from ..errors import ModelNotFound
from ..policies import Policy
from ..records import ModelMetadata, Row, Score
from ..rules import selection
from ..rules.scoring import composite_score, evaluated_score
from .context import Context

Task = Literal["classification", "regression"]


def ranking(policy: Policy, metadata: ModelMetadata) -> tuple[Score, str]:
    """The composite score of a model, and what its metrics were measured on: the policy says whose count."""
    reported = MetricSource(metadata.all_metrics(), metadata.evaluation_set or "")
    measured = MetricSource(metadata.measured, f"{selection.MEASURED_ON}{metadata.measured_on}")
    return ranked(policy, reported, measured, metadata.task, metadata.is_ensemble)


def ranking_of_row(policy: Policy, row: Row) -> tuple[Score, str]:
    """The same of a row of ``models.scoring_rows``: a sixth of the time, where there are ten thousand of them."""
    reported = MetricSource(json.loads(row["metrics"]), row["evaluation_set"])
    measured = MetricSource(json.loads(row["measured"]), f"{selection.MEASURED_ON}{row['measured_on']}")
    return ranked(policy, reported, measured, json.loads(row["metadata"]).get("task"), bool(row["is_ensemble"]))


class MetricSource(NamedTuple):
    """Metrics, and what they were measured on."""

    metrics: Mapping[str, float]
    on: str


#: The settings of a model name that scores and their order follow from.
SCORED_BY = ("rank_by", "performance_weight", "regression_weight", "own_weights", "ensemble_bonus", "lower_is_better")


def scored_alike(one: Policy, other: Policy) -> bool:
    """Whether two policies give every version the same score."""
    return all(getattr(one, name) == getattr(other, name) for name in SCORED_BY)


def ranked(
    policy: Policy, reported: MetricSource, measured: MetricSource, task: Task | None, is_ensemble: bool
) -> tuple[Score, str]:
    """The score by those metrics that count, and what they were measured on."""
    if policy.rank_by == "measured" and not measured.metrics:
        note = "no score: the version is not evaluated yet; evaluate it on a benchmark"
        return Score(None, (), 0.0, note), ""
    (metrics, on), rule = (measured, evaluated_score) if policy.rank_by == "measured" else (reported, composite_score)
    score = rule(
        metrics,
        policy.weights(task),
        is_ensemble=is_ensemble,
        ensemble_bonus=policy.ensemble_bonus,
        declared_lower=policy.lower_is_better,
    )
    return score, on


def eligible(row: Mapping[str, Any], **changes: Any) -> int:
    """What the column says of a row after some changes."""
    new = {**row, **changes}
    return int(selection.is_eligible(new["status"], new["artifact"], bool(new["vouched"]), new["ranked_on"]))


def record(context: Context, row: Row, best: str | None = None) -> ModelMetadata:
    """A catalog row with its document, as a record."""
    document = json.loads(row["metadata"])
    scaler = document.get("scaler_file_path")
    document.update(
        model_file_path=context.store.address(document["model_file_path"]),
        scaler_file_path=None if scaler is None else context.store.address(scaler),
    )
    if "is_active" in row:
        document.update(
            is_active=bool(row["is_active"]),
            is_best=row["model_id"] == best,
            status=row["status"],
            status_reason=row["status_reason"],
            artifact=row["artifact"],
            composite_score=row["score"],
            score_note=row["score_note"],
            override_note=row["override_note"],
            pinned=bool(row["pinned"]),
        )
    if "measured" in row:
        document.update(
            measured=json.loads(row["measured"]),
            measured_on=row["measured_on"] or None,
            ranked_on=row["ranked_on"] or None,
        )
    return ModelMetadata(**document)


@dataclass(frozen=True)
class Leaders:
    """Who leads a model name: its champion, the best eligible model, and what they are ranked on."""

    champion: str | None
    best: str | None
    reference: str | None


def leaders(queries: Queries, model_name: str) -> Leaders:
    """The reference is what the champion is ranked on, else the newest eligible model."""
    current = deployments.current(queries, model_name)
    champion = None if current is None else current.model_id
    reference = None if champion is None else models.ranked_on(queries, champion)
    if reference is None:
        reference = models.newest_ranked_on(queries, model_name)
    best = None if reference is None else models.best(queries, model_name, reference)
    return Leaders(champion, best, reference)


def summary(
    row: tuple[Any, ...], metrics: dict[str, float], measured: dict[str, float], leading: Mapping[str, Leaders]
) -> Row:
    """A row of ``models.summaries`` and its metrics as the seed's comparison has them, and more."""
    # By place, and written out: this runs once for each of ten thousand rows.
    (
        model_id, model_name, model_type, major, minor, patch, evaluation_set, is_ensemble, training_timestamp,
        training_samples, registered_at, registered_by, status, status_reason, artifact, eligible, score, score_note,
        ranked_on, override_note, _, _, measured_on, description, tags, pinned,
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
        "measured": measured,
        "measured_on": measured_on or None,
        "composite_score": score,
        "score_note": score_note,
        "is_active": model_id == lead.champion,
        "is_best": model_id == lead.best,
        "is_ensemble": bool(is_ensemble),
        "evaluation_set": evaluation_set or None,
        "ranked_on": ranked_on or None,
        "comparable": lead.reference is None or ranked_on == lead.reference,
        "override_note": override_note,
        "pinned": bool(pinned),
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
            f"no model has the id {model_id!r:.300}; the leaderboard, list_models() and `model-registry list` show "
            "all ids"
        )
    return row


def require_many(queries: Queries, model_ids: Sequence[str]) -> dict[str, Row]:
    """The rows of some models, by their id.

    Raises:
        ModelNotFound: no model has one of the ids.
    """
    rows = models.find_many(queries, model_ids)
    for model_id in model_ids:
        if model_id not in rows:
            require(queries, model_id)
    return rows
