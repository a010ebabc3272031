from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from registry_core import CompressResult, InvalidInput, ModelNotFound, Registry
from registry_core.actions.maintenance.compress import _Run
from registry_core.catalog import packed
from tests.clock import Clock
from tests.fitted import FEATURES, logistic, register


def scaled(offset: float) -> StandardScaler:
    """A scaler like no other."""
    inputs = load_breast_cancer(return_X_y=True)[0]
    return StandardScaler().fit(inputs + offset)


def several(registry: Registry, clock: Clock) -> list[str]:
    """A champion, who was champion before it, and three worse ones; the last of them has a scaler of its own."""
    ids = []
    for place, accuracy in enumerate((0.8, 0.9, 0.3, 0.2, 0.1)):
        model, scaler = logistic()
        fields = dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy)
        ids.append(
            registry.register_model(
                model, scaled(1) if place == 4 else scaler, model_name="Churn", model_type="LogisticRegression",
                performance_metrics=fields, training_info={"data_quality_score": 1.0}, feature_names=FEATURES,
            )
        )  # fmt: skip
        clock.tick(days=1)
    return ids


def key(model_id: str, which: str = "model") -> str:
    return f"models/{which}_{model_id}.pkl"


def stored(folder: Path, model_id: str, which: str = "model") -> bytes:
    return (folder / key(model_id, which)).read_bytes()


def test_loads_and_hashes_stay_as_they_were(registry: Registry, registry_folder: Path, clock: Clock) -> None:
    ids = several(registry, clock)
    before = {model_id: registry.read_artifact(model_id) for model_id in ids}
    told: list[tuple[str, int, int]] = []
    result = registry.compress(
        0, actor="anna", reason="room", progress=lambda doing, done, of: told.append((doing, done, of))
    )
    # Scalers are small and their numbers do not repeat: not worth it, but those that are equal are stored once.
    assert result.compressed == (key(ids[2]),)
    assert result.linked == (key(ids[3]), key(ids[4]), key(ids[3], "scaler"))
    assert result.left == {}
    assert told[-1] == ("compressed", 6, 6)
    assert stored(registry_folder, ids[0]) == before[ids[0]]
    assert stored(registry_folder, ids[1]) == before[ids[1]]
    for model_id in ids[2:]:
        small = stored(registry_folder, model_id)
        assert len(small) <= 0.9 * len(before[model_id])
        assert zlib.decompress(small) == before[model_id] == registry.read_artifact(model_id)
        with registry.open_artifact(model_id) as opened:
            assert opened.read() == before[model_id]
        assert (registry_folder / key(model_id)).stat().st_nlink == 3
    assert result.bytes_before - result.bytes_after == (
        3 * len(before[ids[2]]) - len(small) + len(stored(registry_folder, ids[3], "scaler"))
    )
    noted = packed.listed(registry._context.database)
    assert {*noted} == {key(each, which) for each in ids[2:] for which in ("model", "scaler")}
    for file, each in noted.items():
        data = (registry_folder / file).read_bytes()
        assert (sha256(data).hexdigest(), len(data)) == (each.sha256, each.size)
    event = registry.events(kinds=["compressed"])[0]
    assert (event.actor, event.reason, event.after["linked"]) == ("anna", "room", 3)

    inputs = load_breast_cancer(return_X_y=True)[0][:5]
    fresh = Registry(registry_folder, clock=clock) if "://" not in registry._context.location else registry
    model, scaler, metadata = fresh.load_model(ids[3])
    expected = logistic()[0].predict_proba(logistic()[1].transform(inputs))
    assert np.array_equal(model.predict_proba(scaler.transform(inputs)), expected)
    assert (metadata.model_bytes, metadata.model_sha256) == (
        len(before[ids[3]]),
        sha256(before[ids[3]]).hexdigest(),
    )
    assert np.array_equal(joblib.load(registry_folder / key(ids[3])).coef_, logistic()[0].coef_)
    # It is promoted as it is, and serves as it is.
    registry.promote(ids[3], reason="by hand")
    predictor = registry.predictor("Churn", log="off")
    assert np.array_equal(np.asarray(predictor.predict_proba(inputs).values), expected)
    assert registry.verify_events() is None


def test_what_would_be_compressed_is_asked_first(sqlite_registry: Registry, clock: Clock) -> None:
    ids = several(sqlite_registry, clock)
    # Protected from a cleanup, not from compression: a pinned version loads as before.
    sqlite_registry.pin(ids[3])
    assert sqlite_registry.compressible(0) == ids[2:]
    assert sqlite_registry.compressible(2.5, model_name="Churn") == [ids[2]]
    with pytest.raises(InvalidInput, match="older_than_days is missing"):
        sqlite_registry.compressible()


def test_it_is_measured_as_any_other(sqlite_registry: Registry, clock: Clock) -> None:
    ids = several(sqlite_registry, clock)
    sqlite_registry.compress(0)
    frame = load_breast_cancer(as_frame=True).frame[:60]
    sqlite_registry.add_benchmark("holdout", "Churn", frame, "target")
    assert sqlite_registry.evaluate(ids[3]).status == "measured"


def test_a_second_run_finds_nothing_to_do(sqlite_registry: Registry, registry_folder: Path, clock: Clock) -> None:
    ids = several(sqlite_registry, clock)
    assert sqlite_registry.compress(2.5).compressed == (key(ids[2]),)
    assert sqlite_registry.compress(2.5) == CompressResult()
    count = sqlite_registry.count_events()
    assert sqlite_registry.compress(0).linked == (key(ids[3]), key(ids[4]), key(ids[3], "scaler"))
    assert sqlite_registry.compress(0) == CompressResult()
    assert sqlite_registry.count_events() == count + 1
    assert not [*(registry_folder / ".staged").iterdir()]


def test_how_old_is_said_or_set(sqlite_registry: Registry, clock: Clock) -> None:
    registry, ids = sqlite_registry, several(sqlite_registry, clock)
    register(registry, model_name="Other")
    with pytest.raises(InvalidInput, match="compress_after_days"):
        registry.compress()
    for wrong in (-1, True, "week", float("nan")):
        with pytest.raises(InvalidInput, match="older_than_days"):
            registry.compress(wrong)  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(ModelNotFound):
        registry.compress(0, model_name="Nobody")
    registry.configure("Churn", retention={"compress_after_days": 2})
    assert registry.compress(model_name="Churn").compressed == (key(ids[2]),)
    assert registry.compress(0, model_name="Other") == CompressResult()


def test_identical_files_of_two_names_are_stored_once(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    one, other = several(sqlite_registry, clock)[2], register(sqlite_registry, 0.9, model_name="Other")
    register(sqlite_registry, 0.95, model_name="Other")
    register(sqlite_registry, 0.97, model_name="Other")
    sqlite_registry.compress(0)
    assert (registry_folder / key(one)).stat().st_ino == (registry_folder / key(other)).stat().st_ino
    # Purged, it leaves the bytes to the others.
    sqlite_registry.delete(one)
    assert sqlite_registry.purge(one) == 0
    assert sqlite_registry.load_model(other)[0].coef_.shape == (1, 30)
    assert key(one) not in packed.listed(sqlite_registry._context.database)


def test_altered_and_missing_files_are_left_and_told(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    ids = several(sqlite_registry, clock)
    path = registry_folder / key(ids[2])
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    (registry_folder / key(ids[3])).unlink()
    result = sqlite_registry.compress(0)
    assert (result.compressed, result.linked) == ((key(ids[4]),), (key(ids[3], "scaler"),))
    assert {*result.left} == {key(ids[2]), key(ids[3])}
    assert path.read_bytes().endswith(b"!")
    sqlite_registry.configure("Churn", max_models_to_keep=50, retention={"automatic": True, "compress_after_days": 0})
    register(sqlite_registry, 0.1)
    [alert] = sqlite_registry.alerts("Churn")
    assert "is missing" in alert.text


def interrupted(monkeypatch: pytest.MonkeyPatch, name: str, instead: Callable[..., Any]) -> None:
    monkeypatch.setattr(_Run, name, instead)


def test_killed_between_the_name_and_the_commit(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = several(sqlite_registry, clock)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        interrupted(patched, "_append", killed)
        sqlite_registry.compress(0)
    assert packed.listed(sqlite_registry._context.database) == {}
    assert stored(registry_folder, ids[2]) != sqlite_registry.read_artifact(ids[2])
    assert not [*(registry_folder / ".staged").iterdir()]
    result = sqlite_registry.compress(0)
    assert (result.compressed, len(result.linked)) == ((), 3)
    assert len(packed.listed(sqlite_registry._context.database)) == 6
    sqlite_registry.load_model(ids[2])


def test_purged_or_compressed_by_others_meanwhile(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = several(sqlite_registry, clock)
    untouched = _Run._commit

    def late(run: _Run) -> None:
        if sqlite_registry.get_metadata(ids[2]).status == "registered":
            sqlite_registry.delete(ids[2])
            sqlite_registry.purge(ids[2])
        untouched(run)

    with monkeypatch.context() as patched:
        interrupted(patched, "_commit", late)
        result = sqlite_registry.compress(0)
    assert not (registry_folder / key(ids[2])).exists()
    # Its leader went, so the others are on their own this time.
    assert (result.compressed, result.linked) == ((key(ids[3]), key(ids[4])), ())
    assert sqlite_registry.compress(0).linked == (key(ids[4]),)
    assert not [*(registry_folder / ".staged").iterdir()]

    sqlite_registry.promote(ids[3], reason="x")
    inside: list[bool] = []

    def twice(run: _Run) -> None:
        if not inside:
            inside.append(True)
            sqlite_registry.compress(0)
        untouched(run)

    with monkeypatch.context() as patched:
        interrupted(patched, "_commit", twice)
        assert sqlite_registry.compress(0).compressed == ()
    sqlite_registry.load_model(ids[0])


@pytest.mark.postgres
def test_in_a_bucket_nothing_is_shared(fresh_postgres: str, clock: Clock) -> None:
    with Registry(fresh_postgres, artifacts=f"memory://{uuid.uuid4().hex}", clock=clock) as registry:
        ids = several(registry, clock)
        result = registry.compress(0)
        assert (result.compressed, result.linked) == ((key(ids[2]), key(ids[3]), key(ids[4])), ())
        assert registry.load_model(ids[3])[0].coef_.shape == (1, 30)
        assert registry.space().saved_by_compression > 0
        registry.delete(ids[3])
        assert registry.purge(ids[3]) > 0
        assert registry.plan_cleanup().unclaimed == ()
