"""Experiments as state: who may take part, what each verb does, and what ends them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    ArtifactMissing,
    ChampionChanged,
    Conflict,
    Experiment,
    GatesFailed,
    InvalidInput,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    NotFound,
    Registry,
    RegistryError,
    StateConflict,
)
from registry_core.file_keys import model_files
from tests.clock import Clock
from tests.fitted import FEATURES, register


@pytest.fixture
def four(registry: Registry, clock: Clock) -> list[str]:
    """A champion and three worse models of its name."""
    ids = []
    for accuracy in (0.9, 0.8, 0.7, 0.6):
        ids.append(register(registry, accuracy))
        clock.tick(60)
    return ids


def kinds(registry: Registry, count: int) -> list[str]:
    """The newest events, oldest first."""
    return [each.kind for each in reversed(registry.events(limit=count))]


def test_it_starts_in_shadow(registry: Registry, clock: Clock, four: list[str]) -> None:
    started = registry.start_experiment("Churn", four[1], actor="anna", reason="newer data")
    assert started == registry.experiment(started.experiment_id) == registry.experiments("Churn")[0]
    assert (started.champion_id, started.mode, started.status, started.metric) == (
        four[0],
        "shadow",
        "running",
        "accuracy",
    )
    assert [(arm.challenger_id, arm.share, arm.status) for arm in started.arms] == [(four[1], 0.0, "running")]
    assert (started.started_by, started.reason, started.stages, started.ended_at) == ("anna", "newer data", (), None)
    event = registry.events(limit=1)[0]
    assert (event.event_id, event.kind, event.actor) == (started.experiment_id, "experiment_started", "anna")
    assert event.after["shares"] == {four[1]: 0.0}


def test_it_begins_a_split_and_moves_its_share(registry: Registry, clock: Clock, four: list[str]) -> None:
    started = registry.start_experiment("Churn", four[1], mode="split")
    assert [arm.share for arm in started.arms] == [0.05]
    clock.tick(60)
    raised = registry.set_share(started.experiment_id, 0.2, actor="anna", reason="no complaints", expected=started)
    assert ([arm.share for arm in raised.arms], raised.salt) == ([0.2], started.salt)
    shadow = registry.start_experiment("Churn", four[2])
    with pytest.raises(StateConflict, match="already splits the traffic"):
        registry.set_share(shadow.experiment_id, 0.1)
    registry.stop_experiment(started.experiment_id, reason="enough")
    clock.tick(60)
    moved = registry.set_share(shadow.experiment_id, 0.1)
    assert (moved.mode, moved.arms[0].share) == ("split", 0.1)
    assert moved.stage_since > shadow.stage_since
    assert registry.verify_events() is None


def test_several_challengers_share(registry: Registry, four: list[str]) -> None:
    started = registry.start_experiment("Churn", four[1:], "split", 0.3)
    assert [arm.share for arm in started.arms] == pytest.approx([0.1, 0.1, 0.1])
    own = registry.set_share(started.experiment_id, {four[1]: 0.5, four[2]: 0.3, four[3]: 0.2})
    assert [arm.share for arm in own.arms] == [0.5, 0.3, 0.2]
    for wrong in ({four[1]: 0.5}, {four[0]: 1.0}, {four[1]: 0.6, four[2]: 0.3, four[3]: 0.2}, 0, 1.5, "much", True):
        with pytest.raises(InvalidInput):
            registry.set_share(started.experiment_id, wrong)  # pyrefly: ignore[bad-argument-type]
    registry.reject(four[2], reason="leak", actor="bea")
    left = registry.experiment(started.experiment_id)
    assert [(arm.status, arm.share) for arm in left.arms] == [("running", 0.5), ("withdrawn", 0.0), ("running", 0.2)]
    assert "rejected: leak" in left.arms[1].because
    again = registry.set_share(started.experiment_id, 0.4)
    assert [arm.share for arm in again.arms] == [0.2, 0.0, 0.2]
    with pytest.raises(InvalidInput, match="name the winner"):
        registry.promote_challenger(started.experiment_id)
    registry.archive(four[1])
    registry.disqualify(four[3], reason="failed elsewhere")
    ended = registry.experiment(started.experiment_id)
    assert (ended.status, ended.running) == ("stopped", ())
    assert "failed elsewhere" in ended.verdict
    assert kinds(registry, 4) == ["archived", "challenger_withdrawn", "disqualified", "challenger_withdrawn"]


def test_pause_resume_stop(registry: Registry, four: list[str]) -> None:
    number = registry.start_experiment("Churn", four[1], "split", 0.1).experiment_id
    assert registry.pause_experiment(number, reason="holiday").status == "paused"
    with pytest.raises(StateConflict, match="already paused"):
        registry.pause_experiment(number)
    assert registry.resume_experiment(number).status == "running"
    with pytest.raises(StateConflict, match="nothing to resume"):
        registry.resume_experiment(number)
    stopped = registry.stop_experiment(number, actor="anna", reason="no budget")
    assert (stopped.status, stopped.ended_by, stopped.verdict) == ("stopped", "anna", "stopped by anna: no budget")
    assert stopped.arms[0].status == "withdrawn"
    for verb in (registry.pause_experiment, registry.resume_experiment, registry.stop_experiment):
        with pytest.raises(StateConflict, match="ended at"):
            verb(number)
    assert kinds(registry, 4) == [
        "experiment_started",
        "experiment_paused",
        "experiment_resumed",
        "experiment_stopped",
    ]
    assert registry.start_experiment("Churn", four[1], "split", 0.1).status == "running"


def test_who_acted_on_another_state_is_told(registry: Registry, four: list[str]) -> None:
    seen = registry.start_experiment("Churn", four[1], "split", 0.1)
    registry.set_share(seen.experiment_id, 0.2, actor="bea")
    before = registry.revision()
    with pytest.raises(StateConflict, match=r"changed by bea .* Nothing was changed"):
        registry.set_share(seen.experiment_id, 0.3, expected=seen)
    with pytest.raises(StateConflict, match=r"20% of the traffic to Churn 1\.0\.1"):
        registry.promote_challenger(seen.experiment_id, expected=seen)
    with pytest.raises(ChampionChanged):
        registry.promote_challenger(seen.experiment_id, expected_champion=four[2])
    with pytest.raises(ChampionChanged):
        registry.start_experiment("Churn", four[2], expected_champion=four[3])
    assert registry.revision() == before


def test_promoting_the_challenger_ends_the_experiment(registry: Registry, four: list[str]) -> None:
    number = registry.start_experiment("Churn", four[1:3], "split", 0.5).experiment_id
    beside = registry.start_experiment("Churn", four[3]).experiment_id
    with pytest.raises(StateConflict, match="is not a challenger"):
        registry.promote_challenger(number, four[3])
    deployment = registry.promote_challenger(number, four[2], actor="anna", reason="it won")
    assert deployment.model_id == registry.get_active_model_id("Churn") == four[2]
    ended = registry.experiment(number)
    assert (ended.status, [arm.status for arm in ended.arms]) == ("promoted", ["withdrawn", "promoted"])
    assert "anna" in ended.verdict
    assert registry.experiment(beside).status == "stopped"
    assert kinds(registry, 3) == ["promoted", "experiment_stopped", "experiment_promoted"]
    with pytest.raises(StateConflict, match="ended"):
        registry.promote_challenger(number)


@pytest.mark.parametrize("verb", ["promote", "challenger", "rollback", "undo"])
def test_whatever_changes_the_champion_ends_it(registry: Registry, clock: Clock, four: list[str], verb: str) -> None:
    registry.promote(four[1], reason="so that there is a way back")
    clock.tick(60)
    number = registry.start_experiment("Churn", four[2], "split", 0.1).experiment_id
    if verb == "promote":
        registry.promote(four[3], reason="this one")
    elif verb == "challenger":
        registry.promote(four[2], reason="seen enough")
    elif verb == "rollback":
        registry.rollback("Churn", reason="it failed")
    else:
        registry.undo_promotion("Churn", reason="too early")
    ended = registry.experiment(number)
    assert ended.ended_at == registry.deployments("Churn")[0].started_at
    assert ended.status == ("promoted" if verb == "challenger" else "stopped")
    assert registry.verify_events() is None


def test_promotion_asks_the_ordinary_gates(registry: Registry, four: list[str]) -> None:
    registry.configure("Churn", gates={"minimum_metrics": {"accuracy": 0.85}})
    number = registry.start_experiment("Churn", four[1], "split", 0.1).experiment_id
    with pytest.raises(GatesFailed):
        registry.promote_challenger(number)
    assert registry.experiment(number).status == "running"
    registry.promote_challenger(number, reason="seen live", override=True)
    assert registry.experiment(number).status == "promoted"
    assert "Minimum accuracy" in registry.get_metadata(four[1]).override_note


def test_a_new_version_does_not_cut_an_experiment_short(registry: Registry, four: list[str]) -> None:
    number = registry.start_experiment("Churn", four[1]).experiment_id
    better = register(registry, 0.99)
    assert registry.get_active_model_id("Churn") == four[0]
    assert registry.experiment(number).status == "running"
    because = registry.events(model_id=better, kinds=["registered"])[0].after["because"]
    assert f"experiment {number} is running" in because
    registry.stop_experiment(number)
    assert register(registry, 0.995) == registry.get_active_model_id("Churn")


def test_who_may_not_take_part(registry: Registry, four: list[str]) -> None:
    other = register(registry, 0.5, model_name="Rain")
    narrow = register(registry, 0.1, feature_names=[f"other {name}" for name in FEATURES])
    registry.reject(four[3], reason="leak")
    registry.start_experiment("Churn", four[2])
    no_champion = register(registry, None, model_name="Quiet")
    calls: list[tuple[type[RegistryError], str, tuple[Any, ...]]] = [
        (ModelNotFound, "nobody", ("Churn", "nobody")),
        (ModelNotFound, "has the name", ("Nobody", four[1])),
        (NoModelAvailable, "no champion", ("Quiet", no_champion)),
        (InvalidInput, "is not a version of Churn", ("Churn", other)),
        (InvalidInput, "same features", ("Churn", narrow)),
        (NotEligible, "restore it first", ("Churn", four[3])),
        (StateConflict, "is the champion", ("Churn", four[0])),
        (StateConflict, "takes part in experiment", ("Churn", four[2])),
        (InvalidInput, "twice", ("Churn", [four[1], four[1]])),
        (InvalidInput, "challenger_id is", ("Churn", [])),
        (InvalidInput, "mode is", ("Churn", four[1], "half")),
        (InvalidInput, "in shadow", ("Churn", four[1], "shadow", 0.1)),
        (InvalidInput, "stages replace mode and share", ("Churn", four[1], "split", None, "default")),
        (InvalidInput, "give increasing shares", ("Churn", four[1], None, None, [0.5, 0.1])),
        (InvalidInput, "stages contains", ("Churn", four[1], None, None, [0.5, "shadow"])),
        (InvalidInput, "is the promotion", ("Churn", four[1], None, None, [1.0])),
        (InvalidInput, "stages is", ("Churn", four[1], None, None, "soon")),
    ]
    before = registry.revision()
    for error, words, arguments in calls:
        with pytest.raises(error, match=words):
            registry.start_experiment(*arguments)
    with pytest.raises(InvalidInput, match="supports accuracy or brier_score"):
        registry.start_experiment("Churn", four[1], metric="beauty")
    for number in (0, 10**6, 1 << 70, True, "1", None):
        with pytest.raises(NotFound, match="no experiment has the id"):
            registry.experiment(number)  # pyrefly: ignore[bad-argument-type]
    registry._context.store.remove(model_files(four[1])[0])
    with pytest.raises(ArtifactMissing):
        registry.start_experiment("Churn", four[1])
    assert registry.revision() == before


def test_of_two_at_once_one_deals_the_traffic(registry: Registry, four: list[str]) -> None:
    for _ in range(5):
        start = threading.Barrier(2)
        outcomes: list[Any] = []

        def begin(challenger: str, start: threading.Barrier = start, outcomes: list[Any] = outcomes) -> None:
            start.wait()
            try:
                outcomes.append(registry.start_experiment("Churn", challenger, "split", 0.1))
            except Conflict as error:
                outcomes.append(error)

        threads = [threading.Thread(target=begin, args=(each,)) for each in four[1:3]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [each for each in outcomes if isinstance(each, Experiment)]
        assert len(won) == 1, outcomes
        registry.stop_experiment(won[0].experiment_id)


def test_a_replay_deals_the_same_units(tmp_path: Path) -> None:
    salts = []
    for folder in ("one", "two"):
        with Registry(tmp_path / folder, clock=Clock()) as registry:
            register(registry, 0.9)
            salts.append(registry.start_experiment("Churn", register(registry, 0.8)).salt)
    assert salts[0] == salts[1]
