"""Guesses are slowed down, and nobody is shut out by somebody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.sign_in.configuration import Configuration
from dashboard.sign_in.throttle import Throttle
from registry_core import Person, Registry

from .conftest import TLS, Browser

Arrive = Callable[..., Browser]
SignIn = Callable[[Browser, Person], Browser]


class Seconds:
    """A monotonic clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_of_an_address_and_a_hundred_of_all() -> None:
    seconds = Seconds()
    throttle = Throttle(seconds)
    for number in range(9):
        throttle.failed("a", str(number))
    assert throttle.wait("a") == 0
    throttle.failed("a", "one more")
    assert throttle.wait("a") == 301
    assert throttle.wait("b") == 0
    seconds.now += 299.5
    assert throttle.wait("a") == 1
    seconds.now += 1
    assert throttle.wait("a") == 0
    for number in range(100):
        throttle.failed(f"address {number}", "guess")
    assert throttle.wait("b") > 0


def test_the_same_wrong_secret_is_one_guess() -> None:
    throttle = Throttle(Seconds())
    for _ in range(50):
        throttle.failed("a", "an expired cookie")
    assert throttle.wait("a") == 0


@pytest.mark.parametrize("kind", ["link", "cookie", "callback"])
def test_the_eleventh_guess_is_not_looked_at(arrive: Arrive, anna: Person, timed: Registry, kind: str) -> None:
    from dashboard.sign_in.configuration import OpenID

    openid = OpenID("https://id.example.org", "registry") if kind == "callback" else None
    browser = arrive(Configuration(public_url="http://localhost:8501", openid=openid))

    def guess(number: int) -> int:
        if kind == "link":
            answer = browser.submit("/sign-in/link", secret=f"guess {number}")
        elif kind == "callback":
            answer = browser.get(f"/sign-in/callback?state={number}&code=x")
        else:
            answer = browser.get("/_stcore/health", headers={"cookie": f"model-registry=guess-{number}"})
        if answer.status_code == 429:
            assert 0 < int(answer.headers["retry-after"]) <= 301
            assert "Too many wrong attempts" in answer.text
        return int(answer.status_code)

    usual = 401 if kind == "cookie" else 403
    assert [guess(number) for number in range(10)] == [usual] * 10
    assert guess(10) == 429
    # Also the right one waits, and another address does not.
    secret = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    assert browser.submit("/sign-in/link", secret=secret).status_code == 429
    elsewhere = arrive(gate=browser.app, peer="127.0.0.2")
    if kind == "callback":
        assert browser.get("/sign-in/openid").status_code == 429
        assert elsewhere.get("/sign-in/openid").status_code != 429
    assert elsewhere.submit("/sign-in/link", secret=secret).status_code == 303


def test_who_is_signed_in_is_not_throttled(arrive: Arrive, anna: Person, sign_in: SignIn) -> None:
    browser = sign_in(arrive(), anna)
    guesser = arrive(gate=browser.app)
    for number in range(12):
        guesser.get("/_stcore/health", headers={"cookie": f"model-registry=guess-{number}"})
    assert browser.get("/").status_code == 200


def test_behind_a_proxy_with_tls_clients_are_told_apart(arrive: Arrive, anna: Person) -> None:
    browser = arrive(Configuration(public_url=TLS), address=TLS)

    def guess(number: int, forwarded: str) -> int:
        headers = {"origin": TLS, "x-forwarded-for": forwarded}
        return int(browser.post("/sign-in/link", data={"secret": f"guess {number}"}, headers=headers).status_code)

    # What a client writes itself stands before what its proxy adds.
    assert [guess(number, f"10.9.9.{number}, 10.0.0.1") for number in range(11)] == [403] * 10 + [429]
    assert guess(11, "10.0.0.1, 10.0.0.2") == 403


def test_without_a_proxy_a_forwarded_address_is_only_a_word(arrive: Arrive, anna: Person) -> None:
    browser = arrive()
    statuses = [
        browser.get(
            "/_stcore/health", headers={"cookie": f"model-registry={number}", "x-forwarded-for": f"10.0.0.{number}"}
        ).status_code
        for number in range(11)
    ]
    assert statuses == [401] * 10 + [429]
