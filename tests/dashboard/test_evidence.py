"""What the pages say of gates, measurements and reviews, and what can be done there."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Registry
from tests.strangers import MAJORITY, stranger_file

from .conftest import fitted, register
from .test_pages import texts

Open = Callable[..., AppTest]


@pytest.fixture
def judged(own: Registry) -> tuple[str, str]:
    """A champion and a version after it, both measured on sixty rows; accuracy is asked for, and an approval."""
    own.configure(auto_evaluate=False, reason="by hand")
    first = register(own, 0.80)
    second = register(own, 0.79, feature_names=["age", "visits"])
    chance = np.random.default_rng(0)
    age = chance.random(60)
    rows = pd.DataFrame({"age": age, "visits": 1 - age, "left": (chance.random(60) > age).astype(int)})
    rows["region"] = np.where(age > 0.5, "N", "S")
    own.add_benchmark("holdout", "Churn", rows, "left", features=["age", "visits"], slices=["region"])
    for model_id in (first, second):
        own.evaluate(model_id)
    own.configure(gates={"minimum_metrics": {"accuracy": 0.99}, "approval": True}, reason="asked")
    return first, second


def plain(app: AppTest) -> str:
    return texts(app).replace("\\", "")


def test_the_page_to_decide_on(judged: tuple[str, str], open_page: Open) -> None:
    words = plain(open_page("model", id=judged[1]))
    assert "Blocked" in words
    assert "not clearly different from the champion" in words
    assert "on the same 60 rows" in words
    assert "2 of 6 promotion gates failed" in words
    assert "at least 0.99" in words
    assert "no approval yet" in words
    assert "Evaluated on 60 rows of holdout" in words
    assert "by slice" in words


def test_a_failed_gate_blocks_and_an_override_stays_marked(
    judged: tuple[str, str], own: Registry, open_page: Open
) -> None:
    def confirm(app: AppTest) -> AppTest:
        (button,) = [each for each in app.button if each.proto.form_id == "decision" and each.label != "Cancel"]
        return button.click().run()

    app = open_page("model", id=judged[1]).button(key=f"promote-{judged[1]}").click().run()
    assert "Gate failed: Minimum accuracy" in plain(app)
    app.text_area(key="reason").set_value("the desk wants it")
    app = confirm(app)
    assert "Tick the override" in plain(app)
    assert own.get_active_model_id() == judged[0]
    app.checkbox(key="override").check()
    app = confirm(app)
    assert own.get_active_model_id() == judged[1]
    assert "Marked at its promotion" in plain(open_page("model", id=judged[1]))
    board = open_page("leaderboard", model="Churn").dataframe[0].value
    assert board.set_index("Version")["Status"]["1.0.1"].endswith("⚑")


def test_two_versions_compared(judged: tuple[str, str], open_page: Open) -> None:
    app = open_page("compare", model="Churn", ids=",".join(judged))
    words = plain(app)
    assert not app.exception
    assert "Blocked" in words
    assert "Churn 1.0.1 is blocked by 2 of 6 gates" in words
    assert "on the same 60 rows" in words
    assert "0 predictions differ" in words
    assert "Evaluated on holdout" in words
    assert len(app.get("plotly_chart")) == 4
    assert "Choose at least two" in plain(open_page("compare", model="Churn", ids=judged[0]))


def test_a_version_nobody_measured_is_offered_to(judged: tuple[str, str], own: Registry, open_page: Open) -> None:
    third = register(own, 0.7)
    assert "Not evaluated yet" in plain(open_page("model", id=third))
    app = open_page("compare", model="Churn", ids=f"{judged[0]},{third}")
    assert "Not evaluated on holdout: 1.0.2" in plain(app)
    app = app.button(key="measure-all").click().run()
    assert "1 version evaluated" in plain(app)
    assert own.evaluations(third)[0].status == "measured"


def test_a_quarantined_file_is_trusted_with_a_reason(own: Registry, open_page: Open) -> None:
    register(own)
    model_id = own.upload(stranger_file(), metadata={"model_name": "Churn", "model_type": "Majority"})

    def trust(app: AppTest) -> AppTest:
        (button,) = [each for each in app.button if each.proto.form_id == "trust"]
        return button.click().run()

    app = open_page("model", id=model_id)
    assert any(each.value.startswith(f"{MAJORITY} is a class, defined in") for each in app.code)
    assert "requires a reason" in plain(trust(app))
    app.text_input(key="trust-reason").set_value("carla read it")
    assert "is trusted now" in plain(trust(app))
    assert own.get_metadata(model_id).artifact == "trusted"


def test_reviews_are_kept(judged: tuple[str, str], own: Registry, open_page: Open) -> None:
    app = open_page("model", id=judged[1])
    app.text_input(key="actor").set_value("carla").run()
    app.segmented_control(key="review-verdict").set_value("Comment")
    app.text_area(key="review-text").set_value("measured it <b>twice</b>")
    (button,) = [each for each in app.button if each.proto.form_id == "review"]
    app = button.click().run()
    assert "is kept" in plain(app)
    (review,) = own.reviews(judged[1])
    assert (review.actor, review.verdict, review.text) == ("carla", "comment", "measured it <b>twice</b>")
    for page in ("overview", "activity"):
        assert not open_page(page).exception
    assert any("<b>twice</b>" in each.value for each in app.text)


def test_a_benchmark_page_lists_and_measures(judged: tuple[str, str], own: Registry, open_page: Open) -> None:
    app = open_page("benchmarks", model="Churn")
    (frame, *_) = [each.value for each in app.dataframe]
    assert list(frame["Benchmark"]) == ["holdout"]
    assert list(frame["Versions evaluated"]) == [2]
    app = app.button(key="measure-all").click().run()
    assert "Every version is already evaluated" in plain(app)


def test_measured_metrics_are_columns_that_can_be_ordered_by(judged: tuple[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn", sort="Accuracy, evaluated")
    assert not app.exception
    assert "metric:measured:accuracy" in app.dataframe[0].value.columns
    assert app.selectbox(key="sort").value == "Accuracy, evaluated"


def test_a_name_without_benchmark_says_what_one_is_for(own: Registry, open_page: Open) -> None:
    model_id = register(own)
    assert fitted().classes_.tolist() == own.get_metadata(model_id).classes
    assert "Not verified" in plain(open_page("model", id=model_id))
    assert "has no benchmark yet" in plain(open_page("benchmarks"))
