"""Behind a pooler that gives each transaction another connection."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from registry_core import Registry
from tests.processes import until
from tests.servers import pooler
from tests.traffic import register, rows

pytestmark = pytest.mark.postgres


@pytest.fixture
def pooled(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    # A pooler passes no search_path on, so the registry has a database to itself.
    database = f"d{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    with pooler(postgres_url.replace("/postgres", f"/{database}"), tmp_path) as address:
        yield address


def test_everything_goes_through_a_pooler(pooled: str, tmp_path: Path) -> None:
    inputs, truth = rows(50)
    with (
        Registry(pooled, artifacts=tmp_path / "files") as here,
        Registry(pooled, artifacts=tmp_path / "files") as there,
    ):
        first, second = register(here, 0.9), register(here, 0.8)
        predictor = there.predictor("Churn")
        ids = predictor.predict(inputs).prediction_ids
        # More often than psycopg waits before it prepares a statement, on all of the server's connections.
        errors = list[Exception]()

        def ask() -> None:
            try:
                for _ in range(30):
                    here.list_models("Churn")
                    there.events(limit=5)
                    with there._context.database.transaction() as transaction:
                        transaction.query("SELECT 1 AS one")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        here.promote(second, reason="better", override=True)
        # Nothing is told through a pooler: it is asked for.
        assert until(lambda: {*predictor.predict(inputs).model_ids} == {second})
        predictor.flush()
        assert there.record_outcomes(prediction_ids=ids, labels=truth).recorded == 50
        here.rollback("Churn", reason="worse")
        assert here.get_active_model_id("Churn") == first
        assert here.verify().clean
        database: Any = here._context.database
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
            (listening,) = connection.execute("SELECT count(*) FROM pg_listening_channels()").fetchone() or (None,)
        assert (listening, database.away) == (0, None)
