"""People and tokens in the settings; and every page as somebody sees it who signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import sign_in
from registry_core import Person, Registry

from .conftest import register
from .test_pages import texts

Open = Callable[..., AppTest]
PAGES = (
    "overview", "leaderboard", "model", "compare", "trends", "experiments", "health", "benchmarks", "upload",
    "maintenance", "activity", "settings",
)  # fmt: skip


def submit(app: AppTest, label: str) -> None:
    next(each for each in app.button if each.label == label and each.proto.is_form_submitter).click().run()
    assert not app.exception


def signs_in(monkeypatch: pytest.MonkeyPatch, person: Person) -> None:
    """Whoever opens a page from now on is that person."""
    monkeypatch.setattr(sign_in, "current", person.principal)


@pytest.fixture
def people(own: Registry) -> dict[str, Person]:
    """An admin, and somebody who only reads one of two model names."""
    register(own, 0.8)
    register(own, 0.7, model_name="Hidden")
    made = {}
    for name, role, names in (("ada", "admin", "*"), ("vera", "viewer", "Churn")):
        made[name] = own.add_person(name)
        own.grant(made[name].grantee, role, names)
    return made


def test_the_first_person_is_an_admin_and_gets_a_link(
    own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("settings", section="People")
    assert not app.exception
    assert "There is no sign-in yet" in texts(app)
    app.text_input(key="person-name").set_value("ada")
    submit(app, "Add and create a sign-in link")
    assert "Give a reason" in texts(app)
    app.text_input(key="person-reason").set_value("first admin")
    app.multiselect(key="person-roles").set_value([])
    submit(app, "Add and create a sign-in link")
    assert "has to be an admin of all model names" in texts(app)
    assert own.people() == []
    app = open_page("settings", section="People")
    app.text_input(key="person-name").set_value("ada")
    app.text_input(key="person-reason").set_value("first admin")
    submit(app, "Add and create a sign-in link")
    assert [each.name for each in own.people()] == ["ada"]
    assert [(each.role.value, each.model_names) for each in own.grants()] == [("admin", "*")]
    (link,) = [each.value for each in app.code if "/sign-in/link#" in each.value]
    person = own.redeem_link(link.partition("#")[2])
    assert person is not None
    assert person.name == "ada"
    signs_in(monkeypatch, own.people()[0])
    app.button(key="secret-copied").click().run()
    assert link not in texts(app)


def test_an_admin_manages_roles_and_tokens(
    own: Registry, people: dict[str, Person], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs_in(monkeypatch, people["ada"])
    app = open_page("settings", section="People", model="Churn")
    assert not app.exception
    said = texts(app)
    assert "Signed in as **ada**" in said
    app.selectbox(key="roles-who").set_value("vera")
    app.multiselect(key="roles-roles").set_value([each for each in app.multiselect(key="roles-roles").options][:1])
    app.text_input(key="roles-reason").set_value("reads all")
    submit(app, "Grant")
    assert ("viewer", "*") in [(each.role.value, each.model_names) for each in own.grants()]
    event = own.events(kinds=["role_granted"])[0]
    assert (event.actor, event.principal, event.reason) == ("ada", '["person", "links", "ada"]', "reads all")
    app.text_input(key="token-name").set_value("nightly")
    app.text_input(key="token-reason").set_value("pipeline")
    submit(app, "Create token")
    (secret,) = [each.value for each in app.code if each.value.startswith("mr_")]
    assert own.principal_of_token(secret) is not None
    app.text_input(key="revoke-token-reason").set_value("leaked")
    submit(app, "Revoke token")
    assert own.principal_of_token(secret) is None
    app.selectbox(key="why-verb").set_value("rollback").run()
    assert "ollback requires the role operator" in texts(app)
    # Nobody shuts everybody out.
    app.selectbox(key="remove-who").set_value(people["ada"])
    app.text_input(key="remove-reason").set_value("leaves")
    submit(app, "Remove")
    assert "last admin" in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_only_what_somebody_may_see(
    own: Registry, people: dict[str, Person], open_page: Open, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    signs_in(monkeypatch, people["vera"])
    app = open_page(page)
    assert not app.exception
    said = (
        texts(app)
        + "".join(str(table.value) for table in app.dataframe)
        + str([each.options for each in app.selectbox])
    )
    assert "Signed in as **vera**" in said
    assert "Churn" in said
    assert "Hidden" not in said
    assert own.events(kinds=["refused"]) == []


def test_a_viewer_manages_nobody(
    own: Registry, people: dict[str, Person], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs_in(monkeypatch, people["vera"])
    app = open_page("settings", section="People", model="Churn")
    assert not app.exception
    assert "requires the role admin" in texts(app)
    assert [each.key for each in app.text_input if str(each.key).startswith("person")] == []


def test_buttons_say_which_role_they_need(
    own: Registry, people: dict[str, Person], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = register(own, 0.9)
    signs_in(monkeypatch, people["vera"])
    app = open_page("model", id=second)
    assert not app.exception
    disabled = {each.label: each.help for each in app.button if each.disabled}
    assert "requires the role operator on Churn" in disabled["Promote"]
    app = open_page("settings", model="Churn")
    assert "requires the role admin on Churn" in app.button(key="save").help
    app = open_page("maintenance", model="Churn", part="Verify")
    assert app.button(key="verify").disabled
    assert "requires the role viewer on all model names" in app.button(key="verify").help


def test_a_review_is_requested_given_and_no_longer_waits(
    own: Registry, people: dict[str, Person], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = register(own, 0.9)
    carl, rita = own.add_person("carl"), own.add_person("rita")
    own.grant(carl.grantee, "contributor", "Churn")
    own.grant(rita.grantee, "reviewer", "Churn")
    signs_in(monkeypatch, carl)
    app = open_page("model", id=second)
    app.selectbox(key="request-who").set_value("rita")
    app.text_area(key="request-text").set_value("the slices")
    submit(app, "Request")
    assert "Requested from rita by carl" in texts(app)
    signs_in(monkeypatch, rita)
    app = open_page("overview")
    assert "carl requests your review of **Churn 1.0.1**: The slices." in texts(app).replace("\\", "")
    app = open_page("model", id=second)
    app.text_area(key="review-text").set_value("looked at the slices")
    submit(app, "Send review")
    assert "approved by rita" in texts(app)
    assert own.review_requests() == []
    said = texts(open_page("overview"))
    assert "requests your review" not in said
    assert "requires the role" not in said
