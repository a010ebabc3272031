from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from registry_core import (
    ArtifactAltered,
    ArtifactMissing,
    ChampionChanged,
    InvalidInput,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    Registry,
    RegistryError,
    StateConflict,
)
from registry_core.file_keys import model_files
from tests.clock import Clock
from tests.fitted import register


@pytest.fixture
def three(registry: Registry, clock: Clock) -> list[str]:
    """Three champions one after the other, an hour apart; the last is champion."""
    ids = []
    for accuracy in (0.7, 0.8, 0.9):
        ids.append(register(registry, accuracy))
        clock.tick(3600)
    return ids


def test_promotions_are_intervals(registry: Registry, clock: Clock, three: list[str]) -> None:
    first, second, third = three
    deployment = registry.promote(first, actor="anna", reason="calibrated better", expected_champion=third)
    assert (deployment.model_id, deployment.actor, deployment.ended_at) == (first, "anna", None)
    history = registry.deployments("Churn")
    assert [each.model_id for each in history] == [first, third, second, first]
    assert [older.ended_at for older in history[1:]] == [newer.started_at for newer in history[:-1]]
    start = clock.now - timedelta(hours=3)
    assert registry.champion_at("Churn", start - timedelta(seconds=1)) is None
    assert [registry.champion_at("Churn", start + timedelta(hours=n)) for n in range(4)] == [
        first,
        second,
        third,
        first,
    ]
    assert registry.get_metadata(first).is_active
    assert not registry.get_metadata(third).is_active


def test_a_champion_that_changed_in_between_is_a_conflict(registry: Registry, three: list[str]) -> None:
    first, second, third = three
    registry.promote(second, actor="bea", reason="faster", expected_champion=third)
    before = registry.revision()
    with pytest.raises(ChampionChanged, match="bea") as caught:
        registry.promote(first, actor="anna", reason="mine", expected_champion=third)
    assert (caught.value.expected, caught.value.actual, caught.value.by) == (third, second, "bea")
    with pytest.raises(ChampionChanged):
        registry.rollback("Churn", reason="mine", expected_champion=third)
    with pytest.raises(ChampionChanged):
        registry.promote(first, expected_champion=None)
    assert registry.revision() == before


def test_rollback_puts_the_previous_healthy_champion_back(registry: Registry, three: list[str]) -> None:
    first, second, third = three
    assert registry.rollback_target("Churn") == second
    registry.rollback("Churn", actor="anna", reason="accuracy fell")
    assert registry.get_active_model_id("Churn") == second
    assert registry.get_metadata(third).status == "disqualified"
    assert registry.get_best_model_id("Churn") == second
    with pytest.raises(NotEligible, match="reinstate"):
        registry.promote(third)
    registry.rollback("Churn", reason="this one as well")
    assert registry.get_active_model_id("Churn") == first
    before = registry.revision()
    with pytest.raises(NoModelAvailable, match="stays champion"):
        registry.rollback("Churn", reason="and again")
    assert (registry.get_active_model_id("Churn"), registry.revision()) == (first, before)
    registry.reinstate(third, reason="the sensor was at fault")
    registry.promote(third, reason="back")
    assert registry.get_active_model_id("Churn") == third


def test_rollback_skips_the_rejected_and_can_name_a_target(registry: Registry, three: list[str]) -> None:
    first, second, _ = three
    never = register(registry, 0.1)
    registry.reject(second, reason="leak in its training set")
    assert registry.rollback_target("Churn") == first
    with pytest.raises(InvalidInput, match="never champion"):
        registry.rollback("Churn", never)
    with pytest.raises(NotEligible):
        registry.rollback("Churn", second)
    assert registry.rollback("Churn", first, reason="named").model_id == first


def test_an_undone_promotion_is_neither_a_failure_nor_a_place_to_go_back_to(
    registry: Registry, three: list[str]
) -> None:
    first, second, third = three
    tried = register(registry, 0.5)
    registry.promote(tried, reason="a try")
    deployment = registry.undo_promotion("Churn", actor="anna", reason="too early", expected_champion=tried)
    assert (deployment.model_id, registry.get_metadata(tried).status) == (third, "registered")
    assert registry.events(limit=1)[0].kind == "promotion_undone"
    assert [each.undone for each in registry.deployments("Churn")] == [False, True, False, False, False]
    assert registry.rollback_target("Churn") == second
    with pytest.raises(ChampionChanged):
        registry.undo_promotion("Churn", expected_champion=tried)
    with pytest.raises(NoModelAvailable):
        registry.undo_promotion("Nobody")
    registry.promote(tried, reason="now it is time")
    registry.promote(first, reason="and on")
    assert registry.rollback_target("Churn") == tried


def test_the_champion_cannot_be_rejected_or_archived(registry: Registry, three: list[str]) -> None:
    before = registry.revision()
    for verb in (registry.reject, registry.archive, registry.disqualify):
        with pytest.raises(StateConflict, match="is the champion"):
            verb(three[2])
    assert registry.revision() == before


def test_promoting_the_champion_changes_nothing(registry: Registry, three: list[str]) -> None:
    before, present = registry.revision(), registry.deployments("Churn")[0]
    assert registry.promote(three[2]) == present
    assert registry.promote(three[2], reason="deploy", actor="pipeline") == present
    assert registry.promote(three[2], reason="deploy", override=True) == present
    assert registry.promote(three[2], expected_champion=three[2]) == present
    for seen in (three[0], None):
        with pytest.raises(ChampionChanged):
            registry.promote(three[2], expected_champion=seen)
    with pytest.raises(InvalidInput, match="override requires a reason"):
        registry.promote(three[2], override=True)
    assert registry.revision() == before
    assert registry.deployments("Churn")[0] == present
    # Twice in a row, as a script that is run again.
    registry.promote(three[0], reason="go")
    deployed = registry.deployments("Churn")
    registry.promote(three[0], reason="go")
    assert registry.deployments("Churn") == deployed


def test_verbs_need_somebody_and_something(registry: Registry, three: list[str]) -> None:
    calls: list[tuple[type[RegistryError], Any]] = [
        (ModelNotFound, lambda: registry.promote("nobody")),
        (ModelNotFound, lambda: registry.reject("nobody")),
        (ModelNotFound, lambda: registry.get_metadata("nobody")),
        (ModelNotFound, lambda: registry.load_model("nobody")),
        (ModelNotFound, lambda: registry.rollback("Nobody")),
        (InvalidInput, lambda: registry.promote(three[0], actor="")),
        (InvalidInput, lambda: registry.promote(three[0], actor="a\nb")),
        (InvalidInput, lambda: registry.promote(three[0], reason="x" * 2001)),
        (InvalidInput, lambda: registry.list_models(limit=-1)),
        (InvalidInput, lambda: registry.list_models(where={"colour": "red"})),
        (InvalidInput, lambda: registry.compare([three[0]])),
        (InvalidInput, lambda: registry.champion_at("Churn", "soon")),
    ]
    before = registry.revision()
    for error, call in calls:
        with pytest.raises(error):
            call()
    assert registry.revision() == before
    with pytest.raises(KeyError):
        registry.get_metadata("nobody")


@pytest.mark.parametrize("damage", ["altered", "truncated", "missing", "scaler"])
def test_damaged_files_never_go_into_production(registry: Registry, three: list[str], damage: str) -> None:
    store, key = registry._context.store, model_files(three[0])[damage == "scaler"]
    data = store.read(key)
    if damage == "missing":
        store.remove(key)
    else:
        store.write(key, data[:-40] if damage == "truncated" else data[:50] + bytes([data[50] ^ 1]) + data[51:])
    error = ArtifactMissing if damage == "missing" else ArtifactAltered
    for call in (registry.promote, registry.load_model):
        with pytest.raises(error, match=r"restore (it|the file) from a backup") as caught:
            call(three[0])
        assert three[0] in str(caught.value)
    assert registry.get_active_model_id("Churn") == three[2]
    if damage == "missing":
        assert isinstance(caught.value, FileNotFoundError)


def test_of_two_promotions_at_once_one_wins(registry: Registry, three: list[str]) -> None:
    for _ in range(10):
        champion = registry.get_active_model_id("Churn")
        others = [each for each in three if each != champion]
        start = threading.Barrier(2)
        outcomes: list[str] = []

        def promote(
            model_id: str, start: threading.Barrier = start, outcomes: list[str] = outcomes, seen: str | None = champion
        ) -> None:
            start.wait()
            try:
                registry.promote(model_id, actor=f"for {model_id}", expected_champion=seen)
                outcomes.append(model_id)
            except ChampionChanged as error:
                outcomes.append(f"beaten by {error.by}")

        threads = [threading.Thread(target=promote, args=(each,)) for each in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = registry.get_active_model_id("Churn")
        assert sorted(outcomes) == sorted([str(winner), f"beaten by for {winner}"])
    assert sum(each.ended_at is None for each in registry.deployments("Churn")) == 1
    assert registry.verify_events() is None


def test_a_clock_that_jumps_back_does_not_turn_history_round(
    registry: Registry, clock: Clock, three: list[str]
) -> None:
    clock.tick(-86_400)
    registry.promote(three[0])
    times = [event.at for event in registry.events()]
    assert times == sorted(times, reverse=True)
    for each in registry.deployments("Churn"):
        assert each.ended_at is None or each.started_at <= each.ended_at
