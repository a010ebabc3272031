"""Model versions in the catalog: written once, listed page by page."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from ..errors import InvalidInput
from ..records import ModelMetadata, ModelQuery, Row, utc_text
from ..version import Version
from .database import Queries, Transaction, insertion

R = TypeVar("R")
#: Before the name of a metric: as the registry measured it. No reported metric can be called so.
MEASURED = "measured:"

#: What a list of versions shows.
SUMMARY = (
    *("model_id", "model_name", "model_type", "major", "minor", "patch", "evaluation_set", "is_ensemble"),
    *("training_timestamp", "training_samples", "registered_at", "registered_by", "status", "status_reason"),
    *("artifact", "eligible", "score", "score_note", "ranked_on", "override_note", "metrics", "measured"),
    *("measured_on", "description", "tags", "pinned"),
)
name_of, metrics_of, measured_of = (
    itemgetter(SUMMARY.index(column)) for column in ("model_name", "metrics", "measured")
)
_SUMMARY = ", ".join(f"m.{column}" for column in SUMMARY)
# By the name first: there is an index of who serves each.
_SERVING = (
    "EXISTS (SELECT 1 FROM deployments d "
    "WHERE d.model_name = m.model_name AND d.ended_at IS NULL AND d.model_id = m.model_id)"
)
_WHOLE = f"m.seq, m.vouched, {_SUMMARY}, {_SERVING} AS is_active, c.metadata"
_WITH_DOCUMENTS = " JOIN model_documents c ON c.model_seq = m.seq"
_ORDERS = {
    "registered_at": ("m.seq",),
    "training_timestamp": ("m.training_timestamp", "m.seq"),
    "model_id": ("m.model_id",),
    "version": ("m.major", "m.minor", "m.patch", "m.seq"),
}
_EQUAL = ("status", "artifact", "model_type", "evaluation_set", "registered_by")
_MOST_VALUES, _LONGEST_SEARCH = 500, 1000
_FLAGS = ("is_ensemble", "eligible")


def insert(
    transaction: Transaction, seq: int, metadata: ModelMetadata, document: str, stem: str, ordinal: int, eligible: bool
) -> None:
    """Add a version under the number of its registration event; ``document`` is what its sidecar file holds."""
    row = columns(seq, metadata, stem, ordinal, eligible)
    kept = {"model_seq": seq, "metadata": document}
    transaction.query(insertion("models", row), row)
    transaction.query(insertion("model_documents", kept), kept)
    transaction.many(
        "INSERT INTO model_metrics (model_seq, model_name, metric, value) VALUES (:seq, :model_name, :metric, :value)",
        [
            {"seq": seq, "model_name": metadata.model_name, "metric": metric, "value": value}
            for metric, value in metadata.all_metrics().items()
        ],
    )


def columns(seq: int, metadata: ModelMetadata, stem: str, ordinal: int, eligible: bool) -> Row:
    """What the row of a version holds when it is new."""
    return {
        "seq": seq,
        "model_id": metadata.model_id,
        "stem": stem,
        "ordinal": ordinal,
        "model_name": metadata.model_name,
        "model_type": metadata.model_type,
        **Version.parse(metadata.version)._asdict(),
        "evaluation_set": metadata.evaluation_set or "",
        "is_ensemble": int(metadata.is_ensemble),
        "training_timestamp": metadata.training_timestamp,
        "training_samples": metadata.training_samples,
        "registered_at": metadata.registered_at,
        "registered_by": metadata.registered_by,
        "status": metadata.status,
        "status_reason": metadata.status_reason,
        "artifact": metadata.artifact,
        "eligible": int(eligible),
        "score": metadata.composite_score,
        "score_note": metadata.score_note,
        "ranked_on": metadata.ranked_on or "",
        "override_note": "",
        "vouched": int(metadata.origin == "pipeline"),
        "metrics": json.dumps(metadata.all_metrics()),
        "measured": "{}",
        "measured_on": "",
        "description": metadata.description,
        "tags": json.dumps(metadata.tags),
        "search": searchable(" ".join((metadata.model_id, metadata.model_type, metadata.description, *metadata.tags))),
    }


def searchable(text: str) -> str:
    """Text as it is searched in: capitals and ways of writing an accent do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def find(queries: Queries, model_id: str) -> Row | None:
    """One version with its metadata document, or None."""
    rows = queries.query(f"SELECT {_WHOLE} FROM models m{_WITH_DOCUMENTS} WHERE m.model_id = :id", {"id": model_id})
    return rows[0] if rows else None


def display_name(queries: Queries, model_id: str) -> str:
    """How sentences call a version: ``Churn 1.2.0``; its id where the catalog does not hold it."""
    rows = queries.query("SELECT model_name, major, minor, patch FROM models WHERE model_id = :id", {"id": model_id})
    if not rows:
        return model_id
    return name_of_row(rows[0])


def name_of_row(row: Row) -> str:
    """How sentences call the version of a row: ``Churn 1.2.0``."""
    return f"{row['model_name']} {Version(row['major'], row['minor'], row['patch'])}"


def find_many(queries: Queries, model_ids: Sequence[str]) -> dict[str, Row]:
    """The versions that exist of some ids, by their id, each with its metadata document."""
    rows: dict[str, Row] = {}
    for start in range(0, len(model_ids), _MOST_VALUES):
        parameters = {f"id{n}": model_id for n, model_id in enumerate(model_ids[start : start + _MOST_VALUES])}
        marks = ", ".join(f":{key}" for key in parameters)
        sql = f"SELECT {_WHOLE} FROM models m{_WITH_DOCUMENTS} WHERE m.model_id IN ({marks})"
        rows.update((row["model_id"], row) for row in queries.query(sql, parameters))
    return rows


def last_ordinal(queries: Queries, stem: str) -> int:
    """How many ids were made from one name, type and second."""
    rows = queries.query("SELECT coalesce(max(ordinal), 0) AS n FROM models WHERE stem = :stem", {"stem": stem})
    return int(rows[0]["n"])


def highest(queries: Queries, model_name: str) -> Row | None:
    """The version with the highest number: of those somebody endorsed, where there are any.

    A file sent in from outside should not make a pipeline's next retraining look like a change of inputs.
    """
    for endorsed in (1, 0):
        rows = queries.query(
            f"SELECT {_WHOLE} FROM models m{_WITH_DOCUMENTS} WHERE m.model_name = :model_name "
            "AND m.vouched = :vouched ORDER BY m.major DESC, m.minor DESC, m.patch DESC LIMIT 1",
            {"model_name": model_name, "vouched": endorsed},
        )
        if rows:
            return rows[0]
    return None


def holder(queries: Queries, model_name: str, version: Version) -> str | None:
    """The id of the model that has this version, or None."""
    rows = queries.query(
        "SELECT model_id FROM models "
        "WHERE model_name = :model_name AND major = :major AND minor = :minor AND patch = :patch",
        {"model_name": model_name, **version._asdict()},
    )
    return rows[0]["model_id"] if rows else None


def case_twin(queries: Queries, model_name: str) -> str | None:
    """A model name that differs from this one by capitals only, or None."""
    known = queries.query("SELECT 1 AS n FROM models WHERE model_name = :name LIMIT 1", {"name": model_name})
    if known:
        return None
    return next((name for name in names(queries) if name.lower() == model_name.lower()), None)


def names(queries: Queries) -> list[str]:
    """All model names, in order."""
    # A skip scan: one index step a name, where DISTINCT would read every version.
    rows = queries.query(
        "WITH RECURSIVE found(name) AS (SELECT min(model_name) FROM models UNION ALL "
        "SELECT (SELECT min(m.model_name) FROM models m WHERE m.model_name > found.name) FROM found "
        "WHERE found.name IS NOT NULL) SELECT name FROM found WHERE name IS NOT NULL"
    )
    return sorted(row["name"] for row in rows)


def distinct(queries: Queries, column: str, model_name: str | None) -> list[str]:
    """All values of a column, in order, the empty one left out."""
    where = "" if model_name is None else "WHERE model_name = :model_name"
    rows = queries.query(f"SELECT DISTINCT {column} AS value FROM models {where}", {"model_name": model_name})
    return sorted(row["value"] for row in rows if row["value"])


def metric_names(queries: Queries, model_name: str | None) -> list[str]:
    """All metrics reported, in order."""
    own = "" if model_name is None else " AND model_name = :model_name"
    rows = queries.query(
        f"WITH RECURSIVE found(name) AS (SELECT min(metric) FROM model_metrics WHERE 1 = 1{own} UNION ALL "
        f"SELECT (SELECT min(x.metric) FROM model_metrics x WHERE x.metric > found.name{own}) FROM found "
        "WHERE found.name IS NOT NULL) SELECT name FROM found WHERE name IS NOT NULL",
        {"model_name": model_name},
    )
    return sorted(row["name"] for row in rows)


def totals(queries: Queries) -> list[Row]:
    """Per model name: versions, quarantined ones, time of the last registration."""
    return queries.query(
        "SELECT model_name, count(*) AS versions, sum(CASE WHEN artifact = 'quarantined' AND status = 'registered' "
        "THEN 1 ELSE 0 END) AS quarantined, max(registered_at) AS last_registered_at "
        "FROM models GROUP BY model_name ORDER BY model_name"
    )


def best(queries: Queries, model_name: str, ranked_on: str) -> str | None:
    """The id of the eligible model with the highest score of those ranked on one set; the older of equals."""
    rows = queries.query(
        "SELECT model_id FROM models WHERE model_name = :model_name AND ranked_on = :ranked_on "
        "AND eligible = 1 AND score IS NOT NULL ORDER BY score DESC, seq LIMIT 1",
        {"model_name": model_name, "ranked_on": ranked_on},
    )
    return rows[0]["model_id"] if rows else None


def ranked_on(queries: Queries, model_id: str) -> str | None:
    """What a version's score was computed on, empty where that has no name; None when there is no such version."""
    rows = queries.query("SELECT ranked_on FROM models WHERE model_id = :id", {"id": model_id})
    return rows[0]["ranked_on"] if rows else None


def newest_ranked_on(queries: Queries, model_name: str) -> str | None:
    """What the newest eligible model with a score is ranked on; None when there is no such model."""
    rows = queries.query(
        "SELECT ranked_on FROM models WHERE model_name = :model_name AND eligible = 1 AND score IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1",
        {"model_name": model_name},
    )
    return rows[0]["ranked_on"] if rows else None


def set_measured_metrics(transaction: Transaction, row: Row, measured: Mapping[str, float]) -> None:
    """Keep what the registry measured of a version where lists can be ordered by it."""
    transaction.query(
        f"DELETE FROM model_metrics WHERE model_seq = :seq AND metric LIKE '{MEASURED}%'", {"seq": row["seq"]}
    )
    transaction.many(
        "INSERT INTO model_metrics (model_seq, model_name, metric, value) VALUES (:seq, :model_name, :metric, :value)",
        [
            {"seq": row["seq"], "model_name": row["model_name"], "metric": f"{MEASURED}{metric}", "value": value}
            for metric, value in measured.items()
        ],
    )


def of_verdict(queries: Queries, artifact: str) -> list[Row]:
    """Every version with a verdict on its files, oldest first, with its document."""
    return queries.query(
        f"SELECT {_WHOLE} FROM models m{_WITH_DOCUMENTS} WHERE m.artifact = :artifact ORDER BY m.seq",
        {"artifact": artifact},
    )


def update(transaction: Transaction, model_id: str, **changes: Any) -> None:
    """Change columns of a version's row."""
    columns = ", ".join(f"{column} = :{column}" for column in changes)
    transaction.query(f"UPDATE models SET {columns} WHERE model_id = :id", {**changes, "id": model_id})


def scoring_rows(queries: Queries, model_name: str | None = None) -> list[Row]:
    """What a new policy needs to score every version (of a name) again, in the order of registration."""
    return queries.query(
        "SELECT m.seq, m.model_id, m.model_name, m.major, m.minor, m.patch, m.evaluation_set, m.is_ensemble, "
        "m.metrics, m.measured, m.measured_on, m.score, m.score_note, m.ranked_on, m.status, m.artifact, m.vouched, "
        "c.metadata "
        f"FROM models m{_WITH_DOCUMENTS}{'' if model_name is None else ' WHERE m.model_name = :name'} ORDER BY m.seq",
        {} if model_name is None else {"name": model_name},
    )


def set_scores(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store ``score``, ``score_note``, ``ranked_on`` and ``eligible`` by the versions' numbers, ``seq``."""
    transaction.many(
        "UPDATE models SET score = :score, score_note = :score_note, ranked_on = :ranked_on, eligible = :eligible "
        "WHERE seq = :seq",
        rows,
    )


def count(queries: Queries, query: ModelQuery) -> int:
    """How many versions fit a query."""
    where, parameters = _conditions(query)
    return int(queries.query(f"SELECT count(*) AS n FROM models m{where}", parameters)[0]["n"])


def page(queries: Queries, query: ModelQuery) -> list[Row]:
    """One page of versions with their metadata documents."""
    return _page(queries, query, queries.query, _WHOLE, _WITH_DOCUMENTS)


def summaries(queries: Queries, query: ModelQuery) -> list[tuple[Any, ...]]:
    """One page of versions without their documents, each as its values in the order of ``SUMMARY``."""
    return _page(queries, query, queries.tuples, _SUMMARY, "")


def _page(
    queries: Queries, query: ModelQuery, read: Callable[[str, Mapping[str, Any]], list[R]], columns: str, joined: str
) -> list[R]:
    """Versions without the value that orders them come last, whatever the direction: first the page is cut from those
    that have it, walking an index, and only what is still missing is taken from those that have not.
    """

    def cut(tail: str, limit: int | None, offset: int) -> list[R]:
        sql = f"SELECT {columns} FROM {tail}"
        if limit is None and not offset:
            return read(sql, parameters)
        most = 2**62 if limit is None else limit
        return read(f"{sql} LIMIT :limit OFFSET :offset", {**parameters, "limit": most, "offset": offset})

    where, parameters = _conditions(query)
    direction = "DESC" if query.descending else "ASC"
    if query.order_by in _ORDERS:
        order = ", ".join(f"{column} {direction}" for column in _ORDERS[query.order_by])
        return cut(f"models m{joined}{where} ORDER BY {order}", query.limit, query.offset)
    also = " AND " if where else " WHERE "
    if query.order_by == "composite_score":
        source, known, unknown = f"models m{joined}", "m.score IS NOT NULL", "m.score IS NULL"
        order = f"m.score {direction}, m.seq"
    else:
        own = "" if query.model_name is None else " AND v.model_name = :model_name"
        source = f"model_metrics v JOIN models m ON m.seq = v.model_seq{joined}"
        known = f"v.metric = :metric{own}"
        unknown = "NOT EXISTS (SELECT 1 FROM model_metrics v WHERE v.model_seq = m.seq AND v.metric = :metric)"
        order = f"v.value {direction}, v.model_seq"
        parameters["metric"] = query.order_by
    rows = cut(f"{source}{where}{also}{known} ORDER BY {order}", query.limit, query.offset)
    if query.limit is not None and len(rows) >= query.limit:
        return rows
    skipped = query.offset
    if query.offset and not rows:
        skipped -= int(queries.query(f"SELECT count(*) AS n FROM {source}{where}{also}{known}", parameters)[0]["n"])
    else:
        skipped = 0
    rest = None if query.limit is None else query.limit - len(rows)
    return rows + cut(f"models m{joined}{where}{also}{unknown} ORDER BY m.seq", rest, skipped)


def _moment(value: Any) -> str:
    try:
        return utc_text(value if isinstance(value, datetime) else datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"filter registered_after is {value!r:.80}; give a time, such as 2026-12-24T18:00:00+00:00"
        ) from error


def _conditions(query: ModelQuery) -> tuple[str, dict[str, Any]]:
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    if query.model_name is not None:
        parts.append("m.model_name = :model_name")
        parameters["model_name"] = query.model_name
    for key, value in query.where.items():
        if value is None:
            continue
        if key in _EQUAL:
            if not isinstance(value, (str, list, tuple, set, frozenset)) or len(value) > _MOST_VALUES:
                raise InvalidInput(
                    f"filter {key} is {value!r:.80}; give a text, or a list of up to {_MOST_VALUES} texts"
                )
            values: Sequence[Any] = [value] if isinstance(value, str) else list(value)
            parameters.update({f"{key}{n}": each for n, each in enumerate(values)})
            parts.append(f"m.{key} IN ({', '.join(f':{key}{n}' for n in range(len(values)))})" if values else "1 = 0")
        elif key in _FLAGS:
            parts.append(f"m.{key} = {int(bool(value))}")
        elif key == "is_active":
            wanted = "" if value else "NOT "
            parts.append(f"{wanted}{_SERVING}")
        elif key == "registered_after":
            parameters[key] = _moment(value)
            parts.append("m.registered_at > :registered_after")
        elif key == "search":
            if len(str(value)) > _LONGEST_SEARCH:
                raise InvalidInput(
                    f"the search text has {len(str(value))} characters; the maximum is {_LONGEST_SEARCH}; shorten it"
                )
            wildcards = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
            parameters["search"] = f"%{searchable(str(value)).translate(wildcards)}%"
            parts.append("m.search LIKE :search ESCAPE '\\'")
        else:
            allowed = ", ".join((*_EQUAL, *_FLAGS, "is_active", "registered_after", "search"))
            raise InvalidInput(f"filter {key!r:.80} is unknown; allowed are {allowed}")
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters
