"""Sums over predictions: by window and by day, of pairs, and what inputs looked like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..database import Queries, Transaction

Table = Literal["windows", "days"]


def blobs(queries: Queries, table: str, stream: int, start: int) -> tuple[bytes, bytes] | None:
    """Core and detail of one window, or None."""
    rows = queries.tuples(
        f"SELECT core, detail FROM {table} WHERE stream = :stream AND start = :start",
        {"stream": stream, "start": start},
    )
    return (bytes(rows[0][0]), bytes(rows[0][1])) if rows else None


def store(
    transaction: Transaction,
    table: Table,
    key: tuple[int, int],
    counts: tuple[int, int, int],
    auc: float | None,
    sums: tuple[bytes, bytes],
) -> None:
    """Put a window's new sums in place of its old ones. ``counts`` are predictions, failures and labelled."""
    transaction.query(
        f"INSERT INTO {table} (stream, start, predictions, failures, labelled, auc, core, detail) "
        "VALUES (:stream, :start, :predictions, :failures, :labelled, :auc, :core, :detail) "
        "ON CONFLICT (stream, start) DO UPDATE SET predictions = excluded.predictions, failures = excluded.failures, "
        "labelled = excluded.labelled, auc = excluded.auc, core = excluded.core, detail = excluded.detail",
        {
            "stream": key[0], "start": key[1], "predictions": counts[0], "failures": counts[1], "labelled": counts[2],
            "auc": auc, "core": sums[0], "detail": sums[1],
        },
    )  # fmt: skip


def store_pairs(transaction: Transaction, key: tuple[int, int], pairs: int, sums: tuple[bytes, bytes]) -> None:
    """The same for a window of pairs; its stream is the shadow's."""
    transaction.query(
        "INSERT INTO paired_windows (stream, start, pairs, core, detail) "
        "VALUES (:stream, :start, :pairs, :core, :detail) ON CONFLICT (stream, start) "
        "DO UPDATE SET pairs = excluded.pairs, core = excluded.core, detail = excluded.detail",
        {"stream": key[0], "start": key[1], "pairs": pairs, "core": sums[0], "detail": sums[1]},
    )


def _among(streams: Sequence[int]) -> str:
    # Numbers of ours, a few hundred at most.
    return ", ".join(str(int(each)) for each in streams) or "NULL"


def read(
    queries: Queries,
    table: str,
    streams: Sequence[int],
    since: int | None = None,
    until: int | None = None,
    *,
    detail: bool = False,
) -> list[tuple[Any, ...]]:
    """Windows of some streams from one moment to before another, by stream and start.

    (stream, start, predictions, failures, labelled, auc, core), and the detail behind when it is asked for; pairs have
    (stream, start, pairs, core).
    """
    counts = "pairs" if table == "paired_windows" else "predictions, failures, labelled, auc"
    conditions = [f"stream IN ({_among(streams)})"]
    conditions += [] if since is None else ["start >= :since"]
    conditions += [] if until is None else ["start < :until"]
    return queries.tuples(
        f"SELECT stream, start, {counts}, core{', detail' if detail else ''} FROM {table} "
        f"WHERE {' AND '.join(conditions)} ORDER BY stream, start",
        {"since": since, "until": until},
    )


def counts(
    queries: Queries, table: Table, streams: Sequence[int], since: int | None = None
) -> list[tuple[int, int, int, int]]:
    """(stream, start, predictions, labelled) of the windows of some streams, without their sums."""
    after = "" if since is None else " AND start >= :since"
    return queries.tuples(
        f"SELECT stream, start, predictions, labelled FROM {table} WHERE stream IN ({_among(streams)}){after} "
        "ORDER BY start, stream",
        {"since": since},
    )


def input_counts(queries: Queries, model_id: str, since: int | None = None, until: int | None = None) -> dict[int, str]:
    """What the inputs of a model looked like, by the day they came in on."""
    conditions = ["model_id = :model_id"]
    conditions += [] if since is None else ["day >= :since"]
    conditions += [] if until is None else ["day < :until"]
    rows = queries.tuples(
        f"SELECT day, counts FROM input_counts WHERE {' AND '.join(conditions)} ORDER BY day",
        {"model_id": model_id, "since": since, "until": until},
    )
    return dict(rows)


def store_input_counts(transaction: Transaction, model_id: str, day: int, counts: str) -> None:
    """Put a day's new counts in place of its old ones."""
    transaction.query(
        "INSERT INTO input_counts (model_id, day, counts) VALUES (:model_id, :day, :counts) "
        "ON CONFLICT (model_id, day) DO UPDATE SET counts = excluded.counts",
        {"model_id": model_id, "day": day, "counts": counts},
    )
