"""Evidence in the catalog: benchmarks, what was measured on them, and what reviewers said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..evidence import Benchmark, Evaluation, Measured, Review, TrainingOverlap
from ..records import Row
from .database import Queries, Transaction, insertion


def insert_benchmark(transaction: Transaction, seq: int, benchmark: Benchmark, file_sha256: str) -> None:
    """Add a benchmark under the number of its event."""
    row = {
        "seq": seq,
        "model_name": benchmark.model_name,
        "name": benchmark.name,
        "task": benchmark.task,
        "target": benchmark.target,
        "features": json.dumps(benchmark.features),
        "slices": json.dumps(benchmark.slices),
        "thresholds": json.dumps(dict(benchmark.thresholds)),
        "row_count": benchmark.rows,
        "fingerprint": benchmark.fingerprint,
        "file_sha256": file_sha256,
        "added_at": benchmark.added_at,
        "added_by": benchmark.added_by,
        "classes": json.dumps(benchmark.classes),
        "protected": json.dumps(benchmark.protected),
    }
    transaction.query(insertion("benchmarks", row), row)


def _benchmark(row: Row) -> Benchmark:
    return Benchmark(
        row["name"], row["model_name"], row["task"], row["target"], tuple(json.loads(row["features"])),
        tuple(json.loads(row["slices"])), json.loads(row["thresholds"]), row["row_count"], row["fingerprint"],
        row["added_at"], row["added_by"], tuple(json.loads(row["classes"])), tuple(json.loads(row["protected"])),
    )  # fmt: skip


def benchmarks(queries: Queries, model_name: str | None = None) -> list[Benchmark]:
    """Every benchmark (of a model name), newest first."""
    where = "" if model_name is None else "WHERE model_name = :model_name "
    rows = queries.query(f"SELECT * FROM benchmarks {where}ORDER BY seq DESC", {"model_name": model_name})
    return [_benchmark(row) for row in rows]


def set_protected(transaction: Transaction, benchmark: Benchmark, columns: Sequence[str]) -> None:
    """Say which columns of a benchmark are protected."""
    transaction.query(
        "UPDATE benchmarks SET protected = :protected WHERE model_name = :model_name AND name = :name",
        {"protected": json.dumps(list(columns)), "model_name": benchmark.model_name, "name": benchmark.name},
    )


def file_digest(queries: Queries, fingerprint: str) -> str:
    """The sha256 of a benchmark's file."""
    rows = queries.query(
        "SELECT file_sha256 FROM benchmarks WHERE fingerprint = :fingerprint ORDER BY seq LIMIT 1",
        {"fingerprint": fingerprint},
    )
    return str(rows[0]["file_sha256"])


def insert_evaluation(
    transaction: Transaction, evaluation: Evaluation, answers: str | None, answers_sha256: str | None
) -> None:
    """Add an evaluation with the key and sha256 of the file that holds what the model answered."""
    overlap = evaluation.in_training
    row = {
        "seq": evaluation.evaluation_id,
        "model_id": evaluation.model_id,
        "benchmark": evaluation.benchmark,
        "fingerprint": evaluation.fingerprint,
        "at": evaluation.at,
        "actor": evaluation.actor,
        "status": evaluation.status,
        "because": evaluation.because,
        "row_count": evaluation.rows,
        "metrics": json.dumps(_packed(evaluation.metrics)),
        "slices": json.dumps(
            {
                column: {value: _packed(metrics) for value, metrics in values.items()}
                for column, values in evaluation.slices.items()
            }
        ),
        "row_microseconds": evaluation.row_microseconds,
        "unenforced": json.dumps(evaluation.unenforced),
        "in_training": None if overlap is None else json.dumps([overlap.found, overlap.checked, overlap.rows]),
        "answers": answers,
        "answers_sha256": answers_sha256,
    }
    transaction.query(insertion("evaluations", row), row)


def _packed(metrics: Mapping[str, Measured]) -> dict[str, list[float | None]]:
    return {name: [each.value, each.low, each.high] for name, each in metrics.items()}


def _unpacked(metrics: Mapping[str, Any]) -> dict[str, Measured]:
    return {name: Measured(*values) for name, values in metrics.items()}


def _evaluation(row: Row) -> Evaluation:
    slices = {
        column: {value: _unpacked(metrics) for value, metrics in values.items()}
        for column, values in json.loads(row["slices"]).items()
    }
    return Evaluation(
        row["seq"], row["model_id"], row["benchmark"], row["fingerprint"], row["at"], row["actor"], row["status"],
        row["because"], row["row_count"], _unpacked(json.loads(row["metrics"])), slices, row["row_microseconds"],
        tuple(json.loads(row["unenforced"])),
        TrainingOverlap(*json.loads(row["in_training"])) if row["in_training"] else None,
    )  # fmt: skip


def evaluations(
    queries: Queries, model_id: str, fingerprint: str | None = None, limit: int | None = None
) -> list[Evaluation]:
    """What was measured of a model (on one benchmark), newest first."""
    where = "" if fingerprint is None else " AND fingerprint = :fingerprint"
    page = "" if limit is None else " LIMIT :limit"
    rows = queries.query(
        f"SELECT * FROM evaluations WHERE model_id = :model_id{where} ORDER BY seq DESC{page}",
        {"model_id": model_id, "fingerprint": fingerprint, "limit": limit},
    )
    return [_evaluation(row) for row in rows]


def answers_of(queries: Queries, evaluation_id: int) -> tuple[str, str] | None:
    """The key and the sha256 of the file with a model's answers; None where it gave none."""
    rows = queries.query(
        "SELECT answers, answers_sha256 FROM evaluations WHERE seq = :seq AND answers IS NOT NULL",
        {"seq": evaluation_id},
    )
    return (rows[0]["answers"], rows[0]["answers_sha256"]) if rows else None


def to_measure(queries: Queries, model_name: str, fingerprint: str | None) -> list[str]:
    """The models of a name that may be loaded, oldest first: those never tried on a benchmark, or all (None)."""
    untried = (
        ""
        if fingerprint is None
        else " AND NOT EXISTS "
        "(SELECT 1 FROM evaluations e WHERE e.model_id = m.model_id AND e.fingerprint = :fingerprint)"
    )
    rows = queries.query(
        "SELECT m.model_id FROM models m WHERE m.model_name = :model_name AND m.artifact = 'trusted' "
        f"AND m.status NOT IN ('trashed', 'purged'){untried} "
        "ORDER BY m.seq",
        {"model_name": model_name, "fingerprint": fingerprint},
    )
    return [row["model_id"] for row in rows]


def count_measured(queries: Queries, fingerprint: str) -> int:
    """How many models were tried on a benchmark."""
    rows = queries.query(
        "SELECT count(DISTINCT model_id) AS n FROM evaluations WHERE fingerprint = :fingerprint",
        {"fingerprint": fingerprint},
    )
    return int(rows[0]["n"])


def insert_review(transaction: Transaction, review: Review) -> None:
    """Add what a reviewer said."""
    row = {
        "seq": review.review_id,
        "model_id": review.model_id,
        "at": review.at,
        "actor": review.actor,
        "verdict": review.verdict,
        "text": review.text,
    }
    transaction.query(insertion("reviews", row), row)


def reviews(queries: Queries, model_id: str) -> list[Review]:
    """What reviewers said of a model, oldest first."""
    rows = queries.query("SELECT * FROM reviews WHERE model_id = :model_id ORDER BY seq", {"model_id": model_id})
    return [Review(row["seq"], row["model_id"], row["at"], row["actor"], row["verdict"], row["text"]) for row in rows]
