"""Each page in its states: empty, one model, many, a wrong address; and the decisions taken in dialogs."""

import errno
import io
from collections.abc import Callable
from pathlib import Path

import joblib
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Registry, StorageError
from tests.clock import Clock
from tests.strangers import stranger_file

from .conftest import FOLDED, fitted, register

PAGES = (
    "overview",
    "leaderboard",
    "model",
    "compare",
    "trends",
    "experiments",
    "health",
    "benchmarks",
    "upload",
    "maintenance",
    "activity",
    "settings",
)

Open = Callable[..., AppTest]


def _file() -> io.BytesIO:
    """A model file as somebody would upload it."""
    content = io.BytesIO()
    joblib.dump(fitted(), content)
    content.seek(0)
    return content


def texts(app: AppTest) -> str:
    """All the words on a page."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "text",
        "success",
        "info",
        "warning",
        "error",
        "code",
    )
    return "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind))


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_registry_says_what_to_do_next(own: Registry, open_page: Open, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert "No model is registered yet" in texts(app) or page == "upload"


@pytest.mark.parametrize("page", PAGES)
def test_one_model(own: Registry, open_page: Open, page: str) -> None:
    register(own)
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value


@pytest.mark.parametrize("page", PAGES)
def test_many_models(several: dict[str, str], open_page: Open, page: str) -> None:
    app = open_page(page, model="Churn")
    assert not app.exception
    # That a version is blocked is the verdict on it.
    assert not [each.value for each in app.error if "**✕ Blocked.**" not in each.value]


TITLES = {
    "overview": "Overview",
    "leaderboard": "Leaderboard",
    "model": "Churn 1.1.0",
    "compare": "Compare",
    "trends": "Trends",
    "experiments": "Champion / challenger",
    "health": "Health of Churn",
    "benchmarks": "Benchmarks",
    "upload": "Upload",
    "maintenance": "Maintenance",
    "activity": "Activity",
    "settings": "Settings",
}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_title_and_a_line_of_what_it_tells(
    several: dict[str, str], open_page: Open, page: str
) -> None:
    app = open_page(page, model="Churn")
    assert app.title[0].value == TITLES[page]
    assert app.caption[1 if page == "model" else 0].value


def test_overview_tells_champion_waiting_and_better(several: dict[str, str], own: Registry, open_page: Open) -> None:
    own.promote(several["third"], actor="bert", reason="asked for")
    own.upload(stranger_file(), metadata={"model_name": "Churn", "model_type": "Majority"})
    words = texts(open_page())
    assert "2 model names with 9 versions" in words
    assert "1 file quarantined" in words
    table = open_page().dataframe[0].value.set_index("Model name")
    assert table.loc["Churn", "Champion"] == "1.2.0"
    assert table.loc["Churn", "Best version"] == "1.1.0: ○ not evaluated"


def test_overview_warns_of_a_name_without_champion(own: Registry, open_page: Open) -> None:
    register(own, None)
    assert "load_active_model` fails: Churn" in texts(open_page())


def test_leaderboard_says_that_sets_are_mixed(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn")
    assert "mixes 2 evaluation sets" in app.warning[0].value
    assert "5 of 7 versions" in texts(app)
    frame = app.dataframe[0].value
    assert list(frame["Version"]) == ["1.1.0", "1.3.0", "1.2.0", "1.0.0", "1.3.1"]
    # the champion first, wherever it is ranked
    assert list(frame["#"]) == [2, 1, 3, 4, 5]
    assert frame["Difference"].isna().tolist() == [True, True, False, False, True]


def test_leaderboard_filters_come_from_the_address(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn", status="Rejected", sort="AUC")
    assert list(app.dataframe[0].value["Model id"]) == [several["rejected"]]
    app = open_page("leaderboard", model="Churn", q="nightly")
    assert list(app.dataframe[0].value["Model id"]) == [several["third"]]


def test_leaderboard_without_a_match_offers_to_clear(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn", q="no such thing")
    assert "No version fits" in texts(app)
    app.button(key="clear").click().run()
    assert len(app.dataframe[0].value) == 5


def test_leaderboard_pages_in_the_catalog(own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(5):
        register(own, 0.5 + place / 100)
    monkeypatch.setattr("dashboard.queries.PAGE_SIZE", 2)
    app = open_page("leaderboard", page="2")
    assert list(app.dataframe[0].value["#"]) == [3, 4]
    app = open_page("leaderboard", page="99")
    assert not app.exception


def test_versions_that_cannot_be_promoted_come_last_without_a_rank(
    own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = [register(own, 0.5 + place / 100) for place in range(5)][3]
    own.disqualify(second, reason="failed in production")
    monkeypatch.setattr("dashboard.queries.PAGE_SIZE", 2)
    tables = [open_page("leaderboard", page=str(page)).dataframe[0].value for page in (1, 2, 3)]
    assert [[None if pd.isna(rank) else rank for rank in table["#"]] for table in tables] == [[1, 2], [3, 4], [None]]
    assert list(tables[2]["Model id"]) == [second]
    newest = open_page("leaderboard", sort="Registered").dataframe[0].value
    assert list(newest["Model id"])[1] == second


def test_selecting_one_offers_it_and_two_compares(several: dict[str, str], open_page: Open) -> None:
    one = open_page("leaderboard", model="Churn", select=several["third"])
    assert "Not evaluated" in texts(one)
    assert one.button(key=f"promote-{several['third']}").disabled is False
    two = open_page("leaderboard", model="Churn", select=f"{several['third']},{several['second']}")
    assert "2 versions side by side" in texts(two)
    assert "All ranked on holdout-1" in texts(two).replace("\\", "")


def test_comparing_different_sets_warns(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn", select=f"{several['third']},{several['elsewhere']}")
    assert any("Not comparable" in each.value for each in app.warning)


def test_model_page_shows_the_model_of_the_address(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", id=several["other"])
    assert app.title[0].value == "Races 1.0.0"
    assert app.selectbox(key="model").value == "Races"


def test_what_is_folded_is_drawn_where_the_address_opens_it(several: dict[str, str], open_page: Open) -> None:
    folded = dict.fromkeys(FOLDED, "false")
    for opened in ({}, {"history": "true"}):
        app = open_page("model", id=several["third"], **{**folded, **opened})
        drawn = [each.value for each in app.header]
        assert ("Version history" in drawn) == bool(opened)
        assert "Artifacts and lineage" not in drawn


def test_model_page_of_an_unknown_id(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", model="Churn", id="gone")
    assert not app.exception
    assert "gone" in app.warning[0].value
    assert app.title[0].value == "Model"


def test_markup_in_a_description_stays_text(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", id=several["second"])
    assert any(each.value == "<b>bold</b> *stars* $x$ :material/home:" for each in app.text)


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("second", "is the champion"),
        ("third", "Not evaluated"),
        ("elsewhere", "Add a benchmark for Churn"),
        ("scoreless", "Churn has no benchmark"),
        ("rejected", "it is rejected"),
    ],
)
def test_the_verdict(several: dict[str, str], open_page: Open, which: str, sentence: str) -> None:
    assert sentence in texts(open_page("model", id=several[which]))


def test_what_a_model_may_not_is_visible_and_disabled(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", id=several["rejected"])
    button = app.button(key=f"promote-{several['rejected']}")
    assert button.disabled
    assert "rejected" in button.help
    assert app.button(key=f"restore-{several['rejected']}").disabled is False


def test_trends_along_time_and_for_every_metric(several: dict[str, str], open_page: Open) -> None:
    for metric in ("Score", "Accuracy", "AUC"):
        for axis in ("Versions", "Time"):
            app = open_page("trends", model="Churn", metric=metric, axis=axis)
            assert not app.exception
    assert "improved" in texts(open_page("trends", model="Churn"))


def test_activity_filters_and_the_past(several: dict[str, str], own: Registry, clock: Clock, open_page: Open) -> None:
    app = open_page("activity", model="Churn", who="bert")
    assert "Audit log intact" in texts(app)
    assert set(app.dataframe[-1].value["What"]) == {"Rejected", "Archived"}
    first = own.deployments("Churn")[-1]
    assert first.model_id == several["first"]
    app = open_page("activity", model="Churn", at="2025-08-03T12:30")
    assert "Champion at that time: **1.0.0**" in texts(app)


def test_an_unknown_model_name_in_the_address_is_said(several: dict[str, str], open_page: Open) -> None:
    assert "not in this registry" in texts(open_page("leaderboard", model="Nothing"))


def test_an_unreadable_registry_is_explained(
    several: dict[str, str], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Registry) -> int:
        raise StorageError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(Registry, "revision", fail)
    app = open_page()
    assert "cannot be read" in app.error[0].value
    assert not app.exception


def test_an_older_champion_stays_on_the_trend(
    several: dict[str, str], own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = own.get_model_comparison(2, "Churn", order_by="registered_at", descending=True)[::-1]
    monkeypatch.setattr("dashboard.session.View.history", lambda self, name, limit=2: newest)
    monkeypatch.setattr("dashboard.session.HISTORY", 2)
    words = texts(open_page("trends", model="Churn"))
    assert "has been champion." not in words.replace("that have been champion.", "")
    assert "older ones that have been champion" in words
    assert "improved from" in words.replace("\\", "")


@pytest.mark.parametrize("axis", ["Versions", "Time"])
def test_a_trend_with_metrics_of_alike_names(own: Registry, open_page: Open, axis: str) -> None:
    for place in range(2):
        metrics = {"accuracy": 0.8, "auc": 0.85, "f1_score": 0.8, "F1": 0.1, "When": 1e9 + place, "Score": 1e-7}
        register(own, performance_metrics=metrics)
    for label in ("F1", "f1_score", "When", "metric Score"):
        app = open_page("trends", metric=label, axis=axis)
        assert not app.exception
        assert app.selectbox(key="metric").value == label
    for sort in ("F1", "f1_score", "metric Score"):
        app = open_page("leaderboard", sort=sort)
        assert not app.exception
        assert app.selectbox(key="sort").value == sort


def test_a_trend_whose_champion_lacks_the_metric(several: dict[str, str], own: Registry, open_page: Open) -> None:
    own.promote(several["scoreless"], reason="asked for")
    for axis in ("Versions", "Time"):
        app = open_page("trends", model="Churn", metric="Accuracy", axis=axis)
        assert not app.exception
        assert "has no such metric" in texts(app)


def test_a_file_that_cannot_be_downloaded_is_told(several: dict[str, str], own: Registry, open_page: Open) -> None:
    path = Path(own.get_metadata(several["third"]).model_file_path)
    labels = [each.proto.label for each in open_page("model", id=several["third"]).get("download_button")]
    assert "Download model" in labels
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    app = open_page("model", id=several["third"])
    assert "cannot be downloaded" in app.error[-1].value
    path.unlink()
    app = open_page("model", id=several["third"])
    assert "No such file" in app.error[-1].value
    assert all(each.proto.label != "Download model" for each in app.get("download_button"))


def test_an_upload_that_says_little(several: dict[str, str], own: Registry, open_page: Open) -> None:
    own_id = own.upload(_file(), metadata={"model_name": "Churn", "model_type": "Ridge"})
    app = open_page("model", id=own_id)
    words = texts(app)
    assert "2 features" in words
    assert "Gone against the champion" not in words
    assert all("Blocked" in each.value for each in app.error)
    assert "holds LogisticRegression" in words.replace("\\", "")


def test_the_preview_of_an_upload(several: dict[str, str], open_page: Open) -> None:
    app = open_page("upload", model="Churn")
    app.selectbox(key="upload-type").set_value("Ridge").run()
    words = texts(app).replace("\\", "")
    assert "Churn_Ridge_<time of upload>" in words
    assert "**1.1.0 stays**" in words
    assert "No score: nothing is reported" in words


def test_a_long_reason_can_be_read_in_full(several: dict[str, str], own: Registry, open_page: Open) -> None:
    reason = "measured again on the newest races, " * 10 + "and better"
    own.promote(several["third"], actor="bert", reason=reason)
    app = open_page("activity", model="Churn")
    assert any(reason in each.value for each in app.text)
