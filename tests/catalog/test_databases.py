"""The seam itself: what both databases promise."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from registry_core import CatalogBusy, Registry, StorageError
from registry_core.catalog.database import Database
from registry_core.catalog.postgres import PostgresDatabase
from registry_core.catalog.sqlite import SqliteDatabase

SET = "INSERT INTO settings (name, value) VALUES ('n', :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a database of each kind may be opened."""
    if request.param == "sqlite":
        return tmp_path / "registry.db"
    return str(request.getfixturevalue("fresh_postgres"))


def opened(address: str | Path) -> Database:
    return SqliteDatabase(address) if isinstance(address, Path) else PostgresDatabase(address)


def value(database: Database) -> str | None:
    rows = database.query("SELECT value FROM settings WHERE name = 'n'")
    return rows[0]["value"] if rows else None


def test_a_transaction_is_all_or_nothing(address: str | Path) -> None:
    database = opened(address)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:
        transaction.query(SET, {"value": "half"})
        raise ZeroDivisionError
    assert value(database) is None
    with database.transaction() as transaction:
        transaction.query(SET, {"value": "whole"})
    assert value(database) == "whole"
    database.close()


def test_writers_queue_up_so_that_nothing_read_inside_is_stale(address: str | Path) -> None:
    databases = [opened(address) for _ in range(3)]
    with databases[0].transaction() as transaction:
        transaction.query(SET, {"value": "0"})

    def count(database: Database) -> None:
        for _ in range(40):
            with database.transaction() as transaction:
                now = int(transaction.query("SELECT value FROM settings WHERE name = 'n'")[0]["value"])
                transaction.query(SET, {"value": str(now + 1)})

    threads = [threading.Thread(target=count, args=(each,)) for each in databases for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(databases[0]) == "240"
    for database in databases:
        database.close()


def test_readers_go_on_while_somebody_writes(address: str | Path) -> None:
    writer, reader = opened(address), opened(address)
    with writer.transaction() as transaction:
        transaction.query(SET, {"value": "new"})
        assert value(reader) is None
    assert value(reader) == "new"
    writer.close()
    reader.close()


def test_the_schema_is_brought_up_to_date_once(address: str | Path) -> None:
    first = opened(address)
    with first.transaction() as transaction:
        transaction.query(SET, {"value": "kept"})
    second = opened(address)
    assert value(second) == "kept"
    first.close()
    second.close()


def test_two_champions_of_one_name_are_impossible(address: str | Path) -> None:
    database = opened(address)
    columns = "seq, model_name, model_id, started_at, ended_at, actor, reason"
    model = {
        name: 0
        for name in ("ordinal", "major", "minor", "patch", "is_ensemble", "eligible", "vouched")
    } | {
        name: "x"
        for name in (
            "model_id", "stem", "model_name", "model_type", "evaluation_set", "training_timestamp", "registered_at",
            "registered_by", "status", "status_reason", "artifact", "metrics", "description", "tags",
            "search",
            "ranked_on", "override_note", "measured", "measured_on",
        )
    }  # fmt: skip
    with pytest.raises(Exception, match=r"(?i)unique"), database.transaction() as transaction:
        transaction.query(
            f"INSERT INTO models (seq, {', '.join(model)}) VALUES (1, {', '.join(f':{name}' for name in model)})", model
        )
        for seq in (1, 2):
            transaction.query(f"INSERT INTO deployments ({columns}) VALUES ({seq}, 'x', 'x', 't', NULL, 'a', 'r')")
    assert database.query("SELECT * FROM deployments") == []
    database.close()


@pytest.mark.parametrize("newer", ["0099_more", "telemetry_0099"])
def test_a_newer_schema_is_refused_in_words(catalog_url: dict[str, Any], newer: str) -> None:
    with Registry(**catalog_url) as registry:
        registry.model_names()
        context = registry._context
        database = context.telemetry if newer.startswith("telemetry") else context.database
        sqlite = "://" not in str(catalog_url["location"])
        with database.transaction() as transaction:
            if sqlite:
                name = "telemetry" if newer.startswith("telemetry") else "model_registry"
                transaction.query(
                    "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (:set, :name, 'later')",
                    {"set": name, "name": newer},
                )
            else:
                transaction.query("INSERT INTO migrations (name, applied_at) VALUES (:name, 'later')", {"name": newer})
    words = f"newer release of Model Registry .it knows {newer}.* install that release"
    with pytest.raises(StorageError, match=words), Registry(**catalog_url) as again:
        again._context.telemetry.query("SELECT 1")


@pytest.mark.postgres
def test_connections_that_the_server_ended_are_replaced(fresh_postgres: str) -> None:
    database = PostgresDatabase(fresh_postgres)
    try:
        for ask in (lambda: database.query("SELECT 1 AS one"), lambda: database.tuples("SELECT 1"), database.changes):
            ask()
            with psycopg.connect(fresh_postgres, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND datname = current_database() AND query LIKE 'SELECT%'"
                )
            ask()
        with psycopg.connect(fresh_postgres, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with database.transaction() as transaction:
            assert transaction.query("SELECT 2 AS two") == [{"two": 2}]
        # What was begun is never tried again: part of it may have happened.
        with pytest.raises(StorageError, match="cannot be reached"), database.transaction() as transaction:
            with psycopg.connect(fresh_postgres, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            transaction.query("SELECT 3 AS three")
    finally:
        database.close()


@pytest.mark.postgres
def test_a_table_that_a_newer_release_changes_goes_on_being_read_and_written(fresh_postgres: str) -> None:
    database = PostgresDatabase(fresh_postgres)
    try:
        # So often that it is prepared.
        for _ in range(10):
            database.query("SELECT * FROM settings")
            with database.transaction() as transaction:
                transaction.query("SELECT * FROM settings")
        with psycopg.connect(fresh_postgres, autocommit=True) as newer:
            newer.execute("ALTER TABLE settings ADD COLUMN further TEXT")
        with pytest.raises(CatalogBusy, match="was upgraded by a newer release"), database.transaction() as transaction:
            transaction.query("SELECT * FROM settings")
        with database.transaction() as transaction:
            assert transaction.query("SELECT * FROM settings") == []
        for _ in range(10):
            database.query("SELECT * FROM settings")
        with psycopg.connect(fresh_postgres, autocommit=True) as newer:
            newer.execute("ALTER TABLE settings ADD COLUMN yet_another TEXT")
        # A read alone is asked again on another connection.
        assert database.query("SELECT * FROM settings") == []
    finally:
        database.close()


def test_many_who_open_a_new_file_at_once_find_all_tables_and_one_identity(tmp_path: Path) -> None:
    path, found = tmp_path / "registry.db", list[SqliteDatabase]()
    barrier = threading.Barrier(6)

    def begin() -> None:
        barrier.wait()
        found.append(SqliteDatabase(path))

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for number, database in enumerate(found):
        with database.transaction() as transaction:
            transaction.query(SET, {"value": str(number)})
    assert found[0].query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    # The first commit made the tables.
    assert found[0].query("PRAGMA user_version") == [{"user_version": 7}]
    assert found[0].check() == []
    another = SqliteDatabase(tmp_path / "another.db")
    (identity,), (other,) = (each.query("PRAGMA application_id") for each in (found[0], another))
    assert 0 not in (identity["application_id"], other["application_id"])
    assert identity != other
    for database in (*found, another):
        database.close()
