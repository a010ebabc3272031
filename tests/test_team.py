"""A team's registry: its catalog in PostgreSQL, its artifacts in a bucket behind HTTP."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from s3fs import S3FileSystem
from sklearn.datasets import load_breast_cancer

from registry_core import ArtifactAltered, NoModelAvailable, Registry
from tests import prepared
from tests.clock import Clock
from tests.fitted import logistic, register

pytestmark = pytest.mark.postgres

LOAD = """
import sys
from registry_core import Registry
with Registry(sys.argv[1], artifacts=sys.argv[2]) as registry:
    model, scaler, metadata = registry.load_best_model()
    answer = registry.predictor("Churn", log="off").predict([[1.0] * 30])
    print(metadata.model_id, *model.predict(scaler.transform([[1.0] * 30])), *answer.values)
"""


@pytest.mark.slow
def test_a_whole_life(
    fresh_postgres: str, bucket: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{bucket}/registries/ours"
    with Registry(fresh_postgres, artifacts=place, clock=clock, actor="anna") as registry:
        with pytest.raises(NoModelAvailable):
            registry.load_best_model()
        registry.configure(auto_evaluate=True, reason="measured")
        first = register(registry, 0.8)
        clock.tick(days=1)
        second = register(registry, 0.9)
        assert registry.get_active_model_id("Churn") == second
        assert registry.get_metadata(second).model_file_path == f"{place}/models/model_{second}.pkl"

        # Another process knows the endpoint in fsspec's way.
        environment = {**os.environ, "FSSPEC_S3_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"]}
        del environment["AWS_ENDPOINT_URL"]
        done = prepared.run(["-c", LOAD, fresh_postgres, place], environment=environment)
        assert done.returncode == 0, done.stdout
        model, scaler = logistic()
        expected = str(model.predict(scaler.transform([[1.0] * 30]))[0])
        assert done.stdout.split() == [second, expected, expected]

        registry.rollback("Churn", reason="worse")
        assert registry.get_active_model_id("Churn") == first
        registry.reinstate(second, reason="mended")
        registry.promote(second, reason="again", override=True)

        frame = load_breast_cancer(as_frame=True).frame
        registry.add_benchmark("holdout", "Churn", frame, "target")
        found = registry.evaluate(second)
        assert (found.status, len(registry.curves(second)[0]) > 0) == ("measured", True)

        predictor = registry.predictor("Churn", log="sync")
        ids = predictor.predict(frame[frame.columns[:30]].head(50).to_numpy()).prediction_ids
        told = registry.record_outcomes(dict(zip(ids.tolist(), frame.target.head(50).tolist(), strict=True)))
        assert told.recorded == 50, (told, ids[:3])
        clock.tick(days=400)
        assert registry.archive_performance(older_than_days=1) == 50
        assert (registry.prediction_history("Churn").role != "shadow").sum() == 50

        registry.compress(older_than_days=1)
        np.testing.assert_array_equal(registry.load_model(second)[0].coef_, model.coef_)
        registry.reject(first, reason="old")
        registry.delete(first, reason="old")
        clock.tick(days=400)
        result = registry.cleanup(registry.plan_cleanup())
        assert first in str(result)
        assert not S3FileSystem().exists(f"{place}/models/model_{first}.pkl")
        assert registry.export_index()
        assert not registry.verify().findings
        backup = tmp_path / "team.backup"
        registry.backup(backup)
        assert registry.verify_events() is None
    with Registry.from_backup(backup, tmp_path / "restored") as restored:
        assert restored.get_active_model_id("Churn") == second
        restored.load_active_model("Churn")
        assert not restored.verify().findings

    # A flipped bit is noticed, and a lost file.
    files = S3FileSystem()
    key = f"{place}/models/model_{second}.pkl"
    data = bytearray(files.cat_file(key))
    data[len(data) // 2] ^= 1
    files.pipe_file(key, bytes(data))
    with Registry(fresh_postgres, artifacts=place, clock=clock) as registry:
        # This machine has the bytes that were registered.
        np.testing.assert_array_equal(registry.load_model(second)[0].coef_, model.coef_)
        assert registry.verify().findings
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "another machine"))
    with (
        Registry(fresh_postgres, artifacts=place, clock=clock) as registry,
        pytest.raises(ArtifactAltered),
    ):
        registry.load_model(second)


def test_what_this_machine_keeps_promotes_no_damaged_version(fresh_postgres: str, bucket: str) -> None:
    with Registry(fresh_postgres, artifacts=bucket) as registry:
        champion, second = register(registry, 0.9), register(registry, 0.8)
        registry.load_model(second)
        registry._context.store.write(f"models/model_{second}.pkl", b"damaged")
        with pytest.raises(ArtifactAltered, match="restore the file from a backup"):
            registry.promote(second, reason="better", override=True)
        assert registry.get_active_model_id("Churn") == champion
        assert registry.load_model(second)[2].model_id == second


def test_a_backup_is_restored_into_a_bucket(
    fresh_postgres: str, bucket: str, registry_folder: Path, tmp_path: Path
) -> None:
    with Registry(registry_folder) as registry:
        model_id = register(registry)
        registry.add_benchmark("holdout", "Churn", pd.DataFrame({"a": [1, 2], "target": [0, 1]}), "target")
        registry.backup(tmp_path / "one.backup")
    with Registry.from_backup(tmp_path / "one.backup", fresh_postgres, artifacts=f"{bucket}/new") as team:
        assert team.load_best_model()[2].model_id == model_id
        assert not team.verify().findings


def test_a_registry_in_a_bucket_goes_along_to_a_forked_process(fresh_postgres: str, bucket: str) -> None:
    code = (
        "import os, signal, sys; from registry_core import Registry; from tests.fitted import register\n"
        "registry = Registry(sys.argv[1], artifacts=sys.argv[2]); register(registry); registry.load_active_model()\n"
        "child = os.fork()\n"
        "child or signal.alarm(60)\n"
        "register(registry, 0.95 if child else 0.96); registry.load_active_model()\n"
        "child or os._exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "assert registry.count_models() == 3\n"
    )
    done = prepared.run(["-c", code, fresh_postgres, bucket])
    assert (done.returncode, done.stdout) == (0, "")
    with Registry(fresh_postgres, artifacts=bucket) as registry:
        assert pickle.loads(pickle.dumps(registry)).load_active_model("Churn")[2].accuracy == pytest.approx(0.96)
        assert not registry.verify().findings
