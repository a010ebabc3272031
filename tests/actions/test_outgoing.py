"""Where notifications may go: not to this machine, its network or a cloud's metadata, whatever leads there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from registry_core import InvalidConfiguration, Registry
from registry_core.actions import notify, outgoing
from registry_core.actions.outgoing import PRIVATE_NETWORKS, AddressRefused
from tests.actions.test_notify import Inbox, inbox, trouble

__all__ = ["inbox"]

REFUSED_SCHEMES = (
    "file:///etc/passwd",
    "ftp://example.org/x",
    "gopher://example.org",
    "dict://example.org",
    "ldap://example.org",
    "dbus://",
    "gnome://",
    "macosx://",
    "syslog://",
    "rsyslog://example.org",
    "mqtt://example.org",
    "irc://example.org/x",
    "apprise://example.org/token",
    "xmpp://user:s3cret@example.org",
    "javascript:alert(1)",
    "https:example.org",
    "example.org",
    "",
)
PRIVATE = (
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "localhost",
    "LOCALHOST.",
)
PUBLIC = ("8.8.8.8", "[2606:4700:4700::1111]", "[64:ff9b::808:808]", "hooks.example.org")


@pytest.mark.parametrize("address", REFUSED_SCHEMES)
def test_schemes_that_are_not_listed_are_refused(address: str) -> None:
    problem = outgoing.wrong(address)
    assert "are not allowed. Use https://" in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize("scheme", ["http", "HTTPS", "jsons", "mailto"])
@pytest.mark.parametrize("host", PRIVATE)
def test_addresses_that_are_not_public_are_refused(scheme: str, host: str) -> None:
    assert "is not a public address" in outgoing.wrong(f"{scheme}://user:s3cret@{host}:8080/s3cret")


def test_public_addresses_names_and_environment_variables_are_not() -> None:
    assert [outgoing.wrong(f"https://{host}/hook") for host in PUBLIC] == [""] * len(PUBLIC)
    assert outgoing.wrong("env:CHURN_HOOK") == outgoing.wrong("slack://a/b/c") == ""


def test_a_network_is_allowed_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIVATE_NETWORKS, "10.20.0.0/16, fd00::/8")
    expected = {"10.20.1.1": True, "[::ffff:10.20.1.1]": True, "[fd00::1]": True, "10.21.1.1": False}
    expected |= {"127.0.0.1": False, "169.254.169.254": False}
    assert {host: not outgoing.wrong(f"http://{host}") for host in expected} == expected
    monkeypatch.setenv(PRIVATE_NETWORKS, "everything")
    with pytest.raises(InvalidConfiguration, match=f"{PRIVATE_NETWORKS} is not a list of networks"):
        outgoing.wrong("http://10.20.1.1")


def test_configuring_says_so_and_changes_nothing(registry: Registry) -> None:
    before = registry.configuration
    for channel, problem in (
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public address"),
        ("file:///etc/passwd", "addresses that begin with 'file'"),
    ):
        with pytest.raises(InvalidConfiguration, match=f"monitoring.notify: {problem}"):
            registry.configure("Churn", monitoring={"notify": ["https://hooks.example.org/x", channel]})
    assert registry.configuration == before


def test_what_was_set_before_can_still_be_changed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIVATE_NETWORKS, "10.0.0.0/8")
    registry.configure("Churn", monitoring={"notify": ["http://10.0.0.1/hook"]})
    monkeypatch.delenv(PRIVATE_NETWORKS)
    registry.configure("Churn", monitoring={"notify": ["http://10.0.0.1/hook"], "tolerance": 0.02})


@contextmanager
def leading_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Iterator[list[str]]:
    """Names lead to these addresses, one after the other; gives the names that were looked up."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *arguments, **options)
        asked.append(str(host))
        answer = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, port))]

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", lookup)
        yield asked


def failure(registry: Registry) -> str:
    """Open an alert, send what is due, and say how that ended."""
    trouble(registry)
    notify.send_due(registry._context)
    (message,) = registry.alerts()[0].notifications
    return message.failure


def test_a_name_is_judged_by_where_it_leads_when_it_is_sent(
    sqlite_registry: Registry, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv(PRIVATE_NETWORKS, "10.0.0.0/8")
    sqlite_registry.configure("Churn", monitoring={"notify": [f"http://rebound.example:{inbox.server_port}/s3cret"]})
    with leading_to(monkeypatch, "127.0.0.1") as asked:
        said = failure(sqlite_registry)
    assert said.startswith("127.0.0.1 is not a public address, so nothing is sent there")
    assert PRIVATE_NETWORKS in said
    assert "s3cret" not in said
    assert (asked, inbox.got) == (["rebound.example"], []), "a second look-up could lead elsewhere"


@pytest.mark.parametrize("scheme", ["json", "mailto"])
def test_apprise_is_held_to_the_same(
    scheme: str, sqlite_registry: Registry, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv(PRIVATE_NETWORKS)
    sqlite_registry.configure(
        "Churn", monitoring={"notify": [f"{scheme}://anna:s3cret@rebound.example:{inbox.server_port}/"]}
    )
    with leading_to(monkeypatch, "127.0.0.1"):
        assert failure(sqlite_registry).startswith("127.0.0.1 is not a public address")
    assert inbox.got == []


def test_apprise_sends_and_follows_no_redirect(sqlite_registry: Registry, inbox: Inbox) -> None:
    inbox.answers = [302]
    address = inbox.address.replace("http://", "json://") + "?redirect=yes"
    sqlite_registry.configure("Churn", monitoring={"notify": [address]})
    assert failure(sqlite_registry).startswith("apprise could not deliver the notification")
    assert (inbox.redirected, inbox.got) == (1, [])
    notify.send(address, sqlite_registry.alerts()[0])
    assert [each["title"] for each in inbox.got] == ["Churn: threshold"]


def test_one_address_is_one_service(sqlite_registry: Registry, inbox: Inbox) -> None:
    sqlite_registry.configure("Churn", monitoring={"notify": [f"json://rebound.example, {inbox.address}"]})
    assert failure(sqlite_registry)
    assert inbox.got == []


def attempt(connect: Callable[[], object]) -> str:
    try:
        connect()
    except AddressRefused as error:
        return str(error)
    except OSError:
        return ""
    return ""


def test_only_the_sending_thread_is_guarded(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRIVATE_NETWORKS)
    here = ("127.0.0.1", inbox.server_port)
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket(socket.AF_UNIX) as local:
        connects: list[Callable[[], object]] = [
            lambda: socket.create_connection(here).close(),
            lambda: datagrams.sendto(b"", here),
            lambda: datagrams.sendmsg([b""], [], 0, here),
        ]
        with outgoing.only_allowed() as refused:
            assert all("127.0.0.1 is not a public address" in attempt(connect) for connect in connects)
            assert "not resolve to an IP address" in attempt(lambda: local.connect("/run/nothing"))
            others: list[str] = []
            thread = threading.Thread(target=lambda: others.extend(attempt(connect) for connect in connects))
            thread.start()
            thread.join()
        assert (len(refused), others) == (4, ["", "", ""])
        assert [attempt(connect) for connect in connects] == ["", "", ""]
