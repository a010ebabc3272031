"""What watches a deployment has seen so far: one document a deployment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..database import Queries, Transaction


def state(queries: Queries, deployment_id: int) -> dict[str, Any] | None:
    """The document of a deployment's detector, or None."""
    rows = queries.tuples("SELECT state FROM detectors WHERE deployment_id = :id", {"id": deployment_id})
    found: dict[str, Any] | None = json.loads(rows[0][0]) if rows else None
    return found


def of_name(queries: Queries, model_name: str) -> dict[int, dict[str, Any]]:
    """The documents of all detectors of a model name, by deployment."""
    rows = queries.tuples(
        "SELECT deployment_id, state FROM detectors WHERE model_name = :name ORDER BY deployment_id",
        {"name": model_name},
    )
    return {deployment_id: json.loads(text) for deployment_id, text in rows}


def store(transaction: Transaction, deployment_id: int, model_name: str, state: Mapping[str, Any]) -> None:
    """Put a detector's new document in place of its old one."""
    transaction.query(
        "INSERT INTO detectors (deployment_id, model_name, state) VALUES (:id, :name, :state) "
        "ON CONFLICT (deployment_id) DO UPDATE SET state = excluded.state",
        {"id": deployment_id, "name": model_name, "state": json.dumps(dict(state))},
    )
