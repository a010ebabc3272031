"""A rollback is taken back as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import (
    ArtifactMissing,
    ChampionChanged,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    Registry,
    RegistryError,
    StateConflict,
)
from tests.actions.watch.live_traffic import Mistakes, champions
from tests.clock import Clock
from tests.fitted import register


@pytest.fixture
def two(registry: Registry, clock: Clock) -> tuple[str, str]:
    """Two champions one after the other; the second was rolled back to the first."""
    first = register(registry, 0.7)
    clock.tick(3600)
    second = register(registry, 0.9)
    clock.tick(3600)
    registry.rollback("Churn", actor="anna", reason="fails")
    clock.tick(60)
    return first, second


def test_the_model_serves_again_with_the_status_it_had(registry: Registry, two: tuple[str, str]) -> None:
    first, second = two
    # No gate is asked: it restores what was, whatever has been asked for since then.
    registry.configure("Churn", gates={"minimum_metrics": {"accuracy": 0.99}}, reason="stricter")
    deployment = registry.undo_rollback("Churn", actor="bea", reason="the feed was broken", expected_champion=first)
    assert (deployment.model_id, deployment.actor, registry.get_active_model_id("Churn")) == (second, "bea", second)
    assert registry.get_metadata(second).status == "registered"
    reinstated, undone = registry.events("Churn", limit=2)[::-1]
    assert [(each.kind, each.actor, each.reason) for each in (reinstated, undone)] == [
        ("reinstated", "bea", "the feed was broken"),
        ("rollback_undone", "bea", "the feed was broken"),
    ]
    assert (undone.before["champion"], undone.after["champion"]) == (first, second)
    assert [each.undone for each in registry.deployments("Churn")] == [False, True, False, False]
    assert registry.rollback_target("Churn") == first
    assert registry.verify().findings == ()
    with pytest.raises(StateConflict, match="did not become champion by a rollback"):
        registry.undo_rollback("Churn")
    registry.rollback("Churn", reason="it was not the feed")
    assert registry.get_active_model_id("Churn") == first


def test_an_automatic_rollback_is_taken_back_alike(registry: Registry, clock: Clock) -> None:
    registry.configure("Churn", monitoring={"baseline_labels": 500, "minimum_labels": 200, "overdispersion_icc": 0.0})
    first, second = champions(registry, clock, 2)
    traffic = Mistakes(registry, clock)
    for rate in [0.1] * 6 + [0.6] * 6:
        traffic(100, default=rate)
    assert registry.get_active_model_id("Churn") == first
    assert registry.alerts("Churn")[0].kind == "rolled_back"
    registry.undo_rollback("Churn", actor="anna", reason="the feed was broken", expected_champion=first)
    assert registry.get_active_model_id("Churn") == second
    assert registry.alerts("Churn") == []
    health = registry.check_health("Churn")
    assert (health.model_id, health.labelled) == (second, 0)


@pytest.mark.parametrize(
    ("meanwhile", "error", "says"),
    [
        (lambda registry, first, second: registry.delete(second, reason="gone"), NotEligible, "trashed"),
        (
            lambda registry, first, second: (
                registry.reinstate(second, reason="?"),
                registry.disqualify(second, actor="carl", reason="no"),
            ),
            StateConflict,
            "disqualified again after the rollback, by carl",
        ),
        (
            lambda registry, first, second: (registry.reinstate(second), registry.reject(second, reason="no")),
            NotEligible,
            "rejected",
        ),
        (
            lambda registry, first, second: registry.promote(register(registry, 0.1), override=True, reason="new"),
            ChampionChanged,
            "Nothing was changed",
        ),
    ],
)
def test_where_something_stands_in_the_way_nothing_changes(
    registry: Registry,
    two: tuple[str, str],
    meanwhile: Callable[[Registry, str, str], object],
    error: type[RegistryError],
    says: str,
) -> None:
    first, second = two
    meanwhile(registry, first, second)
    revision, status = registry.revision(), registry.get_metadata(second).status
    with pytest.raises(error, match=says):
        registry.undo_rollback("Churn", reason="back", expected_champion=first)
    assert (registry.revision(), registry.get_metadata(second).status) == (revision, status)


def test_a_model_somebody_reinstated_serves_again(registry: Registry, two: tuple[str, str]) -> None:
    _, second = two
    registry.reinstate(second, actor="anna", reason="it was not its fault")
    registry.undo_rollback("Churn", reason="back")
    assert registry.get_active_model_id("Churn") == second
    assert registry.events("Churn", limit=1)[0].kind == "rollback_undone"


def test_its_files_are_read_first(registry: Registry, registry_folder: Path, two: tuple[str, str]) -> None:
    first, second = two
    (registry_folder / "models" / f"model_{second}.pkl").unlink()
    revision = registry.revision()
    with pytest.raises(ArtifactMissing):
        registry.undo_rollback("Churn", reason="back")
    assert (registry.revision(), registry.get_active_model_id("Churn")) == (revision, first)
    assert registry.get_metadata(second).status == "disqualified"


def test_each_undo_is_of_its_own_kind(registry: Registry, two: tuple[str, str]) -> None:
    with pytest.raises(StateConflict, match="by a rollback, not by a promotion"):
        registry.undo_promotion("Churn", reason="back")
    with pytest.raises(ModelNotFound):
        registry.undo_rollback("Nobody")
    registry.configure("Fraud", auto_select_best=False)
    register(registry, 0.9, model_name="Fraud")
    with pytest.raises(NoModelAvailable, match="no rollback to undo"):
        registry.undo_rollback("Fraud")
