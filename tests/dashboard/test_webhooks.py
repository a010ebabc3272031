"""Webhooks in the settings: added, tested, changed, removed, and their deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Person, Registry
from registry_core.actions import notify
from registry_core.actions.outgoing import PRIVATE_NETWORKS
from tests.actions.test_webhooks import Receiver, _serving, happen

from .conftest import register
from .test_pages import texts
from .test_people import signs_in, submit

Open = Callable[..., AppTest]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.1")
    monkeypatch.setattr(notify.Sender, "wake", lambda _: None)
    yield from _serving(Receiver())


@pytest.fixture
def page(own: Registry, open_page: Open) -> Callable[[], AppTest]:
    register(own, 0.8)

    def opened() -> AppTest:
        app = open_page("settings", section="Webhooks", model="Churn")
        assert not app.exception
        return app

    return opened


def table(app: AppTest, column: str) -> list[object]:
    return next(list(each.value[column]) for each in app.dataframe if column in each.value)


def test_a_webhook_is_added_and_its_secret_shown_once(
    own: Registry, page: Callable[[], AppTest], receiver: Receiver
) -> None:
    app = page()
    assert "No webhooks yet" in texts(app)
    app.text_input(key="webhook-name").set_value("ci")
    app.text_input(key="webhook-address").set_value("http://10.0.0.1/")
    submit(app, "Add webhook")
    assert "Give a reason" in texts(app)
    app.text_input(key="webhook-reason").set_value("the team's bot")
    submit(app, "Add webhook")
    assert "is not a public address" in texts(app)
    assert own.webhooks() == []
    app.text_input(key="webhook-address").set_value(receiver.address)
    app.multiselect(key="webhook-kinds").set_value(["pinned"])
    submit(app, "Add webhook")
    (hook,) = own.webhooks()
    assert (hook.name, hook.kinds, hook.model_names) == ("ci", ("pinned",), "*")
    assert own.events(kinds=["webhook_added"])[0].reason == "the team's bot"
    (shown,) = [each.value for each in app.code if each.value.startswith("whsec_")]
    app.button(key="secret-copied").click().run()
    assert shown not in texts(app)
    assert "s3cret" not in texts(app) + str([each.value for each in app.dataframe])


def test_a_test_a_failure_and_a_resend(own: Registry, page: Callable[[], AppTest], receiver: Receiver) -> None:
    own.add_webhook("ci", receiver.address)
    app = page()
    submit(app, "Send test")
    assert "Delivered to ci" in texts(app)
    assert receiver.got[-1]["event"]["kind"] == "test"
    receiver.answers = [500, 500]
    happen(own, "Churn")
    notify.send_due(own._context)
    app = page()
    assert table(app, "Waiting") == [1]
    assert "HTTP status 500" in str(table(app, "Failure"))
    submit(app, "Resend")
    assert "Not delivered to ci: the address returned HTTP status 500" in texts(app)
    submit(app, "Resend")
    assert "Delivered to ci" in texts(app)
    assert table(app, "Waiting") == [0]
    assert receiver.got[-1]["event"]["model_name"] == "Churn"


def test_a_webhook_is_changed_and_removed(own: Registry, page: Callable[[], AppTest], receiver: Receiver) -> None:
    own.add_webhook("ci", receiver.address)
    app = page()
    app.toggle(key="webhook-enabled-ci").set_value(False)
    app.multiselect(key="webhook-new-kinds-ci").set_value(["promoted"])
    app.checkbox(key="webhook-rotate-ci").set_value(True)
    app.text_input(key="webhook-change-reason").set_value("quieter")
    submit(app, "Change webhook")
    (hook,) = own.webhooks()
    assert (hook.enabled, hook.kinds) == (False, ("promoted",))
    assert [each.value for each in app.code if each.value.startswith("whsec_")]
    app.text_input(key="webhook-remove-reason").set_value("moved")
    submit(app, "Remove webhook")
    assert "Confirm the removal" in texts(app)
    assert own.webhooks()
    app.checkbox(key="webhook-sure").set_value(True)
    submit(app, "Remove webhook")
    assert own.webhooks() == []
    assert "No webhooks yet" in texts(app)


def test_whoever_is_no_admin_sees_none(
    own: Registry, page: Callable[[], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    own.add_webhook("ci", "https://hooks.example.org/")
    made: dict[str, Person] = {}
    for name, role in (("ada", "admin"), ("vera", "viewer")):
        made[name] = own.add_person(name)
        own.grant(made[name].grantee, role)
    signs_in(monkeypatch, made["vera"])
    app = page()
    assert "requires the role admin" in texts(app)
    assert "hooks.example.org" not in texts(app) + str([each.value for each in app.dataframe])
    signs_in(monkeypatch, made["ada"])
    assert table(page(), "Name") == ["ci"]
