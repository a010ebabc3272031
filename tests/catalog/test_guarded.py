"""What a signed-in caller reads: only rows of the model names they see, of every table, on every database."""

from __future__ import annotations

import pytest

from registry_core import InvalidInput, Registry
from registry_core.catalog import dump
from registry_core.catalog.guarded import SEEN, Guarded, seen_only, whole_of
from registry_core.catalog.schema import REGISTRY
from registry_core.catalog.telemetry.schema import TELEMETRY
from tests.fitted import register


def test_every_table_says_which_rows_may_be_seen() -> None:
    tables = {table.name for schema in (REGISTRY, TELEMETRY) for table in dump.tables(schema)}
    assert tables == SEEN.keys()
    for table, (condition, further) in SEEN.items():
        assert set(further) <= tables, table
        assert condition is None or "{names}" in condition or "(SELECT" in condition or condition == "1 = 0"


def test_tables_about_a_model_name_hide_it() -> None:
    """A column that holds a model name or a version is no table that everybody reads whole."""
    for schema in (REGISTRY, TELEMETRY):
        for table in dump.tables(schema):
            if {"model_name", "model_id", "model_seq", "stream"} & {*table.columns}:
                assert SEEN[table.name][0] is not None, table.name


def test_a_statement_reads_only_what_is_seen(registry: Registry) -> None:
    seen, hidden = register(registry, model_name="Seen"), register(registry, model_name="Hidden")
    whole = registry._context.database
    guarded = Guarded(whole, "", lambda _: None, lambda: ["Seen"])
    for sql in (
        "SELECT model_id FROM models",
        "SELECT m.model_id FROM models m JOIN model_documents d ON d.model_seq = m.seq",
        "SELECT model_id FROM deployments WHERE ended_at IS NULL",
        "SELECT x.model_id FROM (SELECT model_id FROM models) x",
        "WITH found AS (SELECT model_id FROM models) SELECT model_id FROM found",
        "WITH RECURSIVE found(name) AS (SELECT min(model_name) FROM models) "
        "SELECT model_id FROM models WHERE model_name IN (SELECT name FROM found)",
        "SELECT DISTINCT model_id FROM events WHERE model_id IS NOT NULL",
    ):
        assert hidden in {row["model_id"] for row in whole.query(sql)}, sql
        assert {row["model_id"] for row in guarded.query(sql)} == {seen}, sql
        assert {model_id for (model_id,) in guarded.tuples(sql)} == {seen}
        with guarded.snapshot() as queries:
            assert {row["model_id"] for row in queries.query(sql)} == {seen}
            assert whole_of(queries) is not queries
    assert guarded.query("SELECT count(*) AS n FROM sessions")[0]["n"] == 0
    nothing = Guarded(whole, "", lambda _: None, lambda: [])
    assert nothing.query("SELECT model_id FROM models") == []
    everything = Guarded(whole, "", lambda _: None, lambda: None)
    assert len(everything.query("SELECT model_id FROM models")) == 2


def test_only_select_statements_are_read(registry: Registry) -> None:
    guarded = Guarded(registry._context.database, "", lambda _: None, lambda: ["Seen"])
    for sql in (
        "DELETE FROM models",
        "UPDATE models SET status = 'x'",
        "PRAGMA table_info(models)",
        "EXPLAIN SELECT 1",
    ):
        with pytest.raises(InvalidInput, match="only SELECT"):
            guarded.query(sql)


def test_a_transaction_is_checked_before_anything_is_written(registry: Registry) -> None:
    def refuse(_: object) -> None:
        raise PermissionError

    guarded = Guarded(registry._context.database, "who", refuse, lambda: None)
    with pytest.raises(PermissionError), guarded.transaction():
        raise AssertionError("nothing runs in it")
    allowed = Guarded(registry._context.database, "who", lambda _: None, lambda: None)
    with allowed.transaction() as transaction:
        assert transaction.principal == "who"
    with registry._context.database.transaction() as transaction:
        assert transaction.principal == ""


def test_a_value_with_the_name_of_a_table_stays_what_it_is() -> None:
    sql, values = seen_only("SELECT 1 FROM models WHERE description = :text", {"text": "FROM events"}, ["A"], "main")
    assert sql.startswith(
        "WITH models AS NOT MATERIALIZED (SELECT * FROM main.models WHERE model_name IN (:seen0)) SELECT 1"
    )
    assert values == {"text": "FROM events", "seen0": "A"}
