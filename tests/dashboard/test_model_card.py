"""The model card on the Model page: written, shown as text, offered as a file."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from streamlit.testing.v1 import AppTest

from registry_core import Registry
from tests.dashboard.conftest import register

Open = Callable[..., AppTest]
HOSTILE = "<b>bold</b> :material/home: [x](javascript:alert(1)) $x$"


def save(app: AppTest) -> AppTest:
    return next(each for each in app.button if each.label == "Save the card").click().run()


def test_what_is_written_is_kept_and_shown_as_text(own: Registry, open_page: Open) -> None:
    first, second = register(own), register(own, 0.9)
    app = open_page("model", id=first)
    assert [each.value for each in app.caption].count("Not written yet.") == 4
    app.text_area(key="card-purpose").set_value(HOSTILE)
    app.text_input(key="card-owner").set_value("anna")
    app.text_input(key="card-reason").set_value("for the review")
    save(app)
    assert not app.exception
    (event,) = own.events(kinds=["model_card_written"])
    assert (event.model_id, event.reason, event.after["purpose"]) == (None, "for the review", HOSTILE)
    assert HOSTILE in [each.value for each in app.text]
    assert HOSTILE not in " ".join(each.value for each in app.markdown)

    # For one version only: what it does not say itself stays that of the name.
    app = open_page("model", id=second)
    app.segmented_control(key="card-scope").set_value("Only 1.0.1")
    app.text_input(key="card-owner").set_value("bea")
    save(app)
    assert own.events(limit=1)[0].after == {"purpose": "", "limits": "", "owner": "bea", "risk_tier": ""}
    assert own.model_card(second).text.purpose == HOSTILE
    assert own.model_card(first).text.owner == "anna"
    events = own.count_events()
    save(app)
    assert own.count_events() == events
    assert any("Nothing was changed" in each.value for each in app.info)


def test_what_was_typed_is_kept_while_it_is_not_drawn_and_is_of_its_version_only(
    own: Registry, open_page: Open
) -> None:
    first, second = register(own), register(own, 0.9)
    app = open_page("model", id=first)
    app.text_area(key="card-purpose").set_value("Churn within a year")
    app.segmented_control(key="card-scope").set_value("Only 1.0.0")
    app.run()
    assert any("not saved yet" in each.value for each in app.caption)

    # Not drawn for a while, as when its section is closed; then another version has its own text.
    app.switch_page("../pages/trends.py").run()
    assert not app.text_area
    app.query_params["id"], app.query_params["model-card"] = second, "true"
    app.switch_page("../pages/model.py").run()
    assert app.text_area(key="card-purpose").value == ""

    app.query_params["id"] = first
    app.run()
    assert app.text_area(key="card-purpose").value == "Churn within a year"
    save(app)
    assert not app.exception
    assert own.model_card(first).text.purpose == "Churn within a year"
    assert own.model_card(second).text.purpose == ""
    assert not any("not saved yet" in each.value for each in app.caption)


def test_what_is_lacking_is_said_and_the_card_can_be_downloaded(own: Registry, open_page: Open) -> None:
    app = open_page("model", id=register(own))
    words = " ".join(each.value for each in app.markdown).replace("\\", "")
    assert "The registry never evaluated this version" in words
    labels = [str(getattr(each, "label", "")) for each in app.get("download_button")]
    assert {"Download as HTML", "Download as Markdown"} <= {*labels}


def test_training_rows_in_the_benchmark_are_a_warning(own: Registry, open_page: Open) -> None:
    rows = pd.DataFrame({"age": [0.0, 1.0, 0.2, 0.8], "visits": [1.0, 0.0, 0.9, 0.1], "left": [0, 1, 0, 1]})
    own.add_benchmark("holdout", "Churn", rows, "left")
    app = open_page("model", id=register(own, training_data=rows))
    said = [each.value for each in app.warning if "Trained on rows of the benchmark" in each.value]
    assert len(said) == 1
    assert "4 of 4 benchmark rows were in its training data" in said[0].replace("\\", "")
