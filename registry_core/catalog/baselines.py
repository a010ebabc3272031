"""Baselines in the catalog: what was measured of the model of each deployment when that began."""

from __future__ import annotations

import json
from dataclasses import asdict

from ..live import FrozenBaseline
from .database import Queries, Transaction


def insert(transaction: Transaction, deployment_id: int, model_name: str, baseline: FrozenBaseline) -> None:
    """Freeze the baseline of a deployment."""
    transaction.query(
        "INSERT INTO baselines (deployment_seq, model_name, document) VALUES (:seq, :model_name, :document)",
        {"seq": deployment_id, "model_name": model_name, "document": json.dumps(asdict(baseline))},
    )


def find(queries: Queries, deployment_id: int) -> FrozenBaseline | None:
    """The baseline of a deployment, or None when nothing was known of its model."""
    rows = queries.query("SELECT document FROM baselines WHERE deployment_seq = :seq", {"seq": deployment_id})
    return FrozenBaseline(**json.loads(rows[0]["document"])) if rows else None
