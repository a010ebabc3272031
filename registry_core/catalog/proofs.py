"""Proofs of answers in the catalog: example rows with their answers, and what came of asking again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..signature import AnswersCheck, Proof, Signature
from .database import Queries, Transaction, insertion


def insert(transaction: Transaction, seq: int, proof: Proof) -> None:
    """Keep the proof of a version under the version's number; an earlier one of it is replaced."""
    row = {
        "model_seq": seq,
        "signature": json.dumps(proof.signature.to_dict()),
        "rows_from": proof.rows_from,
        "row_count": proof.count,
        "example_rows": "" if proof.rows is None else json.dumps(proof.rows),
        "answers": "" if proof.answers is None else json.dumps(proof.answers),
        "environment": json.dumps(dict(proof.environment)),
        "because": proof.because,
    }
    changed = ", ".join(f"{column} = excluded.{column}" for column in row if column != "model_seq")
    transaction.query(f"{insertion('proofs', row)} ON CONFLICT (model_seq) DO UPDATE SET {changed}", row)


def find(queries: Queries, seq: int) -> Proof | None:
    """The proof of a version, or None."""
    rows = queries.query("SELECT * FROM proofs WHERE model_seq = :seq", {"seq": seq})
    if not rows:
        return None
    row = rows[0]
    return Proof(
        Signature.from_dict(json.loads(row["signature"])),
        row["rows_from"],
        row["row_count"],
        json.loads(row["example_rows"]) if row["example_rows"] else None,
        json.loads(row["answers"]) if row["answers"] else None,
        json.loads(row["environment"]),
        row["because"],
    )


def signature(queries: Queries, model_id: str) -> dict[str, Any] | None:
    """The signature in the proof of a version, or None."""
    rows = queries.tuples(
        "SELECT p.signature FROM proofs p JOIN models m ON m.seq = p.model_seq WHERE m.model_id = :id",
        {"id": model_id},
    )
    return None if not rows else dict(json.loads(rows[0][0]))


def forget_rows(transaction: Transaction, seq: int, because: str) -> None:
    """Delete the example rows of a version and the answers to them; the signature stays."""
    transaction.query(
        "UPDATE proofs SET example_rows = '', answers = '', rows_from = 'none', row_count = 0, because = :because "
        "WHERE model_seq = :seq",
        {"seq": seq, "because": because},
    )


def insert_check(transaction: Transaction, seq: int, files: str, check: AnswersCheck) -> None:
    """Keep what came of a check; one of the same files under the same library versions is replaced."""
    row = {
        "model_seq": seq,
        "files": files,
        "environment": key(check.environment),
        "status": check.status,
        "because": check.because,
        "place": check.place,
        "row_count": check.rows,
        "differing": check.differing,
        "at": check.at,
    }
    changed = ", ".join(f"{column} = excluded.{column}" for column in row if column not in _KEY)
    transaction.query(f"{insertion('answer_checks', row)} ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {changed}", row)


_KEY = ("model_seq", "files", "environment")


def find_check(queries: Queries, seq: int, files: str, environment: Mapping[str, str]) -> AnswersCheck | None:
    """What came of checking these files under these library versions, or None."""
    rows = queries.query(
        "SELECT * FROM answer_checks WHERE model_seq = :seq AND files = :files AND environment = :environment",
        {"seq": seq, "files": files, "environment": key(environment)},
    )
    if not rows:
        return None
    row = rows[0]
    return AnswersCheck(
        row["status"], row["because"], dict(environment), row["place"], row["row_count"], row["differing"], row["at"]
    )


def key(environment: Mapping[str, str]) -> str:
    """Library versions as the catalog compares them."""
    return json.dumps(dict(sorted(environment.items())))
