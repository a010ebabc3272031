"""A folder in the seed's layout, without a catalog, is opened: everything in it is indexed, nothing is changed."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import joblib
import pytest

from registry_core import ArtifactError, NotEligible, Registry, StateConflict
from tests.artifacts.inspection.corpus import bad_artifacts
from tests.fitted import forest, logistic
from tests.strangers import MAJORITY, Majority

SEED = {
    "model_name": "GreyhoundPredictor", "model_type": "RandomForest", "accuracy": 0.8, "auc": 0.8, "f1_score": 0.8,
    "precision": 0.8, "recall": 0.8, "data_quality_score": 0.9, "training_samples": 500, "feature_names": [],
    "hyperparameters": {"n_estimators": 5}, "is_best": False, "is_ensemble": True,
}  # fmt: skip


def put(folder: Path, model_id: str, model: Any, scaler: Any = None, **changes: Any) -> None:
    for name in ("models", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    content = model if isinstance(model, bytes) else None
    path = folder / "models" / f"model_{model_id}.pkl"
    if content is None:
        joblib.dump(model, path)
    else:
        path.write_bytes(content)
    if scaler is not None:
        joblib.dump(scaler, folder / "models" / f"scaler_{model_id}.pkl")
    stamp = "2025-07-31T12:00:00+00:00"
    document = {**SEED, "model_id": model_id, "training_timestamp": stamp, "is_active": False, **changes}
    (folder / "metadata" / f"model_{model_id}.json").write_text(json.dumps(document))


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for place in ("models", "metadata")
        for path in (folder / place).iterdir()
    }


def test_a_folder_of_the_seed_is_adopted(registry_folder: Path) -> None:
    model, scaler = logistic()
    put(registry_folder, "RandomForest_20250731_120000", forest())
    put(
        registry_folder, "Logistic_20250801_120000", model, scaler, model_type="Logistic", is_active=True, accuracy=0.9,
        training_timestamp="2025-08-01T12:00:00+00:00", colour="red", is_ensemble=False,
    )  # fmt: skip
    put(registry_folder, "Stranger_20250802_120000", Majority(), training_timestamp="2025-08-02T12:00:00+00:00")
    (registry_folder / "metadata" / "model_broken.json").write_text("{")
    (registry_folder / "metadata" / "model_wrong.json").write_text(json.dumps({**SEED, "accuracy": 90}))
    before = content(registry_folder)
    with Registry(registry_folder, actor="anna") as registry:
        found = {each.model_id: each for each in registry.list_models()}
        assert set(found) == {"RandomForest_20250731_120000", "Logistic_20250801_120000", "Stranger_20250802_120000"}
        assert [found[each].version for each in sorted(found, key=lambda each: each[-15:])] == [
            "1.0.0",
            "1.1.0",
            "1.2.0",
        ]
        assert registry.get_active_model_id("GreyhoundPredictor") == "Logistic_20250801_120000"
        loaded, own_scaler, metadata = registry.load_active_model("GreyhoundPredictor")
        assert (type(loaded).__name__, type(own_scaler).__name__) == ("LogisticRegression", "StandardScaler")
        assert metadata.composite_score == pytest.approx(0.4 * 0.9 + 0.3 * 0.8 + 0.2 * 0.8 + 0.1 * 0.9)
        assert metadata.extra == {"colour": "red"}
        stranger = found["Stranger_20250802_120000"]
        assert (stranger.artifact, stranger.inspection["unknown"]) == ("quarantined", [MAJORITY])
        kinds = [event.kind for event in registry.events(limit=None)]
        assert (kinds.count("adopted"), kinds.count("promoted")) == (4, 1)
        (left,) = [event.after["left_out"] for event in registry.events(limit=None) if "left_out" in event.after]
        assert set(left) == {"model_broken.json", "model_wrong.json"}
        assert registry.verify_events() is None
    assert content(registry_folder) == before
    with Registry(registry_folder) as again:
        assert again.count_models() == 3


def test_files_that_are_missing_or_exchanged_are_seen_and_never_loaded(registry_folder: Path) -> None:
    put(registry_folder, "A_20250731_120000", forest(), model_sha256="0" * 64)
    put(registry_folder, "B_20250731_120000", forest())
    (registry_folder / "models" / "model_B_20250731_120000.pkl").unlink()
    with Registry(registry_folder) as registry:
        for model_id, text in (("A_20250731_120000", "sha256 differs"), ("B_20250731_120000", "missing")):
            known = registry.get_metadata(model_id)
            assert (known.artifact, known.inspection["verdict"]) == ("quarantined", "refused")
            assert text in known.inspection["because"]
            with pytest.raises(ArtifactError):
                registry.load_model(model_id)
            with pytest.raises(NotEligible):
                registry.promote(model_id, override=True, reason="now")
            with pytest.raises(StateConflict, match="never be trusted"):
                registry.trust(model_id, reason="please")
        registry.configure(trusted_globals=[MAJORITY], reason="another one")
        assert {each.artifact for each in registry.list_models()} == {"quarantined"}


def test_no_bad_file_comes_into_use_by_adoption(registry_folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    bad = bad_artifacts(marker)
    for number, each in enumerate(bad):
        put(registry_folder, f"Bad_20250731_{number:06}", each.data, is_active=True)
    with Registry(registry_folder) as registry:
        models = registry.list_models()
        assert len(models) == len(bad)
        assert {model.artifact for model in models} == {"quarantined"}
        assert registry.get_best_model_id("GreyhoundPredictor") is None
        assert registry.get_active_model_id("GreyhoundPredictor") is None
        for model in models:
            with pytest.raises(ArtifactError):
                registry.load_model(model.model_id)
    assert not marker.exists()


def seed_folder(folder: Path) -> None:
    """A folder as the seed describes it: two models in both places, one in the index alone, all states in the index."""
    ids = ("RandomForest_20250731_120000", "RandomForest_20250731_130000", "RandomForest_20250731_140000")
    index = {}
    for place, model_id in enumerate(ids):
        put(folder, model_id, forest(), accuracy=0.8 + place / 100, is_ensemble=True)
        metadata = folder / "metadata" / f"model_{model_id}.json"
        document = json.loads(metadata.read_text())
        document["model_file_path"] = f"model_registry/models/model_{model_id}.pkl"
        index[model_id] = {**document, "is_active": place == 1, "is_best": place == 2}
        del document["is_active"]
        metadata.write_text(json.dumps(document))
        if place == 2:
            metadata.unlink()
    # The seed's ids may say more than its files are called by.
    index[f"GreyhoundPredictor_{ids[1]}"] = index.pop(ids[1])
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    settings: dict[str, Any] = {"auto_select_best": True, "max_models_to_keep": 50}
    settings["performance_weight"] = {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1}
    (folder / "registry_config.json").write_text(json.dumps(settings))


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("registry.db", "telemetry.db"))
    }


def test_states_and_metadata_come_from_the_index_as_well(registry_folder: Path) -> None:
    seed_folder(registry_folder)
    before = everything(registry_folder)
    with Registry(registry_folder, actor="anna") as registry:
        found = {each.model_id[-6:]: each for each in registry.list_models()}
        assert sorted(found) == ["120000", "130000", "140000"]
        assert registry.get_active_model_id("GreyhoundPredictor") == "RandomForest_20250731_130000"
        assert found["140000"].accuracy == pytest.approx(0.82)
        assert "exported_at" not in found["140000"].extra
        assert registry.get_best_model_id() == found["140000"].model_id
        told = {event.model_id: event.after["sidecar_sha256"] for event in registry.events(kinds=["adopted"])}
        for model_id, digest in told.items():
            assert digest == (
                None
                if str(model_id).endswith("140000")
                else sha256(before[f"metadata/model_{model_id}.json"]).hexdigest()
            )
        assert registry.count_events() == 1 + 3 + 1
        report = registry.rebuild_index()
        assert (report.changed, report.left_out) == ({}, {})
    assert everything(registry_folder) == before


def test_an_index_that_cannot_be_read_is_said(registry_folder: Path) -> None:
    seed_folder(registry_folder)
    (registry_folder / "model_index.json").write_text('{"a": ')
    with Registry(registry_folder) as registry:
        assert registry.count_models() == 2
        assert registry.get_active_model_id("GreyhoundPredictor") is None
        (left,) = [event.after["left_out"] for event in registry.events(limit=None) if "left_out" in event.after]
        assert set(left) == {"model_index.json"}


def test_an_index_leads_nowhere_else(registry_folder: Path, tmp_path: Path) -> None:
    put(registry_folder, "A_20250731_120000", forest())
    outside = tmp_path / "model_Outside_20250731_120000.pkl"
    joblib.dump(forest(), outside)
    entries = {
        "../../Outside_20250731_120000": {**SEED, "model_file_path": str(outside)},
        "Gone_20250731_120000": {**SEED, "is_active": True},
        "a..b": SEED,
        "no entry": 5,
        "A_20250731_120000": {**SEED, "status": "disqualified", "status_reason": "it failed", "is_active": True},
    }
    (registry_folder / "model_index.json").write_text(json.dumps(entries))
    with Registry(registry_folder) as registry:
        found = {each.model_id: each for each in registry.list_models()}
        assert set(found) == {"A_20250731_120000", "Gone_20250731_120000"}
        assert (found["A_20250731_120000"].status, found["A_20250731_120000"].is_active) == ("disqualified", False)
        assert found["Gone_20250731_120000"].artifact == "quarantined"
        assert registry.get_best_model_id("GreyhoundPredictor") is None


def test_it_is_all_of_it_or_nothing(registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_folder(registry_folder)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("registry_core.actions.adopt.take_states", die)
        with pytest.raises(KeyboardInterrupt):
            Registry(registry_folder)
    with Registry(registry_folder) as registry:
        assert registry.count_models() == 3
        assert registry.get_active_model_id("GreyhoundPredictor") == "RandomForest_20250731_130000"
