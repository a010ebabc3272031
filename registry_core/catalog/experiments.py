"""Experiments in the catalog: champion and challengers, with their shares."""

from __future__ import annotations

import json
from typing import Any

from ..live import Arm, Experiment
from ..records import Row
from .database import Queries, Transaction, insertion


def insert(transaction: Transaction, experiment: Experiment) -> None:
    """Add an experiment with its arms, under the number of its event."""
    row: Row = {
        "seq": experiment.experiment_id,
        "model_name": experiment.model_name,
        "champion_id": experiment.champion_id,
        "mode": experiment.mode,
        "status": experiment.status,
        "salt": experiment.salt,
        "metric": experiment.metric,
        "alpha": experiment.alpha,
        "stages": json.dumps(experiment.stages),
        "stage": experiment.stage,
        "stage_since": experiment.stage_since,
        "started_at": experiment.started_at,
        "started_by": experiment.started_by,
        "reason": experiment.reason,
        "verdict": experiment.verdict,
    }
    transaction.query(insertion("experiments", row), row)
    for ordinal, arm in enumerate(experiment.arms):
        row = {
            "experiment_seq": experiment.experiment_id,
            "ordinal": ordinal,
            "challenger_id": arm.challenger_id,
            "share": arm.share,
            "status": arm.status,
            "because": arm.because,
        }
        transaction.query(insertion("experiment_arms", row), row)


def _read(queries: Queries, where: str, parameters: dict[str, Any]) -> list[Experiment]:
    rows = queries.query(f"SELECT * FROM experiments WHERE {where} ORDER BY seq DESC", parameters)
    if not rows:
        return []
    arms: dict[int, list[Arm]] = {}
    for arm in queries.query(
        "SELECT * FROM experiment_arms WHERE experiment_seq IN "
        f"(SELECT seq FROM experiments WHERE {where}) ORDER BY experiment_seq, ordinal",
        parameters,
    ):
        arms.setdefault(arm["experiment_seq"], []).append(
            Arm(arm["challenger_id"], arm["share"], arm["status"], arm["because"])
        )
    return [
        Experiment(
            row["seq"], row["model_name"], row["champion_id"], tuple(arms.get(row["seq"], ())), row["mode"],
            row["status"], row["salt"], row["metric"], row["alpha"], tuple(json.loads(row["stages"])), row["stage"],
            row["stage_since"], row["started_at"], row["started_by"], row["reason"], row["ended_at"], row["ended_by"],
            row["verdict"],
        )
        for row in rows
    ]  # fmt: skip


def find(queries: Queries, experiment_id: int) -> Experiment | None:
    """One experiment, or None."""
    found = _read(queries, "seq = :seq", {"seq": experiment_id})
    return found[0] if found else None


def listed(queries: Queries, model_name: str | None = None) -> list[Experiment]:
    """All experiments (of a model name), newest first."""
    return _read(queries, "1 = 1" if model_name is None else "model_name = :name", {"name": model_name})


def current(queries: Queries, model_name: str) -> list[Experiment]:
    """Those of a model name that run or are paused, newest first; at most one of them is in split."""
    return _read(queries, "model_name = :name AND ended_at IS NULL", {"name": model_name})


def update(transaction: Transaction, experiment: Experiment) -> None:
    """Store what of an experiment may change: mode, status, stage, verdict, end, and its arms' shares and states."""
    row: Row = {
        "seq": experiment.experiment_id,
        "mode": experiment.mode,
        "status": experiment.status,
        "stage": experiment.stage,
        "stage_since": experiment.stage_since,
        "ended_at": experiment.ended_at,
        "ended_by": experiment.ended_by,
        "verdict": experiment.verdict,
    }
    transaction.query(
        "UPDATE experiments SET mode = :mode, status = :status, stage = :stage, stage_since = :stage_since, "
        "ended_at = :ended_at, ended_by = :ended_by, verdict = :verdict WHERE seq = :seq",
        row,
    )
    for ordinal, arm in enumerate(experiment.arms):
        transaction.query(
            "UPDATE experiment_arms SET share = :share, status = :status, because = :because "
            "WHERE experiment_seq = :seq AND ordinal = :ordinal",
            {
                "seq": experiment.experiment_id,
                "ordinal": ordinal,
                "share": arm.share,
                "status": arm.status,
                "because": arm.because,
            },
        )
