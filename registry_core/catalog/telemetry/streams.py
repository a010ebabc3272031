"""Whose predictions are counted together, what their numbers for labels mean, and where ids come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ...live import Role
from ..database import Queries, Transaction, insertion
from . import partitions
from .schema import BLOCK_BITS

#: A block is given up after so many microseconds: an id is never older than its prediction by more.
BLOCK_AGE = 3_600_000_000
NO_POSITIVE = -1
_DAY_MILLISECONDS = 86_400_000


class Stream(NamedTuple):
    """A model in a role, and how what it answers is counted.

    ``experiment_id`` and ``deployment_id`` are 0 where there is none. ``shares`` are the experiment's shares, such as
    ``0.05``: rows answered under different shares are never compared with each other. ``positive`` is the number of the
    positive label, -1 without one; ``loss`` that of a regression; ``minutes`` the length of a window.

    The rows of a ``slice`` are a stream as well; its ``shares`` are column and value, ``region=north``. The champion's
    has no experiment. A challenger's holds what it scored in shadow and what it answered in a split.
    """

    model_name: str
    model_id: str
    role: Role | Literal["slice"]
    experiment_id: int
    deployment_id: int
    shares: str
    task: str
    positive: int
    loss: str
    minutes: int


def reserve(transaction: Transaction, now_milliseconds: int, blocks: int = 1) -> int:
    """The first of as many new ids as ``blocks`` hold, all of them in a row and above every id before.

    Block numbers follow the clock, so that none is given twice even when a power failure took the last reservation.
    """
    rows = transaction.query("SELECT value FROM counters WHERE name = 'prediction_block'")
    first = max(rows[0]["value"] + 1 if rows else 0, now_milliseconds)
    transaction.query(
        "INSERT INTO counters (name, value) VALUES ('prediction_block', :last) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {"last": first + blocks - 1},
    )
    # Tomorrow's as well, so that there is a whole day in which nobody reads for a moment.
    partitions.cover(transaction, [each << BLOCK_BITS for each in (first, first + blocks, first + _DAY_MILLISECONDS)])
    return first << BLOCK_BITS


def last_block(queries: Queries) -> int:
    """The number of the last block of ids that was reserved; -1 without one."""
    rows = queries.query("SELECT value FROM counters WHERE name = 'prediction_block'")
    return int(rows[0]["value"]) if rows else -1


def lease(queries: Queries, task: str) -> int:
    """The number of whoever leads a task; 0 where nobody does."""
    rows = queries.query("SELECT value FROM counters WHERE name = :name", {"name": f"{_LEASE}{task}"})
    return int(rows[0]["value"]) if rows else 0


def set_lease(transaction: Transaction, task: str, number: int) -> None:
    """From now on, whoever knows this number leads the task."""
    transaction.query(
        "INSERT INTO counters (name, value) VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {"name": f"{_LEASE}{task}", "value": number},
    )


def received(transaction: Transaction, client: str, number: int, forget_before: int) -> int:
    """The number that was received last from a client, -1 without one; from now on it is ``number``, if that is higher.

    Clients whose last number is below ``forget_before`` are forgotten.
    """
    name = f"{_CLIENT}{client}"
    rows = transaction.query("SELECT value FROM counters WHERE name = :name", {"name": name})
    last = int(rows[0]["value"]) if rows else -1
    if not rows:
        transaction.query(
            "DELETE FROM counters WHERE value < :before AND name LIKE :clients",
            {"before": forget_before, "clients": f"{_CLIENT}%"},
        )
    if number > last:
        transaction.query(
            "INSERT INTO counters (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"name": name, "value": number},
        )
    return last


_CLIENT = "client "
_LEASE = "lease "


def number(transaction: Transaction, stream: Stream) -> int:
    """The number of a stream, given now if it is new."""
    where = " AND ".join(f"{column} = :{column}" for column in Stream._fields)
    rows = transaction.query(f"SELECT seq FROM streams WHERE {where}", stream._asdict())
    if rows:
        return int(rows[0]["seq"])
    seq = int(transaction.query("SELECT coalesce(max(seq), 0) + 1 AS n FROM streams")[0]["n"])
    row = {"seq": seq, **stream._asdict()}
    transaction.query(insertion("streams", row), row)
    return seq


def listed(
    queries: Queries,
    model_name: str | None = None,
    model_id: str | None = None,
    experiment_id: int | None = None,
    deployment_id: int | None = None,
) -> dict[int, Stream]:
    """Streams that fit, by their numbers."""
    wanted = {
        "model_name": model_name, "model_id": model_id, "experiment_id": experiment_id, "deployment_id": deployment_id,
    }  # fmt: skip
    parameters = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(["1 = 1", *(f"{column} = :{column}" for column in parameters)])
    columns = ", ".join(Stream._fields)
    rows = queries.tuples(f"SELECT seq, {columns} FROM streams WHERE {where} ORDER BY seq", parameters)
    return {row[0]: Stream(*row[1:]) for row in rows}


def labels(queries: Queries, model_name: str) -> list[Any]:
    """The labels of a model name; a label's number is its place."""
    rows = queries.tuples("SELECT label FROM labels WHERE model_name = :name ORDER BY code", {"name": model_name})
    return [json.loads(label) for (label,) in rows]


def add_labels(transaction: Transaction, model_name: str, new: Iterable[Any], known: Sequence[Any]) -> None:
    """Number further labels, behind those that are known."""
    rows = [(model_name, len(known) + place, json.dumps(label)) for place, label in enumerate(new)]
    transaction.insert("labels", ("model_name", "code", "label"), rows)
