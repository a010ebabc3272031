"""Links and sessions: who is let through, how a session begins and how it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.sign_in import page
from dashboard.sign_in.configuration import Configuration, Session
from dashboard.sign_in.ways import local
from registry_core import InvalidInput, Person, Registry
from tests.clock import Clock

from .conftest import HERE, TLS, Browser

Arrive = Callable[..., Browser]
SignIn = Callable[[Browser, Person], Browser]


def test_without_people_everything_is_as_before(arrive: Arrive, timed: Registry) -> None:
    browser = arrive()
    assert browser.get("/model?id=3").json()["path"] == "/model"
    assert browser.handshake()["path"] == "/_stcore/stream"
    assert browser.get("/sign-in").headers["location"] == "/"


def test_sign_in_begins_with_the_first_person(arrive: Arrive, timed: Registry) -> None:
    browser = arrive()
    assert browser.get("/").status_code == 200
    timed.add_person("Anna", actor="owner")
    assert browser.get("/").headers["location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize("configuration", [Configuration(public_url=HERE), Configuration(public_url=TLS)])
def test_a_sign_in_file_asks_also_where_there_are_no_people(arrive: Arrive, configuration: Configuration) -> None:
    assert arrive(configuration, address=configuration.public_url).get("/").status_code == 303


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 303),
        ("HEAD", "/leaderboard", 303),
        ("GET", "/model?id=3", 303),
        ("GET", "/healthz", 200),
        ("GET", "/sign-in", 200),
        ("GET", "/sign-in/link", 200),
        ("GET", "/sign-in/style.css", 200),
        ("GET", "/sign-in/link.js", 200),
        ("GET", "/sign-in/icon.svg", 200),
        ("GET", "/sign-in/page.html", 404),
        ("GET", "/sign-in/%2e%2e/theme.toml", 404),
        ("GET", "/sign-in/%2e%2e%2fmodel", 404),
        ("GET", "/sign-in/..%2f..%2fstatic/index.html", 404),
        ("GET", "/sign-in%2f..%2fmodel", 404),
        ("GET", "/%2fsign-in", 401),
        ("GET", "/%5csign-in", 401),
        ("GET", "/sign-in%00", 401),
        ("GET", "/sign-in%253f", 401),
        ("GET", "/SIGN-IN", 303),
        ("GET", "/healthz%2f", 401),
        ("GET", "/healthz;x", 401),
        ("GET", "/%2e%2e/healthz", 401),
        ("HEAD", "/sign-in", 200),
        ("OPTIONS", "/sign-in", 405),
        ("OPTIONS", "/_stcore/health", 401),
        ("TRACE", "/model", 401),
        ("GET", "/sign-infinite", 303),
        ("GET", "/sign-in.css", 401),
        ("GET", "/healthz/more", 401),
        ("GET", "/_stcore/health", 401),
        ("GET", "/_stcore/host-config", 401),
        ("GET", "/media/secret.csv", 401),
        ("GET", "/static/js/index.js", 401),
        ("GET", "/component/any/file.js", 401),
        ("GET", "/model/_stcore/health", 401),
        ("POST", "/", 401),
        ("PUT", "/_stcore/upload_file/session/file", 401),
        ("DELETE", "/_stcore/upload_file/session/file", 401),
        ("OPTIONS", "/_stcore/upload_file/session/file", 401),
        ("GET", "/sign-out", 405),
    ],
)
def test_without_a_session(arrive: Arrive, anna: Person, method: str, path: str, status: int) -> None:
    answer = arrive().request(method, path, headers={"origin": HERE})
    assert answer.status_code == status
    if status == 200 and path != "/healthz":
        assert "headers" not in answer.text, "it was passed on"


def test_a_websocket_without_a_session_or_of_another_origin_is_refused(
    arrive: Arrive, anna: Person, sign_in: SignIn
) -> None:
    browser = arrive()
    assert browser.refused_handshake() == 403
    sign_in(browser, anna)
    assert browser.handshake()["path"] == "/_stcore/stream"
    for origin in ("http://localhost:3000", "https://registry.example", "null"):
        assert browser.refused_handshake(origin=origin) == 403


def test_a_link_is_used_by_a_click_only(arrive: Arrive, anna: Person, timed: Registry) -> None:
    secret = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    browser = arrive()
    page = browser.get("/sign-in/link")
    assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"
    answer = browser.submit("/sign-in/link", secret=secret)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/").json()["path"] == "/"
    (event, *_) = timed.events(kinds=["signed_in"])
    assert event.actor == "Anna"


@pytest.mark.parametrize("wrong", ["", "used", "expired", "invented", "session", "long"])
def test_a_link_that_is_not_valid_says_what_to_do(
    arrive: Arrive, anna: Person, timed: Registry, clock: Clock, sign_in: SignIn, wrong: str
) -> None:
    secret = timed.sign_in_link(anna.issuer, anna.subject, hours=1, actor="owner")
    browser = arrive()
    if wrong == "used":
        assert browser.submit("/sign-in/link", secret=secret).status_code == 303
        browser.cookies.clear()
    elif wrong == "expired":
        clock.tick(hours=1)
    elif wrong == "session":  # of somebody who is signed in: it is no link
        secret = sign_in(arrive(gate=browser.app), anna).secret
    else:
        secret = {"invented": "x" * 43, "long": "x" * 100_000}.get(wrong, "")
    answer = browser.submit("/sign-in/link", secret=secret)
    assert answer.status_code == 403
    assert "Ask an admin of this registry for a new one." in answer.text
    assert browser.get("/").status_code == 303


def test_a_link_is_not_taken_from_another_origin_or_the_address(arrive: Arrive, anna: Person, timed: Registry) -> None:
    secret = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    browser = arrive()
    for origin in ("http://registry.example", "null"):
        answer = browser.post("/sign-in/link", data={"secret": secret}, headers={"origin": origin})
        assert answer.status_code == 403
    assert browser.get(f"/sign-in/link?secret={secret}").status_code == 200
    assert browser.submit(f"/sign-in/link?secret={secret}").status_code == 403
    assert browser.submit("/sign-in/link", secret=secret).status_code == 303


@pytest.mark.parametrize(
    ("configuration", "name", "secure"),
    [(Configuration(), "model-registry", False), (Configuration(public_url=TLS), "__Host-model-registry", True)],
)
def test_the_flags_of_the_cookie(
    arrive: Arrive, anna: Person, timed: Registry, configuration: Configuration, name: str, secure: bool
) -> None:
    browser = arrive(configuration, address=configuration.public_url or HERE)
    link = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    for answer in (browser.submit("/sign-in/link", secret=link), browser.submit("/sign-out")):
        cookie, *flags = answer.headers["set-cookie"].split("; ")
        kinds = {each.partition("=")[0].lower(): each.partition("=")[2] for each in flags}
        assert cookie.partition("=")[0] == name
        assert kinds["path"] == "/"
        assert kinds["samesite"].lower() == "lax"
        assert "httponly" in kinds
        assert ("secure" in kinds) == secure
        assert "domain" not in kinds


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "null", "0", "' OR 1=1 --", "e3b0c44298fc1c149afbf4c8996fb924"])
def test_forged_cookies(arrive: Arrive, anna: Person, cookie: str) -> None:
    browser = arrive()
    assert browser.get("/_stcore/health", headers={"cookie": f"model-registry={cookie}"}).status_code == 401


def test_the_stored_digest_is_no_cookie(arrive: Arrive, anna: Person, timed: Registry, sign_in: SignIn) -> None:
    from hashlib import sha256

    browser = arrive()
    digest = sha256(sign_in(browser, anna).secret.encode()).hexdigest()
    browser.cookies.clear()
    assert browser.get("/_stcore/health", headers={"cookie": f"model-registry={digest}"}).status_code == 401


@pytest.mark.parametrize(("name", "configuration"), [
    ("model-registry", Configuration(public_url=TLS)),
    ("__Host-model-registry", Configuration()),
])  # fmt: skip
def test_a_cookie_under_the_name_of_the_other_kind_does_not_count(
    arrive: Arrive, anna: Person, sign_in: SignIn, name: str, configuration: Configuration
) -> None:
    address = configuration.public_url or HERE
    secret = sign_in(arrive(configuration, address=address), anna).secret
    browser = arrive(configuration, address=address)
    assert browser.get("/_stcore/health", headers={"cookie": f"{name}={secret}"}).status_code == 401


@pytest.mark.parametrize(("configuration", "name"), [
    (Configuration(), "model-registry"),
    (Configuration(public_url=TLS), "__Host-model-registry"),
])  # fmt: skip
@pytest.mark.parametrize("planted", [
    b"\x85%s=%s", b"\xa0%s=%s", b"%s\x85=%s", b"\xe2\x80\x80%s=%s", b"%s \xa0=%s", b"\x1c%s=%s",
])  # fmt: skip
def test_a_cookie_of_another_host_under_almost_our_name(
    arrive: Arrive, anna: Person, timed: Registry, configuration: Configuration, name: str, planted: bytes
) -> None:
    address = configuration.public_url or HERE
    browser = arrive(configuration, address=address)
    theirs, own = timed.open_session(anna.principal()), timed.open_session(anna.principal())
    cookie = planted % (name.encode(), theirs.encode())
    assert browser.get("/_stcore/health", headers=[(b"cookie", cookie)]).status_code == 401
    real = f"{name}={own}".encode()
    for both in ([real], [real + b"; " + cookie], [cookie + b"; " + real], [real, cookie]):
        passed = browser.get("/_stcore/health", headers=[(b"cookie", each) for each in both]).json()["headers"]
        assert [value for key, value in passed if key == "cookie"] == [real.decode()]
    # Of two under our very name it is doubtful which is ours.
    second = f"{name}={theirs}".encode()
    for both in ([real + b";" + second], [second, real]):
        assert browser.get("/_stcore/health", headers=[(b"cookie", each) for each in both]).status_code == 401


def test_other_cookies_reach_the_page(arrive: Arrive, anna: Person, sign_in: SignIn) -> None:
    browser = sign_in(arrive(), anna)
    sent = f'_streamlit_xsrf=2|a; model-registry={browser.secret}; b="c d"'
    browser.cookies.clear()
    passed = dict(browser.get("/", headers={"cookie": sent}).json()["headers"])
    assert passed["cookie"] == sent
    passed = dict(
        browser.get("/", headers=[(b"cookie", f"{sent}; \u00a0model-registry-flow=x".encode("latin-1"))]).json()[
            "headers"
        ]
    )
    assert passed["cookie"] == sent


def test_names_that_are_not_ours_are_not_kept(arrive: Arrive, anna: Person) -> None:
    browser, before = arrive(), page._asset.cache_info().currsize
    for number in range(5):
        assert browser.get(f"/sign-in/{number}.css").status_code == 404
    assert page._asset.cache_info().currsize == before


def test_every_sign_in_opens_a_session_of_its_own(arrive: Arrive, anna: Person, sign_in: SignIn) -> None:
    browser = arrive()
    browser.cookies.set("model-registry", "planted-by-somebody-else", domain="localhost.local")
    first = sign_in(browser, anna).secret
    assert first != "planted-by-somebody-else"
    second = sign_in(browser, anna).secret
    assert second != first
    # The former session of this browser is over.
    other = arrive(gate=browser.app)
    assert other.get("/_stcore/health", headers={"cookie": f"model-registry={first}"}).status_code == 401


@pytest.mark.parametrize(("hours", "idle", "session"), [
    ([3, 3, 3, 2], 4, True),  # used often enough
    ([5], 4, False),  # idle
    ([3, 3, 3, 2.5, 1], 4, False),  # used all the time, and over
    ([0.4, 0.4], 0.5, True),
    ([0.4, 0.6], 0.5, False),
])  # fmt: skip
def test_sessions_end(
    arrive: Arrive, anna: Person, sign_in: SignIn, clock: Clock, hours: list[float], idle: float, session: bool
) -> None:
    browser = arrive(Configuration(public_url=HERE, session=Session(idle_hours=idle, hours=12)))
    sign_in(browser, anna)
    for passed in hours[:-1]:
        clock.tick(hours=passed)
        assert browser.get("/").status_code == 200
    clock.tick(hours=hours[-1])
    answer = browser.get("/")
    assert answer.status_code == (200 if session else 303)
    if not session:
        assert not browser.secret, "the cookie is taken back"


def test_sign_out_ends_this_session_and_no_other(arrive: Arrive, anna: Person, sign_in: SignIn) -> None:
    browser = sign_in(arrive(), anna)
    other = sign_in(arrive(gate=browser.app), anna)
    secret = browser.secret
    assert browser.post("/sign-out", headers={"origin": "http://registry.example"}).status_code == 403
    assert browser.get("/").status_code == 200
    answer = browser.submit("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert not browser.secret
    browser.cookies.set("model-registry", secret)  # replayed
    assert browser.get("/_stcore/health").status_code == 401
    assert other.get("/").status_code == 200


@pytest.mark.parametrize("how", ["sign out everywhere", "remove"])
def test_sessions_are_revoked_at_once(arrive: Arrive, anna: Person, sign_in: SignIn, timed: Registry, how: str) -> None:
    bert = timed.add_person("Bert", actor="owner")
    browser = arrive()
    others = [sign_in(arrive(gate=browser.app), bert) for _ in range(2)]
    sign_in(browser, anna)
    unused = timed.sign_in_link(bert.issuer, bert.subject, actor="owner")
    if how == "remove":
        timed.remove_person(bert.issuer, bert.subject, actor="owner")
    else:
        assert timed.close_sessions(bert.issuer, bert.subject, actor="owner") == 3
    for each in others:
        assert each.refused_handshake() == 403
        assert each.submit("/sign-in/link", secret=unused).status_code == 403
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "//registry.example",
        "/\\registry.example",
        "\\\\registry.example",
        "https://registry.example",
        "javascript:alert(1)",
        "/%09/registry.example",
        "/\t/registry.example",
        "/model\r\nSet-Cookie: x=y",
        "/.//registry.example",
        "/@registry.example",
        "registry.example",
        " /",
        "",
        "/model/../..//registry.example",
        "/ｍodel",
    ],
)
def test_the_way_on_leads_to_our_own_pages_only(arrive: Arrive, anna: Person, sign_in: SignIn, address: str) -> None:
    browser = sign_in(arrive(), anna)
    answer = browser.get("/sign-in", params={"next": address})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_way_on_keeps_the_page_that_was_asked_for(arrive: Arrive, anna: Person, sign_in: SignIn) -> None:
    browser = arrive()
    asked = browser.get("/model?id=Churn_1.0.0&part=a%26b").headers["location"]
    sign_in(browser, anna)
    assert browser.get(asked).headers["location"] == "/model?id=Churn_1.0.0&part=a%26b"
    assert local("/experiments?experiment=3") == "/experiments?experiment=3"


def test_other_machines_are_not_asked_to_sign_in_without_tls(arrive: Arrive, timed: Registry) -> None:
    # Started with --allow-remote while nobody had to sign in.
    browser = arrive(local=False)
    assert browser.get("/").status_code == 200
    timed.add_person("Anna", actor="owner")
    answer = browser.get("/sign-in")
    assert answer.status_code == 403
    assert "without TLS that works on this machine only" in answer.text


def test_nor_are_those_who_come_through_a_proxy_that_no_sign_in_file_names(arrive: Arrive, anna: Person) -> None:
    # Started with --allow-host: whether that proxy has TLS is not known here, and the cookie would not ask for it.
    browser = arrive(address="http://models.internal", allowed=("models.internal",))
    assert browser.get("/sign-in").status_code == 403
    assert arrive(gate=browser.app).get("/sign-in").status_code == 200


def test_a_registry_that_cannot_be_read_lets_nobody_in(
    arrive: Arrive, anna: Person, timed: Registry, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(arrive(), anna)

    def fail(self: Registry) -> bool:
        raise InvalidInput("secret detail")

    monkeypatch.setattr(Registry, "has_people", fail)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "secret" not in answer.text
