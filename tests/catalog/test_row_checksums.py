"""Sums over rows: kept by triggers and by the batch, the same whichever way, and filled for databases made before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry_core import StorageError
from registry_core.catalog import row_checksums
from registry_core.catalog.schema import REGISTRY
from registry_core.catalog.sqlite import SqliteDatabase
from registry_core.catalog.telemetry import predictions
from registry_core.catalog.telemetry.schema import TELEMETRY

WHOLE = some.integers(-(2**63), 2**63 - 1)
NUMBER = some.floats(allow_nan=False)
ROWS = some.lists(
    some.tuples(WHOLE, WHOLE, WHOLE, some.none() | some.text(), NUMBER, some.none() | NUMBER), min_size=1, max_size=20
)
SET = "INSERT INTO settings (name, value) VALUES ('n', :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


@given(ROWS)
def test_many_rows_at_once_and_one_by_one_have_the_same_sums(rows: list[tuple[object, ...]]) -> None:
    table = row_checksums.raw(TELEMETRY, "predictions")
    assert table is not None
    one_by_one: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        assert isinstance(row[0], int)
        key = (table.name, row[0] >> 46)
        count, total = one_by_one.get(key, (0, 0))
        one_by_one[key] = count + 1, total ^ row_checksums.raw_sum(table.kinds, *row)
    assert row_checksums.of_raw(table, list(zip(*rows, strict=True))) == one_by_one


@given(some.tuples(WHOLE, WHOLE, WHOLE, some.text(), NUMBER, NUMBER), some.integers(0, 5), some.integers(0, 63))
def test_no_flipped_bit_leaves_the_sum_as_it_was(row: tuple[object, ...], place: int, bit: int) -> None:
    import struct

    value, changed = row[place], list(row)
    if isinstance(value, int):
        changed[place] = struct.unpack("<q", struct.pack("<Q", (value & (2**64 - 1)) ^ (1 << bit)))[0]
    elif isinstance(value, float):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value + 0.0))
        changed[place] = struct.unpack("<d", struct.pack("<Q", bits ^ (1 << bit)))[0]
    else:
        changed[place] = f"{value}x"
    if changed[place] == value or changed[place] != changed[place]:
        return
    assert row_checksums.raw_sum("iiitff", *row) != row_checksums.raw_sum("iiitff", *changed)
    assert row_checksums.row_sum(*row) != row_checksums.row_sum(*changed)


def test_every_change_keeps_the_sums(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "telemetry.db", TELEMETRY)
    rows = [((1 << 60) + number, 1, number, f"u{number}", 0.0, None) for number in range(100)]
    with database.transaction() as transaction:
        predictions.insert(transaction, rows[:60])
        predictions.insert(transaction, iter(rows[60:]))
        predictions.insert(transaction, [])
        predictions.insert_outcomes(transaction, [(row[0], 1.0, 5) for row in rows[:30]])
        predictions.insert_shadow(transaction, [(row[0], 2, 0.5, 0.25) for row in rows])
        transaction.insert("labels", ("model_name", "code", "label"), [("Churn", 0, '"a"'), ("Churn", 1, '"b"')])
    assert database.check() == []
    with database.transaction() as transaction:
        for table in ("shadow_answers", "outcomes", "predictions"):
            transaction.query(f"DELETE FROM {table} WHERE prediction_id < :id", {"id": (1 << 60) + 50})
        transaction.query("UPDATE predictions SET score = 0.5 WHERE at > 90")
        transaction.query("UPDATE labels SET code = code + 10")
        transaction.query("DELETE FROM labels WHERE code = 10")
    assert database.check() == []
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:
        predictions.insert(transaction, [((1 << 60) + 1, 1, 0, None, 0.0, None)])
        raise ZeroDivisionError
    assert database.check() == []
    database.optimize()
    assert database.check() == []
    database.close()


def test_a_database_made_before_is_summed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    database = SqliteDatabase(path)
    with database.transaction() as transaction:
        transaction.query(SET, {"value": "kept"})
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DROP TABLE row_sums")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = ?", (row_checksums.migration(REGISTRY)[0],))
    database = SqliteDatabase(path)
    assert database.check() == []
    with database.transaction() as transaction:
        transaction.query(SET, {"value": "changed"})
    assert database.check() == []
    database.close()


def test_a_program_that_does_not_keep_the_sums_reads_and_cannot_write(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "registry.db")
    with database.transaction() as transaction:
        transaction.query(SET, {"value": "v"})
    database.close()
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection:
        assert ("n", "v") in connection.execute("SELECT name, value FROM settings").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="no such function: row_sum"):
            connection.execute("INSERT INTO settings VALUES ('m', 'v')")


def test_a_table_that_is_there_although_its_migration_is_not_noted_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    SqliteDatabase(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        row_checksums.connect(connection)
        connection.execute("UPDATE _sqlite_migrations SET name = '0001_nodels' WHERE name = '0001_models'")
    with pytest.raises(StorageError, match="is damaged"):
        SqliteDatabase(path)


def test_a_log_that_lost_commits_is_missed_and_a_new_database_misses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    database = SqliteDatabase(path)
    for value in ("one", "two", "three"):
        with database.transaction() as transaction:
            transaction.query(SET, {"value": value})
    # As a kill would leave it: nobody closes it, so the log stays.
    whole, log = path.read_bytes(), (tmp_path / "registry.db-wal").read_bytes()
    database.close()
    path.write_bytes(whole)
    (tmp_path / "registry.db-wal").write_bytes(log[:-100])
    database = SqliteDatabase(path)
    assert [each.kind for each in database.check()] == ["lost"]
    with database.mending():
        pass
    assert [each.kind for each in database.check()] == ["lost"]
    with database.mending(forget_lost=True):
        pass
    assert database.check() == []
    database.close()
    path.unlink()
    database = SqliteDatabase(path)
    assert database.check() == []
    database.close()
