"""What explains a version on its page: a finding first, and the button that computes what is not known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from streamlit.testing.v1 import AppTest

from dashboard.ui import insight_charts
from dashboard.views.settings.schema import BY_PATH, said
from registry_core import (
    EventKind,
    Fairness,
    FeatureImpact,
    Gap,
    Group,
    ImpactComparison,
    Measured,
    Rate,
    Registry,
)

from .conftest import register, validated
from .test_pages import texts

Open = Callable[..., AppTest]
FEATURES = ["age", "visits"]


def rows(count: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": chance.normal(size=count), "visits": chance.normal(size=count)})
    frame["left"] = (frame["age"] + frame["visits"] + chance.normal(size=count) > 0).astype(int)
    frame["sex"] = np.where(chance.random(count) > 0.5, "F", "M")
    return frame


@pytest.fixture
def judged(own: Registry) -> tuple[str, str]:
    """A champion, and a version that takes the visits for their opposite where there are many; both evaluated."""
    own.configure(auto_evaluate=False, reason="by hand")
    train, spoilt = rows(500, 1), rows(500, 1)
    spoilt.loc[spoilt["visits"] > 0.8, "left"] = 0
    made = []
    for frame in (train, spoilt):
        made.append(register(own, model=LogisticRegression().fit(frame[FEATURES], frame["left"])))
    own.add_benchmark("holdout", "Churn", rows(800, 2), "left", features=FEATURES, slices=["sex"])
    for model_id in made:
        own.evaluate(model_id)
    return made[0], made[1]


def plain(app: AppTest) -> str:
    return texts(app).replace("\\", "")


def test_every_section_begins_with_what_it_found(judged: tuple[str, str], own: Registry, open_page: Open) -> None:
    own.configure("Churn", outcome_values={"miss": -50.0, "false_alarm": -5.0}, reason="what the desk pays")
    own.set_protected_columns("holdout", "Churn", ["sex"], reason="both are treated alike")
    own.measure_feature_impact(judged[1], repeats=2)
    app = open_page("model", id=judged[1])
    assert not app.exception
    words = plain(app)
    headings = {each.proto.anchor: each.value for each in app.header if each.proto.anchor}
    assert headings == {
        "slices": "Losing slices", "curves": "Curves", "feature-impact": "Feature impact",
        "thresholds": "Thresholds and costs", "fairness": "Fairness",
    }  # fmt: skip
    assert "[Feature impact](#feature-impact)" in texts(app)
    assert own.losing_slices(judged[1]).sentence[1:] in words
    found = own.feature_impact(judged[1])
    assert found is not None
    assert found.sentence[1:] in words
    assert own.outcome_value(judged[1]).sentence[1:] in words
    assert own.fairness(judged[1])["sex"].sentence[1:] in words
    assert "average precision" in words
    assert "Not computed" not in words
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_what_is_not_computed_says_so_and_a_click_computes_it(
    judged: tuple[str, str], own: Registry, open_page: Open
) -> None:
    app = open_page("model", id=judged[1])
    assert plain(app).count("Not computed.") == 3
    app = app.button(key="compute-impact").click().run()
    assert not app.exception
    impact = own.feature_impact(judged[1])
    assert impact is not None
    assert impact.champion is not None
    assert impact.sentence[1:] in plain(app)
    app.number_input(key="value-Churn-miss").set_value(-20.0).run()
    assert "per 1,000 rows" in plain(app)
    assert own.configuration().policy("Churn").outcome_values == {}

    def keep(app: AppTest) -> AppTest:
        (button,) = [each for each in app.button if each.proto.form_id == "keep-values"]
        return button.click().run()

    assert "Give a reason" in plain(keep(app))
    app.text_input(key="values-reason").set_value("what the desk pays")
    assert "are stored" in plain(keep(app))
    assert own.configuration().policy("Churn").outcome_values == {"miss": -20.0}


def test_columns_are_protected_on_either_page(judged: tuple[str, str], own: Registry, open_page: Open) -> None:
    def protect(app: AppTest) -> AppTest:
        (button,) = [each for each in app.button if each.proto.form_id == "protected"]
        return button.click().run()

    app = open_page("model", id=judged[1])
    app.multiselect(key="protected-columns").set_value(["sex"])
    assert "Give a reason" in plain(protect(app))
    app.text_input(key="protected-reason").set_value("both are treated alike")
    app = protect(app)
    assert own.benchmarks("Churn")[0].protected == ("sex",)
    assert own.fairness(judged[1])["sex"].sentence[1:] in plain(app)
    app = open_page("benchmarks", model="Churn")
    assert app.dataframe[0].value["Protected"].tolist() == ["sex"]
    app.multiselect(key="protected-columns").set_value([])
    app.text_input(key="protected-reason").set_value("no longer")
    protect(app)
    assert own.benchmarks("Churn")[0].protected == ()
    assert len(own.events(kinds=[EventKind.COLUMNS_PROTECTED])) == 2


def test_the_champion_is_shown_alone(judged: tuple[str, str], open_page: Open) -> None:
    app = open_page("model", id=judged[0])
    assert not app.exception
    assert "found against another champion" in plain(app)


def test_a_regression_has_residuals_instead_of_thresholds(own: Registry, open_page: Open) -> None:
    own.configure(auto_evaluate=False, reason="by hand")
    frame = rows(300, 3).assign(minutes=lambda each: each["age"] + (each["age"] + 1) ** 2)
    model = LinearRegression().fit(frame[FEATURES], frame["minutes"])
    model_id = own.register_model(
        model, model_name="Delay", model_type="Line", performance_metrics={"r2": 0.5}, feature_names=FEATURES
    )
    own.add_benchmark("holdout", "Delay", frame, "minutes", features=FEATURES, slices=["sex"], task="regression")
    own.evaluate(model_id)
    app = open_page("model", id=model_id)
    assert not app.exception
    words = plain(app)
    assert "Predictions around" in words
    assert "Thresholds and costs" not in words
    assert "(#feature-impact)" in words
    assert {chart.proto.alt for chart in app.get("plotly_chart")} >= {
        "Mean residuals by prediction",
        "Mean residuals by sex",
    }


def test_values_of_certain_names_are_labelled_in_the_settings() -> None:
    assert said(BY_PATH["outcome_values"], {"miss": -50.0, "false_alarm": -5.0}) == "Miss -50, False alarm -5"
    assert said(BY_PATH["gates.fairness_gaps"], {}) == "none"


def test_of_many_groups_those_furthest_apart_are_drawn() -> None:
    groups = tuple(Group(f"group {at}", 90 - at, {"accuracy": Rate(at / 100, 0.0, 1.0, 90 - at)}) for at in range(60))
    gap = Gap("accuracy", "group 59", "group 40", Measured(0.5, 0.0, 1.0), None)
    found = Fairness("m", "holdout", "city", "1", 30, groups, {"accuracy": gap}, (), "")
    names = [group.name for group in insight_charts.shown_groups(found)]
    assert names == ["group 0", "group 1", "group 2", "group 40", "group 59"]


def test_hundreds_of_features_are_searched_and_few_are_drawn() -> None:
    impacts = {f"feature {at:03d}": Measured(0.1 / (at + 1), 0.0, 0.2 / (at + 1)) for at in range(500)}
    impact = FeatureImpact("m", "holdout", "f", "", "", "accuracy", 0.9, 500, 9_000, 5, 0, impacts)
    found = ImpactComparison(impact, None, {}, ("feature 400",), ("feature 450",), "")
    names = insight_charts.shown_features(found)
    assert len(names) == insight_charts.MOST_FEATURES
    assert {"feature 000", "feature 400", "feature 450"} <= {*names}
    figure = validated(insight_charts.impact(found, "1.0.1", "#d55e00"))
    assert len(figure.data[0].x) == insight_charts.MOST_FEATURES
