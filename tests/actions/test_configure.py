from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest

from registry_core import Conflict, InvalidConfiguration, NotFound, Registry
from registry_core.actions import model_records
from registry_core.catalog import models
from registry_core.catalog.database import Queries
from registry_core.evidence import Task
from registry_core.policies import Policy
from registry_core.records import Row
from tests.fitted import register, score

SEED = {
    "auto_select_best": True,
    "max_models_to_keep": 50,
    "performance_weight": {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1},
}


def test_a_new_folder_gets_the_seeds_keys_and_defaults(sqlite_registry: Registry, registry_folder: Path) -> None:
    written = json.loads((registry_folder / "registry_config.json").read_text())
    assert SEED.items() <= written.items()


def test_the_seeds_own_file_is_taken_as_it_is(registry_folder: Path) -> None:
    registry_folder.mkdir()
    (registry_folder / "registry_config.json").write_text(json.dumps(SEED))
    with Registry(registry_folder) as registry:
        assert registry.policy("Any").performance_weight == SEED["performance_weight"]
        assert [event.kind for event in registry.events()] == ["created"]
    assert json.loads((registry_folder / "registry_config.json").read_text()) == SEED


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"colour": 1}, ["colour", "auto_select_best"]),
        ({"auto_select_best": "yes"}, ["auto_select_best", "'yes'", "true or false"]),
        ({"max_models_to_keep": -5}, ["max_models_to_keep", "-5", "whole number"]),
        ({"max_models_to_keep": 2.5}, ["2.5"]),
        ({"performance_weight": {}}, ["performance_weight"]),
        ({"performance_weight": {"accuracy": -1}}, ["performance_weight.accuracy", "-1"]),
        ({"performance_weight": {"accuracy": float("nan")}}, ["nan"]),
        ({"performance_weight": {"accuracy": 0}}, ["above 0"]),
        ({"ensemble_bonus": 2}, ["ensemble_bonus", "0 to 1"]),
        ({"lower_is_better": "rmse"}, ["lower_is_better", "list"]),
    ],
)
def test_a_mistake_names_the_key_the_value_and_what_is_allowed(
    registry: Registry, changes: dict[str, Any], parts: list[str]
) -> None:
    before = registry.configuration().to_dict(), registry.revision()
    for name in (None, "Churn"):
        with pytest.raises(InvalidConfiguration) as caught:
            registry.configure(name, **changes)
        assert all(part in str(caught.value) for part in parts)
    assert (registry.configuration().to_dict(), registry.revision()) == before


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"colour": 1}', "'colour'"),
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"selection_margin": 1, "selection_margin": 2}', "twice"),
        ('{"model_names": {"Churn": {"colour": 1}}}', "model_names.Churn.colour"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_mistake_in_the_file_is_told_at_opening(registry_folder: Path, text: str, part: str) -> None:
    registry_folder.mkdir()
    path = registry_folder / "registry_config.json"
    path.write_text(text)
    with pytest.raises(InvalidConfiguration) as caught:
        Registry(registry_folder)
    assert part in str(caught.value)
    assert path.read_text() == text


def test_a_file_that_is_no_text_is_told_as_well(registry_folder: Path) -> None:
    registry_folder.mkdir()
    (registry_folder / "registry_config.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        Registry(registry_folder)


def test_an_edited_file_is_taken_over_at_the_next_opening_with_its_event(registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        model_id = register(registry, 0.5)
        settings = registry.configuration().to_dict()
    (registry_folder / "registry_config.json").write_text(json.dumps({**settings, "performance_weight": {"auc": 1.0}}))
    with Registry(registry_folder) as registry:
        assert registry.get_metadata(model_id).composite_score == 0.5
        event = registry.events(limit=1)[0]
        assert (event.kind, event.reason) == ("configured", "registry_config.json was edited")


def test_new_weights_rank_anew_everywhere_at_once(catalog_url: dict[str, Any]) -> None:
    with Registry(**catalog_url) as one, Registry(**catalog_url) as other:
        sharp = register(one, performance_metrics={"accuracy": 0.9, "auc": 0.5, "f1_score": 0.5})
        smooth = register(one, performance_metrics={"accuracy": 0.5, "auc": 0.7, "f1_score": 0.5})
        assert other.get_best_model_id() == sharp
        one.configure(performance_weight={"auc": 1.0}, actor="anna", reason="ranking is what counts")
        assert other.get_best_model_id() == smooth
        assert [row["composite_score"] for row in other.get_model_comparison()] == [0.7, 0.5]
        assert other.get_active_model_id() == sharp
        one.configure(performance_weight=None)
        assert other.get_best_model_id() == sharp
        changes = [(event.actor, event.before["performance_weight"]) for event in other.events(kinds=["configured"])]
        assert changes[1] == ("anna", SEED["performance_weight"])


def test_a_policy_holds_for_one_model_name_only(registry: Registry) -> None:
    register(registry, 0.5)
    other = register(registry, 0.5, model_name="Fraud")
    registry.configure("Fraud", performance_weight={"recall": 1.0})
    assert registry.get_metadata(other).score_note == "no score: recall is missing"
    assert registry.get_best_model_id("Fraud") is None
    assert registry.get_best_model_id("Churn") is not None
    registry.configure("Fraud", performance_weight=None)
    assert registry.configuration().model_names == {}


def test_nothing_changes_nothing(registry: Registry) -> None:
    before = registry.revision()
    registry.configure(selection_margin=0.0)
    assert registry.revision() == before


def test_a_preview_is_what_saving_then_does(registry: Registry) -> None:
    sharp = register(registry, performance_metrics={"accuracy": 0.9, "auc": 0.5, "f1_score": 0.5})
    smooth = register(registry, performance_metrics={"accuracy": 0.5, "auc": 0.7, "f1_score": 0.5})
    narrow = register(registry, performance_metrics={"accuracy": 0.95, "f1_score": 0.9})
    elsewhere = register(registry, 0.99, evaluation_set="another")
    out = register(registry, 0.4)
    registry.reject(out)
    other = register(registry, 0.5, model_name="Fraud")
    before = registry.revision()
    found = registry.preview_configuration(performance_weight={"auc": 1.0})
    assert registry.revision() == before
    assert list(found) == ["Churn", "Fraud"]
    churn = found["Churn"]
    assert (churn.champion, churn.best_before, churn.best_after) == (sharp, sharp, smooth)
    changes = {each.model_id: each for each in churn.changes}
    assert [each.model_id for each in churn.changes[:2]] == [smooth, sharp]
    assert (changes[sharp].rank_before, changes[sharp].rank_after) == (1, 2)
    assert (changes[narrow].score_before, changes[narrow].rank_after) == (None, None)
    assert changes[narrow].note_after == "no score: auc is missing"
    assert changes[elsewhere].rank_after is changes[out].rank_after is None
    assert found["Fraud"].best_after == other
    assert list(registry.preview_configuration("Fraud", selection_margin=0.1)) == ["Fraud"]

    registry.configure(performance_weight={"auc": 1.0})
    assert registry.get_best_model_id("Churn") == churn.best_after
    for each in churn.changes:
        model = registry.get_metadata(each.model_id)
        assert (model.composite_score, model.score_note) == (each.score_after, each.note_after)
    with pytest.raises(InvalidConfiguration, match="colour"):
        registry.preview_configuration(colour=1)
    with pytest.raises(InvalidConfiguration, match="trusted_globals"):
        registry.preview_configuration(trusted_globals=["*"])


def test_a_preview_tells_who_loses_a_score_by_measured_metrics(registry: Registry) -> None:
    model_id = register(registry, 0.5)
    change = registry.preview_configuration("Churn", rank_by="measured")["Churn"].changes[0]
    assert (change.model_id, change.rank_before, change.rank_after, change.score_after) == (model_id, 1, None, None)
    assert "the version is not evaluated" in str(change.note_after)


def test_settings_go_back_to_an_event_with_an_event_of_their_own(registry: Registry) -> None:
    (created,) = registry.events(kinds=["created"])
    register(registry, 0.5)
    registry.configure("Churn", performance_weight={"auc": 1.0}, actor="anna", reason="ranking counts")
    registry.configure(selection_margin=0.2, actor="bert", reason="calm")
    own, calm = (registry.events(kinds=["configured"])[place] for place in (1, 0))
    registry.revert_configuration(own.event_id, actor="anna", reason="too calm")
    assert registry.policy("Churn").performance_weight == {"auc": 1.0}
    assert registry.policy("Churn").selection_margin == 0
    last = registry.events(limit=1)[0]
    assert (last.kind, last.actor) == ("configured", "anna")
    assert last.reason == f"settings after event {own.event_id}: too calm"
    assert last.before == calm.after
    registry.revert_configuration(created.event_id)
    assert registry.configuration().model_names == {}
    # to the last bit: the record sorts its keys, and a sum hangs on their order
    assert registry.get_model_comparison()[0]["composite_score"] == score(0.5)
    revision = registry.revision()
    registry.revert_configuration(created.event_id)
    assert registry.revision() == revision
    for wrong in (0, 10**6, registry.events(kinds=["registered"])[0].event_id, "first"):
        with pytest.raises(NotFound, match="did not change settings"):
            registry.revert_configuration(wrong)  # pyrefly: ignore[bad-argument-type]


def test_settings_others_changed_meanwhile_are_not_overwritten(catalog_url: dict[str, Any]) -> None:
    with Registry(**catalog_url, actor="anna") as anna, Registry(**catalog_url, actor="bert") as bert:
        seen = anna.configuration()
        bert.configure(selection_margin=0.1, reason="calm")
        last = bert.events(limit=1)[0]
        faster = f"changed by bert at {re.escape(last.at)}, in event {last.event_id}"
        with pytest.raises(Conflict, match=faster):
            anna.configure("Churn", ensemble_bonus=0.0, expected=seen)
        with pytest.raises(Conflict, match=faster):
            anna.revert_configuration(1, expected=seen)
        assert anna.revision() == last.event_id
        anna.configure("Churn", ensemble_bonus=0.0, expected=anna.configuration())
        assert bert.policy("Churn").ensemble_bonus == 0


def test_versions_are_scored_anew_only_where_scores_may_change(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str | None] = []
    whole = models.scoring_rows

    def rows(queries: Queries, model_name: str | None = None) -> list[Row]:
        looked.append(model_name)
        return whole(queries, model_name)

    for name in ("Churn", "Fraud"):
        register(registry, 0.9, model_name=name)
    monkeypatch.setattr(models, "scoring_rows", rows)
    registry.configure(auto_select_best=False, reason="by hand")
    registry.configure(model_name="Fraud", selection_margin=0.1, reason="a clear lead")
    assert looked == []
    registry.configure(model_name="Fraud", performance_weight={"auc": 1.0}, reason="auc alone")
    assert looked == ["Fraud"]
    registry.configure(ensemble_bonus=0.1, reason="more")
    assert looked == ["Fraud", "Churn", "Fraud"]


@pytest.mark.parametrize("rank_by", ["reported", "measured"])
@pytest.mark.parametrize("task", ["classification", "regression", None])
def test_scores_follow_from_no_other_setting(rank_by: Literal["reported", "measured"], task: Task | None) -> None:
    asked = set[str]()

    class Asked(Policy):
        def __getattribute__(self, name: str) -> Any:
            if name in Policy.__dataclass_fields__:
                asked.add(name)
            return super().__getattribute__(name)

    source = model_records.MetricSource({"accuracy": 0.9, "r2": 0.5}, "holdout")
    model_records.ranked(Asked(rank_by=rank_by), source, source, task, True)
    assert asked
    assert asked <= set(model_records.SCORED_BY)
