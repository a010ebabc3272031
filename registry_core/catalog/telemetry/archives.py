"""Raw rows that left for files, and which ones are next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..database import Queries, Transaction
from .predictions import NO_SLICE
from .schema import BLOCK_BITS

#: The clock may have stood still while ids went on; rows of such a time leave a little later.
_SLACK_MILLISECONDS = 1_000


class Archive(NamedTuple):
    """A file of raw rows: the ids it holds, from when to when (microseconds, both included), how many, and where."""

    first_id: int
    last_id: int
    model_name: str
    since: int
    until: int
    row_count: int
    file: str
    file_sha256: str


_OLD = """
    prediction_id {range} AND at < :before AND stream IN (SELECT seq FROM streams WHERE model_name = :name)
"""


def next_ids(queries: Queries, model_name: str, before: int, most: int) -> tuple[int, int, int] | None:
    """First id, last id and number of the oldest rows from before a moment, at most so many; None when there are none.

    Ids begin with the time, so newer rows are not even looked at.
    """
    rows = queries.tuples(
        "SELECT min(prediction_id), max(prediction_id), count(*) FROM (SELECT prediction_id FROM predictions WHERE "
        + _OLD.format(range="< :end")
        + " ORDER BY prediction_id LIMIT :most) oldest",
        {
            "name": model_name,
            "before": before,
            "end": (before // 1000 + _SLACK_MILLISECONDS) << BLOCK_BITS,
            "most": most,
        },
    )
    first, last, count = rows[0]
    return None if not count else (int(first), int(last), int(count))


def old_rows(queries: Queries, model_name: str, before: int, first: int, last: int) -> list[tuple[Any, ...]]:
    """Those rows as ``predictions.history`` has them."""
    old = f"(SELECT * FROM predictions WHERE {_OLD.format(range='BETWEEN :first AND :last')}) p"
    outcomes = "LEFT JOIN outcomes o ON o.prediction_id = p.prediction_id AND o.prediction_id BETWEEN :first AND :last"
    return queries.tuples(
        f"SELECT p.prediction_id, p.at, p.unit, p.stream, p.answer, p.score, o.truth, o.at FROM {old} {outcomes} "
        f"UNION ALL SELECT p.prediction_id, p.at, p.unit, h.stream, h.answer, h.score, o.truth, o.at FROM {old} "
        "JOIN shadow_answers h ON h.prediction_id = p.prediction_id AND h.prediction_id BETWEEN :first AND :last "
        f"{outcomes} WHERE {NO_SLICE} ORDER BY 1, 4",
        {"name": model_name, "before": before, "first": first, "last": last},
    )


def as_filed(
    queries: Queries, model_name: str, before: int, rows: Sequence[tuple[Any, ...]], first: int, last: int
) -> bool:
    """Whether the rows of ``old_rows`` are still all there is: the same predictions, as many shadows and outcomes.

    None of them ever changes, so equal numbers of the same predictions are equal rows.
    """
    old = f"SELECT prediction_id FROM predictions WHERE {_OLD.format(range='BETWEEN :first AND :last')}"
    parameters = {"name": model_name, "before": before, "first": first, "last": last}
    # Rows by their ids, and whether the truth is known.
    filed = {row[0]: row[6] is not None for row in rows}
    now = {each for (each,) in queries.tuples(old, parameters)}
    if now != filed.keys():
        return False
    shadows, outcomes = (
        queries.tuples(
            f"SELECT count(*) FROM {table} WHERE prediction_id IN ({old}) AND prediction_id BETWEEN :first AND :last",
            parameters,
        )[0][0]
        for table in (f"(SELECT * FROM shadow_answers h WHERE {NO_SLICE}) shadows", "outcomes")
    )
    return bool(shadows == len(rows) - len(filed) and outcomes == sum(filed.values()))


def replace(transaction: Transaction, archive: Archive, before: int) -> None:
    """Delete the rows that a file holds, and note the file."""
    old = f"SELECT prediction_id FROM predictions WHERE {_OLD.format(range='BETWEEN :first AND :last')}"
    parameters = {
        "name": archive.model_name, "before": before, "first": archive.first_id, "last": archive.last_id,
    }  # fmt: skip
    for table in ("shadow_answers", "outcomes", "predictions"):
        transaction.query(
            f"DELETE FROM {table} WHERE prediction_id IN ({old}) AND prediction_id BETWEEN :first AND :last", parameters
        )
    transaction.insert("archives", Archive._fields, [archive])


def listed(queries: Queries, model_name: str, since: int, until: int) -> Sequence[Archive]:
    """Files with rows from one moment to before another, oldest first."""
    rows = queries.tuples(
        f"SELECT {', '.join(Archive._fields)} FROM archives "
        "WHERE model_name = :name AND until >= :since AND since < :until ORDER BY first_id",
        {"name": model_name, "since": since, "until": until},
    )
    return [Archive(*row) for row in rows]


def files_from(queries: Queries, model_name: str, first: int) -> list[str]:
    """Files that are noted as beginning with an id."""
    rows = queries.tuples(
        "SELECT file FROM archives WHERE model_name = :name AND first_id = :first",
        {"name": model_name, "first": first},
    )
    return [file for (file,) in rows]
