"""Predictions, what shadows would have answered, and the truth that came later: a row each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from ..database import Queries, Transaction
from .schema import BLOCK_BITS
from .streams import BLOCK_AGE

#: (prediction_id, stream, at, unit, answer, score)
Prediction = tuple[int, int, int, str | None, float, float | None]
#: (prediction_id, stream, answer, score)
ShadowAnswer = tuple[int, int, float, float | None]

#: Rows of a slice stand among those of shadows, and are the champion's own once more.
NO_SLICE = "h.stream NOT IN (SELECT seq FROM streams WHERE role = 'slice')"

COLUMNS = ("prediction_id", "stream", "at", "unit", "answer", "score")


#: How many ids a statement looks up.
_AT_ONCE = 500
#: How far back a unit is looked for, microseconds: a day, a week.
_REACHES = (86_400_000_000, 604_800_000_000)
#: Ids have 64 bits.
_ABOVE = 1 << 63


def insert(transaction: Transaction, rows: Iterable[Prediction]) -> None:
    """Add predictions; ids that rise are the quickest."""
    transaction.insert("predictions", COLUMNS, rows)


def insert_shadow(transaction: Transaction, rows: Iterable[ShadowAnswer]) -> None:
    """Add what shadows would have answered."""
    transaction.insert("shadow_answers", ("prediction_id", "stream", "answer", "score"), rows)


def insert_outcomes(transaction: Transaction, rows: Iterable[tuple[int, float, int]]) -> None:
    """Add truths: (prediction_id, truth, when it was told)."""
    transaction.insert("outcomes", ("prediction_id", "truth", "at"), rows)


def found(transaction: Transaction, ids: Sequence[int]) -> tuple[dict[int, Prediction], dict[int, float]]:
    """Those of some ids that there are, by id; and the truth of those that have one."""
    if ids and not -_ABOVE < min(ids) <= max(ids) < _ABOVE:
        ids = [each for each in ids if abs(each) < _ABOVE]
    wanted = {*ids}
    rows = _of(transaction, "predictions", COLUMNS, wanted)
    truths = _of(transaction, "outcomes", ("prediction_id", "truth"), wanted)
    return {row[0]: row for row in rows}, dict(truths)


def shadows_of(transaction: Transaction, ids: Iterable[int]) -> list[ShadowAnswer]:
    """What shadows would have answered to some predictions that there are."""
    return _of(transaction, "shadow_answers", ("prediction_id", "stream", "answer", "score"), {*ids})


def _of(transaction: Transaction, table: str, columns: Sequence[str], ids: Set[int]) -> list[tuple[Any, ...]]:
    """The rows of some ids; the first column is the id."""
    if not ids:
        return []
    first, last = min(ids), max(ids)
    if last - first >= 2 * len(ids):
        return transaction.having(table, columns, "prediction_id", ids)
    # Of one call, mostly: they lie side by side.
    rows = transaction.tuples(
        f"SELECT {', '.join(columns)} FROM {table} WHERE prediction_id BETWEEN :first AND :last",
        {"first": first, "last": last},
    )
    return rows if len(rows) == last - first + 1 == len(ids) else [row for row in rows if row[0] in ids]


def model_names_of(queries: Queries, ids: Sequence[int]) -> set[str]:
    """The model names that predictions are of."""
    found = set[str]()
    for start in range(0, len(ids), _AT_ONCE):
        values = {f"id{number}": each for number, each in enumerate(ids[start : start + _AT_ONCE])}
        rows = queries.tuples(
            "SELECT DISTINCT s.model_name FROM predictions p JOIN streams s ON s.seq = p.stream "
            f"WHERE p.prediction_id IN ({', '.join(f':{key}' for key in values)})",
            values,
        )
        found |= {name for (name,) in rows}
    return found


def any_shadow(queries: Queries) -> bool:
    """Whether any shadow ever answered."""
    return bool(queries.tuples("SELECT 1 FROM shadow_answers LIMIT 1"))


def by_unit(
    transaction: Transaction, model_name: str, units: Sequence[str], moments: Sequence[int]
) -> list[int | None]:
    """For each unit and moment the newest prediction of the model name at or before it, or None."""
    found: list[int | None] = [None] * len(units)
    places = [*range(len(units))]
    # Most are recent, and then older days are not even looked at.
    for reach in (*_REACHES, max(moments, default=0)):
        since = min((moments[place] for place in places), default=0) - reach
        for place, each in zip(places, _by_unit(transaction, model_name, units, moments, places, since), strict=True):
            found[place] = each
        places = [place for place in places if found[place] is None]
    return found


def _by_unit(
    transaction: Transaction,
    model_name: str,
    units: Sequence[str],
    moments: Sequence[int],
    places: Sequence[int],
    since: int,
) -> list[int | None]:
    """The same for some of them, among predictions since a moment."""
    if not places:
        return []
    transaction.query("CREATE TEMPORARY TABLE sought (place BIGINT NOT NULL, unit TEXT NOT NULL, at BIGINT NOT NULL)")
    transaction.insert("sought", ("place", "unit", "at"), [(each, units[each], moments[each]) for each in places])
    rows = transaction.tuples(
        "SELECT (SELECT p.prediction_id FROM predictions p JOIN streams s ON s.seq = p.stream "
        "WHERE p.unit = sought.unit AND p.at <= sought.at AND p.at >= :since AND p.prediction_id >= :first "
        "AND s.model_name = :name ORDER BY p.at DESC, p.prediction_id DESC LIMIT 1) FROM sought ORDER BY place",
        {"name": model_name, "since": since, "first": first_id(since)},
    )
    transaction.query("DROP TABLE sought")
    return [None if found is None else int(found) for (found,) in rows]


def first_id(since: int) -> int:
    """No prediction since a moment, in microseconds, has a lower id."""
    return max((since - BLOCK_AGE) // 1000 - 1, 0) << BLOCK_BITS


def delays(queries: Queries, model_name: str, edges: Sequence[int], limit: int) -> list[tuple[Any, ...]]:
    """Of some predictions whose truth is known: made at, told at, truth, answer, stream.

    The first ``limit`` of each stretch between two ``edges``: ids follow the clock, so nothing else is looked at.
    """
    ids = [first_id(each) for each in edges]
    values = {f"edge_{place}": edge for place, edge in enumerate(edges)} | {
        f"id_{i}": each for i, each in enumerate(ids)
    }
    return queries.tuples(
        " UNION ALL ".join(_DELAYS.format(here=place, there=place + 1) for place in range(len(edges) - 1)),
        {"name": model_name, "limit": limit, **values},
    )


_DELAYS = (
    "SELECT * FROM (SELECT p.at, o.at AS told, o.truth, p.answer, p.stream FROM predictions p "
    "JOIN streams s ON s.seq = p.stream JOIN outcomes o ON o.prediction_id = p.prediction_id "
    "WHERE p.prediction_id >= :id_{here} AND p.prediction_id < :id_{there} AND o.prediction_id >= :id_{here} "
    "AND o.prediction_id < :id_{there} AND p.at >= :edge_{here} "
    "AND p.at < :edge_{there} AND s.model_name = :name ORDER BY p.prediction_id LIMIT :limit) AS stretch_{here}"
)


# One row for the model that answered, and one for each shadow that would have.
_HISTORY = f"""
    SELECT p.prediction_id, p.at, p.unit, p.stream, p.answer, p.score, o.truth, o.at
    FROM predictions p JOIN streams s ON s.seq = p.stream
    LEFT JOIN outcomes o ON o.prediction_id = p.prediction_id AND o.prediction_id >= :first
    WHERE s.model_name = :name AND {{range}}
    UNION ALL
    SELECT p.prediction_id, p.at, p.unit, h.stream, h.answer, h.score, o.truth, o.at
    FROM shadow_answers h JOIN predictions p ON p.prediction_id = h.prediction_id JOIN streams s ON s.seq = p.stream
    LEFT JOIN outcomes o ON o.prediction_id = p.prediction_id AND o.prediction_id >= :first
    WHERE s.model_name = :name AND {{range}} AND h.prediction_id >= :first AND {NO_SLICE}
    ORDER BY 1, 4
"""


def history(queries: Queries, model_name: str, since: int, until: int) -> list[tuple[Any, ...]]:
    """Everything answered from one moment to before another: id, at, unit, stream, answer, score, truth, told at.

    Ids follow the clock, so what is much older is not even looked at.
    """
    return queries.tuples(
        _HISTORY.format(range="p.prediction_id >= :first AND p.at >= :since AND p.at < :until"),
        {
            "name": model_name,
            "since": since,
            "until": until,
            "first": first_id(since),
        },
    )
