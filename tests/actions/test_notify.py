"""Alerts and what is sent of them: to a real server on this machine, which fails first."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from registry_core import Alert, NotFound, Registry, StateConflict
from registry_core.actions import alert, notify
from registry_core.actions.outgoing import PRIVATE_NETWORKS
from registry_core.live.records import PAUSES
from tests.clock import Clock
from tests.fitted import register
from tests.processes import until


class Inbox(ThreadingHTTPServer):
    """Answers each POST with the next of ``answers``, then with 200, and keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.got: list[dict[str, Any]] = []
        self.redirected = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/s3cret"


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.answers.pop(0) if self.server.answers else 200
        if code == 200:
            self.server.got.append(json.loads(body))
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
            self.server.redirected += 1
        self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, format: str, *_: Any) -> None:
        pass


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.1")
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def trouble(registry: Registry, key: str = "trouble", kind: str = "threshold") -> Alert | None:
    """Open an alert as the watch does."""
    context = registry._context
    with context.database.transaction() as transaction:
        return alert.open_alert(
            context, transaction, context.now(), model_name="Churn", kind=kind, severity="warning", key=key,
            text="accuracy is 0.71, below 0.80", evidence={"labels": 500},
        )  # fmt: skip


def test_one_trouble_opens_one_alert(registry: Registry, clock: Clock) -> None:
    first = trouble(registry)
    assert first is not None
    assert trouble(registry) is None
    assert registry.alerts() == registry.alerts("Churn") == [first]
    assert registry.alerts("Rain") == []
    event = registry.events(limit=1)[0]
    assert (event.kind, event.actor, event.event_id) == ("alert_opened", "auto", first.alert_id)
    clock.tick(60)
    seen = registry.acknowledge(first.alert_id, actor="anna", note="looking into it")
    assert (seen.status, seen.acknowledged_by) == ("acknowledged", "anna")
    assert trouble(registry) is None, "it is still the same trouble"
    with pytest.raises(StateConflict, match="already acknowledged by anna"):
        registry.acknowledge(first.alert_id)
    over = registry.resolve_alert(first.alert_id, actor="bea", reason="the feed is back")
    assert (over.status, over.resolution) == ("resolved", "resolved by bea: the feed is back")
    assert (registry.alerts(), registry.alerts(resolved=True)) == ([], [over])
    with pytest.raises(StateConflict, match="already resolved"):
        registry.resolve_alert(first.alert_id)
    again = trouble(registry)
    assert again is not None
    assert again.alert_id != first.alert_id
    with pytest.raises(NotFound, match="no alert has the id"):
        registry.acknowledge(10**6)
    assert registry.verify_events() is None


def test_what_was_dealt_with_only_has_to_be_seen(registry: Registry) -> None:
    opened = trouble(registry, kind="rolled_back")
    assert opened is not None
    seen = registry.acknowledge(opened.alert_id, actor="anna", note="thanks")
    assert (seen.status, seen.resolution) == ("resolved", "acknowledged by anna: thanks")


def test_a_new_champion_ends_what_was_about_the_old_one(registry: Registry, clock: Clock) -> None:
    register(registry, 0.8)
    clock.tick(60)
    opened = trouble(registry)
    assert opened is not None
    better = register(registry, 0.9)
    (over,) = registry.alerts(resolved=True)
    assert (over.alert_id, over.status) == (opened.alert_id, "resolved")
    assert f"{registry.get_metadata(better).display_name} became champion" in over.resolution


def test_it_is_sent_again_until_it_arrives(registry: Registry, clock: Clock, inbox: Inbox) -> None:
    registry.configure("Churn", monitoring={"notify": [inbox.address]})
    inbox.answers = [503, 302]
    opened = trouble(registry)
    assert opened is not None
    context = registry._context
    assert notify.send_due(context) == pytest.approx(10)
    (message,) = registry.alerts()[0].notifications
    assert (message.attempts, message.sent_at, message.failure) == (1, None, "the address returned HTTP status 503")
    assert notify.send_due(context) == pytest.approx(10), "it is not due yet"
    clock.tick(10)
    assert notify.send_due(context) == pytest.approx(30)
    assert registry.alerts()[0].notifications[0].failure == "the address returned HTTP status 302"
    clock.tick(30)
    assert notify.send_due(context) is None
    clock.tick(days=9)
    assert notify.send_due(context) is None
    assert [each["text"] for each in inbox.got] == ["warning: accuracy is 0.71, below 0.80"]
    assert inbox.got[0]["evidence"] == {"labels": 500}
    (message,) = registry.alerts()[0].notifications
    assert (message.attempts, message.failure, message.sent_at is not None) == (3, "", True)
    assert "s3cret" not in message.address


def test_it_gives_up_in_the_end_and_says_so(registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.0/8")
    registry.configure("Churn", monitoring={"notify": ["env:NO_SUCH_HOOK", "https://127.0.0.1:1/s3cret"]})
    trouble(registry)
    for _ in PAUSES:
        assert not registry.alerts()[0].notifications[0].given_up
        notify.send_due(registry._context)
        clock.tick(days=1)
    assert notify.send_due(registry._context) is None
    one, two = registry.alerts()[0].notifications
    assert one.given_up
    assert two.given_up
    assert one.failure.startswith("the environment variable NO_SUCH_HOOK is not set")
    assert one.failure.endswith(f"given up after {len(PAUSES)} attempts")
    assert two.address == "https://127.0.0.1:1/..."
    assert "s3cret" not in two.failure
    assert "nothing listens there" in two.failure


def test_other_addresses_need_apprise(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    registry.configure("Churn", monitoring={"notify": ["slack://s3cret/token", "mailto://anna:s3cret@example.org"]})
    trouble(registry)
    notify.send_due(registry._context)
    for message in registry.alerts()[0].notifications:
        assert "model-registry-dashboard[notify]" in message.failure
        assert message.address in ("slack://...", "mailto://...")


def test_the_thread_sends_and_ends(
    registry_folder: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CHURN_HOOK", inbox.address)
    inbox.answers = [500]
    monkeypatch.setattr(notify, "PAUSES", (0.05, 0.05))
    with caplog.at_level(logging.DEBUG), Registry(registry_folder) as registry:
        registry.configure("Churn", monitoring={"notify": ["env:CHURN_HOOK"]})
        trouble(registry)
        notify.wake(registry._context)
        until(lambda: inbox.got)
        until(lambda: registry.alerts()[0].notifications[0].sent_at)
        assert registry.alerts()[0].notifications[0].address == "env:CHURN_HOOK"
        trouble(registry, "another")
        notify.wake(registry._context)
        until(lambda: len(inbox.got) == 2)
        assert "s3cret" not in json.dumps([each.after for each in registry.events()])
    assert not [thread for thread in threading.enumerate() if thread.name == "registry-notify"]
    assert "s3cret" not in caplog.text


def test_two_processes_do_not_send_it_twice(registry: Registry, inbox: Inbox) -> None:
    registry.configure("Churn", monitoring={"notify": [inbox.address]})
    for number in range(10):
        trouble(registry, f"trouble {number}")
    threads = [threading.Thread(target=notify.send_due, args=(registry._context,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inbox.got) == len({each["alert_id"] for each in inbox.got}) == 10
