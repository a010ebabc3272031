"""A version's files get their names before its row: what may happen in between."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from registry_core import InvalidName, Registry, StorageError
from registry_core.file_keys import metadata_file
from tests.clock import Clock
from tests.fitted import register
from tests.object_store import ObjectStore, Request

PLACE = "s3://team/ours"


def test_files_of_a_killed_registration_are_in_nobodys_way(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    first = register(sqlite_registry)
    left = registry_folder / f"models/scaler_{first}_2.pkl"
    left.write_bytes(b"of a registration that was killed")
    third = register(sqlite_registry)
    assert third == f"{first}_3"
    assert left.read_bytes() == b"of a registration that was killed"
    assert not (registry_folder / f"models/model_{first}_2.pkl").exists()
    assert register(sqlite_registry) == f"{first}_4"
    assert [*(registry_folder / ".staged").iterdir()] == []
    (found,) = sqlite_registry.verify().findings
    assert (found.severity, found.subject) == ("note", f"models/scaler_{first}_2.pkl")


@pytest.mark.postgres
def test_a_version_that_came_in_between_is_counted(
    endpoint: ObjectStore, fresh_postgres: str, tmp_path: Path, clock: Clock
) -> None:
    between: list[str] = []
    with (
        Registry(fresh_postgres, artifacts=PLACE, clock=clock) as registry,
        Registry(fresh_postgres, artifacts=tmp_path / "other", clock=Clock(clock.now + timedelta(minutes=1))) as other,
    ):
        first = register(registry, 0.8)

        def meanwhile(request: Request) -> None:
            if request.method == "PUT" and "/scaler_" in request.key and not between:
                between.append(register(other, 0.9))

        endpoint.meanwhile = meanwhile
        endpoint.asked.clear()
        clock.tick()
        second = register(registry, 0.85)
        versions = [registry.get_metadata(each).version for each in (first, *between, second)]
        assert versions == ["1.0.0", "1.0.1", "1.0.2"]
        # Planned as 1.0.1, and put with that; written anew as 1.0.2.
        assert [str(each).split("/")[1] for each in endpoint.asked].count("metadata") == 2
        stored = json.loads(registry._context.store.read(metadata_file(second)))
        assert (stored["version"], stored["model_id"]) == ("1.0.2", second)
        assert not [each for each in registry.verify().findings if second in each.subject]


@pytest.mark.postgres
@pytest.mark.parametrize("between", ["Churns", "CHURN"])
def test_another_name_that_came_in_between_counts_only_where_it_is_spelt_alike(
    endpoint: ObjectStore, fresh_postgres: str, tmp_path: Path, between: str
) -> None:
    with (
        Registry(fresh_postgres, artifacts=PLACE) as registry,
        Registry(fresh_postgres, artifacts=tmp_path / "other") as other,
    ):
        done: list[str] = []

        def meanwhile(request: Request) -> None:
            if request.method == "PUT" and "/scaler_" in request.key and not done:
                done.append(register(other, 0.9, model_name=between))

        endpoint.meanwhile = meanwhile
        if between == "Churns":
            assert registry.get_metadata(register(registry)).version == "1.0.0"
            assert registry.model_names() == ["Churn", "Churns"]
        else:
            with pytest.raises(InvalidName, match="use 'CHURN', or another name"):
                register(registry)
            assert registry._context.store.names("models") == []
            assert registry.model_names() == ["CHURN"]
        assert len(done) == 1


@pytest.mark.postgres
def test_nothing_is_left_of_a_registration_that_was_refused(endpoint: ObjectStore, fresh_postgres: str) -> None:
    with Registry(fresh_postgres, artifacts=PLACE) as registry:
        register(registry)
        before = registry._context.store.names("models"), registry.revision()

        def meanwhile(request: Request) -> None:
            refused = request.method == "PUT" and "/metadata/" in request.key
            endpoint.refuse = (403, "AccessDenied") if refused else None

        endpoint.meanwhile = meanwhile
        with pytest.raises(StorageError, match="the credentials do not permit this; grant them"):
            register(registry)
        endpoint.meanwhile, endpoint.refuse = lambda request: None, None
        assert (registry._context.store.names("models"), registry.revision()) == before
        register(registry)
        assert not registry.verify().findings


@pytest.mark.slow
@pytest.mark.postgres
def test_an_evaluation_whose_file_a_cleanup_took_has_it_again(endpoint: ObjectStore, fresh_postgres: str) -> None:
    with Registry(fresh_postgres, artifacts=PLACE) as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        registry.add_benchmark("holdout", "Churn", load_breast_cancer(as_frame=True).frame, "target")
        model_id = register(registry)
        lost: list[str] = []

        def meanwhile(request: Request) -> None:
            if request.method == "HEAD" and "/evaluations/" in request.key and not lost:
                lost.append(request.key)
                endpoint.lose(f"team/{request.key}")

        endpoint.meanwhile = meanwhile
        assert registry.evaluate(model_id).status == "measured"
        assert len(lost) == 1
        assert not registry.verify().findings
