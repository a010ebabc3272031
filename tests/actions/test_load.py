from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry_core import ArtifactQuarantined, ArtifactUnloadable, GatesFailed, InvalidInput, NoModelAvailable, Registry
from tests import prepared
from tests.fitted import register
from tests.strangers import MAJORITY, forget_library, of_absent_library, stranger_file


def test_the_same_objects_come_back_while_nothing_changed(registry: Registry) -> None:
    register(registry, 0.8)
    first, second = registry.load_active_model("Churn"), registry.load_active_model("Churn")
    assert first is second
    register(registry, 0.1)
    assert registry.load_active_model("Churn")[0] is first[0]


def test_a_promotion_elsewhere_is_seen_by_the_very_next_call(catalog_url: dict[str, Any]) -> None:
    with Registry(**catalog_url) as service, Registry(**catalog_url) as reviewer:
        first, second = register(reviewer, 0.9), register(reviewer, 0.8)
        for _ in range(10):
            for model_id in (second, first):
                reviewer.promote(model_id)
                assert service.load_active_model("Churn")[2].model_id == model_id
                assert service.get_active_model_id("Churn") == model_id


def test_a_promotion_by_another_process_is_seen_by_the_very_next_call(registry_folder: Path) -> None:
    with Registry(registry_folder) as service:
        first, second = register(service, 0.9), register(service, 0.8)
        assert service.load_active_model("Churn")[2].model_id == first
        code = "import sys; from registry_core import Registry; Registry(sys.argv[1]).promote(sys.argv[2])"
        prepared.run(["-c", code, str(registry_folder), second], check=True)
        assert service.load_active_model("Churn")[2].model_id == second


def test_best_and_active_may_differ(registry: Registry) -> None:
    best, other = register(registry, 0.9), register(registry, 0.8)
    registry.promote(other, reason="explains itself better")
    assert registry.load_best_model("Churn")[2].model_id == best
    assert registry.load_active_model("Churn")[2].model_id == other
    assert registry.load_best_model("Churn")[2].is_best
    registry.reject(best)
    assert registry.load_best_model("Churn")[2].model_id == other


def test_the_name_may_be_left_out_only_while_there_is_one(registry: Registry) -> None:
    assert registry.get_active_model_id() is None
    with pytest.raises(NoModelAvailable):
        registry.load_active_model()
    register(registry)
    assert registry.load_best_model()[2].model_name == "Churn"
    register(registry, model_name="Fraud")
    for call in (registry.get_best_model_id, registry.load_best_model, registry.get_active_model_id):
        with pytest.raises(InvalidInput, match="Churn, Fraud"):
            call()


def test_quarantined_files_are_never_loaded(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(stranger_file().getvalue())
    model_id = registry.upload(path, metadata={"model_name": "Churn", "model_type": "Majority"})
    with pytest.raises(ArtifactQuarantined, match=MAJORITY):
        registry.load_model(model_id)


def test_what_does_not_load_here_says_so_by_name(registry: Registry) -> None:
    registry.configure(trusted_globals=["a_library_that_is_not_here.Model"], reason="reviewed")
    model_id = registry.register_model(of_absent_library(), model_name="A", model_type="T")
    forget_library()
    with pytest.raises(ArtifactUnloadable, match=rf"{model_id}.*a_library_that_is_not_here"):
        registry.load_model(model_id)
    with pytest.raises(GatesFailed, match="a_library_that_is_not_here"):
        registry.promote(model_id)
    with pytest.raises(ArtifactUnloadable, match="a_library_that_is_not_here"):
        registry.promote(model_id, override=True, reason="no gate stands above answering")
    assert registry.get_active_model_id("A") is None


def test_memory_holds_a_few_models_only(registry: Registry) -> None:
    ids = [register(registry, 0.5) for _ in range(36)]
    loaded = [registry.load_model(model_id)[0] for model_id in ids]
    assert registry.load_model(ids[-1])[0] is loaded[-1]
    assert registry.load_model(ids[0])[0] is not loaded[0]
