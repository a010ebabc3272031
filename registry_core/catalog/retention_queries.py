"""What maintenance asks of all versions at once: in a few statements, however many versions there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..file_keys import benchmark_file, metadata_file, model_files
from ..records import Status
from .database import Queries

_PART = 500
#: The keys of a version's model and scaler in SQL, for the alias ``m`` of its row.
_MODEL_KEY, _SCALER_KEY = (f"'{key}'" for key in model_files("' || m.model_id || '"))


class Kept(NamedTuple):
    """What retention has to know of a version. ``purge_at`` is None outside of the trash."""

    seq: int
    model_id: str
    model_name: str
    major: int
    minor: int
    patch: int
    registered_at: str
    score: float | None
    ranked_on: str
    eligible: int
    status: Status
    pinned: int
    purge_at: str | None


def versions(queries: Queries, model_name: str | None) -> list[Kept]:
    """Every version (of a model name) that still has files, by name, the newest first."""
    own = "" if model_name is None else " AND m.model_name = :name"
    rows = queries.tuples(
        "SELECT m.seq, m.model_id, m.model_name, m.major, m.minor, m.patch, m.registered_at, m.score, m.ranked_on, "
        "m.eligible, m.status, m.pinned, t.purge_at FROM models m LEFT JOIN trash t ON t.model_seq = m.seq "
        f"WHERE m.status <> 'purged'{own} ORDER BY m.model_name, m.seq DESC",
        {"name": model_name},
    )
    return [Kept(*row) for row in rows]


def states(queries: Queries, model_ids: Sequence[str]) -> dict[str, tuple[Status, bool]]:
    """Id -> state, and whether it is pinned."""
    found: dict[str, tuple[Status, bool]] = {}
    for start in range(0, len(model_ids), _PART):
        part = {f"id{n}": each for n, each in enumerate(model_ids[start : start + _PART])}
        rows = queries.tuples(
            f"SELECT model_id, status, pinned FROM models WHERE model_id IN ({', '.join(f':{key}' for key in part)})",
            part,
        )
        found |= {model_id: (status, bool(pinned)) for model_id, status, pinned in rows}
    return found


def in_experiments(queries: Queries, model_name: str | None) -> dict[str, int]:
    """Id -> number of the experiment it takes part in, as champion or challenger."""
    own = "" if model_name is None else " AND e.model_name = :name"
    rows = queries.tuples(
        f"SELECT e.champion_id, e.seq FROM experiments e WHERE e.ended_at IS NULL{own} UNION ALL "
        "SELECT a.challenger_id, e.seq FROM experiments e JOIN experiment_arms a ON a.experiment_seq = e.seq "
        f"WHERE e.ended_at IS NULL AND a.status = 'running'{own}",
        {"name": model_name},
    )
    return {model_id: int(seq) for model_id, seq in rows}


def eligible_champions(queries: Queries, model_name: str | None) -> set[str]:
    """Who is or was champion and may be chosen."""
    own = "" if model_name is None else " AND d.model_name = :name"
    rows = queries.tuples(
        "SELECT DISTINCT d.model_id FROM deployments d JOIN models m ON m.model_id = d.model_id "
        f"WHERE m.eligible = 1{own}",
        {"name": model_name},
    )
    return {model_id for (model_id,) in rows}


class Owner(NamedTuple):
    """Whose file it is, and what that version is; a model name's own where no version is named."""

    model_name: str
    status: Status | None


def claims(queries: Queries) -> dict[str, Owner]:
    """Every file the catalog claims, archives of predictions apart: key -> whose it is.

    The sidecar of a version is claimed for ever, its model's files until it is purged.
    """
    found: dict[str, Owner] = {}
    for model_id, model_name, status in queries.tuples("SELECT model_id, model_name, status FROM models"):
        owner = Owner(model_name, status)
        found[metadata_file(model_id)] = owner
        if status != "purged":
            found |= dict.fromkeys(model_files(model_id), owner)
    for fingerprint, model_name in queries.tuples("SELECT fingerprint, model_name FROM benchmarks ORDER BY seq DESC"):
        found[benchmark_file(fingerprint)] = Owner(model_name, None)
    for answers, model_name in queries.tuples(
        "SELECT DISTINCT e.answers, m.model_name FROM evaluations e JOIN models m ON m.model_id = e.model_id "
        "WHERE e.answers IS NOT NULL"
    ):
        found[answers] = Owner(model_name, None)
    return found


def archives(telemetry: Queries) -> set[str]:
    """The files of archived predictions."""
    return {file for (file,) in telemetry.tuples("SELECT file FROM archives")}


def documents(queries: Queries, model_name: str, before: str) -> list[tuple[str, str]]:
    """Id and metadata document of the versions of a model name that were registered before a moment and still have
    files, the oldest first."""
    rows = queries.tuples(
        "SELECT m.model_id, c.metadata FROM models m JOIN model_documents c ON c.model_seq = m.seq "
        "WHERE m.model_name = :name AND m.registered_at <= :before AND m.status <> 'purged' ORDER BY m.seq",
        {"name": model_name, "before": before},
    )
    return [(model_id, metadata) for model_id, metadata in rows]


def never_compressed(queries: Queries, model_name: str, before: str) -> set[str]:
    """The versions of ``documents`` whose files ``compress`` has not seen yet."""
    rows = queries.tuples(
        "SELECT m.model_id FROM models m WHERE m.model_name = :name AND m.registered_at <= :before "
        "AND m.status <> 'purged' AND NOT EXISTS "
        f"(SELECT 1 FROM packed_files p WHERE p.file = {_MODEL_KEY})",
        {"name": model_name, "before": before},
    )
    return {model_id for (model_id,) in rows}


def packed_documents(queries: Queries) -> list[tuple[str, str]]:
    """Id and metadata document of the versions whose files ``compress`` has seen."""
    rows = queries.tuples(
        "SELECT m.model_id, c.metadata FROM models m JOIN model_documents c ON c.model_seq = m.seq WHERE EXISTS "
        f"(SELECT 1 FROM packed_files p WHERE p.file IN ({_MODEL_KEY}, {_SCALER_KEY}))"
    )
    return [(model_id, metadata) for model_id, metadata in rows]
