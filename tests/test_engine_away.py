"""PostgreSQL or the bucket is away: services go on with the last known champion, and lose no prediction."""

from __future__ import annotations

import os
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from registry_core import CatalogBusy, InvalidInput, Registry, StorageError, Unreachable
from tests.object_store import ObjectStore
from tests.processes import until
from tests.traffic import fitted, register, rows
from tests.way import Way, way_to

pytestmark = pytest.mark.postgres


class Far(NamedTuple):
    """A registry whose PostgreSQL is at the end of a way."""

    address: str
    near: str
    way: Way


@pytest.fixture
def far(fresh_postgres: str) -> Iterator[Far]:
    found = urlsplit(fresh_postgres)
    assert found.hostname is not None
    assert found.port is not None
    with way_to(found.hostname, found.port) as way:
        yield Far(fresh_postgres.replace(f":{found.port}", f":{way.port}"), fresh_postgres, way)


def _kept(registry: Registry) -> list[int]:
    history = registry.prediction_history("Churn")
    return sorted(history[history.role != "shadow"].prediction_id.tolist())


@pytest.mark.parametrize("how", ["cut", "silence"])
def test_predictions_go_on_and_are_kept(far: Far, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_core.catalog.postgres._ANSWER_SECONDS", 1.0)
    inputs, _ = rows(50)
    with Registry(far.near, artifacts=tmp_path) as near, Registry(far.address, artifacts=tmp_path) as served:
        first = register(near, 0.9)
        predictor = served.predictor("Churn")
        ids = predictor.predict(inputs).prediction_ids.tolist()
        predictor.flush()
        getattr(far.way, how)()
        for _ in range(5):
            answer = predictor.predict(inputs)
            assert {*answer.model_ids} == {first}
            ids += answer.prediction_ids.tolist()
        assert until(lambda: served._context.database.away is not None)
        second = register(near, 0.95)
        assert near.get_active_model_id("Churn") == second
        assert {*predictor.predict(inputs, units=[str(unit) for unit in range(50)]).model_ids} == {first}
        far.way.mend()
        assert until(lambda: {*predictor.predict(inputs).model_ids} == {second})
        served.close()
        assert {*ids} <= {*_kept(near)}
        assert near.verify_events() is None


def test_what_cannot_be_stored_waits_in_a_folder(far: Far, tmp_path: Path) -> None:
    inputs, _ = rows(50)
    folder = tmp_path / "waiting"
    with Registry(far.near, artifacts=tmp_path / "files") as near:
        register(near, 0.9, reference=inputs)
        shadow = register(near, 0.7, fitted(labels=(0, 1)))
        near.start_experiment("Churn", shadow, mode="shadow")
        served = Registry(far.address, artifacts=tmp_path / "files")
        predictor = served.predictor("Churn", overflow=folder)
        ids = predictor.predict_proba(inputs).prediction_ids.tolist()
        predictor.flush()
        far.way.cut()
        ids += predictor.predict_proba(inputs, units=[f"unit {unit}" for unit in range(50)]).prediction_ids.tolist()
        predictor.flush()
        waiting = list(folder.glob("*.json.gz"))
        assert len(waiting) == 1
        assert waiting[0].stat().st_mode & 0o077 == 0
        # As if this process had been killed: what is in the folder is all that is left of it.
        served.close()
        far.way.mend()
        with Registry(far.address, artifacts=tmp_path / "files") as again:
            again.predictor("Churn", overflow=folder)
            assert until(lambda: not list(folder.iterdir()))
        assert _kept(near) == sorted(ids)
        history = near.prediction_history("Churn")
        assert (history[history.prediction_id == ids[-1]].unit == "unit 49").all()
        assert {*history[history.role == "shadow"].prediction_id} == {*ids}


def test_files_of_the_folder_are_stored_once_and_damaged_ones_put_aside(far: Far, tmp_path: Path) -> None:
    inputs, _ = rows(20)
    folder, files = tmp_path / "waiting", tmp_path / "files"
    with Registry(far.near, artifacts=files) as near:
        register(near, 0.9)
        with Registry(far.address, artifacts=files) as served:
            predictor = served.predictor("Churn", overflow=folder)
            ids = predictor.predict(inputs).prediction_ids.tolist()
            predictor.flush()
            far.way.cut()
            ids += predictor.predict(inputs).prediction_ids.tolist()
            predictor.flush()
        (path,) = folder.iterdir()
        data = path.read_bytes()
        (folder / f"{0:020d}-damaged.json.gz").write_bytes(data[: len(data) // 2])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            near.predictor("Churn", overflow=folder).flush()
            # Somebody was killed between storing the file and deleting it.
            path.write_bytes(data)
            with Registry(far.near, artifacts=files) as other:
                other.predictor("Churn", overflow=folder).flush()
        assert _kept(near) == sorted(ids)
        assert [each.name for each in folder.iterdir()] == [f"{0:020d}-damaged.json.gz.damaged"]
        assert any("are damaged and were not stored" in str(each.message) for each in told)
        with pytest.raises(InvalidInput, match="give all the same folder"):
            near.predictor("Churn", overflow=tmp_path / "another")


def test_a_folder_that_cannot_be_made(sqlite_registry: Registry, tmp_path: Path) -> None:
    register(sqlite_registry, 0.9)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="name a folder that this user may write"):
        sqlite_registry.predictor("Churn", overflow=tmp_path / "file")


def test_a_bucket_that_is_away_demotes_nobody(fresh_postgres: str, endpoint: ObjectStore) -> None:
    inputs, _ = rows(20)
    with Registry(fresh_postgres, artifacts="s3://team/registry") as registry:
        first = register(registry, 0.9)
        second = register(registry, 0.8)
        predictor = registry.predictor("Churn", log="off")
        assert {*predictor.predict(inputs).model_ids} == {first}
        registry.promote(second, reason="better", override=True)
        _forget_files(registry)
        endpoint.refuse = (503, "SlowDown")
        with pytest.warns(RuntimeWarning, match="predictions are made as before"):
            assert {*predictor.predict(inputs).model_ids} == {first}
        assert {*predictor.predict(inputs).model_ids} == {first}
        endpoint.refuse = None
        predictor._answering._not_before = 0.0
        assert {*predictor.predict(inputs).model_ids} == {second}
        assert (registry.get_active_model_id("Churn"), registry.alerts("Churn")) == (second, [])


def _forget_files(registry: Registry) -> None:
    """What is in memory and in the cache of this machine."""
    shutil.rmtree(os.environ["MODEL_REGISTRY_CACHE"], ignore_errors=True)
    registry._loader._objects.clear()


def test_errors_of_the_server_are_told_apart(fresh_postgres: str, far: Far, tmp_path: Path) -> None:
    with Registry(far.address, artifacts=tmp_path) as registry:
        register(registry, 0.9)
        database: Any = registry._context.database
        with psycopg.connect(fresh_postgres, autocommit=True) as owner:
            schema = owner.execute("SELECT current_schema()").fetchone()
            assert schema is not None
            owner.execute(f"CREATE ROLE reader_{schema[0]} LOGIN".encode())
            owner.execute(f"GRANT USAGE ON SCHEMA {schema[0]} TO reader_{schema[0]}".encode())
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema[0]} TO reader_{schema[0]}".encode())
        as_reader = fresh_postgres.replace("//registry@", f"//reader_{schema[0]}@")
        with Registry(as_reader, artifacts=tmp_path) as reader:
            assert reader.count_models() == 1
            with pytest.raises(StorageError, match=r"does not permit this .permission denied.*grant it what"):
                register(reader, 0.8)
        with pytest.raises(CatalogBusy, match="raise the role's statement_timeout"), database.transaction() as one:
            one.query("SET LOCAL statement_timeout = '20ms'")
            one.query("SELECT pg_sleep(5)")
        with pytest.raises(StorageError, match="give the address of the primary"), database.transaction() as one:
            one.query("SET TRANSACTION READ ONLY")
            one.query("DELETE FROM events")
        far.way.cut()
        with pytest.raises(Unreachable, match="cannot be reached"):
            registry.count_models()
        far.way.mend()
        assert registry.count_models() == 1


def test_whoever_stands_still_in_a_transaction_does_not_hold_the_others(
    fresh_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = "BEGIN; SET LOCAL lock_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '300ms'"
    monkeypatch.setattr("registry_core.catalog.postgres._BEGIN", begin)
    with Registry(fresh_postgres, artifacts=tmp_path) as still, Registry(fresh_postgres, artifacts=tmp_path) as other:
        held, done = threading.Event(), threading.Event()

        def stand() -> None:
            with (
                pytest.raises(StorageError, match="undid this change"),
                still._context.database.transaction() as transaction,
            ):
                held.set()
                done.wait(60)
                transaction.query("SELECT 1")

        thread = threading.Thread(target=stand)
        thread.start()
        held.wait(60)
        assert register(other, 0.9)
        done.set()
        thread.join()
        assert register(still, 0.8)


def test_a_promotion_elsewhere_is_told(fresh_postgres: str, tmp_path: Path) -> None:
    inputs, _ = rows(5)
    with Registry(fresh_postgres, artifacts=tmp_path) as here, Registry(fresh_postgres, artifacts=tmp_path) as there:
        first, second = register(here, 0.9), register(here, 0.8)
        predictor = there.predictor("Churn", log="off")
        assert {*predictor.predict(inputs).model_ids} == {first}
        here.promote(second, reason="better", override=True)
        assert until(lambda: {*predictor.predict(inputs).model_ids} == {second})
        # What this process commits is seen by its very next call.
        there.promote(first, reason="as before", override=True)
        assert {*predictor.predict(inputs).model_ids} == {first}
