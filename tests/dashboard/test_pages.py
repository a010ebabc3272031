"""Each page in its states: empty, one model, many, a wrong address; and the decisions taken in dialogs."""

import errno
import io
from collections.abc import Callable

import joblib
import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Registry, StorageError
from tests.clock import Clock

from .conftest import fitted, register

PAGES = ("overview", "leaderboard", "model", "trends", "upload", "activity")

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
    assert not app.error


TITLES = {
    "overview": "Overview",
    "leaderboard": "Leaderboard",
    "model": "Churn 1.1.0",
    "trends": "Trends",
    "upload": "Upload",
    "activity": "Activity",
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
    own.upload(_file(), metadata={"model_name": "Churn", "model_type": "Ridge"})
    words = texts(open_page())
    assert "2 model names with 9 versions" in words
    assert "1 uploaded file quarantined" in words
    assert "put there by bert" in words
    assert "Version **1.1.0** scores higher" in words


def test_overview_warns_of_a_name_without_champion(own: Registry, open_page: Open) -> None:
    register(own, None)
    assert "load_active_model` fails: Churn" in texts(open_page())


def test_leaderboard_says_that_sets_are_mixed(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn")
    assert "mixes 2 evaluation sets" in app.warning[0].value
    assert "5 of 7 versions" in texts(app)
    frame = app.dataframe[0].value
    assert list(frame["Version"]) == ["1.3.0", "1.1.0", "1.2.0", "1.0.0", "1.3.1"]
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
    for module in ("dashboard.queries", "dashboard.board"):
        monkeypatch.setattr(f"{module}.PAGE_SIZE", 2)
    app = open_page("leaderboard", page="2")
    assert list(app.dataframe[0].value["#"]) == [3, 4]
    app = open_page("leaderboard", page="99")
    assert not app.exception


def test_selecting_one_offers_it_and_two_compares(several: dict[str, str], open_page: Open) -> None:
    one = open_page("leaderboard", model="Churn", select=several["third"])
    assert "does not beat the champion" in texts(one)
    assert one.button(key=f"promote-{several['third']}").disabled is False
    two = open_page("leaderboard", model="Churn", select=f"{several['third']},{several['second']}")
    assert "2 versions side by side" in texts(two)
    assert "All measured on holdout-1" in texts(two).replace("\\", "")


def test_comparing_different_sets_warns(several: dict[str, str], open_page: Open) -> None:
    app = open_page("leaderboard", model="Churn", select=f"{several['third']},{several['elsewhere']}")
    assert any("Not comparable" in each.value for each in app.warning)


def test_model_page_shows_the_model_of_the_address(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", id=several["other"])
    assert app.title[0].value == "Races 1.0.0"
    assert app.selectbox(key="model").value == "Races"


def test_model_page_of_an_unknown_id(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", model="Churn", id="gone")
    assert not app.exception
    assert "gone" in app.warning[0].value


def test_markup_in_a_description_stays_text(several: dict[str, str], open_page: Open) -> None:
    app = open_page("model", id=several["second"])
    assert any(each.value == "<b>bold</b> *stars* $x$ :material/home:" for each in app.text)


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("second", "is the champion"),
        ("third", "does not beat the champion"),
        ("elsewhere", "cannot be judged"),
        ("scoreless", "cannot be ranked"),
        ("rejected", "overfits"),
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
    assert "is whole" in texts(app)
    assert set(app.dataframe[-1].value["What"]) == {"Rejected", "Archived"}
    first = own.deployments("Churn")[-1]
    assert first.model_id == several["first"]
    app = open_page("activity", model="Churn", at="2025-08-03T12:30")
    assert "**1.0.0** served" in texts(app)


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
