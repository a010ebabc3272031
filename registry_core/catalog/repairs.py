"""Rows of the catalog put right, by their numbers: whatever else they hold may be what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .database import Transaction


def set_columns(transaction: Transaction, seq: int, values: Mapping[str, Any]) -> None:
    """Put values into columns of a version's row."""
    columns = ", ".join(f"{column} = :{column}" for column in values)
    transaction.query(f"UPDATE models SET {columns} WHERE seq = :own_seq", {**values, "own_seq": seq})


def set_metrics(transaction: Transaction, seq: int, values: Mapping[str, float]) -> None:
    """Put all metrics of a version, measured ones included, in the place of those that are there."""
    transaction.query("DELETE FROM model_metrics WHERE model_seq = :seq", {"seq": seq})
    transaction.many(
        "INSERT INTO model_metrics (model_seq, model_name, metric, value) "
        "SELECT seq, model_name, :metric, :value FROM models WHERE seq = :seq",
        [{"seq": seq, "metric": metric, "value": value} for metric, value in values.items()],
    )
