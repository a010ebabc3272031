"""Decisions: what the dialogs ask for, what they do, and what they say when somebody else was faster."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard import permissions, session
from registry_core import Registry
from tests.clock import Clock

from .conftest import register

Open = Callable[..., AppTest]


def decide(app: AppTest, reason: str) -> AppTest:
    """Fill in the reason of the open dialog and confirm."""
    app.text_area(key="reason").set_value(reason)
    (confirm,) = [button for button in app.button if button.proto.form_id == "decision" and button.label != "Cancel"]
    return confirm.click().run()


def ask(open_page: Open, verb: str, model_id: str) -> AppTest:
    return open_page("model", id=model_id).button(key=f"{verb}-{model_id}").click().run()


def words(app: AppTest) -> str:
    return " ".join(
        str(getattr(each, "value", ""))
        for kind in ("markdown", "success", "warning", "error")
        for each in app.get(kind)
    )


def test_a_promotion_shows_what_changes_and_is_recorded(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = ask(open_page, "promote", several["third"])
    assert "returns 1.2.0 instead of 1.1.0" in words(app)
    app.text_input(key="decided_by").set_value("carla")
    app = decide(app, "asked for by the desk")
    assert own.get_active_model_id("Churn") == several["third"]
    (event, *_) = own.events("Churn")
    assert (event.kind, event.actor, event.reason) == ("promoted", "carla", "asked for by the desk")
    assert "is now the champion" in words(app)


def test_a_reason_is_required(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = decide(ask(open_page, "promote", several["third"]), "   ")
    assert "Enter a reason" in words(app)
    assert own.get_active_model_id("Churn") == several["second"]


def test_undo_of_a_promotion(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = decide(ask(open_page, "promote", several["third"]), "try it")
    (undo,) = [button for button in app.button if button.label.startswith("Undo")]
    app = undo.click().run()
    assert own.get_active_model_id("Churn") == several["second"]
    assert own.rollback_target("Churn") != several["third"]
    assert "Undone" in words(app)


def test_undo_after_somebody_else_changed_it_is_refused(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = decide(ask(open_page, "promote", several["third"]), "try it")
    own.promote(several["first"], actor="bert", reason="no")
    (undo,) = [button for button in app.button if button.label.startswith("Undo")]
    app = undo.click().run()
    assert own.get_active_model_id("Churn") == several["first"]
    assert "Not undone" in words(app)


def undo_rollback(app: AppTest) -> AppTest:
    (undo,) = [button for button in app.button if button.label.startswith("Undo the rollback")]
    return undo.click().run()


def test_a_rollback_and_its_undo(several: dict[str, str], own: Registry, open_page: Open) -> None:
    own.configure(
        "Churn", gates={"minimum_metrics": {"accuracy": 0.99}}, actor="anna", reason="no promotion would pass now"
    )
    app = ask(open_page, "rollback", several["second"])
    assert "1.1.0 is disqualified" in words(app)
    assert "Same 2 features and 2 classes, in the same order" in words(app)
    app = decide(app, "fails on live data")
    assert own.get_active_model_id("Churn") == several["first"]
    assert own.get_metadata(several["second"]).status == "disqualified"
    app = undo_rollback(app)
    assert own.get_active_model_id("Churn") == several["first"]
    assert "1.1.0 is reinstated and serves again" in words(app)
    app = decide(app, "the feed was broken")
    assert not app.exception
    assert own.get_active_model_id("Churn") == several["second"]
    assert own.get_metadata(several["second"]).status == "registered"
    assert own.events("Churn")[0].kind == "rollback_undone"
    assert "is the champion of **Churn** again" in words(app)


def test_the_undo_of_a_rollback_changes_nothing_where_it_cannot(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = undo_rollback(decide(ask(open_page, "rollback", several["second"]), "fails on live data"))
    own.delete(several["second"], actor="bert", reason="useless")
    app = decide(app, "the feed was broken")
    assert "Nothing was changed" in words(app)
    assert own.get_active_model_id("Churn") == several["first"]
    assert own.get_metadata(several["second"]).status == "trashed"


def test_the_undo_of_a_rollback_after_somebody_elses_promotion_is_a_conflict(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = undo_rollback(decide(ask(open_page, "rollback", several["second"]), "fails on live data"))
    own.promote(several["third"], actor="bert", reason="me first")
    app = decide(app, "the feed was broken")
    assert "**bert**" in words(app)
    assert own.get_active_model_id("Churn") == several["third"]
    assert own.get_metadata(several["second"]).status == "disqualified"


def test_a_rollback_to_other_features_says_so_both_ways(own: Registry, clock: Clock, open_page: Open) -> None:
    own.configure(auto_select_best=False, actor="anna", reason="set up")
    first = register(own, feature_names=["age", "visits"])
    clock.tick(60)
    second = register(own, 0.9, feature_names=["visits", "spend"])
    for each in (first, second):
        own.promote(each, actor="anna", reason="set up", override=True)
    app = ask(open_page, "rollback", second)
    assert "Features change: 1 added ('age'), 1 removed ('spend')" in words(app).replace("\\", "")
    app = undo_rollback(decide(app, "fails on live data"))
    assert "Features change: 1 added ('spend'), 1 removed ('age')" in words(app).replace("\\", "")


def test_a_conflict_names_who_was_faster_and_keeps_the_reason(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = ask(open_page, "promote", several["third"])
    own.promote(several["first"], actor="bert", reason="me first")
    app = decide(app, "my good reason")
    assert own.get_active_model_id("Churn") == several["first"]
    assert "**bert**" in words(app)
    assert app.text_area(key="reason").value == "my good reason"
    app = app.button(key="decision-again").click().run()
    assert "returns 1.2.0 instead of 1.0.0" in words(app)
    assert app.text_area(key="reason").value == "my good reason"
    decide(app, "my good reason")
    assert own.get_active_model_id("Churn") == several["third"]


def test_rejecting_and_restoring(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = decide(ask(open_page, "reject", several["third"]), "not now")
    assert own.get_metadata(several["third"]).status == "rejected"
    (undo,) = [button for button in app.button if button.label == "Undo"]
    undo.click().run()
    assert own.get_metadata(several["third"]).status == "registered"


def test_an_error_of_the_core_is_shown_in_words(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = ask(open_page, "promote", several["third"])
    own.reject(several["third"], actor="bert", reason="no")
    app = decide(app, "go")
    assert "cannot be promoted" in words(app).replace("\\", "")


def test_nobody_decides_without_a_name(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = ask(open_page, "promote", several["third"])
    assert app.text_input(key="decided_by").value
    app.text_input(key="decided_by").set_value("  ")
    app = decide(app, "go")
    assert "Enter your name" in words(app)
    assert own.get_active_model_id("Churn") == several["second"]


def test_the_name_of_a_decision_becomes_the_sessions(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = ask(open_page, "reject", several["third"])
    app.text_input(key="decided_by").set_value("carla")
    app = decide(app, "no")
    assert app.text_input(key="actor").value == "carla"
    (undo,) = [button for button in app.button if button.label == "Undo"]
    undo.click().run()
    assert own.events("Churn")[0].actor == "carla"


def test_a_message_stays_with_its_model_name_and_version(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    app = decide(ask(open_page, "reject", several["third"]), "overfits")
    assert "is rejected" in words(app)
    app.query_params["id"] = several["first"]
    assert "is rejected" not in words(app.run())
    app.query_params["id"] = several["third"]
    assert "is rejected" in words(app.run())
    app.switch_page("../pages/leaderboard.py")
    app.run()
    assert "is rejected" in words(app)
    assert "is rejected" not in words(app.selectbox(key="model").set_value("Races").run())


def test_an_undo_does_not_change_how_many_versions_wait(
    several: dict[str, str], own: Registry, open_page: Open
) -> None:
    before = next(each for each in words(open_page()).split(".") if "awaiting review" in each)
    app = decide(ask(open_page, "promote", several["third"]), "try it")
    (undo,) = [button for button in app.button if button.label.startswith("Undo")]
    undo.click().run()
    assert before in words(open_page())


def test_what_may_be_done_with_one_version_and_with_a_list_of_one_are_two_answers(own: Registry) -> None:
    register(own)
    model_id = register(own, 0.7)
    view = session.view()
    assert set(permissions.of_many([model_id], view)) == {model_id}
    assert permissions.of(model_id, view)["promote"].allowed
    assert set(permissions.of_many([model_id], view)) == {model_id}


def test_cancel_closes_the_dialog_and_changes_nothing(several: dict[str, str], own: Registry, open_page: Open) -> None:
    app = ask(open_page, "promote", several["third"])
    app = app.button(key="decision-cancel").click().run()
    assert "decision-cancel" not in [each.key for each in app.button]
    assert own.get_active_model_id("Churn") == several["second"]
