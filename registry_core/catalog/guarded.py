"""A database as somebody sees it who signed in: what they may not see is not there, and each transaction is checked.

Every statement that reads gets common table expressions with the names of the tables it reads, each with only the rows
of the model names that may be seen. So no list, count, search or export can forget to leave something out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

from ..errors import InvalidInput
from ..records import Row
from .database import Damage, Database, Queries, Transaction

_BY_NAME = "model_name IN ({names})"


def _as_in(table: str, key: str, own: str) -> str:
    """Whether the row of another table that a row refers to may be seen: asked by its key, however many there are."""
    return f"EXISTS (SELECT 1 FROM {table} WHERE {table}.{key} = {{table}}.{own})"


_BY_ID = _as_in("models", "model_id", "model_id")
_BY_NUMBER = _as_in("models", "seq", "model_seq")
_BY_STREAM = _as_in("streams", "seq", "stream")
#: The rows of each table that may be seen, and the tables that says so with, of the catalog and of live traffic.
#: A condition of None: all rows, since they are about no model name.
SEEN: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "models": (_BY_NAME, ()),
    "model_documents": (_BY_NUMBER, ("models",)),
    "model_metrics": (_BY_NAME, ()),
    "deployments": (_BY_NAME, ()),
    "events": (_BY_NAME, ()),
    "settings": (None, ()),
    "benchmarks": (_BY_NAME, ()),
    "evaluations": (_BY_ID, ("models",)),
    "reviews": (_BY_ID, ("models",)),
    "experiments": (_BY_NAME, ()),
    "experiment_arms": (_as_in("experiments", "seq", "experiment_seq"), ("experiments",)),
    "alerts": (_BY_NAME, ()),
    "baselines": (_BY_NAME, ()),
    "notifications": (_as_in("alerts", "seq", "alert_seq"), ("alerts",)),
    "trash": (_BY_NUMBER, ("models",)),
    "packed_files": (
        "file IN (SELECT 'models/model_' || model_id || '.pkl' FROM models UNION ALL "
        "SELECT 'models/scaler_' || model_id || '.pkl' FROM models)",
        ("models",),
    ),
    "proofs": (_BY_NUMBER, ("models",)),
    "answer_checks": (_BY_NUMBER, ("models",)),
    "feature_impacts": (_BY_ID, ("models",)),
    "training_rows": (_BY_NUMBER, ("models",)),
    "people": (None, ()),
    "grants": (None, ()),
    "tokens": (None, ()),
    "sessions": ("1 = 0", ()),
    "requests": ("1 = 0", ()),
    "webhooks": ("1 = 0", ()),
    "webhook_deliveries": ("1 = 0", ()),
    "review_requests": (_BY_ID, ("models",)),
    # Live traffic.
    "counters": (None, ()),
    "labels": (_BY_NAME, ()),
    "streams": (_BY_NAME, ()),
    "predictions": (_BY_STREAM, ("streams",)),
    "shadow_answers": (_BY_STREAM, ("streams",)),
    "outcomes": (
        _as_in("predictions", "prediction_id", "prediction_id"),
        ("streams", "predictions"),
    ),
    "windows": (_BY_STREAM, ("streams",)),
    "days": (_BY_STREAM, ("streams",)),
    "paired_windows": (_BY_STREAM, ("streams",)),
    "input_counts": ("model_id IN (SELECT model_id FROM streams)", ("streams",)),
    "detectors": (_BY_NAME, ()),
    "archives": (_BY_NAME, ()),
}
_TABLE = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")


def seen_only(
    sql: str, parameters: Mapping[str, Any] | None, names: Collection[str], qualifier: str
) -> tuple[str, dict[str, Any]]:
    """A statement that reads, with only the rows of the model names.

    Args:
        qualifier: the schema in which the tables are.

    Raises:
        InvalidInput: it is no SELECT.
    """
    values = {f"seen{number}": name for number, name in enumerate(sorted(names))}
    shadowed = _shadowed(sql, len(values), qualifier)
    return shadowed, dict(parameters or {}) if shadowed is sql else {**(parameters or {}), **values}


@lru_cache(maxsize=1_000)
def _shadowed(sql: str, names: int, qualifier: str) -> str:
    head = re.match(r"\s*(WITH\s+RECURSIVE|WITH|SELECT)\b", sql)
    if head is None:
        raise InvalidInput(f"only SELECT statements may read for a signed-in person, not {sql[:40]!r}")
    marks = ", ".join(f":seen{number}" for number in range(names)) or "NULL"
    wanted = dict.fromkeys(
        table for found in dict.fromkeys(_TABLE.findall(sql)) if found in SEEN for table in (*SEEN[found][1], found)
    )
    parts = [
        f"{table} AS NOT MATERIALIZED "
        f"(SELECT * FROM {qualifier}.{table} WHERE {condition.format(names=marks, table=table)})"
        for table in wanted
        if (condition := SEEN[table][0]) is not None
    ]
    if not parts:
        return sql
    rest = sql[head.end() :] if head[1] != "SELECT" else None
    start = "WITH RECURSIVE " if head[1].endswith("RECURSIVE") else "WITH "
    return start + ", ".join(parts) + (f" {sql}" if rest is None else f",{rest}")


class _Seen:
    """Implements ``Queries`` for what may be seen."""

    def __init__(self, queries: Queries, names: Collection[str], qualifier: str) -> None:
        self.whole, self._names, self._qualifier = queries, names, qualifier

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self.whole.query(*seen_only(sql, parameters, self._names, self._qualifier))

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self.whole.tuples(*seen_only(sql, parameters, self._names, self._qualifier))


class Guarded:
    """Implements ``Database`` for somebody who signed in.

    Args:
        database: the database of the registry itself.
        principal: what events keep of them.
        check: raises in a transaction where they may not do what they are about to do.
        seen: the model names they see; None: all.
    """

    def __init__(
        self,
        database: Database,
        principal: str,
        check: Callable[[Queries], None],
        seen: Callable[[], Collection[str] | None],
    ) -> None:
        self.whole = database
        self.qualifier = database.qualifier
        self._principal, self._check, self._seen = principal, check, seen

    def _as_seen(self, queries: Queries) -> Queries:
        names = self._seen()
        return queries if names is None else _Seen(queries, names, self.qualifier)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self._as_seen(self.whole).query(sql, parameters)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._as_seen(self.whole).tuples(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.whole.transaction() as transaction:
            transaction.principal = self._principal
            self._check(transaction)
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[Queries]:
        with self.whole.snapshot() as queries:
            yield self._as_seen(queries)

    def changes(self) -> int:
        return self.whole.changes()

    def followed(self) -> int:
        return self.whole.followed()

    @property
    def away(self) -> str | None:
        return self.whole.away

    def optimize(self) -> None:
        self.whole.optimize()

    def require_release(self) -> None:
        self.whole.require_release()

    def check(self) -> list[Damage]:
        return self.whole.check()

    def lost(self) -> int:
        return self.whole.lost()

    def mending(self, *, forget_lost: bool = False) -> AbstractContextManager[None]:
        return self.whole.mending(forget_lost=forget_lost)

    def close(self) -> None:
        """Nothing: the connections belong to the registry itself."""


def whole_of(queries: Queries) -> Queries:
    """What is behind a caller's queries: for what identifies the registry and its revision, and names no model."""
    return queries.whole if isinstance(queries, Guarded | _Seen) else queries
