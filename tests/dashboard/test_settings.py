"""The settings page in its states: what is shown, what a change would do, saving, going back, who was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views.settings import preview as settings_preview
from dashboard.views.settings import schema
from dashboard.views.settings.draft import Draft
from dashboard.views.settings.schema import BY_PATH, INHERITED, differences
from registry_core import Configuration, RankingChange, RankingPreview, Registry

from .conftest import register
from .test_pages import texts as raw_texts

Open = Callable[..., AppTest]


def texts(app: AppTest) -> str:
    """All the words on a page, as they are read."""
    return raw_texts(app).replace("\\", "").replace("\u2060", "")


def number(app: AppTest, path: str) -> Any:
    """The field of a number."""
    return next(each for each in app.number_input if str(each.key).endswith(f"-{path}"))


def confirm(app: AppTest, label: str) -> None:
    next(each for each in app.button if each.label == label and each.proto.is_form_submitter).click().run()


@pytest.fixture
def two(own: Registry) -> tuple[str, str]:
    """A champion strong in accuracy, and a version strong in AUC that would lead with other weights."""
    sharp = register(own, 0.9, performance_metrics={"accuracy": 0.9, "auc": 0.5, "f1_score": 0.5})
    smooth = register(own, 0.5, performance_metrics={"accuracy": 0.5, "auc": 0.7, "f1_score": 0.5})
    return sharp, smooth


def test_new_weights_are_previewed_saved_undone_and_reverted(
    own: Registry, two: tuple[str, str], open_page: Open
) -> None:
    app = open_page("settings", model="Churn")
    assert not app.exception
    assert "From the registry-wide settings" in texts(app)
    assert "1.0.0** is the best. Change a weight" in texts(app)
    assert app.button(key="save").disabled

    number(app, "performance_weight.accuracy").set_value(0.0)
    number(app, "performance_weight.auc").set_value(1.0).run()
    said = texts(app)
    assert "Weights ◆ ●" in said
    assert number(app, "performance_weight.accuracy").value == 0.0
    assert "**1.0.1** would be the best, instead of **1.0.0**. 2 versions of 2 would change rank." in said
    assert "Saving does not change the champion **1.0.0**" in said
    assert "**1 change not saved**" in said
    table = app.dataframe[0].value
    assert table["Change"].tolist() == ["▲ up 1", "▼ down 1"]
    assert own.policy("Churn").performance_weight["auc"] == 0.3

    app.button(key="save").click().run()
    assert "For Churn only. Scores and ranks change at once; no version is promoted" in texts(app)
    before = "Accuracy 0.4, AUC 0.3, F1 0.2, Data quality 0.1 (registry-wide)"
    assert f"Churn: Weights: {before} → **AUC 1, F1 0.2, Data quality 0.1**" in texts(app)
    confirm(app, "Save")
    assert "Enter a reason" in app.warning[0].value
    app.text_area(key="reason").set_value("ranking is what counts")
    app.text_input(key="decided_by").set_value("carla")
    confirm(app, "Save")
    assert not app.exception
    assert "Saved: 1 setting changed." in app.success[0].value
    assert own.get_best_model_id("Churn") == two[1]
    assert own.get_active_model_id("Churn") == two[0]
    event = own.events(limit=1)[0]
    assert (event.kind, event.actor, event.reason) == ("configured", "carla", "ranking is what counts")
    assert "Overridden for Churn" in texts(app)

    next(each for each in app.button if each.label == "Undo: restore the previous settings").click().run()
    assert "Undone" in app.success[0].value
    assert own.get_best_model_id("Churn") == two[0]

    history = open_page("settings", model="Churn", section="History")
    assert "settings after event 1: undo of the change" in texts(history)
    assert history.button(key=f"revert-{own.events(limit=1)[0].event_id}").disabled
    history.button(key=f"revert-{event.event_id}").click().run()
    history.text_area(key="reason").set_value("it was right")
    confirm(history, "Revert")
    assert own.get_best_model_id("Churn") == two[1]


def test_what_others_saved_meanwhile_is_told_and_not_overwritten(
    own: Registry, two: tuple[str, str], open_page: Open
) -> None:
    app = open_page("settings", model="Churn")
    number(app, "performance_weight.auc").set_value(0.9).run()
    app.button(key="save").click().run()
    own.configure(selection_margin=0.1, actor="bert", reason="calm")
    app.text_area(key="reason").set_value("mine")
    confirm(app, "Save")
    assert "The settings were changed meanwhile by bert" in texts(app)
    assert own.policy("Churn").performance_weight["auc"] == 0.3
    app.button(key="decision-again").click().run()
    assert "The settings were changed by **bert**" in texts(app)
    assert app.button(key="save").disabled
    app.button(key="take-over").click().run()
    assert number(app, "performance_weight.auc").value == 0.9
    app.button(key="save").click().run()
    app.text_area(key="reason").set_value("mine, on top of his")
    confirm(app, "Save")
    policy = own.policy("Churn")
    assert (policy.performance_weight["auc"], policy.selection_margin) == (0.9, 0.1)


def test_a_group_of_a_name_goes_back_to_the_registry_wide_settings(own: Registry, open_page: Open) -> None:
    register(own)
    own.configure("Churn", retention={"keep_best": 9}, max_models_to_keep=7, actor="anna", reason="set up")
    app = open_page("settings", model="Churn", section="Retention")
    assert number(app, "retention.keep_best").value == 9
    assert "◆" in number(app, "max_models_to_keep").label
    next(each for each in app.button if each.label == "Inherit registry-wide settings").click().run()
    assert number(app, "retention.keep_best").value == 5
    app.button(key="save").click().run()
    app.text_area(key="reason").set_value("as everybody")
    confirm(app, "Save")
    assert not app.exception
    assert own.configuration().model_names == {}
    assert "From the registry-wide settings" in texts(app)


def test_the_number_of_versions_alone_is_said_to_be_own_and_goes_back(own: Registry, open_page: Open) -> None:
    register(own)
    own.configure("Churn", max_models_to_keep=7, actor="anna", reason="set up")
    app = open_page("settings", model="Churn", section="Retention")
    assert "Partly overridden" in texts(app)
    next(each for each in app.button if each.label == "Inherit registry-wide settings").click().run()
    assert number(app, "max_models_to_keep").value == 50
    assert "From the registry-wide settings" in texts(app)
    assert not app.button(key="save").disabled


def test_bounds_names_and_numbers_of_gates_are_saved(own: Registry, open_page: Open) -> None:
    register(own)
    app = open_page("settings", model="Churn", section="Gates")
    asked = next(each for each in app.multiselect if str(each.key).endswith("-gates.minimum_metrics"))
    asked.set_value(["accuracy"]).run()
    number(app, "gates.minimum_metrics.accuracy").set_value(0.7)
    number(app, "gates.not_worse_than_champion").set_value(0.02)
    next(each for each in app.toggle if str(each.key).endswith("-gates.approval")).set_value(True)
    app.run()
    assert "●" in number(app, "gates.not_worse_than_champion").label
    # the other sections and back: what was typed is still there
    app.session_state["section"] = "Retention"
    app.run()
    app.session_state["section"] = "Gates"
    app.run()
    assert number(app, "gates.minimum_metrics.accuracy").value == 0.7
    app.button(key="save").click().run()
    app.text_area(key="reason").set_value("four eyes")
    confirm(app, "Save")
    assert not app.exception
    policy = own.policy("Churn").gate_policy
    assert (policy.minimum_metrics, policy.not_worse_than_champion, policy.approval) == ({"accuracy": 0.7}, 0.02, True)
    assert own.policy("Other").gates == {}


@pytest.mark.parametrize("whose", ["This name", "All names"])
def test_every_section_opens_without_a_change(own: Registry, open_page: Open, whose: str) -> None:
    register(own)
    register(own, model_name="Races")
    for section in ("Ranking", "Gates", "Retention", "Monitoring", "History"):
        app = open_page("settings", model="Churn", section=section, whose=whose)
        assert not app.exception
        assert not app.error
        assert "not saved**" not in texts(app)


def test_what_is_not_allowed_is_said_and_cannot_be_saved(own: Registry, two: tuple[str, str], open_page: Open) -> None:
    app = open_page("settings", model="Churn", whose="All names")
    for each in app.number_input:
        if "-performance_weight." in str(each.key):
            each.set_value(0.0)
    app.run()
    assert app.error[0].value == "Set at least one weight above 0."
    assert app.button(key="save").disabled
    app.button(key="discard").click().run()
    assert not app.error
    assert number(app, "performance_weight.accuracy").value == 0.4


# the draft


def seen(**everywhere: object) -> Configuration:
    return Configuration.from_dict(everywhere)


def test_a_draft_changes_only_what_differs() -> None:
    draft = Draft(None, seen(gates={"approval": True}))
    draft.put(BY_PATH["gates.approval"], True)
    draft.put(
        BY_PATH["performance_weight"], {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1, "mcc": 0}
    )
    assert not draft.changed
    draft.put(BY_PATH["gates.slice_rows"], 50)
    assert draft.changes() == {"gates": {"approval": True, "slice_rows": 50}}
    draft.put(BY_PATH["gates.approval"], False)
    assert draft.changes() == {"gates": {"slice_rows": 50}}
    draft.take_back("gates")
    assert draft.changes() == {"gates": None}
    draft.put(BY_PATH["gates.slice_rows"], 60)
    assert draft.changes() == {"gates": {"slice_rows": 60}}


def test_a_name_begins_with_what_it_inherits() -> None:
    wide = seen(monitoring={"tolerance": 0.05}, model_names={"Fraud": {"selection_margin": 0.2}})
    draft = Draft("Churn", wide)
    assert draft.inherits("monitoring")
    draft.put(BY_PATH["monitoring.minimum_labels"], 300)
    assert not draft.inherits("monitoring")
    assert draft.changes() == {"monitoring": {"tolerance": 0.05, "minimum_labels": 300}}
    assert Draft("Fraud", wide).own("selection_margin")
    everywhere = Draft(None, wide)
    everywhere.put(BY_PATH["selection_margin"], 0.1)
    assert everywhere.exceptions() == ["Fraud"]
    assert Draft("Races", wide, task="regression").value(BY_PATH["performance_weight"]) == {"r2": 1.0}


def test_a_draft_moves_onto_other_settings() -> None:
    draft = Draft(None, seen())
    draft.put(BY_PATH["selection_margin"], 0.1)
    draft.put(BY_PATH["ensemble_bonus"], 0.0)
    draft.move_to(seen(selection_margin=0.1))
    assert draft.changes() == {"ensemble_bonus": 0.0}


def test_a_draft_moves_only_the_entries_it_changed() -> None:
    draft = Draft(None, seen(performance_weight={"accuracy": 0.5, "auc": 0.3, "f1_score": 0.2}))
    draft.put(BY_PATH["performance_weight"], {"accuracy": 0.6, "auc": 0.3, "mcc": 0.1})
    draft.put(BY_PATH["gates.minimum_metrics"], {"auc": 0.7})
    draft.move_to(
        seen(
            performance_weight={"accuracy": 0.5, "auc": 0.9, "f1_score": 0.4, "log_loss": 0.1},
            gates={"minimum_metrics": {"accuracy": 0.8}},
        )
    )
    assert draft.changes() == {
        "performance_weight": {"accuracy": 0.6, "auc": 0.9, "log_loss": 0.1, "mcc": 0.1},
        "gates": {"minimum_metrics": {"accuracy": 0.8, "auc": 0.7}},
    }


def test_a_section_goes_back_with_all_its_keys() -> None:
    wide = seen(max_models_to_keep=9, model_names={"Churn": {"max_models_to_keep": 7, "retention": {"keep_best": 9}}})
    draft = Draft("Churn", wide)
    draft.put(BY_PATH["max_models_to_keep"], 8)
    draft.take_back("retention")
    assert draft.changes() == {"retention": None, "max_models_to_keep": None}
    assert draft.after().model_names == {}
    everywhere = Draft(None, wide)
    everywhere.take_back("retention")
    assert everywhere.changes() == {"max_models_to_keep": None}


# in words


def test_differences_name_the_setting_the_model_name_and_both_values() -> None:
    before = seen(model_names={"Churn": {"gates": {}, "selection_margin": 0.1}}).to_dict()
    after = seen(retention={"max_age_days": 365}, model_names={"Fraud": {"monitoring": {"drift": False}}}).to_dict()
    lines = [each.line() for each in differences(before, after)]
    assert lines == [
        "Maximum age: never → **365 days**",
        "Churn: Promotion margin: 0\\.1 score → **0 score \\(registry\\-wide\\)**",
        f"Churn: Gates: overridden, all defaults → **{INHERITED.replace('-', chr(92) + '-')}**",
        "Fraud: Detect feature drift: on \\(registry\\-wide\\) → **off**",
    ]


def test_every_setting_of_the_policies_has_a_label_and_says_what_it_means() -> None:
    from dataclasses import fields

    from registry_core import GatePolicy, MonitoringPolicy, Policy, RetentionPolicy

    wanted = {each.name for each in fields(Policy)} - {"gates", "monitoring", "retention", "own_weights"}
    for key, policy in (("gates", GatePolicy), ("monitoring", MonitoringPolicy), ("retention", RetentionPolicy)):
        wanted |= {f"{key}.{each.name}" for each in fields(policy)}
    wanted -= {"gates.lower_is_better", "retention.max_models_to_keep"}
    assert set(BY_PATH) == wanted
    assert all(not each.help.startswith("Default") for each in schema.ALL)


def test_moves_are_told_by_word_and_arrow() -> None:
    def move(before: int | None, after: int | None) -> str:
        return settings_preview.move(RankingChange("a", "1.0.0", before, after, None, None, None, None))

    assert [move(1, 1), move(3, 1), move(1, 4)] == ["= stays", "▲ up 2", "▼ down 3"]
    assert [move(1, None), move(None, 2), move(None, None)] == ["✕ unranked", "✚ new", "–"]


def test_a_preview_without_any_score_says_what_that_means() -> None:
    lost = RankingChange("a", "1.0.0", 1, None, 0.5, None, None, "no score: auc is missing")
    told = " ".join(settings_preview.sentences(RankingPreview("Churn", "a", "a", None, (lost,)), changed=True))
    assert "No version would have a score" in told
    assert "would not be promoted automatically" in told
