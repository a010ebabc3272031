"""The training rows of versions in the catalog, as sketches of their hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .database import Queries, Transaction, insertion


def insert(transaction: Transaction, seq: int, document: Mapping[str, Any]) -> None:
    """Keep the sketch of a version under the version's number."""
    row = {"model_seq": seq, "document": json.dumps(document)}
    transaction.query(insertion("training_rows", row), row)


def find(queries: Queries, seq: int) -> dict[str, Any] | None:
    """The sketch of a version, or None."""
    rows = queries.query("SELECT document FROM training_rows WHERE model_seq = :seq", {"seq": seq})
    return dict(json.loads(rows[0]["document"])) if rows else None


def delete(transaction: Transaction, seq: int) -> None:
    """Forget the training rows of a version."""
    transaction.query("DELETE FROM training_rows WHERE model_seq = :seq", {"seq": seq})
