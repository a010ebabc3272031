"""Telemetry beside the registry's own tables, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import InvalidInput
from registry_core.catalog.database import Database
from registry_core.catalog.postgres import PostgresDatabase
from registry_core.catalog.sqlite import SqliteDatabase
from registry_core.catalog.telemetry import detectors, predictions, streams
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
        with predictions.asked(transaction, [5, 1 << 61]):
            assert predictions.found(transaction) == [(*rows[0], 1.0)]
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
