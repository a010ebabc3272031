"""The verdict on versions of a real registry: the same by every way of asking, and in the events of promotions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from registry_core import ModelNotFound, PromotionVerdict, Registry
from tests.commands import run

from .test_evaluate import add, put


def weak() -> RandomForestClassifier:
    return RandomForestClassifier(1, max_depth=1, random_state=0).fit(*load_breast_cancer(return_X_y=True))


@pytest.fixture
def judged(registry: Registry) -> tuple[Registry, str, str, str]:
    """A registry with a weak champion, a better version, and one that was never evaluated."""
    registry.configure(auto_evaluate=False, auto_select_best=False, reason="by hand")
    champion, better, unknown = put(registry, weak()), put(registry), put(registry)
    add(registry)
    registry.promote(champion, actor="anna", reason="the first")
    for each in (champion, better):
        registry.evaluate(each)
    return registry, champion, better, unknown


def asked_both_ways(registry: Registry, model_id: str) -> PromotionVerdict:
    verdict = registry.verdict(model_id)
    assert registry.verdicts([model_id]) == {model_id: verdict}
    return verdict


def test_every_way_of_asking_gives_the_same_verdict(judged: tuple[Registry, str, str, str]) -> None:
    registry, champion, better, unknown = judged
    found = asked_both_ways(registry, better)
    assert (found.word, found.action, found.champion_id) == ("better", "promote", champion)
    assert found.difference == registry.compare_measured(champion, better).differences["accuracy"]
    assert found.gates == registry.check_gates(better).gates
    assert [flag.metric for flag in found.self_reported]
    assert asked_both_ways(registry, champion).word == "champion"
    missing = asked_both_ways(registry, unknown)
    assert (missing.word, missing.action, missing.evaluate) == ("not evaluated", "evaluate", unknown)
    assert set(registry.verdicts([champion, better, unknown])) == {champion, better, unknown}
    with pytest.raises(ModelNotFound):
        registry.verdicts([better, "gone"])


def test_the_event_of_a_promotion_keeps_the_verdict_as_it_stood(judged: tuple[Registry, str, str, str]) -> None:
    registry, champion, better, _ = judged
    found = registry.verdict(better)
    registry.promote(better, actor="anna", reason="better")
    (event,) = registry.events(model_id=better, kinds=["promoted"])
    assert event.after["verdict"] == {"word": found.word, "sentence": found.sentence}
    registry.promote(champion, actor="anna", reason="back to it")
    event = registry.events(model_id=champion, kinds=["promoted"])[0]
    assert event.after["verdict"]["word"] == "worse"


def test_the_verdict_follows_the_state_of_a_version(judged: tuple[Registry, str, str, str]) -> None:
    registry, _, better, unknown = judged
    registry.reject(better, reason="too slow")
    assert asked_both_ways(registry, better).word == "blocked"
    registry.restore(better)
    assert asked_both_ways(registry, better).word == "better"
    registry.configure(gates={"approval": True}, reason="two pairs of eyes")
    found = asked_both_ways(registry, better)
    assert (found.word, found.action) == ("blocked", "review")
    registry.review(better, "approved", "looked at it", actor="carla")
    assert asked_both_ways(registry, better).word == "better"
    # what nobody approved yet is first of all not evaluated
    assert asked_both_ways(registry, unknown).word == "not evaluated"


def test_other_features_block_whatever_is_evaluated(judged: tuple[Registry, str, str, str]) -> None:
    registry, *_ = judged
    data, target = load_breast_cancer(return_X_y=True)
    narrow = put(registry, LogisticRegression().fit(data[:, :3], target))
    found = asked_both_ways(registry, narrow)
    assert found.word == "blocked"
    assert "Same features as the champion" in found.sentence


def test_an_automatic_promotion_keeps_it_too(sqlite_registry: Registry) -> None:
    add(sqlite_registry)
    sqlite_registry.configure(rank_by="measured", reason="what was evaluated counts")
    put(sqlite_registry, weak())
    better = put(sqlite_registry)
    assert sqlite_registry.get_active_model_id() == better
    (event,) = sqlite_registry.events(model_id=better, kinds=["promoted"])
    assert event.after["verdict"]["word"] == "better"


def test_the_command_line_says_the_same(sqlite_registry: Registry, registry_folder: Path) -> None:
    sqlite_registry.configure(auto_evaluate=False, reason="by hand")
    model_id = put(sqlite_registry)
    later = put(sqlite_registry)
    found = sqlite_registry.verdict(later)
    result = run(registry_folder, "gates", later, "--json")
    document = json.loads(result.stdout)
    assert (document["verdict"]["word"], document["verdict"]["sentence"]) == (found.word, found.sentence)
    assert found.sentence in run(registry_folder, "gates", later).stdout
    assert run(registry_folder, "gates", model_id).stdout.startswith("Champion: Cancer 1.0.0 is the champion")
