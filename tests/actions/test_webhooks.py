"""Webhooks: events delivered to a real server on this machine, which is slow, down, redirects and fails."""

from __future__ import annotations

import base64
import json
import logging
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry_core import EventKind, InvalidInput, NotFound, Registry, StateConflict, Webhook
from registry_core.actions import deliveries, notify, posting
from registry_core.actions.outgoing import PRIVATE_NETWORKS
from registry_core.catalog import events, row_checksums
from registry_core.catalog import webhooks as stored
from registry_core.live.records import PAUSES
from registry_core.records import utc_text
from registry_core.rules import webhooks as rules
from tests.clock import Clock
from tests.elsewhere import another_user
from tests.fitted import register
from tests.processes import until


class Receiver(ThreadingHTTPServer):
    """Answers each message with what ``answer`` says of it (default: 200), and keeps those it took."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.attempts = 0
        self.answers: list[int] = []
        #: Model names whose messages are answered with 500.
        self.refused: set[str | None] = set()
        self.drips = False
        #: How long an answer takes.
        self.seconds = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/s3cret"

    def told(self, model_name: str | None = None) -> list[int]:
        """The numbers of the events that arrived (of a model name), in the order of their arrival."""
        return [
            each["event"]["event_id"]
            for each in self.got
            if model_name is None or each["event"]["model_name"] == model_name
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)
        self.server.attempts += 1
        code = self.server.answers.pop(0) if self.server.answers else 200
        if message["event"]["model_name"] in self.server.refused:
            code = 500
        if self.server.drips:
            while True:
                try:
                    self.wfile.write(b"H")
                    time.sleep(0.02)
                except OSError:
                    return
        time.sleep(self.server.seconds)
        if code == 200:
            self.server.got.append(message)
            self.server.headers.append(dict(self.headers))
            self.server.bodies.append(body)
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, format: str, *_: Any) -> None:
        pass


def _serving(server: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.1")
    yield from _serving(Receiver())


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Nothing is sent behind a test's back, but where it is about that."""
    if "in_the_background" not in request.node.name:
        monkeypatch.setattr(notify.Sender, "wake", lambda _: None)


def happen(registry: Registry, *names: str) -> list[int]:
    """Something happens to model names; the numbers of the events."""
    context, numbers = registry._context, []
    for name in names:
        with context.database.transaction() as transaction:
            number, _ = events.append(
                transaction, now=context.now(), kind=EventKind.PINNED, actor="anna", reason="", model_name=name
            )
        numbers.append(number)
    return numbers


def run_out(registry: Registry, clock: Clock) -> None:
    """Let all attempts be made."""
    for _ in range(2 * len(PAUSES)):
        wait = notify.send_due(registry._context)
        if wait is None:
            return
        clock.tick(wait + 1)


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver verifies it: with the lines of the documentation, at the time of the message."""
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    (lines,) = (each for each in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "def verify" in each)
    names: dict[str, Any] = {}
    exec(lines, names)
    names["time"] = SimpleNamespace(time=lambda: float(headers["Webhook-Timestamp"]))
    try:
        names["verify"](secret, headers, body)
    except ValueError:
        return False
    return True


def test_it_is_told_of_every_event_from_then_on(registry: Registry, receiver: Receiver) -> None:
    happen(registry, "Churn")
    made = registry.add_webhook("ci", receiver.address, reason="the team's bot")
    model_id = register(registry, 0.8)
    (number,) = happen(registry, "Rain")
    person = registry.add_person("anna")
    assert notify.send_due(registry._context) is None
    expected = [each.event_id for each in reversed(registry.events()) if each.event_id > 0]
    added = registry.events(kinds=["webhook_added"])[0].event_id
    assert receiver.told() == [each for each in expected if each > added]
    assert receiver.told("Rain") == [number]
    message = next(each for each in receiver.got if each["event"]["kind"] == "registered")
    event = registry.events(kinds=["registered"])[0]
    assert message["event"] == {
        "event_id": event.event_id, "kind": "registered", "label": "Registered", "model_name": "Churn",
        "model_id": model_id, "actor": event.actor, "at": event.at, "reason": event.reason, "before": event.before,
        "after": json.loads(json.dumps(event.after)),
    }  # fmt: skip
    assert message["text"].startswith(f"Registered: {registry.get_metadata(model_id).display_name} by ")
    assert any(person.name in json.dumps(each["event"]["after"]) for each in receiver.got)
    log = registry.webhook_deliveries("ci")
    assert {each.state for each in log} == {"delivered"}
    assert [each.event_id for each in log] == sorted(receiver.told(), reverse=True)
    assert made.webhook.name == "ci"
    (hook,) = registry.webhooks()
    assert (hook.waiting, hook.given_up, hook.failure) == (0, 0, "")
    assert hook.delivered_at is not None


def test_messages_are_signed_and_the_secret_is_nowhere(
    registry: Registry, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = registry.add_webhook("ci", receiver.address)
        assert made.secret is not None
        happen(registry, "Churn")
        notify.send_due(registry._context)
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert verified(made.secret, headers, body)
    assert not verified(made.secret, headers, body + b" ")
    assert not verified(made.secret, {**headers, "Webhook-Timestamp": "1"}, body)
    assert verified(made.secret, {**headers, "Webhook-Signature": f"v1,old {headers['Webhook-Signature']}"}, body)
    assert headers["Webhook-Id"] == receiver.got[0]["delivery_id"] == registry.webhook_deliveries()[0].delivery_id
    assert abs(int(headers["Webhook-Timestamp"]) - registry._context.now().timestamp()) < 2
    registry.backup(tmp_path / "backup.tar")
    secret = made.secret.removeprefix("whsec_")
    rows = registry._context.database.query("SELECT * FROM webhooks")
    for text in (
        repr(registry.webhooks()), repr(made), repr(registry.events()), repr(rows), caplog.text,
        repr((tmp_path / "backup.tar").read_bytes()),
    ):  # fmt: skip
        assert secret not in text
        assert base64.b64decode(secret).hex() not in text
    assert "s3cret" not in repr(registry.webhooks()) + repr(registry.events()) + caplog.text
    # Another secret signs from now on.
    rotated = registry.set_webhook("ci", rotate_secret=True)
    assert rotated.secret not in (None, made.secret)
    happen(registry, "Churn")
    notify.send_due(registry._context)
    assert verified(str(rotated.secret), receiver.headers[-1], receiver.bodies[-1])
    assert not verified(made.secret, receiver.headers[-1], receiver.bodies[-1])


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the libraries at github.com/standard-webhooks.
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    assert rules.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_kinds_and_model_names_are_chosen(registry: Registry, receiver: Receiver) -> None:
    registry.add_webhook("promotions", receiver.address, kinds=["promoted"], model_names="Chu*")
    register(registry, 0.8)
    register(registry, 0.8, model_name="Rain")
    registry.promote(register(registry, 0.7), reason="simpler")
    notify.send_due(registry._context)
    assert {(each["event"]["kind"], each["event"]["model_name"]) for each in receiver.got} == {("promoted", "Churn")}
    (before,) = registry.webhooks()
    happen(registry, "Churn")
    changed = registry.set_webhook("promotions", kinds=[], model_names="*")
    assert changed.secret is None
    happen(registry, "Rain")
    receiver.got.clear()
    notify.send_due(registry._context)
    # What happened before the change was not asked for; the change itself is the first that is.
    assert [each["event"]["kind"] for each in receiver.got] == ["webhook_changed", "pinned"]
    assert before.kinds == ("promoted",)
    with pytest.raises(StateConflict, match="nothing was changed"):
        registry.set_webhook("promotions", enabled=True)
    with pytest.raises(InvalidInput, match="'nonsense' is not a kind of event"):
        registry.set_webhook("promotions", kinds=["nonsense"])


def test_what_is_disabled_is_told_nothing(registry: Registry, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    registry.set_webhook("ci", enabled=False)
    happen(registry, "Churn")
    assert notify.send_due(registry._context) is None
    assert receiver.got == []
    assert registry.test_webhook("ci").state == "delivered"
    registry.set_webhook("ci", enabled=True)
    (number,) = happen(registry, "Churn")
    notify.send_due(registry._context)
    assert [each["event"]["kind"] for each in receiver.got] == ["test", "webhook_changed", "pinned"]
    assert receiver.told()[-1] == number


def test_a_later_event_of_a_name_waits_and_other_names_do_not(
    registry: Registry, clock: Clock, receiver: Receiver
) -> None:
    registry.add_webhook("ci", receiver.address)
    receiver.refused = {"Churn"}
    churn = happen(registry, "Churn", "Churn", "Churn")
    rain = happen(registry, "Rain", "Rain")
    assert notify.send_due(registry._context) == pytest.approx(10)
    assert receiver.told() == rain
    log = {each.event_id: each for each in registry.webhook_deliveries("ci")}
    assert [(log[each].state, log[each].attempts) for each in churn] == [("waiting", 1), ("waiting", 0), ("waiting", 0)]
    assert (log[churn[0]].status, log[churn[0]].failure) == (500, "the address returned HTTP status 500")
    with pytest.raises(StateConflict, match="waits for an earlier delivery of Churn to ci"):
        registry.resend_delivery(log[churn[1]].delivery_id)
    receiver.refused = set()
    clock.tick(10)
    assert notify.send_due(registry._context) is None
    assert receiver.told("Churn") == churn
    assert receiver.attempts == 6


@pytest.mark.parametrize("answer", [301, 302, 404, 500])
def test_what_is_never_taken_is_given_up_and_the_next_is_tried(
    registry: Registry, clock: Clock, receiver: Receiver, answer: int
) -> None:
    registry.add_webhook("ci", receiver.address)
    first, second = happen(registry, "Churn", "Churn")
    receiver.answers = [answer] * len(PAUSES)
    run_out(registry, clock)
    assert receiver.told() == [second]
    log = {each.event_id: each for each in registry.webhook_deliveries("ci")}
    assert (log[first].state, log[first].attempts, log[first].status) == ("given up", len(PAUSES), answer)
    assert log[first].failure.endswith(f"given up after {len(PAUSES)} attempts")
    (hook,) = registry.webhooks()
    assert (hook.given_up, hook.waiting, hook.failure) == (1, 0, "")
    # By hand it is sent all the same, with the id that it had.
    again = registry.resend_delivery(log[first].delivery_id)
    assert (again.state, again.status, again.failure) == ("delivered", 200, "")
    assert receiver.got[-1]["delivery_id"] == log[first].delivery_id
    assert registry.webhooks()[0].given_up == 0


def test_a_receiver_that_is_down_gets_all_when_it_is_back(
    registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv(PRIVATE_NETWORKS, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    registry.add_webhook("ci", f"http://127.0.0.1:{port}/")
    numbers = happen(registry, "Churn", "Churn")
    assert notify.send_due(registry._context) == pytest.approx(10)
    assert "cannot be reached: nothing listens there" in registry.webhooks()[0].failure
    for server in _serving(Receiver(port)):
        clock.tick(10)
        assert notify.send_due(registry._context) is None
        assert server.told() == numbers


def test_an_address_that_answers_byte_by_byte_is_cut(
    registry: Registry, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.3)
    receiver.drips = True
    registry.add_webhook("ci", receiver.address)
    assert "cannot be reached" in registry.test_webhook("ci").failure


def test_a_slow_webhook_delays_no_other_for_long(registry: Registry, receiver: Receiver) -> None:
    for name in ("a", "b", "c"):
        registry.add_webhook(name, receiver.address, model_names="Churn")
    happen(registry, "Churn", "Churn", "Churn")
    notify.send_due(registry._context)
    assert [each["webhook"] for each in receiver.got] == ["a", "b", "c"] * 3


def test_private_addresses_are_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("http://127.0.0.1/", "http://169.254.169.254/latest", "http://localhost:1/", "http://10.1.2.3/"):
        with pytest.raises(InvalidInput, match="is not a public address"):
            registry.add_webhook("ci", address)
    for address in ("file:///etc/passwd", "nonsense", "ftp://example.org/"):
        with pytest.raises(InvalidInput, match="are not allowed"):
            registry.add_webhook("ci", address)
    # What a variable holds is judged when something is sent.
    monkeypatch.setenv("CI_HOOK", "http://127.0.0.1:1/s3cret")
    registry.add_webhook("ci", "env:CI_HOOK")
    failure = registry.test_webhook("ci").failure
    assert "127.0.0.1 is not a public address" in failure
    assert "s3cret" not in failure
    assert registry.webhooks()[0].address == "env:CI_HOOK"


def test_chats_get_a_line_of_text(registry: Registry, receiver: Receiver) -> None:
    pytest.importorskip("apprise")
    sent: list[posting.Message] = []
    registry.add_webhook("chat", receiver.address.replace("http://", "json://"))
    hook = stored.stored(registry._context.database)[0]
    model_id = register(registry, 0.8)
    event = registry.events(model_id=model_id, kinds=["registered"])[0]
    sent.append(deliveries.message(registry._context, hook, "msg_1", event))
    name = registry.get_metadata(model_id).display_name
    assert sent[0].title == "Model Registry: Registered"
    assert sent[0].text.startswith(f"Registered: {name} by {event.actor}")


def test_a_delivery_is_claimed_by_one_process(registry: Registry, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    numbers = happen(registry, *["Churn", "Rain", "Snow"] * 4)
    threads = [threading.Thread(target=notify.send_due, args=(registry._context,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notify.send_due(registry._context)
    assert sorted(receiver.told()) == numbers
    for name in ("Churn", "Rain", "Snow"):
        assert receiver.told(name) == sorted(receiver.told(name))


def test_an_attempt_that_nobody_finished_is_made_again(registry: Registry, clock: Clock, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    (number,) = happen(registry, "Churn")
    context = registry._context
    hooks = stored.stored(context.database)
    with context.database.transaction() as transaction:
        deliveries.take_in(transaction, hooks, context.now())
        names, now = ["ci"], utc_text(context.now())
        assert stored.claim(transaction, names, now, deliveries.later(context.now())) is not None
    assert notify.send_due(context) == pytest.approx(10), "somebody else is at it"
    clock.tick(10)
    assert notify.send_due(context) is None
    assert receiver.told() == [number]
    assert registry.webhook_deliveries()[0].attempts == 2


def test_the_log_is_kept_for_thirty_days(registry: Registry, clock: Clock, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    happen(registry, "Churn")
    notify.send_due(registry._context)
    clock.tick(days=31)
    (number,) = happen(registry, "Rain")
    notify.send_due(registry._context)
    assert [each.event_id for each in registry.webhook_deliveries()] == [number]


def test_names_ids_and_removal(registry: Registry, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    with pytest.raises(StateConflict, match="there is a webhook ci already"):
        registry.add_webhook("ci", receiver.address)
    with pytest.raises(InvalidInput, match="cannot be used"):
        registry.add_webhook(" ", receiver.address)
    with pytest.raises(InvalidInput, match="model_names"):
        registry.add_webhook("other", receiver.address, model_names="a b*?{")
    tested = registry.test_webhook("ci")
    assert (tested.kind, tested.event_id, tested.state) == ("test", None, "delivered")
    with pytest.raises(StateConflict, match="is a test"):
        registry.resend_delivery(tested.delivery_id)
    with pytest.raises(NotFound, match="no delivery has the id 'msg_absent'"):
        registry.resend_delivery("msg_absent")
    registry.remove_webhook("ci", reason="no longer needed")
    for call in (registry.remove_webhook, registry.test_webhook, registry.webhook_deliveries):
        with pytest.raises(NotFound, match="there is no webhook 'ci'"):
            call("ci")
    assert (registry.webhooks(), registry.webhook_deliveries()) == ([], [])
    happen(registry, "Churn")
    assert notify.send_due(registry._context) is None
    assert [each.after["webhook"] for each in registry.events(kinds=["webhook_removed"])] == ["ci"]
    assert registry.verify_events() is None


def test_there_are_so_many_at_most(registry: Registry) -> None:
    for number in range(50):
        registry.add_webhook(f"hook {number}", "https://hooks.example.org/")
    with pytest.raises(StateConflict, match="there are 50 webhooks, which is the limit"):
        registry.add_webhook("one more", "https://hooks.example.org/")


def test_addresses_of_alerts_are_not_told(registry: Registry, receiver: Receiver) -> None:
    registry.add_webhook("ci", receiver.address)
    registry.configure("Churn", monitoring={"notify": ["https://chat.example.org/s3cret"]})
    notify.send_due(registry._context)
    assert b"https://chat.example.org/..." in receiver.bodies[0]
    assert b"s3cret" not in receiver.bodies[0]


def test_what_came_from_elsewhere_sends_nothing(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "registry"
    with another_user(tmp_path / "theirs"), Registry(folder) as registry:
        theirs = registry.add_webhook("ci", receiver.address)
    with Registry(folder) as registry:
        (number,) = happen(registry, "Churn")
        assert notify.send_due(registry._context) is None
        assert receiver.attempts == 0
        assert [each.accepted for each in registry.webhooks()] == [False]
        with pytest.raises(StateConflict, match="added in another installation"):
            registry.test_webhook("ci")
        with pytest.raises(StateConflict, match="rotate its secret to accept it"):
            registry.set_webhook("ci", kinds=["promoted"])
        mine = registry.set_webhook("ci", rotate_secret=True, reason="it is ours")
        assert mine.webhook.accepted
        assert mine.secret not in (None, theirs.secret)
        notify.send_due(registry._context)
        assert receiver.told()[0] == number, "nothing is left out"
        assert verified(str(mine.secret), receiver.headers[0], receiver.bodies[0])


def test_a_row_that_somebody_altered_sends_nothing(tmp_path: Path, receiver: Receiver) -> None:
    with Registry(tmp_path / "registry") as registry:
        registry.add_webhook("ci", "https://hooks.example.org/")
        with registry._context.database.transaction() as transaction:
            transaction.query("UPDATE webhooks SET address = :address", {"address": receiver.address})
        happen(registry, "Churn")
        assert notify.send_due(registry._context) is None
        assert (receiver.attempts, registry.webhooks()[0].accepted) == (0, False)


def test_a_backup_goes_on_where_it_was(tmp_path: Path, receiver: Receiver) -> None:
    with Registry(tmp_path / "registry") as registry:
        made = registry.add_webhook("ci", receiver.address)
        happen(registry, "Churn")
        registry.backup(tmp_path / "backup.tar")
        notify.send_due(registry._context)
    sent = receiver.got[0]["delivery_id"]
    with Registry.from_backup(tmp_path / "backup.tar", tmp_path / "restored") as registry:
        (hook,) = registry.webhooks()
        assert isinstance(hook, Webhook)
        assert hook.accepted, "the same user has the key"
        notify.send_due(registry._context)
        kinds = [each["event"]["kind"] for each in receiver.got]
        assert kinds == ["pinned", "pinned", "restored_backup"]
        # What was sent after the backup arrives again, and is recognised.
        assert receiver.got[1]["delivery_id"] == sent
        assert verified(str(made.secret), receiver.headers[1], receiver.bodies[1])
        assert registry.verify().findings == ()


def test_it_is_sent_in_the_background(
    registry_folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "PAUSES", (0.05, 0.05))
    receiver.answers = [500]
    with Registry(registry_folder) as registry:
        registry.add_webhook("ci", receiver.address)
        assert not [each for each in threading.enumerate() if each.name == "registry-notify"]
        numbers = happen(registry, "Churn", "Churn")
        until(lambda: receiver.told() == numbers)
        until(lambda: {each.state for each in registry.webhook_deliveries()} == {"delivered"})
    assert not [each for each in threading.enumerate() if each.name == "registry-notify"]


def test_it_is_sent_in_the_background_by_whoever_stays(
    registry_folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_LOOK_SECONDS", 0.05)
    with Registry(registry_folder) as stays, Registry(registry_folder) as other:
        other.add_webhook("ci", receiver.address)
        other._context.on_news = lambda: None
        stays.keep_sending()
        numbers = happen(other, "Churn", "Rain")
        until(lambda: sorted(receiver.told()) == numbers)
        numbers += happen(other, "Churn")
        until(lambda: sorted(receiver.told()) == numbers)


def test_without_a_webhook_nothing_starts_in_the_background(registry_folder: Path) -> None:
    woken: list[int] = []
    with Registry(registry_folder) as registry:
        registry._context.on_news = lambda: woken.append(1)
        happen(registry, "Churn")
        assert woken == []
        registry.add_webhook("ci", "https://hooks.example.org/")
        happen(registry, "Churn")
        assert woken == [1]
        registry.set_webhook("ci", enabled=False)
        woken.clear()
        happen(registry, "Churn")
        assert woken == []


def test_a_registry_of_the_last_release_gets_the_tables(tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    with Registry(folder) as registry:
        register(registry, 0.8)
    with closing(sqlite3.connect(folder / "registry.db")) as connection:
        row_checksums.connect(connection)
        for name in ("webhook_deliveries", "webhooks"):
            connection.execute(f"DROP TABLE {name}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0013_webhooks' OR name LIKE 'row_sums%'")
        connection.commit()
    with Registry(folder) as registry:
        assert registry.webhooks() == []
        registry.add_webhook("ci", "https://hooks.example.org/")
        assert registry.verify().findings == ()


_SENDS = """
import sys, time
from registry_core import Registry
from registry_core.actions import deliveries, notify
deliveries.PAUSES = (0.3,) * 99
notify._LOOK_SECONDS = 0.1
registry = Registry(sys.argv[1])
registry.keep_sending()
time.sleep(600)
"""


def _has_more(receiver: Receiver, attempts: int) -> bool:
    return receiver.attempts >= attempts


def _send_until(folder: Path, found: Callable[[], bool]) -> None:
    """Let another process send, and kill it in the midst of it."""
    child = subprocess.Popen([sys.executable, "-c", _SENDS, str(folder)])
    try:
        until(found)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_a_sender_that_is_killed_loses_nothing(registry_folder: Path, receiver: Receiver) -> None:
    receiver.seconds = 0.02
    with Registry(registry_folder) as registry:
        registry.add_webhook("ci", receiver.address)
        numbers = happen(registry, *["Churn", "Rain", "Snow"] * 20)
        for _ in range(5):
            _send_until(registry_folder, partial(_has_more, receiver, receiver.attempts + 8))
        _send_until(registry_folder, lambda: {each.state for each in registry.webhook_deliveries()} == {"delivered"})
        for name in ("Churn", "Rain", "Snow"):
            told = receiver.told(name)
            # What was sent when it was killed is sent again, before anything later of the name.
            assert told == sorted(told)
            assert [*dict.fromkeys(told)] == numbers[("Churn", "Rain", "Snow").index(name) :: 3]
        assert len(receiver.got) <= len(numbers) + 5
        assert len({each["delivery_id"] for each in receiver.got}) == len(numbers)
