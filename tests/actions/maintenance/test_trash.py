from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelNotFound, NotEligible, Registry, StateConflict
from tests.clock import Clock
from tests.fitted import register


@pytest.fixture
def three(registry: Registry, clock: Clock) -> list[str]:
    """A champion, and two that are worse."""
    ids = []
    for accuracy in (0.9, 0.8, 0.7):
        ids.append(register(registry, accuracy))
        clock.tick(60)
    return ids


def test_into_the_trash_and_back(registry: Registry, clock: Clock, three: list[str]) -> None:
    registry.delete(three[1], actor="anna", reason="a mistake")
    [found] = registry.trash()
    assert (found.model_id, found.model_name, found.version, found.was) == (three[1], "Churn", "1.0.1", "registered")
    assert (found.actor, found.reason, found.trashed_at[:10], found.purge_at[:10]) == (
        *("anna", "a mistake"),
        *("2025-07-31", "2025-08-30"),
    )
    assert found.bytes == sum(len(registry.read_artifact(three[1], which)) for which in ("model", "scaler"))
    metadata = registry.get_metadata(three[1])
    assert (metadata.status, metadata.status_reason) == ("trashed", "a mistake")
    with pytest.raises(NotEligible, match="it is trashed; restore it first"):
        registry.promote(three[1], reason="x")
    with pytest.raises(StateConflict, match="already in the trash"):
        registry.delete(three[1])
    with pytest.raises(StateConflict, match=r"is trashed; only .* restore it first"):
        registry.reject(three[1], reason="x")
    registry.restore(three[1], actor="ben", reason="no mistake")
    assert (registry.get_metadata(three[1]).status, registry.trash()) == ("registered", [])
    event = registry.events(limit=1)[0]
    assert (event.kind, event.actor, event.before, event.after) == (
        *("restored", "ben"),
        *({"status": "trashed"}, {"status": "registered"}),
    )
    registry.promote(three[1], reason="it may be chosen again")


def test_it_comes_back_as_what_it_was(sqlite_registry: Registry, clock: Clock) -> None:
    registry = sqlite_registry
    register(registry, 0.9)
    clock.tick(60)
    for verb, status in (("reject", "rejected"), ("archive", "archived"), ("disqualify", "disqualified")):
        model_id = register(registry, 0.5)
        getattr(registry, verb)(model_id, reason=f"its own {verb}")
        registry.delete(model_id, reason="away")
        assert registry.trash()[0].was == status
        registry.restore(model_id, reason="back")
        metadata = registry.get_metadata(model_id)
        assert (metadata.status, metadata.status_reason) == (status, f"its own {verb}")


def test_the_best_leaves_and_returns(sqlite_registry: Registry, clock: Clock) -> None:
    registry = sqlite_registry
    registry.configure(auto_select_best=False)
    best, second = register(registry, 0.9), register(registry, 0.8)
    assert registry.get_best_model_id() == best
    registry.delete(best)
    assert registry.get_best_model_id() == second
    registry.restore(best)
    assert registry.get_best_model_id() == best


def test_the_untouchable_stay(registry: Registry, clock: Clock, three: list[str]) -> None:
    registry.promote(three[1], reason="x")
    registry.start_experiment("Churn", three[2])
    for model_id, text in (
        (three[1], "it is the champion; promote another model first"),
        (three[0], "it is the rollback target; reject it first"),
        (three[2], "it is in the running experiment .*; stop the experiment first"),
    ):
        with pytest.raises(StateConflict, match=text):
            registry.delete(model_id)
    fourth = register(registry, 0.1)
    registry.pin(fourth, actor="anna", reason="for the audit")
    assert registry.get_metadata(fourth).pinned
    event = registry.events(limit=1)[0]
    assert (event.kind, event.actor, event.reason, event.after) == ("pinned", "anna", "for the audit", {"pinned": True})
    with pytest.raises(StateConflict, match="it is pinned; unpin it first"):
        registry.delete(fourth)
    with pytest.raises(StateConflict, match="already pinned"):
        registry.pin(fourth)
    registry.unpin(fourth)
    with pytest.raises(StateConflict, match="not pinned"):
        registry.unpin(fourth)
    registry.delete(fourth)
    with pytest.raises(StateConflict, match="restore it before you pin it"):
        registry.pin(fourth)


def test_purged_for_good(registry: Registry, registry_folder: Path, clock: Clock, three: list[str]) -> None:
    held = registry.load_model(three[2])
    with pytest.raises(StateConflict, match="only a model that is trashed can be purged; delete it first"):
        registry.purge(three[2])
    registry.delete(three[2])
    size = registry.trash()[0].bytes
    assert registry.purge(three[2], actor="anna", reason="private data") == size
    assert held[2].status == "registered"
    assert not [*(registry_folder / "models").glob(f"*{three[2]}*")]
    assert (registry_folder / f"metadata/model_{three[2]}.json").exists()
    for verb in ("delete", "purge", "restore", "archive", "pin"):
        with pytest.raises(StateConflict, match=r"was purged by anna on 2025-07-31 \(private data\)"):
            getattr(registry, verb)(three[2])
    # It was loaded before, and is not served from memory.
    with pytest.raises(FileNotFoundError, match="purged by anna"):
        registry.load_model(three[2])
    with pytest.raises(NotEligible, match="it is purged"):
        registry.promote(three[2], reason="x")
    assert [row["status"] for row in registry.get_model_comparison(10)] == ["registered", "registered", "purged"]
    assert [each.model_id for each in registry.list_models(where={"status": "purged"})] == [three[2]]
    assert registry.verify_events() is None


def test_nobody(sqlite_registry: Registry) -> None:
    for verb in ("pin", "unpin", "delete", "purge"):
        with pytest.raises(ModelNotFound):
            getattr(sqlite_registry, verb)("nobody")
