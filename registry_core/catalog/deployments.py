"""Deployments: who was champion of a model name, from when to when."""

from __future__ import annotations

from ..records import Deployment, Row
from .database import Queries, Transaction, insertion


def _record(row: Row) -> Deployment:
    return Deployment(
        row["seq"], row["model_name"], row["model_id"], row["started_at"], row["ended_at"], row["actor"], row["reason"],
        bool(row["undone"]),
    )  # fmt: skip


def current(queries: Queries, model_name: str) -> Deployment | None:
    """The champion's deployment, or None."""
    rows = queries.query(
        "SELECT * FROM deployments WHERE model_name = :model_name AND ended_at IS NULL", {"model_name": model_name}
    )
    return _record(rows[0]) if rows else None


def listed(queries: Queries, model_name: str | None = None) -> list[Deployment]:
    """All deployments (of a model name), newest first."""
    where = "" if model_name is None else "WHERE model_name = :model_name "
    rows = queries.query(f"SELECT * FROM deployments {where}ORDER BY seq DESC", {"model_name": model_name})
    return [_record(row) for row in rows]


def at(queries: Queries, model_name: str, when: str) -> Deployment | None:
    """The deployment whose interval holds a moment; the interval's end is not part of it."""
    rows = queries.query(
        "SELECT * FROM deployments WHERE model_name = :model_name AND started_at <= :at "
        "AND (ended_at IS NULL OR ended_at > :at) ORDER BY seq DESC LIMIT 1",
        {"model_name": model_name, "at": when},
    )
    return _record(rows[0]) if rows else None


def mark_undone(transaction: Transaction, deployment_id: int) -> None:
    """Note that a promotion was taken back: the model neither failed nor proved itself."""
    transaction.query("UPDATE deployments SET undone = 1 WHERE seq = :seq", {"seq": deployment_id})


def replace(transaction: Transaction, deployment: Deployment) -> None:
    """End the present deployment of the model name, if any, where the new one starts, and add the new one."""
    transaction.query(
        "UPDATE deployments SET ended_at = :at WHERE model_name = :model_name AND ended_at IS NULL",
        {"at": deployment.started_at, "model_name": deployment.model_name},
    )
    row = {
        "seq": deployment.deployment_id,
        "model_name": deployment.model_name,
        "model_id": deployment.model_id,
        "started_at": deployment.started_at,
        "actor": deployment.actor,
        "reason": deployment.reason,
    }
    transaction.query(insertion("deployments", row), row)
