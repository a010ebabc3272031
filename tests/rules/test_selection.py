from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import Deployment, StateConflict
from registry_core.rules.selection import challenge, move, predecessors, why_not_eligible

SCORES = st.floats(-10, 10)
STATES = ("registered", "rejected", "archived", "disqualified", "trashed", "purged")


@given(SCORES, SCORES, st.floats(0, 1))
def test_only_a_higher_score_takes_the_place(new: float, old: float, margin: float) -> None:
    assert challenge(new, None, "set", "champion", old, "set", margin).promote == (new > old + margin)


@given(SCORES)
def test_a_tie_keeps_the_incumbent(score: float) -> None:
    decision = challenge(score, None, None, "champion", score, None, 0.0)
    assert not decision.promote
    assert "does not beat" in decision.because


@given(SCORES, SCORES)
def test_different_sets_are_never_ranked(new: float, old: float) -> None:
    decision = challenge(new, None, "spring", "champion", old, "autumn", 0.0)
    assert not decision.promote
    assert decision.because.startswith("not comparable")


def test_without_a_score_nothing_is_decided() -> None:
    assert (
        challenge(None, "no score: auc is missing", None, None, None, None, 0.0).because == "no score: auc is missing"
    )
    assert "person" in challenge(0.9, None, None, "champion", None, None, 0.0).because
    assert challenge(0.9, None, None, None, None, None, 0.0).promote


def test_who_is_eligible() -> None:
    assert why_not_eligible("registered", "trusted") is None
    for status, artifact in itertools.product(STATES[1:], ("trusted", "quarantined")):
        assert why_not_eligible(status, artifact)  # pyrefly: ignore[bad-argument-type]
    assert why_not_eligible("registered", "quarantined")


VERBS = ("reject", "archive", "restore", "disqualify", "reinstate", "delete", "purge")


@pytest.mark.parametrize(("verb", "state"), [*itertools.product(VERBS, STATES)])
def test_every_verb_either_moves_or_says_why_not(verb: str, state: str) -> None:
    allowed = {
        ("reject", "registered"): "rejected",
        ("archive", "registered"): "archived",
        ("archive", "rejected"): "archived",
        ("restore", "rejected"): "registered",
        ("restore", "archived"): "registered",
        ("restore", "trashed"): "registered",
        **{("delete", state): "trashed" for state in STATES[:4]},
        ("purge", "trashed"): "purged",
        ("disqualify", "registered"): "disqualified",
        ("reinstate", "disqualified"): "registered",
    }
    target = allowed.get((verb, state))
    if target:
        assert move(verb, "m", state, False)[0] == target  # pyrefly: ignore[bad-argument-type]
    else:
        with pytest.raises(StateConflict, match=f"m is {state}"):
            move(verb, "m", state, False)  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(StateConflict, match="is the champion"):
        move(verb, "m", state, True)  # pyrefly: ignore[bad-argument-type]


def test_out_of_the_trash_it_is_what_it_was() -> None:
    assert move("restore", "m", "trashed", False, "rejected") == ("rejected", "restored")
    assert move("restore", "m", "archived", False, None) == ("registered", "restored")


def deployment(number: int, model_id: str, *, ended: bool = True, undone: bool = False) -> Deployment:
    return Deployment(number, "Churn", model_id, "", "later" if ended else None, "t", "", undone)


def test_whom_a_rollback_returns_to() -> None:
    history = [
        deployment(6, "c", ended=False),
        deployment(5, "d", undone=True),
        deployment(4, "b"),
        deployment(3, "a"),
        deployment(2, "c"),
        deployment(1, "b"),
    ]
    assert predecessors(history, {"a", "b", "c", "d"}) == ["b", "a"]
    assert predecessors(history, {"a"}) == ["a"]
    assert predecessors([], {"a"}) == []
