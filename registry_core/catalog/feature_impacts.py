"""Feature impacts in the catalog: the newest of each version and benchmark counts."""

from __future__ import annotations

import json

from ..evidence import Measured
from ..insights import FeatureImpact
from ..records import Row
from .database import Queries, Transaction, insertion


def insert(transaction: Transaction, seq: int, impact: FeatureImpact) -> None:
    """Add a feature impact under the number of its event."""
    row = {
        "seq": seq,
        "model_id": impact.model_id,
        "benchmark": impact.benchmark,
        "fingerprint": impact.fingerprint,
        "at": impact.at,
        "actor": impact.actor,
        "metric": impact.metric,
        "baseline": impact.baseline,
        "row_count": impact.rows,
        "of_rows": impact.of_rows,
        "repeats": impact.repeats,
        "seed": impact.seed,
        "impacts": json.dumps([[name, each.value, each.low, each.high] for name, each in impact.impacts.items()]),
    }
    transaction.query(insertion("feature_impacts", row), row)


def latest(queries: Queries, model_id: str, fingerprint: str) -> FeatureImpact | None:
    """The newest feature impact of a version on a benchmark's content; None without any."""
    rows = queries.query(
        "SELECT * FROM feature_impacts WHERE model_id = :model_id AND fingerprint = :fingerprint "
        "ORDER BY seq DESC LIMIT 1",
        {"model_id": model_id, "fingerprint": fingerprint},
    )
    return _impact(rows[0]) if rows else None


def _impact(row: Row) -> FeatureImpact:
    impacts = {name: Measured(*values) for name, *values in json.loads(row["impacts"])}
    return FeatureImpact(
        row["model_id"], row["benchmark"], row["fingerprint"], row["at"], row["actor"], row["metric"],
        row["baseline"], row["row_count"], row["of_rows"], row["repeats"], row["seed"], impacts,
    )  # fmt: skip
