"""Telemetry beside the registry's own tables, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from registry_core import InvalidInput
from registry_core.catalog.database import Database
from registry_core.catalog.postgres import PostgresDatabase
from registry_core.catalog.schema import Schema
from registry_core.catalog.sqlite import SqliteDatabase
from registry_core.catalog.telemetry import archives, detectors, partitions, predictions, streams
from registry_core.catalog.telemetry.schema import TELEMETRY, in_postgres
from registry_core.catalog.telemetry.streams import Stream

STREAM = Stream("Churn", "a", "champion", 0, 1, "", "classification", 1, "", 60)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a database of each kind may be opened."""
    if request.param == "sqlite":
        return tmp_path / "telemetry.db"
    return str(request.getfixturevalue("fresh_postgres"))


def opened(address: str | Path) -> Database:
    if isinstance(address, Path):
        return SqliteDatabase(address, TELEMETRY, synchronous="NORMAL")
    PostgresDatabase(address).close()
    return PostgresDatabase(address, in_postgres())


def test_ids_rise_whatever_the_clock_says(address: str | Path) -> None:
    database, last = opened(address), 0
    other = opened(address)
    for turn, (now, blocks) in enumerate(((1_000, 1), (1_000, 3), (500, 1), (2_000, 1), (0, 1))):
        with (database, other)[turn % 2].transaction() as transaction:
            first = streams.reserve(transaction, now, blocks)
        assert first > last
        last = first + (blocks << streams.BLOCK_BITS) - 1
        assert last < 2**63
    database.close()
    other.close()


def test_streams_and_labels_are_numbered_once(address: str | Path) -> None:
    database = opened(address)
    other = STREAM._replace(shares="0.05", experiment_id=7)
    for _ in range(2):
        with database.transaction() as transaction:
            assert [streams.number(transaction, each) for each in (STREAM, other)] == [1, 2]
    with database.transaction() as transaction:
        streams.add_labels(transaction, "Churn", ["no", 1.5, True], [])
        streams.add_labels(transaction, "Churn", [7], ["no", 1.5, True])
    assert streams.labels(database, "Churn") == ["no", 1.5, True, 7]
    assert streams.labels(database, "Fraud") == []
    assert streams.listed(database) == {1: STREAM, 2: other}
    assert streams.listed(database, "Churn", experiment_id=7) == {2: other}
    database.close()


def test_rows_go_in_as_they_are_or_not_at_all(address: str | Path) -> None:
    database = opened(address)
    rows = [(1 << 61, 1, 5, "anna", 1.0, 0.25), ((1 << 61) + 1, 1, 5, None, 0.0, None)]
    with database.transaction() as transaction:
        streams.number(transaction, STREAM)
        predictions.insert(transaction, rows)
        predictions.insert_outcomes(transaction, [(1 << 61, 1.0, 9)])
        assert predictions.found(transaction, [5, 1 << 61, 1 << 61, 1 << 64]) == ({1 << 61: rows[0]}, {1 << 61: 1.0})
        assert predictions.by_unit(transaction, "Churn", ["anna", "anna", "bert"], [5, 4, 9]) == [1 << 61, None, None]
        assert predictions.by_unit(transaction, "Fraud", ["anna"], [5]) == [None]
    with pytest.raises(Exception, match=r"(?i)unique"), database.transaction() as transaction:
        predictions.insert(transaction, [((1 << 61) + 2, 1, 5, None, 0.0, None), rows[0]])
    assert len(predictions.history(database, "Churn", 0, 10)) == 2
    database.close()


def test_what_sqlite_cannot_hold_is_named(tmp_path: Path) -> None:
    database = opened(tmp_path / "telemetry.db")
    with pytest.raises(InvalidInput, match="cannot be stored"), database.transaction() as transaction:
        predictions.insert_outcomes(transaction, [(1 << 70, 1.0, 9)])
    database.close()


def test_a_detectors_document(address: str | Path) -> None:
    database = opened(address)
    assert detectors.state(database, 3) is None
    for state in ({"n": 1}, {"n": 2, "alarm": [1.5, None]}):
        with database.transaction() as transaction:
            detectors.store(transaction, 3, "Churn", state)
        assert detectors.state(database, 3) == state
    assert detectors.of_name(database, "Churn") == {3: {"n": 2, "alarm": [1.5, None]}}
    assert detectors.of_name(database, "Fraud") == {}
    database.close()


# ---------------------------------------------------------------------------
# Partitions, in PostgreSQL

DAY = 86_400_000
#: A noon, in milliseconds.
NOON = 20_000 * DAY + DAY // 2


def parts(address: str, table: str = "predictions") -> dict[str, int]:
    """The partitions of a table, and how many rows each has."""
    with psycopg.connect(address) as connection:
        names = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", (table,)
        ).fetchall()
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for (name,) in names}
    return {name.removeprefix(f"{table}_"): count[0] if count else 0 for name, count in counts.items()}


def store(database: Database, now: int, unit: str = "anna") -> int:
    """Store a prediction with its outcome; its id."""
    with database.transaction() as transaction:
        seq = streams.number(transaction, STREAM)
        new = streams.reserve(transaction, now)
        predictions.insert(transaction, [(new, seq, now * 1000, unit, 1.0, None)])
        predictions.insert_outcomes(transaction, [(new, 1.0, now * 1000)])
    return new


@pytest.fixture
def busy(fresh_postgres: str) -> Iterator[Database]:
    """Telemetry in a fresh database."""
    with closing(opened(fresh_postgres)) as database:
        yield database


@pytest.mark.postgres
def test_a_day_is_a_partition_and_leaves_as_one(fresh_postgres: str, busy: Database) -> None:
    ids = [store(busy, NOON + day * DAY) for day in (0, 0, 1, 3)]
    assert parts(fresh_postgres) == {
        "20241004": 2,
        "20241005": 1,
        "20241006": 0,
        "20241007": 1,
        "20241008": 0,
        "other": 0,
    }
    with busy.transaction() as transaction:
        assert predictions.found(transaction, ids)[0].keys() == {*ids}
        now = (NOON + 9 * DAY) * 1000
        assert predictions.by_unit(transaction, "Churn", ["anna", "bert"], [now, now]) == [ids[3], None]
        assert predictions.by_unit(transaction, "Churn", ["anna"], [(NOON + DAY // 2) * 1000]) == [ids[1]]
        noted = archives.Archive(ids[0], ids[1], "Churn", 0, NOON * 1000, 2, "file", "digest")
        archives.replace(transaction, noted, (NOON + DAY) * 1000)
        partitions.drop_before(transaction, NOON + 3 * DAY)
    assert parts(fresh_postgres) == {"20241005": 1, "20241007": 1, "20241008": 0, "other": 0}
    assert parts(fresh_postgres, "outcomes") == {"20241005": 1, "20241007": 1, "20241008": 0, "other": 0}
    # What comes in late is kept as well.
    with busy.transaction() as transaction:
        predictions.insert(transaction, [(ids[0], 1, NOON * 1000, None, 1.0, None)])
    assert parts(fresh_postgres)["other"] == 1


@pytest.mark.postgres
def test_tables_of_an_older_release_become_the_partition_of_the_days_until_today(fresh_postgres: str) -> None:
    newer = in_postgres()
    first = dict(list(newer.migrations.items())[:1])
    old = PostgresDatabase(fresh_postgres, Schema(newer.name, first, newer.lock))
    with psycopg.connect(fresh_postgres) as connection:
        (now,) = connection.execute("SELECT (extract(epoch FROM now()) * 1000)::bigint").fetchone() or (0,)
    with old.transaction() as transaction:
        seq = streams.number(transaction, STREAM)
        rows = [((NOON + place) << 20, seq, NOON * 1000, "anna", 1.0, None) for place in range(3)]
        predictions.insert(transaction, rows)
        predictions.insert_outcomes(transaction, [(rows[0][0], 1.0, 5)])
    with closing(opened(fresh_postgres)) as new:
        today = store(new, now)
        later = store(new, now + 2 * DAY)
        # The release before goes on with what it has open.
        with old.transaction() as transaction:
            late = ((now + 9 * DAY) << 20) + 5
            predictions.insert(transaction, [(late, seq, now * 1000, None, 1.0, None)])
            assert predictions.found(transaction, [rows[0][0], today, later, late])[0].keys() == {
                rows[0][0], today, later, late,
            }  # fmt: skip
        found = parts(fresh_postgres)
        assert list(found.values()) == [4, 0, 1, 0, 1]
        # A day whose rows lie among all others stays there.
        store(new, now + 9 * DAY)
        assert parts(fresh_postgres)["other"] == 2
        assert sum(parts(fresh_postgres, "outcomes").values()) == 4
    old.close()


@pytest.mark.postgres
def test_who_may_make_no_partition_stores_all_the_same(fresh_postgres: str, busy: Database) -> None:
    store(busy, NOON)
    with psycopg.connect(fresh_postgres, autocommit=True) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM predictions")
        # Its lock on all partitions stands for a right that is missing: neither makes a call fail.
        new = store(busy, NOON + 5 * DAY)
        reader.execute("ROLLBACK")
    assert parts(fresh_postgres) == {"20241004": 1, "20241005": 0, "other": 1}
    with busy.transaction() as transaction:
        assert list(predictions.found(transaction, [new])[0]) == [new]
