"""Who may say that he acted: nobody as the registry, nobody as his own second, and nobody unseen with both hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import GatesFailed, InvalidInput, Registry
from tests import commands
from tests.fitted import forest, logistic
from tests.rules.test_people import TWINS

METRICS = {"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9}


def registered(registry: Registry, actor: str | None = None) -> str:
    return registry.register_model(
        logistic()[0], model_name="Cancer", model_type="Own", performance_metrics=METRICS, actor=actor
    )


VERBS: dict[str, Callable[[Registry, str, str], object]] = {
    "register": lambda registry, _, actor: registered(registry, actor),
    "promote": lambda registry, model_id, actor: registry.promote(model_id, actor=actor, reason="now"),
    "override": lambda registry, model_id, actor: registry.promote(model_id, actor=actor, reason="now", override=True),
    "roll back": lambda registry, _, actor: registry.rollback("Cancer", actor=actor, reason="now"),
    "undo": lambda registry, _, actor: registry.undo_promotion("Cancer", actor=actor, reason="now"),
    "undo a rollback": lambda registry, _, actor: registry.undo_rollback("Cancer", actor=actor, reason="now"),
    "approve": lambda registry, model_id, actor: registry.review(model_id, "approved", "fine", actor=actor),
    "comment": lambda registry, model_id, actor: registry.review(model_id, "comment", "fine", actor=actor),
    "reject": lambda registry, model_id, actor: registry.reject(model_id, actor=actor, reason="now"),
    "archive": lambda registry, model_id, actor: registry.archive(model_id, actor=actor, reason="now"),
    "configure": lambda registry, _, actor: registry.configure(auto_select_best=False, actor=actor, reason="now"),
    "pin": lambda registry, model_id, actor: registry.pin(model_id, actor=actor, reason="now"),
    "trust": lambda registry, model_id, actor: registry.trust(model_id, actor=actor, reason="now"),
    "accept": lambda registry, _, actor: registry.accept_foreign(registry.foreign_decisions(), actor=actor, reason="n"),
    "clean up": lambda registry, _, actor: registry.cleanup(actor=actor, reason="now"),
    "rebuild": lambda registry, _, actor: registry.rebuild_index(actor=actor, reason="now"),
    "experiment": lambda registry, model_id, actor: registry.start_experiment(
        "Cancer", model_id, actor=actor, reason="n"
    ),
    "verify": lambda registry, _, actor: registry.verify(repair=True, actor=actor),
}


@pytest.mark.parametrize("actor", ["auto", "Auto ", "\u0430uto", "aut\u043e", "\uff41uto", "The registry itself"])
def test_nobody_acts_as_the_registry(actor: str, sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = registered(sqlite_registry)
    events = sqlite_registry.count_events()
    for verb in VERBS.values():
        with pytest.raises(InvalidInput, match="the name of the registry itself"):
            verb(sqlite_registry, model_id, actor)
    with pytest.raises(InvalidInput, match="the name of the registry itself"):
        Registry(registry_folder, actor=actor)
    assert sqlite_registry.count_events() == events


def test_the_registry_still_acts(sqlite_registry: Registry) -> None:
    model_id = sqlite_registry.register_model(
        forest(), model_name="Cancer", model_type="Forest", performance_metrics=METRICS,
        training_info={"data_quality_score": 1.0},
    )  # fmt: skip
    assert sqlite_registry.get_active_model_id("Cancer") == model_id
    (promoted,) = sqlite_registry.events(kinds=["promoted"])
    assert promoted.actor == "auto"
    assert sqlite_registry.verify_events() is None


@pytest.mark.parametrize("what", [what for what, (_, other) in TWINS.items() if other.isprintable()])
def test_a_second_spelling_is_no_second_person(what: str, sqlite_registry: Registry) -> None:
    one, other = TWINS[what]
    sqlite_registry.configure("Cancer", gates={"approval": True}, reason="four eyes")
    model_id = registered(sqlite_registry, one)
    with pytest.raises(InvalidInput, match="another person has to approve"):
        sqlite_registry.review(model_id, "approved", "fine", actor=other)
    with pytest.raises(GatesFailed):
        sqlite_registry.promote(model_id, actor=other, reason="now")
    sqlite_registry.review(model_id, "approved", "fine", actor="bea")
    assert "approval" not in [gate.name for gate in sqlite_registry.check_gates(model_id).failures]


def test_an_approval_of_before_by_a_twin_does_not_count(sqlite_registry: Registry) -> None:
    sqlite_registry.configure("Cancer", gates={"approval": True}, reason="four eyes")
    model_id = registered(sqlite_registry, "anna")
    sqlite_registry.review(model_id, "approved", "fine", actor="bea")
    database = sqlite_registry._context.database
    with database.mending(), database.transaction() as transaction:
        transaction.query("UPDATE reviews SET actor = :actor", {"actor": "\u0430nna"})
    (failed,) = [gate for gate in sqlite_registry.check_gates(model_id).failures if gate.name == "approval"]
    assert "'\\u0430nna', which counts as anna" in failed.because


def test_switching_a_gate_off_and_going_past_it_is_marked(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    registry.configure("Cancer", gates={"approval": True, "unchecked_answers": True}, actor="bea", reason="four eyes")
    first, second, third = (registered(registry, "anna") for _ in range(3))
    registry.configure("Cancer", gates={"unchecked_answers": True}, actor="anna", reason="in the way")
    registry.promote(first, actor="Anna", reason="it is late")
    note = registry.get_metadata(first).override_note
    assert note.startswith("Anna changed the gates: approval from True to 'not required' in event")
    assert registry.events(kinds=["promoted"], model_id=first)[0].after["own_gates"] in note
    # In other hands it is no mark, and what is asked again is none either.
    registry.promote(second, actor="bea", reason="it is better")
    assert registry.get_metadata(second).override_note == ""
    registry.configure("Cancer", gates={"minimum_metrics": {"accuracy": 0.99}}, actor="carl", reason="more")
    registry.promote(third, actor="anna", reason="it is late again", override=True)
    note = registry.get_metadata(third).override_note
    assert note.startswith("anna overrode")
    assert "anna changed the gates" in note
    assert not registry.foreign_decisions()


def test_the_command_line_takes_no_such_name(sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = registered(sqlite_registry)
    said = commands.refused(registry_folder, 2, "InvalidInput", "archive", model_id, "--reason", "x", "--actor", "auto")
    assert "the name of the registry itself" in said
