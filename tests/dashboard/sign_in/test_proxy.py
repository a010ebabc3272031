"""A proxy that has signed people in: its header counts from its addresses only, and nobody else's reaches a page."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from dashboard.sign_in.configuration import Configuration, Proxy, Session
from dashboard.sign_in.proxy import Ambiguous, claim_of
from registry_core import Grantee, Registry
from tests.clock import Clock

from .conftest import TLS, Browser

Arrive = Callable[..., Browser]
ISSUER = "https://proxy.example.org"
CONFIGURATION = Configuration(
    public_url=TLS,
    session=Session(idle_hours=4, hours=12),
    proxy=Proxy(
        "X-Forwarded-User",
        (ip_network("10.0.0.1"), ip_network("10.1.0.0/24"), ip_network("2001:db8::1")),
        ISSUER,
        "X-Forwarded-Preferred-Username",
        "X-Forwarded-Groups",
    ),
)
ANNA = {"x-forwarded-user": "anna-1", "x-forwarded-preferred-username": "Anna", "x-forwarded-groups": "ops, ml,"}


@pytest.fixture
def proxied(arrive: Arrive) -> Browser:
    """A browser behind the proxy, whose headers are given with each request."""
    return arrive(CONFIGURATION, address=TLS, peer="10.0.0.1")


def names(browser: Browser, path: str = "/", **kwargs: Any) -> list[str]:
    return [name for name, _ in browser.get(path, **kwargs).json()["headers"]]


def test_a_page_opens_a_session_that_everything_else_needs(proxied: Browser, timed: Registry) -> None:
    assert proxied.get("/_stcore/health", headers=ANNA).status_code == 401
    assert proxied.refused_handshake(**ANNA) == 401
    answer = proxied.get("/model?id=3", headers=ANNA)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert proxied.get("/_stcore/health", headers=ANNA).status_code == 200
    assert proxied.handshake(**ANNA)["path"] == "/_stcore/stream"
    principal = timed.session(proxied.secret)
    assert principal is not None
    assert (principal.issuer, principal.subject, principal.name) == (ISSUER, "anna-1", "Anna")
    assert principal.groups == ("ml", "ops")
    timed.grant(Grantee("group", ISSUER, "ops"), "operator", actor="owner")
    assert timed.as_principal(principal).may("promote", "Churn").allowed
    proxied.get("/", headers=ANNA)
    assert len(timed.events(kinds=["signed_in"])) == 1, "one session, not one for every page"


def test_the_cookie_alone_is_not_enough(proxied: Browser) -> None:
    proxied.get("/", headers=ANNA)
    assert proxied.get("/_stcore/health").status_code == 401
    assert proxied.get("/").status_code == 403
    assert proxied.refused_handshake() == 401


@pytest.mark.parametrize("change", [{"x-forwarded-user": "bert-2"}, {"x-forwarded-groups": "ops,ml,admins"}])
def test_another_person_or_group_gets_another_session(
    proxied: Browser, timed: Registry, change: dict[str, str]
) -> None:
    proxied.get("/", headers=ANNA)
    former = proxied.secret
    other = {**ANNA, **change}
    assert proxied.get("/_stcore/health", headers=other).status_code == 401
    assert proxied.refused_handshake(**other) == 401
    assert proxied.get("/", headers=other).status_code == 200
    assert proxied.secret != former
    assert timed.session(former) is None
    principal = timed.session(proxied.secret)
    assert principal is not None
    assert principal.subject == other["x-forwarded-user"]
    assert principal.groups == tuple(sorted(each.strip() for each in other["x-forwarded-groups"].split(",") if each))


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("10.0.0.1", True),
        ("10.1.0.77", True),
        ("::ffff:10.0.0.1", True),
        ("2001:db8::1", True),
        ("10.0.0.2", False),
        ("10.1.1.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_a_header_counts_from_listed_addresses(arrive: Arrive, timed: Registry, peer: str, believed: bool) -> None:
    browser = arrive(CONFIGURATION, address=TLS, peer=peer)
    # What others write about where a request comes from is not believed.
    headers = {**ANNA, "x-forwarded-for": "10.0.0.1", "x-real-ip": "10.0.0.1", "forwarded": "for=10.0.0.1"}
    answer = browser.get("/", headers=headers)
    assert (answer.status_code == 200) == believed
    if not believed:
        assert answer.status_code == 403
        assert f"reached at {TLS}" in answer.text
        assert browser.refused_handshake(**headers) == 401
        assert not timed.people()


def test_a_stolen_cookie_from_another_address(arrive: Arrive, proxied: Browser) -> None:
    proxied.get("/", headers=ANNA)
    thief = arrive(gate=proxied.app, address=TLS, peer="10.0.0.9")
    cookie = {"cookie": f"__Host-model-registry={proxied.secret}"}
    assert thief.get("/_stcore/health", headers={**ANNA, **cookie}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "anna-1"), ("X-Forwarded-User", "bert-2")],
        [("X-Forwarded-User", "anna-1"), ("x-forwarded-user", "anna-1")],
        [("X-Forwarded-User", "anna-1"), ("X-Forwarded-Groups", "a"), ("X-Forwarded-Groups", "admins")],
        [("X-Forwarded-User", "x" * 201)],
        [("X-Forwarded-User", "anna\u202e".encode())],
    ],
)
def test_a_header_that_is_not_clear_is_refused(proxied: Browser, timed: Registry, headers: Any) -> None:
    answer = proxied.get("/", headers=headers)
    assert answer.status_code == 400
    assert "ambiguous" in answer.text
    assert not timed.people()


def test_a_header_that_is_no_text_is_refused() -> None:
    assert CONFIGURATION.proxy is not None
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-user", b"\xff\xfe")]}
    with pytest.raises(Ambiguous, match="not UTF-8"):
        claim_of(scope, CONFIGURATION.proxy)


@pytest.mark.parametrize("spelling", ["X_Forwarded_User", "x_forwarded-user", "X-FORWARDED_USER"])
def test_other_spellings_name_nobody(proxied: Browser, timed: Registry, spelling: str) -> None:
    answer = proxied.get("/", headers={spelling: "bert-2"})
    assert answer.status_code == 403
    assert "did not say who you are" in answer.text
    assert not timed.people()


def test_no_spelling_reaches_a_page(proxied: Browser) -> None:
    headers = {**ANNA, "X_Forwarded_User": "bert-2", "x_forwarded-groups": "admins"}
    assert not [name for name in names(proxied, headers=headers) if "user" in name and "agent" not in name]
    assert not [name for name in names(proxied, headers=headers) if "groups" in name]


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_header_names_nobody(proxied: Browser, value: str) -> None:
    assert proxied.get("/", headers={"x-forwarded-user": value}).status_code == 403


def test_sign_out_and_limits(proxied: Browser, timed: Registry, clock: Clock) -> None:
    proxied.get("/", headers=ANNA)
    secret = proxied.secret
    answer = proxied.post("/sign-out", headers={**ANNA, "origin": TLS})
    assert "To end the session at the proxy" in answer.text
    assert timed.session(secret) is None
    proxied.get("/", headers=ANNA)
    clock.tick(hours=5)
    assert proxied.get("/_stcore/health", headers=ANNA).status_code == 401


def test_links_are_off_behind_a_proxy(arrive: Arrive, proxied: Browser, timed: Registry) -> None:
    anna = timed.add_person("Anna", actor="owner")
    secret = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    for browser in (proxied, arrive(gate=proxied.app, address=TLS, peer="10.0.0.9")):
        assert browser.submit("/sign-in/link", secret=secret).headers["location"] == "/"
        assert not browser.secret
    assert proxied.get("/sign-in?next=//evil.example", headers=ANNA).headers["location"] == "/"


def test_without_a_proxy_the_header_is_only_a_header(arrive: Arrive, timed: Registry) -> None:
    timed.add_person("anna-1", actor="owner")
    assert arrive().get("/", headers=ANNA).status_code == 303
