"""The Champion / challenger page in its states, and its dialogs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Registry, StateConflict
from tests.clock import Clock
from tests.traffic import fitted, register, rows

from .test_decisions import words

Open = Callable[..., AppTest]


def plain(app: AppTest) -> str:
    told = " ".join(
        str(getattr(each, "value", ""))
        for kind in ("title", "header", "subheader", "caption", "info")
        for each in app.get(kind)
    )
    drawn = " ".join(each.proto.body for each in app.get("html"))
    return f"{told} {words(app)} {drawn}".replace("\\", "")


@pytest.fixture
def four(own: Registry, clock: Clock) -> list[str]:
    """A champion and three challengers-to-be; people advance."""
    own.configure(monitoring={"on_rollout": "suggest", "on_degradation": "off"}, reason="people decide")
    ids = []
    for accuracy in (0.9, 0.8, 0.7, 0.6):
        ids.append(register(own, accuracy))
        clock.tick(60)
    return ids


def serve(registry: Registry, clock: Clock, hours: int, each: int = 100, right: float = 0.9) -> None:
    """Traffic with its outcomes; whoever answers is right that often, challengers always."""
    predictor = registry.predictor("Churn", log="sync")
    inputs, _ = rows()
    chance = np.random.default_rng(3)
    champion = registry.get_active_model_id("Churn")
    for _ in range(hours):
        clock.tick(hours=1)
        units = [str(unit) for unit in chance.integers(0, 10**9, each)]
        answer = predictor.predict(inputs[chance.integers(0, len(inputs), each)], units)
        wrong = (chance.random(each) > right) & (answer.model_ids == champion)
        registry.record_outcomes(
            prediction_ids=answer.prediction_ids, labels=np.where(wrong, 1 - answer.values, answer.values)
        )


def confirm(app: AppTest, reason: str = "because") -> AppTest:
    app.text_area(key="reason").set_value(reason)
    (button,) = [each for each in app.button if each.proto.form_id == "decision" and each.label != "Cancel"]
    return button.click().run()


def press(app: AppTest, verb: str) -> AppTest:
    """A button of the live part; in the browser the part asks for a run of the whole page, here that run comes too."""
    return app.button(key=f"experiment-{verb}").click().run()


# The page in its states.


def test_without_models_and_without_a_champion(own: Registry, open_page: Open) -> None:
    assert "No model is registered yet" in plain(open_page("experiments"))
    own.configure(auto_select_best=False, reason="by hand")
    register(own)
    app = open_page("experiments")
    assert "Churn has no champion" in plain(app)
    assert not app.exception


def test_without_an_experiment_it_offers_one(four: list[str], open_page: Open) -> None:
    app = open_page("experiments")
    assert "No experiment yet" in plain(app)
    assert not app.button(key="experiment-start").disabled


def test_with_one_version_it_says_why_nothing_can_start(own: Registry, open_page: Open) -> None:
    register(own)
    app = open_page("experiments")
    assert app.button(key="experiment-start").disabled
    assert "No version can challenge" in app.button(key="experiment-start").help


def test_shadow(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    wrong = register(own, 0.5, fitted(sign=-1))
    own.start_experiment("Churn", wrong, actor="bert", reason="newer *data*")
    app = open_page("experiments")
    assert "Too early to say whether 1.0.4 is better than 1.0.0" in plain(app)
    assert "scores the same rows; its predictions are not served" in plain(app)
    assert "Experiment started: “newer *data*”" in plain(app)
    assert app.button(key="experiment-advance").disabled
    assert "no further stage" in app.button(key="experiment-advance").help


def test_shadow_of_what_is_worse(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    wrong = register(own, 0.5, fitted(sign=-1))
    own.start_experiment("Churn", wrong, reason="newer data")
    serve(own, clock, 4)
    app = open_page("experiments")
    assert "1.0.0 is winning: 1.0.4 is worse by" in plain(app)
    assert "the band has been below zero since" in plain(app)
    assert "enough labels" in plain(app)
    assert not app.exception


def test_split_with_a_winner(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    own.start_experiment("Churn", four[1], "split", 0.5, reason="try")
    serve(own, clock, 12, 200, right=0.8)
    app = open_page("experiments")
    assert "1.0.1 is winning: better than 1.0.0 by" in plain(app)
    assert "the band has been above zero since" in plain(app)
    assert "No sample-ratio mismatch" in plain(app)
    assert "Strong: if both were equally good" in plain(app)
    assert next(each.value["Version"].tolist() for each in app.dataframe) == ["1.0.0", "1.0.1"]
    assert app.button(key="experiment-promote").proto.type == "primary"


def test_staged_and_advanced_over_gates(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    started = own.start_experiment("Churn", four[1], stages="default", reason="the usual way")
    app = open_page("experiments")
    assert "○ not yet **Labels**: 0" in plain(app)
    assert app.button(key="experiment-share").disabled
    app = press(app, "advance")
    assert "Gate failed: Labels" in plain(app)
    app = confirm(app)
    assert "Gates failed" in plain(app)
    app.checkbox(key="override").check()
    app = confirm(app, "the desk watches")
    assert own.experiment(started.experiment_id).stage == 1
    assert "Challengers serve 1% of the requests of **Churn** now" in plain(app)
    assert "Advanced although gates failed" in plain(app)
    assert "“the desk watches” (labels: 0" in plain(app)
    assert '<li class="done"' in plain(app)
    assert "aria-current=step" in plain(app)


def test_several_challengers(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    own.start_experiment("Churn", four[1:], "split", 0.6, reason="which")
    serve(own, clock, 12, 200, right=0.7)
    own.reject(four[3], actor="bert", reason="leaks")
    app = open_page("experiments")
    assert "challengers are better than 1.0.0" in plain(app)
    assert "All challengers beside each other" in plain(app)
    assert "Withdrawn: " in plain(app)
    assert "share one error rate" in plain(app)
    assert len(app.get("plotly_chart")) == 4
    app = press(app, "promote")
    app.radio(key="winner").set_value(four[2]).run()
    app = confirm(app, "it shows")
    assert own.get_active_model_id("Churn") == four[2]
    assert "1.0.2 won against 1.0.0 and was promoted" in plain(app)


def test_paused_and_resumed(four: list[str], own: Registry, open_page: Open) -> None:
    started = own.start_experiment("Churn", four[1], "split", 0.2, reason="try")
    app = confirm(press(open_page("experiments"), "pause"), "weekend")
    assert own.experiment(started.experiment_id).status == "paused"
    assert "served 20%; serves no requests while paused" in plain(app)
    assert "Experiment paused: “weekend”" in plain(app)
    (undo,) = [each for each in app.button if each.label == "Undo: resume"]
    undo.click().run()
    assert own.experiment(started.experiment_id).status == "running"


def test_ended_ones_can_be_looked_at(four: list[str], own: Registry, clock: Clock, open_page: Open) -> None:
    first = own.start_experiment("Churn", four[1], reason="try")
    serve(own, clock, 3)
    app = confirm(press(open_page("experiments"), "stop"), "no budget")
    assert "It ended without a winner; 1.0.0 was champion throughout" in plain(app)
    assert app.query_params["experiment"] == str(first.experiment_id)
    app = open_page("experiments")
    assert "No experiment runs now" in plain(app)
    past = next(each.value for each in app.dataframe if "Result" in each.value)
    assert past["Verdict"][0].endswith("no budget")
    app.selectbox(key="experiment-choice").set_value(first.experiment_id).run()
    assert "At its end: no clear difference" in plain(app)
    assert app.query_params["experiment"] == str(first.experiment_id)


def test_a_link_to_an_experiment_brings_its_model_name(four: list[str], own: Registry, open_page: Open) -> None:
    own.configure(auto_select_best=True, reason="x")
    other = [register(own, accuracy, model_name="Aaa") for accuracy in (0.9, 0.8)]
    number = own.start_experiment("Aaa", other[1], reason="try").experiment_id
    assert open_page("experiments", experiment=str(number)).session_state["model"] == "Aaa"
    assert "has no experiment 99999" in plain(open_page("experiments", model="Churn", experiment="99999"))
    assert "has no experiment x:y" in plain(open_page("experiments", model="Churn", experiment="x:y")).replace("⁠", "")


# The dialogs.


def test_starting_a_split(four: list[str], own: Registry, open_page: Open) -> None:
    app = open_page("experiments").button(key="experiment-start").click().run()
    app = confirm(app)
    assert "Choose at least one challenger" in plain(app)
    app.multiselect(key="start-challengers").set_value([four[1], four[2]])
    app.radio(key="start-way").set_value("Split").run()
    app.number_input(key="start-share").set_value(20.0).run()
    assert "1.0.1 and 1.0.2 serve 20% of those who use **Churn** instead of 1.0.0" in plain(app)
    app = confirm(app, "newer data")
    (started,) = own.experiments("Churn")
    assert (started.mode, [arm.share for arm in started.arms]) == ("split", [0.1, 0.1])
    assert started.reason == "newer data"
    assert "has started" in plain(app)
    (undo,) = [each for each in app.button if each.label == "Undo: stop it"]
    undo.click().run()
    assert own.experiment(started.experiment_id).status == "stopped"


def test_starting_with_own_stages_and_refusals(four: list[str], own: Registry, open_page: Open) -> None:
    own.start_experiment("Churn", four[3], reason="other")
    app = open_page("experiments").button(key="experiment-start").click().run()
    assert "1.0.3: Churn 1.0.3 takes part in experiment" in plain(app)
    app.multiselect(key="start-challengers").set_value([four[1]])
    app.radio(key="start-way").set_value("Staged rollout").run()
    app.text_input(key="start-stages").set_value("shadow, many").run()
    app = confirm(app)
    assert "“many” is not a stage" in plain(app)
    app.text_input(key="start-stages").set_value("50, 10").run()
    app = confirm(app)
    assert "give increasing shares" in plain(app)
    app.text_input(key="start-stages").set_value("shadow, 10, 100").run()
    confirm(app)
    assert own.experiments("Churn")[0].stages == ("shadow", 0.1, 1.0)


def test_the_models_page_leads_to_it(four: list[str], own: Registry, open_page: Open) -> None:
    assert open_page("model", id=four[0]).button(key=f"experiment-with-{four[0]}").disabled
    app = open_page("model", id=four[2]).button(key=f"experiment-with-{four[2]}").click().run()
    assert app.multiselect(key="start-challengers").value == [four[2]]
    assert "Champion / challenger" in plain(app)
    own.start_experiment("Churn", four[2], reason="x")
    button = open_page("model", id=four[2]).button(key=f"experiment-with-{four[2]}")
    assert button.disabled
    assert "takes part in experiment" in button.help


def test_another_share_and_its_undo(four: list[str], own: Registry, open_page: Open) -> None:
    number = own.start_experiment("Churn", [four[1], four[2]], "split", 0.2, reason="try").experiment_id
    app = press(open_page("experiments"), "share")
    app.radio(key="share-how").set_value("Individual").run()
    app.number_input(key=f"share-{four[1]}").set_value(40.0).run()
    app = confirm(app)
    assert [arm.share for arm in own.experiment(number).arms] == pytest.approx([0.4, 0.1])
    (undo,) = [each for each in app.button if each.label == "Undo: the old share"]
    undo.click().run()
    assert [arm.share for arm in own.experiment(number).arms] == pytest.approx([0.1, 0.1])


def test_a_conflict_is_explained_and_keeps_the_reason(four: list[str], own: Registry, open_page: Open) -> None:
    number = own.start_experiment("Churn", four[1], "split", 0.2, reason="try").experiment_id
    app = press(open_page("experiments"), "share")
    own.set_share(number, 0.3, actor="bert", reason="me first")
    app.number_input(key="share").set_value(50.0).run()
    app = confirm(app, "my good reason")
    assert own.experiment(number).arms[0].share == 0.3
    assert "The experiment changed in the meantime" in plain(app)
    assert "changed by bert" in plain(app)
    assert "30% of the traffic to Churn 1.0.1" in plain(app)
    app = app.button(key="decision-again").click().run()
    assert app.text_area(key="reason").value == "my good reason"
    confirm(app, "my good reason")
    assert own.experiment(number).arms[0].share == 0.5


def test_who_comes_too_late_is_told_so(four: list[str], own: Registry, open_page: Open) -> None:
    number = own.start_experiment("Churn", four[1], "split", 0.2, reason="try").experiment_id
    app = press(open_page("experiments"), "stop")
    own.stop_experiment(number, actor="bert", reason="me first")
    app = confirm(app)
    assert "The experiment changed in the meantime" in plain(app)
    app = app.button(key="decision-again").click().run()
    assert "It has ended" in plain(app)
    app = app.button(key="decision-close").click().run()
    assert not app.text_area
    with pytest.raises(StateConflict):
        own.stop_experiment(number)


def test_a_reason_and_a_name_are_required(four: list[str], own: Registry, open_page: Open) -> None:
    number = own.start_experiment("Churn", four[1], reason="try").experiment_id
    app = confirm(press(open_page("experiments"), "stop"), "  ")
    assert "Enter a reason" in plain(app)
    app.text_input(key="decided_by").set_value(" ")
    app = confirm(app)
    assert "Enter your name" in plain(app)
    assert own.experiment(number).ended_at is None
